/** Decides how a file is shown, by its name. */

type PreviewKind = "image" | "text" | "table" | "json" | "frame" | "pdf" | "audio" | "video" | "none";

const KINDS: readonly (readonly [PreviewKind, RegExp])[] = [
  ["image", /\.(png|jpe?g|gif|webp|bmp|avif|svg|ico)$/i],
  ["audio", /\.(wav|mp3|ogg|flac|m4a)$/i],
  ["video", /\.(mp4|webm|ogv|mov)$/i],
  ["frame", /\.html?$/i],
  ["pdf", /\.pdf$/i],
  ["table", /\.(csv|tsv)$/i],
  ["json", /\.(json|ipynb|geojson)$/i],
  ["text", /(\.(txt|md|log|py|rs|ts|js|css|yaml|yml|toml|ini|cfg|sh|sql|xml|jsonl|r|jl|c|h|cpp|go|java|diff|patch|lock|tex|bib)|MLmodel|Dockerfile|Makefile|requirements|LICENSE|README)$/i],
];

export function previewKind(name: string): PreviewKind {
  return KINDS.find(([, pattern]) => pattern.test(name))?.[0] ?? "none";
}

/** Says whether bytes that were read as text are text. */
export function looksLikeText(text: string): boolean {
  const start = text.slice(0, 4000);
  let odd = 0;
  for (const char of start) if (char === "\ufffd" || (char < " " && !"\t\r\n\f\u001b".includes(char))) odd += 1;
  return odd <= start.length / 50;
}

/** Splits comma- or tab-separated text into at most `most` rows. */
export function splitTable(text: string, separator: string, most: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (let at = 0; at < text.length && rows.length < most; at += 1) {
    const char = text[at];
    if (quoted) {
      if (char !== '"') field += char;
      else if (text[at + 1] === '"') field += text[(at += 1)];
      else quoted = false;
    } else if (char === '"' && field === "") quoted = true;
    else if (char === separator) {
      row.push(field);
      field = "";
    } else if (char === "\n") {
      row.push(field.replace(/\r$/, ""));
      rows.push(row);
      row = [];
      field = "";
    } else field += char;
  }
  if (rows.length < most && (field !== "" || row.length > 0)) rows.push([...row, field]);
  return rows;
}

/** Lays JSON out over lines, and returns it as it is if it is none. */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
