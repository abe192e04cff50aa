import { toNumber } from "../format";
import type { Bins } from "../plot/series";
import type { CurveSeries } from "../types";

/** Answers with only the newest points of curves, and how they join what is known. */

/** Where the points begin that are asked again. */
export interface Tail {
  from: number;
  /** The width of a row of the whole curves. */
  width: number;
}

/** The part of a request that says which points to send. */
export interface Part {
  range: [number, number];
  /** The most rows of a curve. */
  px: number;
  /** The width of a row. */
  width: number;
}

/** The end of a range that has all points to come. */
const NO_END = 1e300;

/** A curve with this many times its pixels is asked as a whole again. */
const MOST = 1.5;
/** The server sends points instead of rows up to this many times the pixels. */
const MOST_EXACT = 4;
/** A tail is at most this part of a chart. A longer one is no cheaper than the whole. */
const LARGEST = 0.5;

function widthOfBin(all: readonly Bins[], px: number): number {
  const low = all.reduce((least, { meta }) => Math.min(least, toNumber(meta.x_min)), Infinity);
  const high = all.reduce((most, { meta }) => Math.max(most, toNumber(meta.x_max)), -Infinity);
  return (high - low) / px;
}

/** Moves a place down until it is within no row of any curve, so that no point counts twice. */
function clearPlace(all: readonly Bins[], place: number): number {
  for (let from = place; ; ) {
    let lower = from;
    for (const { x, first } of all) {
      for (let at = x.length - 1; at >= 0 && (x[at] ?? -Infinity) >= from; at -= 1) lower = Math.min(lower, first[at] ?? lower);
    }
    if (lower === from) return from;
    from = lower;
  }
}

/** Says where the tail begins, or null if the whole curves are due. */
export function tailOf(all: readonly Bins[], px: number): Tail | null {
  const width = widthOfBin(all, px);
  if (!(width > 0) || all.some(({ x, meta }) => x.length > px * (meta.exact ? MOST_EXACT : MOST))) return null;
  const starts = all.map(({ first }) => first[first.length - 1] ?? Infinity);
  const from = clearPlace(all, starts.reduce((least, start) => Math.min(least, start), Infinity));
  return Number.isFinite(from) ? { from, width } : null;
}

/** What to ask: all points from the place on, in rows as wide as those that are known. */
export function partOf({ from, width }: Tail, px: number): Part {
  return { range: [from, NO_END], px: Math.ceil(px * LARGEST), width };
}

/** Says whether a tail is so long that the whole curves are due. */
export function isTooLong(found: readonly Bins[], { from, width }: Tail, px: number): boolean {
  return found.some(({ meta }) => (toNumber(meta.x_max) - from) / width > px * LARGEST);
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);

function joined<T extends Float64Array | null>(old: T, tail: T, kept: number): T {
  if (!old || !tail) return old;
  const all = new Float64Array(kept + tail.length);
  all.set(old.subarray(0, kept));
  all.set(tail, kept);
  return all as T;
}

/** Says whether the lowest value is the best one. Null if all values are equal. */
function isLowBest({ min, max, best_value }: CurveSeries): boolean | null {
  return !min || !max || min.value === max.value ? null : best_value === min.value;
}

function better(old: CurveSeries, tail: CurveSeries): CurveSeries {
  const [before, now] = [toNumber(old.best_value), toNumber(tail.best_value)];
  if (Number.isNaN(before) || Number.isNaN(now)) return Number.isNaN(now) ? old : tail;
  const low = isLowBest(old) ?? isLowBest(tail) ?? toNumber(tail.max?.value ?? null) < before;
  return (low ? now < before : now > before) ? tail : old;
}

/** Returns the extremes of both, of which the server names the best one. */
function extremes(old: CurveSeries, tail: CurveSeries): Pick<CurveSeries, "min" | "max" | "best_x" | "best_value"> {
  const { best_x, best_value } = better(old, tail);
  const pick = (name: "min" | "max", sign: number) => {
    const [before, now] = [old[name], tail[name]];
    if (!before || !now) return before ?? now ?? null;
    return sign * toNumber(now.value) > sign * toNumber(before.value) ? now : before;
  };
  return { min: pick("min", -1), max: pick("max", 1), best_x, best_value };
}

/** A row of a tail, which further rows within its width join. */
interface Row {
  first: number;
  x: number;
  mean: number;
  low: number;
  high: number;
  last: number;
  n: number;
  nan: number;
}

function rowOf({ first, x, mean, low, high, last, n, nan }: Bins, at: number): Row {
  const of = (values: ArrayLike<number> | null) => Number(values?.[at] ?? 0);
  return { first: of(first), x: of(x), mean: of(mean), low: of(low), high: of(high), last: of(last), n: of(n), nan: of(nan) };
}

const lower = (one: number, other: number) => (Number.isNaN(one) || other < one ? other : one);
const higher = (one: number, other: number) => (Number.isNaN(one) || other > one ? other : one);

function add(row: Row, next: Row): void {
  const [known, more] = [row.n - row.nan, next.n - next.nan];
  row.mean = known === 0 ? next.mean : more === 0 ? row.mean : (row.mean * known + next.mean * more) / (known + more);
  Object.assign(row, { x: next.x, last: next.last, low: lower(row.low, next.low), high: higher(row.high, next.high), n: row.n + next.n, nan: row.nan + next.nan });
}

/** Joins the rows that are within one row of the whole curve, so that points do not outgrow its pixels. */
function compressed(tail: Bins, width: number): Bins {
  const rows: Row[] = [];
  for (let at = 0; at < tail.x.length; at += 1) {
    const [next, last] = [rowOf(tail, at), rows[rows.length - 1]];
    if (last && next.x - last.first <= width) add(last, next);
    else rows.push(next);
  }
  const column = (name: keyof Row) => Float64Array.from(rows, (row) => row[name]);
  return { ...tail, first: column("first"), x: column("x"), mean: column("mean"), low: column("low"), high: column("high"), last: column("last"), n: column("n"), nan: column("nan") };
}

/** Replaces the rows from the place on by those of the tail. */
export function joinTail(old: Bins, found: Bins | undefined, { from, width }: Tail): Bins {
  if (!found) return old;
  const tail = old.meta.exact ? found : compressed(found, width);
  let kept = old.x.length;
  while (kept > 0 && (old.first[kept - 1] ?? -Infinity) >= from) kept -= 1;
  const nan = old.nan && tail.nan && joined(Float64Array.from(old.nan), Float64Array.from(tail.nan), kept);
  const n = joined(Float64Array.from(old.n), Float64Array.from(tail.n), kept);
  const { last_x, last_value, x_max } = tail.meta;
  const meta = {
    ...old.meta, last_x, last_value, x_max, count: n.length, points: sum(n), nan: nan ? sum(nan) : old.meta.nan,
    exact: old.meta.exact && tail.meta.exact, first_nan_step: old.meta.first_nan_step ?? tail.meta.first_nan_step,
    ...extremes(old.meta, tail.meta),
  };
  const numbers = (name: "x" | "first" | "mean" | "low" | "high" | "last") => joined(old[name], tail[name], kept);
  return { ...old, meta, n, nan, smooth: null, x: numbers("x"), first: numbers("first"), mean: numbers("mean"), low: numbers("low"), high: numbers("high"), last: numbers("last") };
}
