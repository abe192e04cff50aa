import { signal, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { isAbort, postCurves } from "../api";
import { Delayed, nextFrame } from "../busy";
import { count, number, toNumber } from "../format";
import { pointsTick } from "../live";
import { readBins, type Bins } from "../plot/series";
import { HEIGHT, sparkPath, WIDTH } from "../plot/spark";
import { ink } from "./rows";

/** Small curves in the table. Only the rows that exist ask for theirs, together. */

interface Entry {
  run: string;
  key: string;
  bins: Signal<Bins | null>;
  users: number;
}

const entries = new Map<string, Entry>();
const KEPT = 2000;
let wanted = new Set<Entry>();

async function fetchKey(key: string, asked: readonly Entry[]): Promise<void> {
  const runs = asked.map(({ run }) => run).sort();
  try {
    const frame = await postCurves({ runs, keys: [key], x: "step", px: WIDTH });
    const found = new Map(readBins(frame).map((bins) => [bins.id, bins]));
    for (const { run, bins } of asked) bins.value = found.get(run) ?? null;
  } catch (error) {
    // A curve that cannot be read leaves its cell empty. The card of the metric says why.
    if (!isAbort(error)) for (const { bins } of asked) bins.value = null;
  }
}

function fetchWanted(): void {
  const asked = [...wanted].filter(({ users }) => users > 0);
  wanted = new Set();
  for (const key of new Set(asked.map((entry) => entry.key))) void fetchKey(key, asked.filter((entry) => entry.key === key));
}

function want(entry: Entry): void {
  wanted.add(entry);
  nextFrame(fetchWanted);
}

function entryOf(run: string, key: string): Entry {
  const name = `${run}\n${key}`;
  let entry = entries.get(name);
  if (!entry) {
    if (entries.size >= KEPT) for (const [other, { users }] of entries) if (users === 0) entries.delete(other);
    entries.set(name, (entry = { run, key, bins: signal(null), users: 0 }));
  }
  return entry;
}

const refresh = new Delayed(2000, () => {
  for (const entry of entries.values()) if (entry.users > 0) want(entry);
}, true);

pointsTick.subscribe((tick) => {
  if (tick > 0 && [...entries.values()].some(({ users }) => users > 0)) refresh.request();
});

export function Spark({ run, metric }: { run: string; metric: string }) {
  const entry = useMemo(() => entryOf(run, metric), [run, metric]);
  useEffect(() => {
    entry.users += 1;
    if (!entry.bins.peek()) want(entry);
    return () => void (entry.users -= 1);
  }, [entry]);
  const bins = entry.bins.value;
  if (!bins || bins.x.length === 0) return null;
  const words = `${count(bins.meta.points)} points, newest ${number(toNumber(bins.meta.last_value))}, best ${number(toNumber(bins.meta.best_value))}`;
  return (
    <svg class="spark" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words}>
      <title>{words}</title>
      <path d={sparkPath(bins)} style={{ stroke: ink(run).colour }} />
    </svg>
  );
}
