/** Tables as text for other programs. */

export type TextFormat = "csv" | "tsv" | "markdown" | "latex";

const LATEX: Record<string, string> = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };

/** Quotes a value so that each format reads back what it holds. */
function quoteFor(format: TextFormat, value: string): string {
  switch (format) {
    case "csv": return /[",\r\n]/.test(value) ? `"${value.replace(/"/g, '""')}"` : value;
    case "tsv": return value.replace(/[\t\r\n]+/g, " ");
    case "markdown": return value.replace(/\|/g, "\\|").replace(/[\r\n]+/g, " ");
    case "latex": return value.replace(/[\\~^&%$#_{}]/g, (char) => LATEX[char] ?? `\\${char}`).replace(/[\r\n]+/g, " ");
  }
}

export function writeTable(format: TextFormat, head: readonly string[], body: readonly (readonly string[])[]): string {
  const quoted = [head, ...body].map((row) => row.map((value) => quoteFor(format, value)));
  const [first = [], ...rest] = quoted;
  if (format === "csv") return quoted.map((row) => row.join(",")).join("\r\n") + "\r\n";
  if (format === "tsv") return quoted.map((row) => row.join("\t")).join("\n") + "\n";
  if (format === "markdown") {
    const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
    return [line(first), line(first.map(() => "---")), ...rest.map(line)].join("\n") + "\n";
  }
  const lines = rest.map((row) => `${row.join(" & ")} \\\\`);
  return `\\begin{tabular}{${first.map(() => "l").join("")}}\n${first.join(" & ")} \\\\ \\hline\n${lines.join("\n")}\n\\end{tabular}\n`;
}
