import assert from "node:assert/strict";
import { test } from "node:test";
import { Frame, NumberColumn } from "../src/frame";
import { joinCurves, pick } from "../src/report";
import type { CurveSeries, CurvesMeta, QueryMeta } from "../src/types";

const column = (name: string, values: number[]) => new NumberColumn(name, Float64Array.from(values), null);

test("some rows of a table keep their order", () => {
  const meta = { handle: "h", total: 4, position: "", offset: 0, group: null, groups: 0 };
  const frame = new Frame<QueryMeta>(4, meta, [column("loss", [1, 2, 3, 4])]);
  const some = pick(frame, [3, 1], 2);
  assert.deepEqual([some.rows, some.meta.offset, some.meta.total], [2, 2, 4]);
  const loss = some.column("loss");
  assert.deepEqual([loss?.number(0), loss?.number(1), loss?.count], [4, 2, 2]);
});

test("curves of several metrics are one frame, with the wanted runs", () => {
  const series = (run: string, key: string, start: number, count: number) => ({ run, key, start, count }) as CurveSeries;
  const meta = (all: CurveSeries[]): CurvesMeta => ({ position: "1", series: all });
  const first = new Frame(3, meta([series("a", "loss", 0, 2), series("b", "loss", 2, 1)]), [column("x", [0, 1, 2])]);
  const second = new Frame(2, meta([series("b", "acc", 0, 2)]), [column("x", [8, 9]), column("smooth", [5, 6])]);
  const joined = joinCurves([first, second], ({ run }) => run === "b");
  assert.deepEqual(joined.meta.series.map(({ key, start, count }) => [key, start, count]), [["loss", 2, 1], ["acc", 3, 2]]);
  assert.deepEqual([...joined.doubles("x")], [0, 1, 2, 8, 9]);
  assert.deepEqual([...joined.doubles("smooth")].map(String), ["NaN", "NaN", "NaN", "5", "6"]);
});
