import { messageOf, getFrame } from "../api";
import { now } from "../clock";
import { view } from "../store";
import type { QueryMeta } from "../types";
import { toast } from "../ui/toast";
import { plainValue } from "./cells";
import { table, type Table } from "./data";
import { headOf } from "./names";
import { groupRow, runRow, type Row } from "./rows";

const MOST_ROWS = 100_000;
const STEP = 1000;

/** Reads all rows of the present table. */
async function allRows(current: Table): Promise<Row[]> {
  const rows: Row[] = [];
  const most = Math.min(current.total, MOST_ROWS);
  while (rows.length < most) {
    const frame = await getFrame<QueryMeta>(`runs/query/${current.handle}`, { offset: rows.length, limit: STEP });
    if (frame.rows === 0) break;
    const from = rows.length;
    for (let row = 0; row < frame.rows; row += 1) {
      rows.push(current.groups ? groupRow(frame, row, from + row, current.groups) : runRow(frame, row));
    }
  }
  const { selected } = view.peek();
  return selected.length > 0 && !current.groups ? rows.filter(({ id }) => selected.includes(id)) : rows;
}

export type TextFormat = "csv" | "tsv" | "markdown" | "latex";

const LATEX: Record<string, string> = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };

/** Quotes a value so that each format reads back what it holds. */
export function quoteFor(format: TextFormat, value: string): string {
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

async function tableText(format: TextFormat): Promise<string> {
  const current = table.peek();
  if (!current) return "";
  const words = current.columns.map((name) => {
    const { text, detail } = headOf(name);
    return detail ? `${text} (${detail})` : text;
  });
  const rows = await allRows(current);
  const body = rows.map((row) => [row.name, ...current.columns.map((name) => plainValue(row, name, now.peek()))]);
  return writeTable(format, ["name", ...words], body);
}

export function download(name: string, content: Blob): void {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(content);
  anchor.download = name;
  anchor.click();
  window.setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${what}`);
  } catch {
    toast("The browser does not allow copying here");
  }
}

export async function copyTable(format: TextFormat): Promise<void> {
  try {
    await copyText(await tableText(format), `the table as ${format}`);
  } catch (error) {
    toast(messageOf(error));
  }
}

export async function saveTable(): Promise<void> {
  try {
    download("runs.csv", new Blob([await tableText("csv")], { type: "text/csv" }));
  } catch (error) {
    toast(messageOf(error));
  }
}
