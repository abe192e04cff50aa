import { computed, effect, signal } from "@preact/signals";
import { ApiError, getFrame, getJson, isAbort, messageOf, postFrame } from "../api";
import { Delayed, Soon } from "../busy";
import type { Frame } from "../frame";
import { runsTick, pointsTick } from "../live";
import type { View } from "../state";
import { page, view } from "../store";
import type { Keys, QueryMeta } from "../types";
import { chooseColumns } from "./choose";
import { isCurve, parseField, quoteText, searchName } from "./names";

export const WINDOW = 200;
const KEPT_WINDOWS = 20;

export type Rows = Frame<QueryMeta>;

export interface Table {
  handle: string;
  /** How many rows there are: groups if the table is grouped, otherwise runs. */
  total: number;
  runs: number;
  groups: string[] | null;
  columns: string[];
  position: string;
  windows: Map<number, Rows>;
}

export interface Problem {
  message: string;
  code: string;
}

export const table = signal<Table | null>(null);
export const problem = signal<Problem | null>(null);
export const loading = signal(false);
/** Counts windows that arrived, so that the grid draws again. */
export const arrivals = signal(0);
export const metricKeys = signal<Keys | null>(null);
export const paramKeys = signal<Keys | null>(null);
export const pinned = signal<Rows | null>(null);

interface Scope {
  filter: string;
  experiments: string[];
  under: string;
  lifecycle: View["lifecycle"];
}

const scope = computed<string>(() => {
  const { filter, experiments, under, lifecycle } = view.value;
  return JSON.stringify({ filter, experiments, under, lifecycle } satisfies Scope);
});

const automaticColumns = signal<string[]>([]);
export const columns = computed<string[]>(() => view.value.columns ?? automaticColumns.value);

const columnsText = computed(() => JSON.stringify(columns.value));

const directions = computed<Map<string, "min" | "max">>(() => {
  const known = new Map<string, "min" | "max">();
  for (const { key, direction } of metricKeys.value?.keys ?? []) if (direction) known.set(key, direction);
  return known;
});

/** Says whether a higher value of a column is better, or null if it is not known. */
export function better(name: string): "min" | "max" | null {
  const { kind, key } = parseField(name);
  return kind === "metric" ? (directions.value.get(key) ?? null) : null;
}

function scopeBody(): Record<string, unknown> {
  const { filter, experiments, under, lifecycle } = JSON.parse(scope.peek()) as Scope;
  const body: Record<string, unknown> = { filter, view: lifecycle };
  if (experiments.length > 0) body["experiments"] = experiments;
  if (under !== "") body["under"] = under;
  return body;
}

/** Says whether a column must be asked for. Attributes are in every answer, and curves come by themselves. */
const isAsked = (name: string) => parseField(name).kind !== "attribute" && !isCurve(name);

/** The body of a query with the filter and order of the present view. */
export function queryBody(asked: readonly string[], grouped: boolean): Record<string, unknown> {
  const { order, group } = view.peek();
  const texts = order.map(({ column, descending }) => `${searchName(column)} ${descending ? "DESC" : "ASC"}`);
  return { ...scopeBody(), order: texts, group: grouped ? group : null, columns: asked.filter(isAsked), offset: 0, limit: WINDOW };
}

let running: AbortController | null = null;
let seenScope = "";
let lastOffset = 0;
let keysLoaded = 0;
const KEYS_EVERY = 3000;
const requested = new Set<number>();

function fail(error: unknown): void {
  if (isAbort(error)) return;
  problem.value = { message: messageOf(error), code: error instanceof ApiError ? error.code : "" };
}

function adopt(frame: Rows, asked: string[]): Table {
  const { handle, total, groups, group, position, offset } = frame.meta;
  const rows = group ? groups : total;
  return { handle, total: rows, runs: total, groups: group, columns: asked, position, windows: new Map([[offset, frame]]) };
}

async function loadKeys(handle: string, fresh: boolean, signal: AbortSignal): Promise<void> {
  const ask = (kind: string) => getJson<Keys>("keys", { handle, kind, limit: 500 }, signal);
  const [params, metrics] = await Promise.all([ask("param"), ask("metric")]);
  keysLoaded = Date.now();
  paramKeys.value = params;
  metricKeys.value = metrics;
  automaticColumns.value = chooseColumns(fresh ? [] : automaticColumns.peek(), params.keys, metrics.keys);
}

async function load(live = false): Promise<void> {
  running?.abort();
  const { signal } = (running = new AbortController());
  loading.value = true;
  try {
    const fresh = scope.peek() !== seenScope;
    const asked = columns.peek();
    const body = { ...queryBody(asked, true), offset: fresh ? 0 : lastOffset };
    const frame = await postFrame<QueryMeta>("runs/query", body, signal);
    show(adopt(frame, asked));
    if (fresh || live || metricKeys.peek() === null) {
      seenScope = scope.peek();
      if (fresh || Date.now() - keysLoaded > KEYS_EVERY) await loadKeys(frame.meta.handle, fresh, signal);
      else keysLater();
    }
    await loadPinned(signal);
  } catch (error) {
    fail(error);
  } finally {
    if (running?.signal === signal) loading.value = false;
  }
}

let later = 0;

/** Reads the keys again when the pause between two readings is over. */
function keysLater(): void {
  window.clearTimeout(later);
  later = window.setTimeout(() => page.peek() === "runs" && void load(true), KEYS_EVERY);
}

function show(next: Table): void {
  requested.clear();
  problem.value = null;
  table.value = next;
  if (lastOffset > 0 && !next.windows.has(0)) void loadWindow(0);
}

async function loadPinned(signal: AbortSignal): Promise<void> {
  const { pins, baseline } = view.peek();
  const ids = baseline && !pins.includes(baseline) ? [baseline, ...pins] : pins;
  if (ids.length === 0) {
    pinned.value = null;
    return;
  }
  const filter = `attributes.run_id IN (${ids.map(quoteText).join(", ")})`;
  const body = { filter, view: "all", order: [], group: null, columns: columns.peek().filter(isAsked), offset: 0, limit: WINDOW };
  pinned.value = await postFrame<QueryMeta>("runs/query", body, signal);
}

async function loadWindow(offset: number): Promise<void> {
  const current = table.peek();
  if (!current || requested.has(offset)) return;
  requested.add(offset);
  try {
    const frame = await getFrame<QueryMeta>(`runs/query/${current.handle}`, { offset, limit: WINDOW });
    if (table.peek() !== current) return;
    keepWindow(current.windows, offset, frame);
    arrivals.value += 1;
  } catch (error) {
    if (error instanceof ApiError && error.code === "HANDLE_GONE") refresh.request();
    else fail(error);
  } finally {
    requested.delete(offset);
  }
}

function keepWindow(windows: Map<number, Rows>, offset: number, frame: Rows): void {
  windows.set(offset, frame);
  for (const old of windows.keys()) {
    if (windows.size <= KEPT_WINDOWS) return;
    if (old !== 0 && old !== offset) windows.delete(old);
  }
}

/** Finds a row in the loaded windows, and asks for its window if it is not there. */
export function rowAt(current: Table, index: number): { frame: Rows; row: number } | null {
  const offset = Math.floor(index / WINDOW) * WINDOW;
  const frame = current.windows.get(offset);
  if (frame && index - offset < frame.rows) return { frame, row: index - offset };
  if (!frame) void loadWindow(offset);
  return null;
}

/** Remembers which window is looked at, so that a refresh fetches that one first. */
export function lookAt(index: number): void {
  lastOffset = Math.floor(index / WINDOW) * WINDOW;
}

const refresh = new Soon(() => void load());
const liveRefresh = new Delayed(400, () => void load(true), true);

export function reload(): void {
  refresh.request();
}

/** The runs of a group, loaded when the group is opened. */
export const children = signal<Map<number, Rows>>(new Map());

export async function loadChildren(group: number): Promise<void> {
  const current = table.peek();
  if (!current) return;
  try {
    const frame = await getFrame<QueryMeta>(`runs/query/${current.handle}`, { group, offset: 0, limit: WINDOW });
    if (table.peek() === current) children.value = new Map(children.peek()).set(group, frame);
  } catch (error) {
    fail(error);
  }
}

/** Queries whenever the view or the file changes, for as long as the Runs page is shown. */
export function watchRuns(): void {
  let last = "";
  effect(() => {
    if (page.value !== "runs") return;
    const { order, group, pins, baseline } = view.value;
    const next = [scope.value, JSON.stringify([order, group, pins, baseline]), columnsText.value].join("\n");
    if (next === last) return;
    if (!last.startsWith(scope.value) || JSON.stringify(group) !== lastGroup) children.value = new Map();
    if (!last.startsWith(scope.value)) lastOffset = 0;
    lastGroup = JSON.stringify(group);
    last = next;
    refresh.request();
  });
  effect(() => {
    const ticks = runsTick.value + pointsTick.value;
    if (ticks > 0 && page.peek() === "runs") liveRefresh.request();
  });
}

let lastGroup = "";
