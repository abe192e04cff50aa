/** The answers within a report: a page in one file, for which no server is needed. */

import { decodeFrame, Frame, NumberColumn, type Column } from "./frame";
import { withSeries } from "./plot/series";
import type { CurvesMeta, FileInfo, Key, Keys, QueryMeta } from "./types";

export interface Report {
  view: string;
  query: string;
  made: number;
  runs: number;
  shown: number;
  drawn: number;
  file: FileInfo;
  keys: Key[];
  table: string;
  children: string[];
  curves: Record<string, string>;
  experiments: { id: string; path: string }[];
}

type Body = Record<string, unknown>;

function read(): Report | null {
  const text = typeof document === "undefined" ? null : document.getElementById("report")?.textContent;
  return text ? (JSON.parse(text) as Report) : null;
}

export const report = read();

/** Says that a report has no answer. */
export class NotInReport extends Error {
  constructor() {
    super("This is a report, which has no more than its own view. Open the file itself to see the rest.");
  }
}

async function unpack<Meta>(text: string): Promise<Frame<Meta>> {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return decodeFrame<Meta>(await new Response(stream).arrayBuffer());
}

const known = new Map<string, Promise<Frame<unknown>>>();

function frameOf<Meta>(name: string, text: string): Promise<Frame<Meta>> {
  let frame = known.get(name);
  if (!frame) known.set(name, (frame = unpack(text)));
  return frame as Promise<Frame<Meta>>;
}

/** Some rows of a column. */
class Picked implements Column {
  constructor(private readonly all: Column, private readonly rows: readonly number[]) {}

  get name(): string {
    return this.all.name;
  }

  get count(): number {
    return this.rows.length;
  }

  number(row: number): number {
    return this.all.number(this.rows[row] ?? -1);
  }

  text(row: number): string | null {
    return this.all.text(this.rows[row] ?? -1);
  }
}

/** Returns some rows of a table, which are those from `offset` on. */
export function pick(frame: Frame<QueryMeta>, rows: readonly number[], offset: number): Frame<QueryMeta> {
  const columns = frame.columns.map((column) => new Picked(column, rows));
  return new Frame<QueryMeta>(rows.length, { ...frame.meta, offset }, columns);
}

const window = (rows: number, { offset = 0, limit = rows }: Body) => {
  const from = Math.min(rows, Number(offset));
  return Array.from({ length: Math.min(rows - from, Number(limit)) }, (_, at) => from + at);
};

/** Answers a query of runs with the rows of the report. A list of ids, as pinned runs have, picks some. */
async function query(found: Report, body: Body): Promise<Frame<QueryMeta>> {
  const all = await frameOf<QueryMeta>("table", found.table);
  const listed = /^attributes\.run_id IN \((.*)\)$/s.exec(String(body["filter"] ?? ""));
  if (!listed) return pick(all, window(all.rows, body), Number(body["offset"] ?? 0));
  const ids = new Set((listed[1] ?? "").match(/[0-9a-f]{32}/g));
  const column = all.column("id");
  const rows = window(all.rows, {}).filter((row) => ids.has(column?.text(row) ?? ""));
  return pick(all, rows, 0);
}

async function tableWindow(found: Report, search: URLSearchParams): Promise<Frame<QueryMeta>> {
  const body = Object.fromEntries(search);
  const group = search.get("group");
  if (group === null) return query(found, body);
  const text = found.children[Number(group)];
  if (text === undefined) throw new NotInReport();
  const all = await frameOf<QueryMeta>(`group ${group}`, text);
  return pick(all, window(all.rows, body), Number(body["offset"] ?? 0));
}

/** Puts the series of several frames into one. */
export function joinCurves(frames: readonly Frame<CurvesMeta>[], isWanted: (series: CurvesMeta["series"][number]) => boolean): Frame<CurvesMeta> {
  const series: CurvesMeta["series"] = [];
  const named = frames.flatMap(({ columns }) => columns.map(({ name }) => name));
  const names = new Set(named.filter((name) => !name.startsWith("series.")));
  let start = 0;
  for (const frame of frames) {
    series.push(...frame.meta.series.filter(isWanted).map((one) => ({ ...one, start: start + one.start })));
    start += frame.rows;
  }
  const columns = [...names].map((name) => {
    const joined = new Float64Array(start).fill(NaN);
    let at = 0;
    for (const frame of frames) {
      joined.set(frame.doubles(name), at);
      at += frame.rows;
    }
    return new NumberColumn(name, joined, null);
  });
  return new Frame<CurvesMeta>(start, { position: "", series }, columns);
}

async function curves(found: Report, body: Body): Promise<Frame<CurvesMeta>> {
  const asked = (body["keys"] as string[]).filter((key) => found.curves[key] !== undefined);
  const read = (key: string) => frameOf<{ position: string }>(`curve ${key}`, found.curves[key] ?? "");
  const frames = await Promise.all(asked.map(async (key) => withSeries(await read(key))));
  const runs = Array.isArray(body["runs"]) ? new Set(body["runs"] as string[]) : null;
  const first = Number(body["first"] ?? Infinity);
  return joinCurves(frames, ({ run, group }) => (runs ? runs.has(run ?? "") : group === undefined || group < first));
}

function keys(found: Report, search: URLSearchParams): Keys {
  const pattern = search.get("search");
  const test = pattern ? new RegExp(pattern, "i") : null;
  const all = found.keys.filter(({ kind, key }) => (search.get("kind") ?? kind) === kind && (!test || test.test(key)));
  const offset = Number(search.get("offset") ?? 0);
  return { total: all.length, keys: all.slice(offset, offset + Number(search.get("limit") ?? 200)), sections: [] };
}

/** Answers a request with what the report has. */
export async function answer(found: Report, method: string, url: URL, body: unknown): Promise<unknown> {
  const path = url.pathname.replace(/^.*\/api\/v1\//, "");
  const of = (body ?? {}) as Body;
  if (method === "POST" && path === "runs/query") return query(found, of);
  if (method === "POST" && path === "curves") return curves(found, of);
  if (method !== "GET") throw new NotInReport();
  if (path.startsWith("runs/query/")) return tableWindow(found, url.searchParams);
  switch (path) {
    case "file": return found.file;
    case "keys": return keys(found, url.searchParams);
    case "experiments": return { experiments: found.experiments };
    case "views": return { views: [] };
    case "models": return { models: [] };
    default: throw new NotInReport();
  }
}
