import assert from "node:assert/strict";
import { test } from "node:test";
import { sparkPath } from "../src/plot/spark";

const path = (x: number[], mean: number[]) => sparkPath({ x: Float64Array.from(x), mean: Float64Array.from(mean) });

test("a small curve fills its cell, and NaN is a gap", () => {
  assert.equal(path([0, 10], [1, 2]), "M2.0 16.0L70.0 2.0");
  assert.equal(path([0, 5, 10], [1, NaN, 2]), "M2.0 16.0M70.0 2.0");
  assert.equal(path([0, 5, 10], [1, Infinity, 2]), "M2.0 16.0M70.0 2.0");
});

test("a single point is a dot, and equal values are a level line", () => {
  assert.equal(path([7], [3]), "M36.0 9.0h0.01");
  assert.equal(path([0, 10], [3, 3]), "M2.0 9.0L70.0 9.0");
  assert.equal(path([], []), "");
});
