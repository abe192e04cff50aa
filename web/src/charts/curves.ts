import { signal, type Signal } from "@preact/signals";
import { ApiError, isAbort, messageOf, postFrame } from "../api";
import { nextFrame } from "../busy";
import { readBins, type Bins } from "../plot/series";
import type { CurvesMeta } from "../types";

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

interface Entry {
  data: Signal<CardData>;
  users: number;
  queued: boolean;
}

/** Fetches the curves of the mounted cards, a few keys at a time. New parameters end what is still running. */
export class CurveLoader {
  private readonly entries = new Map<string, Entry>();
  private readonly running = new Set<AbortController>();
  private queue: string[] = [];
  private params = "";
  onGone: () => void = () => undefined;
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
    if (!entry) this.entries.set(key, (entry = { data: signal(NOTHING), users: 0, queued: false }));
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
    nextFrame(this.pump);
  }

  private readonly pump = (): void => {
    while (this.running.size < AT_ONCE && this.queue.length > 0) {
      const keys = this.queue.splice(0, BATCH).filter((key) => {
        const entry = this.entries.get(key);
        if (entry) entry.queued = false;
        return entry !== undefined && entry.users > 0;
      });
      if (keys.length > 0) void this.fetch(keys, this.params);
    }
  };

  private async fetch(keys: string[], params: string): Promise<void> {
    const controller = new AbortController();
    this.running.add(controller);
    try {
      const frame = await postFrame<CurvesMeta>("curves", { ...JSON.parse(params), keys }, controller.signal);
      const bins = readBins(frame);
      if (params === this.params) this.onBins(bins);
      for (const key of keys) this.store(key, { bins: bins.filter(({ meta }) => meta.key === key), params, error: null, position: frame.meta.position });
    } catch (error) {
      if (!isAbort(error)) this.fail(keys, error);
    } finally {
      this.running.delete(controller);
      this.pump();
    }
  }

  private store(key: string, data: CardData): void {
    const entry = this.entries.get(key);
    if (entry && data.params === this.params) entry.data.value = data;
  }

  private fail(keys: string[], error: unknown): void {
    if (error instanceof ApiError && error.code === "HANDLE_GONE") return this.onGone();
    for (const key of keys) {
      const entry = this.entries.get(key);
      if (entry) entry.data.value = { ...entry.data.peek(), error: messageOf(error) };
    }
  }
}
