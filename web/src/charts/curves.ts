import { signal, type Signal } from "@preact/signals";
import { ApiError, isAbort, messageOf, postCurves } from "../api";
import { Soon } from "../busy";
import { isFormula, readBins, type Bins } from "../plot/series";
import { isTooLong, joinTail, partOf, tailOf, type Tail } from "./tail";

/** What a card shows: the newest answer, which stays while the next one is on its way. */
export interface CardData {
  bins: Bins[];
  /** The request that the answer belongs to. */
  params: string;
  error: string | null;
  position: string;
}

const NOTHING: CardData = { bins: [], params: "", error: null, position: "" };
const BATCH = 6;
const AT_ONCE = 4;
const KEPT = 500;

/** After this many answers with only new points, the whole curves are asked again, because points may come late. */
const TAILS = 15;

interface Entry {
  data: Signal<CardData>;
  users: number;
  queued: boolean;
  /** How many tails joined the last whole answer. */
  tails: number;
  /** Runs that had ended before they were last asked for. Their curves do not grow. */
  done: Set<string>;
}

interface Asked {
  keys: string[];
  params: string;
  over: Set<string>;
  tail: (Tail & { runs: string[] }) | null;
}

/** Asks for each formula on its own, because one that is not valid has no curves. */
function apart(keys: readonly string[]): string[][] {
  const metrics = keys.filter((key) => !isFormula(key));
  const formulas = keys.filter(isFormula).map((key) => [key]);
  return metrics.length > 0 ? [metrics, ...formulas] : formulas;
}

/** Says whether new points can only be at the end of these curves. */
function growsAtEnd({ group, smooth, range, x }: Record<string, unknown>): boolean {
  return !group && !smooth && !range && !String(x).startsWith("metrics.");
}

/** Fetches the curves of the mounted cards, a few keys at a time. New parameters end what is still running. */
export class CurveLoader {
  private readonly entries = new Map<string, Entry>();
  private readonly running = new Set<AbortController>();
  private queue: string[] = [];
  private params = "";
  onGone: () => void = () => undefined;
  isOver: (run: string) => boolean = () => false;
  onBins: (bins: readonly Bins[]) => void = () => undefined;

  /** Sets the parameters of all requests, as JSON without the keys. Empty text: nothing is drawn. */
  setParams(params: string): void {
    if (params === this.params) return;
    this.params = params;
    for (const controller of this.running) controller.abort();
    this.running.clear();
    this.queue = [];
    for (const entry of this.entries.values()) entry.queued = false;
    this.refresh();
  }

  /** Asks again for all mounted keys. */
  refresh(): void {
    for (const [key, entry] of this.entries) {
      if (entry.users > 0) this.enqueue(key, entry);
    }
  }

  /** Gives a key's data for as long as a card shows it. */
  mount(key: string): Signal<CardData> {
    let entry = this.entries.get(key);
    if (!entry) this.entries.set(key, (entry = { data: signal(NOTHING), users: 0, queued: false, tails: 0, done: new Set() }));
    entry.users += 1;
    if (entry.data.peek().params !== this.params || this.params === "") this.enqueue(key, entry);
    return entry.data;
  }

  unmount(key: string): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    entry.users -= 1;
    if (entry.users === 0 && this.entries.size > KEPT) this.entries.delete(key);
  }

  private enqueue(key: string, entry: Entry): void {
    if (this.params === "") {
      entry.data.value = NOTHING;
      return;
    }
    if (entry.queued) return;
    entry.queued = true;
    this.queue.push(key);
    this.later.request();
  }

  private readonly later = new Soon(() => this.pump());

  private pump(): void {
    while (this.running.size < AT_ONCE && this.queue.length > 0) {
      const keys = this.queue.splice(0, BATCH).filter((key) => {
        const entry = this.entries.get(key);
        if (entry) entry.queued = false;
        return entry !== undefined && entry.users > 0;
      });
      for (const one of apart(keys)) for (const asked of this.plan(one)) void this.fetch(asked);
    }
  }

  private binsOf(key: string): Bins[] {
    return this.entries.get(key)?.data.peek().bins ?? [];
  }

  private isFresh(key: string): boolean {
    const entry = this.entries.get(key);
    return entry !== undefined && entry.data.peek().params === this.params && entry.data.peek().error === null && entry.tails < TAILS && this.binsOf(key).length > 0;
  }

  /** Asks for new points of curves that are known, and for all of others. */
  private plan(keys: string[]): Asked[] {
    const body = JSON.parse(this.params) as Record<string, unknown>;
    const known = growsAtEnd(body) ? keys.filter((key) => this.isFresh(key)) : [];
    const growing = known.flatMap((key) => this.binsOf(key).filter(({ id }) => !this.entries.get(key)?.done.has(id) || !this.isOver(id)));
    const all = known.flatMap((key) => this.binsOf(key));
    const over = new Set(all.filter(({ id }) => this.isOver(id)).map(({ id }) => id));
    const whole = { keys, params: this.params, over: new Set<string>(), tail: null };
    const tail = growing.length > 0 ? tailOf(growing, Number(body["px"])) : null;
    if (known.length === 0 || (growing.length > 0 && !tail)) return [whole];
    const rest = keys.filter((key) => !known.includes(key));
    const parts: Asked[] = rest.length > 0 ? [{ ...whole, keys: rest }] : [];
    if (tail) parts.push({ keys: known, params: this.params, over, tail: { ...tail, runs: [...new Set(growing.map(({ id }) => id))].sort() } });
    else for (const key of known) this.count(key);
    return parts;
  }

  private count(key: string): void {
    const entry = this.entries.get(key);
    if (entry) entry.tails += 1;
  }

  private async read(body: Record<string, unknown>, signal: AbortSignal): Promise<{ bins: Bins[]; position: string }> {
    const frame = await postCurves(body, signal);
    return { bins: readBins(frame), position: frame.meta.position };
  }

  /** Reads the whole curves, or their newest points. Returns null if the whole curves are due instead. */
  private async answer({ keys, params, tail }: Asked, signal: AbortSignal): Promise<{ bins: Bins[]; position: string } | null> {
    const body = JSON.parse(params) as Record<string, unknown>;
    if (!tail) return this.read({ ...body, keys }, signal);
    const found = await this.read({ x: body["x"], keys, runs: tail.runs, ...partOf(tail, Number(body["px"])) }, signal);
    return isTooLong(found.bins, tail, Number(body["px"])) ? null : found;
  }

  private async fetch(asked: Asked): Promise<void> {
    const controller = new AbortController();
    this.running.add(controller);
    try {
      const found = await this.answer(asked, controller.signal);
      if (asked.params !== this.params) return;
      if (found) this.adopt(asked, found.bins, found.position);
      else this.askWhole(asked.keys);
    } catch (error) {
      if (!isAbort(error)) this.fail(asked.keys, error);
    } finally {
      this.running.delete(controller);
      this.pump();
    }
  }

  private askWhole(keys: readonly string[]): void {
    for (const key of keys) {
      const entry = this.entries.get(key);
      if (!entry) continue;
      entry.tails = TAILS;
      this.enqueue(key, entry);
    }
  }

  private adopt({ keys, params, over, tail }: Asked, bins: Bins[], position: string): void {
    this.onBins(bins);
    for (const key of keys) {
      const own = bins.filter(({ meta }) => meta.key === key);
      const entry = this.entries.get(key);
      if (!entry) continue;
      const joined = tail ? entry.data.peek().bins.map((old) => joinTail(old, own.find(({ id }) => id === old.id), tail)) : own;
      entry.tails = tail ? entry.tails + 1 : 0;
      entry.done = tail ? over : new Set();
      entry.data.value = { bins: joined, params, error: null, position };
    }
  }

  private fail(keys: string[], error: unknown): void {
    if (error instanceof ApiError && error.code === "HANDLE_GONE") return this.onGone();
    for (const key of keys) {
      const entry = this.entries.get(key);
      if (entry) entry.data.value = { ...entry.data.peek(), error: messageOf(error) };
    }
  }
}
