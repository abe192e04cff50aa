import { signal } from "@preact/signals";
import { ApiError, getJson, isAbort, messageOf } from "../api";
import type { Key, Keys } from "../types";

const WINDOW = 200;

export interface Section {
  prefix: string;
  start: number;
  count: number;
}

export function prefixOf(key: string): string {
  const at = key.indexOf("/");
  return at < 0 ? "" : key.slice(0, at);
}

/** Searches by a regular expression, or by the plain text if it is none. */
export function matches(key: string, search: string): boolean {
  try {
    return new RegExp(search, "i").test(key);
  } catch {
    return key.includes(search);
  }
}

/** Makes sections from the counts of the server, or from the keys themselves if the counts do not add up. */
function sectionsOf({ total, sections, keys }: Keys): Section[] {
  let start = 0;
  const made = (sections ?? []).map(({ prefix, keys: count }) => {
    const section = { prefix, start, count: Array.isArray(count) ? count.length : count };
    start += section.count;
    return section;
  });
  if (start === total) return made;
  const found: Section[] = [];
  keys.forEach(({ key }, index) => {
    const last = found[found.length - 1];
    const prefix = prefixOf(key);
    if (last && last.prefix === prefix) last.count += 1;
    else found.push({ prefix, start: index, count: 1 });
  });
  return found;
}

/** The metric keys of a selection of runs, by windows, so that 12,000 of them cost as much as 200. */
export class Catalogue {
  readonly total = signal(0);
  readonly sections = signal<Section[]>([]);
  readonly arrivals = signal(0);
  readonly error = signal<string | null>(null);
  readonly ready = signal(false);
  /** The handle that the server has forgotten, so that the catalogue needs another one. */
  readonly gone = signal<string | null>(null);
  private readonly windows = new Map<number, Key[]>();
  private readonly requested = new Set<number>();
  private scope = "";
  private controller = new AbortController();

  /** Begins again for other runs or another search. With `same`, the present keys stay until the new ones arrive. */
  open(query: Record<string, string>): void {
    const scope = JSON.stringify(query);
    if (scope === this.scope) return;
    this.controller.abort();
    this.controller = new AbortController();
    this.scope = scope;
    this.requested.clear();
    void this.load(0, true);
  }

  /** Sets keys that are known without a request. */
  fill(keys: Key[]): void {
    const sorted = [...keys].sort((a, b) => compare(prefixOf(a.key), prefixOf(b.key)) || compare(a.key, b.key));
    this.scope = "";
    this.windows.clear();
    for (let at = 0; at < sorted.length; at += WINDOW) this.windows.set(at, sorted.slice(at, at + WINDOW));
    this.total.value = sorted.length;
    this.sections.value = sectionsOf({ total: sorted.length, sections: [], keys: sorted });
    this.ready.value = true;
    this.arrivals.value = this.arrivals.peek() + 1;
  }

  at(index: number): Key | null {
    const offset = Math.floor(index / WINDOW) * WINDOW;
    const found = this.windows.get(offset);
    if (!found) void this.load(offset, false);
    return found?.[index - offset] ?? null;
  }

  private async load(offset: number, first: boolean): Promise<void> {
    if (this.requested.has(offset) || this.scope === "") return;
    this.requested.add(offset);
    const { signal } = this.controller;
    try {
      const keys = await getJson<Keys>("keys", { ...JSON.parse(this.scope), kind: "metric", offset, limit: WINDOW }, signal);
      if (first) this.windows.clear();
      this.windows.set(offset, keys.keys);
      this.error.value = null;
      if (first) {
        this.total.value = keys.total;
        this.sections.value = sectionsOf(keys);
        this.ready.value = true;
      }
      this.arrivals.value = this.arrivals.peek() + 1;
    } catch (error) {
      if (isAbort(error)) return;
      this.requested.delete(offset);
      if (error instanceof ApiError && error.code === "HANDLE_GONE") {
        this.gone.value = (JSON.parse(this.scope) as { handle: string }).handle;
        this.scope = "";
        return;
      }
      this.error.value = messageOf(error);
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
