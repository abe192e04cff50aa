import { toNumber } from "../format";
import type { Frame } from "../frame";
import type { CurveSeries, CurvesMeta } from "../types";

/** The bins of one line. All arrays are views of the frame. */
export interface Bins {
  meta: CurveSeries;
  /** The run's id, or the number of the group as text. */
  id: string;
  x: Float64Array;
  /** Where the first point of each row is. */
  first: Float64Array;
  mean: Float64Array;
  low: Float64Array;
  high: Float64Array;
  last: Float64Array;
  smooth: Float64Array | null;
  n: ArrayLike<number>;
  nan: ArrayLike<number> | null;
}

/** A line with its look. */
export interface Stroke {
  bins: Bins;
  label: string;
  colour: string;
  dash: readonly number[];
}

/** The columns with a fact about each series, which are numbers or nothing. */
const FACTS = ["first_nan_step", "x_min", "x_max", "last_x", "last_value", "best_x", "best_value"] as const;

/** Makes the series of an answer of its columns. The rows of one follow those of the one before. */
function seriesOf(frame: Frame<unknown>): CurveSeries[] {
  const keys = frame.column("series.key");
  const numbers = (name: string) => frame.doubles(`series.${name}`);
  const [counts, points, exact, nan, groups] = ["count", "points", "exact", "nan", "group"].map(numbers);
  const facts = FACTS.map((name) => [name, numbers(name)] as const);
  const [low, high] = [numbers("min_value"), numbers("max_value")];
  const known = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? null : value);
  const extreme = (value: number | undefined) => (known(value) === null ? null : { value: value ?? NaN });
  let start = 0;
  return Array.from({ length: keys?.count ?? 0 }, (_, at) => {
    const run = frame.column("series.run")?.text(at);
    const count = counts?.[at] ?? 0;
    start += count;
    return {
      ...(run ? { run, name: frame.column("series.name")?.text(at) ?? "" } : { group: groups?.[at] ?? 0 }),
      key: keys?.text(at) ?? "", start: start - count, count,
      points: points?.[at] ?? 0, exact: exact?.[at] === 1, nan: nan?.[at] ?? 0,
      min: extreme(low[at]), max: extreme(high[at]),
      ...(Object.fromEntries(facts.map(([name, values]) => [name, known(values[at])])) as Pick<CurveSeries, (typeof FACTS)[number]>),
    };
  });
}

/** Adds the series to an answer with curves, unless it has them. */
export function withSeries(frame: Frame<{ position: string; series?: CurveSeries[] }>): Frame<CurvesMeta> {
  return frame.with({ series: frame.meta.series ?? seriesOf(frame) });
}

function part(frame: Frame<CurvesMeta>, name: string, series: CurveSeries): Float64Array | null {
  const values = frame.doubles(name);
  return values.length === 0 ? null : values.subarray(series.start, series.start + series.count);
}

export function readBins(frame: Frame<CurvesMeta>): Bins[] {
  return frame.meta.series.map((series) => {
    const empty = new Float64Array(0);
    const mean = part(frame, "mean", series) ?? empty;
    return {
      meta: series,
      id: series.run ?? String(series.group),
      x: part(frame, "x", series) ?? empty,
      first: part(frame, "x_first", series) ?? part(frame, "x", series) ?? empty,
      mean,
      low: part(frame, "min", series) ?? part(frame, "low", series) ?? mean,
      high: part(frame, "max", series) ?? part(frame, "high", series) ?? mean,
      last: part(frame, "last", series) ?? mean,
      smooth: part(frame, "smooth", series),
      n: part(frame, "n", series) ?? empty,
      nan: part(frame, "nan", series),
    };
  });
}

/** Says whether the server computes a metric of others, as in `=metrics.train - metrics.val`. */
export const isFormula = (key: string) => key.startsWith("=");

interface Extent {
  xLow: number;
  xHigh: number;
  yLow: number;
  yHigh: number;
}

type Zoom = readonly [number, number] | null;

function grow(extent: Extent, bins: Bins, logX: boolean, logY: boolean, zoom: Zoom): void {
  for (let at = 0; at < bins.x.length; at += 1) {
    const x = bins.x[at] ?? NaN;
    if (!Number.isFinite(x) || (logX && x <= 0) || (zoom && (x < zoom[0] || x > zoom[1]))) continue;
    if (x < extent.xLow) extent.xLow = x;
    if (x > extent.xHigh) extent.xHigh = x;
    const [low, high] = [bins.low[at] ?? NaN, bins.high[at] ?? NaN];
    if (Number.isFinite(low) && (!logY || low > 0) && low < extent.yLow) extent.yLow = low;
    if (Number.isFinite(high) && (!logY || high > 0)) {
      if (high > extent.yHigh) extent.yHigh = high;
      if (logY && low <= 0 && high < extent.yLow) extent.yLow = high;
    }
  }
}

export function extentOf(all: readonly Bins[], logX: boolean, logY: boolean, zoom: Zoom = null): Extent {
  const extent = { xLow: Infinity, xHigh: -Infinity, yLow: Infinity, yHigh: -Infinity };
  for (const bins of all) {
    grow(extent, bins, logX, logY, zoom);
    const first = toNumber(bins.meta.x_min);
    if (!zoom && first < extent.xLow && (!logX || first > 0)) extent.xLow = first;
  }
  return extent;
}

/** Narrows the y range to the 1st to 99th percentile of each line. Lines keep at least one visible point. */
export function withoutOutliers(all: readonly Bins[], extent: Extent, logY: boolean): Extent {
  let [low, high] = [Infinity, -Infinity];
  for (const { mean } of all) {
    const values = mean.filter((value) => Number.isFinite(value) && (!logY || value > 0)).sort();
    if (values.length === 0) continue;
    const first = values[Math.floor((values.length - 1) * 0.01)] ?? Infinity;
    const last = values[Math.ceil((values.length - 1) * 0.99)] ?? -Infinity;
    if (first < low) low = first;
    if (last > high) high = last;
  }
  return low <= high ? { ...extent, yLow: low, yHigh: high } : extent;
}

/** Finds the bin whose x is nearest to a value, or -1 if there is none. */
export function nearestBin(x: Float64Array, value: number): number {
  let [low, high] = [0, x.length - 1];
  if (high < 0) return -1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  const before = low - 1;
  if (before < 0) return low;
  return value - (x[before] ?? 0) <= (x[low] ?? 0) - value ? before : low;
}

/** The value that is drawn at a bin: the smoothed one if there is one. Bins of only NaN stay gaps. */
export function drawn(bins: Bins, at: number): number {
  const raw = bins.mean[at] ?? NaN;
  return Number.isNaN(raw) ? NaN : (bins.smooth?.[at] ?? raw);
}

export function countNan(all: readonly Bins[]): number {
  return all.reduce((sum, { meta }) => sum + (meta.nan || 0), 0);
}
