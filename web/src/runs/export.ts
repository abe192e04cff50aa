import { messageOf, getFrame } from "../api";
import { now } from "../clock";
import { view } from "../store";
import type { QueryMeta } from "../types";
import { toast } from "../ui/toast";
import { plainValue } from "./cells";
import { table, type Table } from "./data";
import { headOf, isCurve } from "./names";
import { groupRow, runRow, type Row } from "./rows";
import { writeTable, type TextFormat } from "./text";

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

async function tableText(format: TextFormat): Promise<string> {
  const current = table.peek();
  if (!current) return "";
  const columns = current.columns.filter((name) => !isCurve(name));
  const words = columns.map((name) => {
    const { text, detail } = headOf(name);
    return detail ? `${text} (${detail})` : text;
  });
  const rows = await allRows(current);
  const body = rows.map((row) => [row.name, ...columns.map((name) => plainValue(row, name, now.peek()))]);
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
