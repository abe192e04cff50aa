import assert from "node:assert/strict";
import { test } from "node:test";
import { isTooLong, joinTail, partOf, tailOf, type Part } from "../src/charts/tail";
import type { Bins } from "../src/plot/series";
import type { CurveSeries } from "../src/types";

type Point = readonly [number, number];

function summary(points: readonly Point[]): Partial<CurveSeries> {
  const values = points.map(([, value]) => value).filter((value) => !Number.isNaN(value));
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const places = points.map(([x]) => x);
  return {
    points: points.length, nan: points.length - values.length, exact: false, first_nan_step: points.find(([, value]) => Number.isNaN(value))?.[0] ?? null,
    x_min: Math.min(...places), x_max: Math.max(...places), last_x: places.at(-1) ?? 0, last_value: points.at(-1)?.[1] ?? 0,
    min: { value: min }, max: { value: max }, best_value: min, best_x: points.find(([, value]) => value === min)?.[0] ?? 0,
  };
}

/** Bins points as the server does: into `px` columns of the range. */
function binned(points: readonly Point[], px: number, range?: readonly [number, number]): Bins {
  const [low, high] = range ?? [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0];
  const inside = points.filter(([x]) => x >= low && x <= high);
  const columns = new Map<number, Point[]>();
  for (const point of inside) {
    const column = Math.min(px - 1, Math.floor(((point[0] - low) / (high - low)) * px));
    columns.set(column, [...(columns.get(column) ?? []), point]);
  }
  const rows = [...columns.values()];
  const of = (value: (row: readonly Point[]) => number) => Float64Array.from(rows, value);
  const known = (row: readonly Point[]) => row.map(([, value]) => value).filter((value) => !Number.isNaN(value));
  return {
    meta: { ...summary(inside), key: "loss", start: 0, count: rows.length } as CurveSeries, id: "a", smooth: null,
    first: of((row) => row[0]?.[0] ?? NaN), x: of((row) => row.at(-1)?.[0] ?? NaN), last: of((row) => row.at(-1)?.[1] ?? NaN),
    low: of((row) => Math.min(...known(row))), high: of((row) => Math.max(...known(row))), mean: of((row) => known(row).reduce((sum, value) => sum + value, 0) / known(row).length),
    n: of((row) => row.length), nan: of((row) => row.length - known(row).length),
  };
}

const pointsOf = (count: number): Point[] => Array.from({ length: count }, (_, step) => [step, step % 97 === 13 ? NaN : Math.sin(step * 7) + 100 / (step + 1)]);

/** Answers as the server does: few points as they are, and others in rows. */
function answer(points: readonly Point[], { range, px, width }: Part): Bins {
  const inside = points.filter(([x]) => x >= range[0] && x <= range[1]);
  const [from, to] = [inside[0]?.[0] ?? 0, inside.at(-1)?.[0] ?? 0];
  const columns = Math.max(1, Math.min(px, Math.ceil((to - from) / width)));
  if (inside.length > 4 * columns) return binned(points, columns, [from, to]);
  const found = binned(inside, 1e6);
  return { ...found, meta: { ...found.meta, exact: true } };
}

test("tails that join, one after the other, say the same as the whole curve", () => {
  const all = pointsOf(6000);
  let known = binned(all.slice(0, 5000), 100);
  for (const end of [5001, 5040, 5300, 6000]) {
    const seen = all.slice(0, end);
    const tail = tailOf([known], 100);
    assert.ok(tail);
    const found = answer(seen, partOf(tail, 100));
    assert.ok(!isTooLong([found], tail, 100));
    known = joinTail(known, found, tail);
    assert.deepEqual({ ...known.meta, count: 0 }, { ...summary(seen), key: "loss", start: 0, count: 0 });
    assert.equal((known.n as Float64Array).reduce((sum, n) => sum + n, 0), end);
    assert.equal(Math.min(...known.low), known.meta.min?.value);
    assert.ok(known.x.length <= 130, `${known.x.length} rows`);
    assert.ok(known.x.every((x, at) => at === 0 || x > (known.x[at - 1] ?? Infinity)), "in order");
  }
});

test("the mean of joined rows is that of their points", () => {
  const all = pointsOf(5050);
  const known = binned(all.slice(0, 5000), 100);
  const tail = tailOf([known], 100);
  assert.ok(tail);
  const joined = joinTail(known, answer(all, partOf(tail, 100)), tail);
  const at = joined.x.length - 1;
  const own = all.filter(([x]) => x >= (joined.first[at] ?? NaN) && x <= (joined.x[at] ?? NaN)).map(([, value]) => value).filter((value) => !Number.isNaN(value));
  assert.ok(Math.abs((joined.mean[at] ?? NaN) - own.reduce((sum, value) => sum + value, 0) / own.length) < 1e-12);
  assert.equal(joined.high[at], Math.max(...own));
});

test("a tail begins where no row of another curve is cut", () => {
  const [one, other] = [binned(pointsOf(1000), 10), binned(pointsOf(1050), 10)];
  const from = tailOf([one, other], 10)?.from ?? NaN;
  const cut = (bins: Bins) => bins.x.some((x, at) => (bins.first[at] ?? NaN) < from && x >= from);
  assert.equal(cut(one) || cut(other), false);
});

test("the whole curve is due when it has outgrown its pixels or the tail is long", () => {
  const known = binned(pointsOf(1000), 100);
  assert.equal(tailOf([known], 60), null);
  const tail = tailOf([known], 100);
  assert.ok(tail);
  assert.equal(isTooLong([answer(pointsOf(1400), partOf(tail, 100))], tail, 100), false);
  assert.equal(isTooLong([answer(pointsOf(2000), partOf(tail, 100))], tail, 100), true);
});

test("a point far beyond all others is in the tail", () => {
  const known = binned(pointsOf(1000), 100);
  const tail = tailOf([known], 100);
  assert.ok(tail);
  const far = answer([...pointsOf(1000), [1e9, 5]], partOf(tail, 100));
  assert.equal(joinTail(known, far, tail).meta.x_max, 1e9);
});
