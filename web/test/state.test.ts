import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULTS, joinList, readView, splitList, viewToRecord, writeView, type View } from "../src/state";

const WORDS = ["", "a", "a,b", "\\", "min.train/loss", "params.batch size", "-x", "+y", "ü🔥", "a:1:2", "x;y", "\u202eرtl", "%&=#?"];

function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

function randomView(next: () => number): View {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  const words = () => Array.from({ length: Math.floor(next() * 4) }, () => pick(WORDS));
  const some = () => words().filter((word) => word !== "");
  return {
    ...DEFAULTS,
    filter: pick(WORDS), experiments: some(), under: pick(["", "/Shared/team"]), lifecycle: pick(["active", "deleted", "all"]),
    order: some().map((column) => ({ column, descending: next() < 0.5 })),
    group: pick([null, "auto" as const, ["params.lr"], ["params.a,b", "tags.x"]]),
    columns: pick([null, [], ["metrics.loss"], ["params.a,b", "best.x"]]),
    visible: { first: pick<number | "all">([20, 0, 7, "all"]), shown: some().filter((word) => !word.includes(";")), hidden: some().filter((word) => !word.includes(";")) },
    baseline: pick([null, "abc"]), pins: some(), selected: some(), tab: pick(["charts", "compare"]), metricFilter: pick(WORDS), cardColumns: Math.floor(next() * 7),
    xAxis: pick(["step", "time", "metrics.epoch"]), logX: next() < 0.5, logY: next() < 0.5,
    smoothing: pick([null, { kind: "time_ema" as const, amount: 0.6 }, { kind: "window" as const, amount: 12 }]),
    outliers: next() < 0.5, band: pick(["std", "ci"]), zoom: pick([null, { low: 0, high: 10.5, follow: false }, { low: -1e-7, high: 1e20, follow: true }]), card: pick([null, "loss"]),
    pinnedCards: some(), overlays: [joinList(["a", "b,c"])], flippedSections: words(), compareAll: next() < 0.5,
    scatterX: pick(WORDS), scatterY: "", scatterColour: "", parallelAxes: some(), brushes: [{ axis: "a:b,c", low: -1, high: 2.5 }], mediaStep: pick([null, 0, -3, 12]), mediaMode: pick(["grid" as const, "blink" as const, "difference" as const]), peek: pick([null, "abc"]),
  };
}

test("every view survives its link (requirement 13)", () => {
  const next = generator(7);
  for (let round = 0; round < 500; round += 1) {
    const view = randomView(next);
    const link = writeView(view).toString();
    assert.deepEqual(readView(new URLSearchParams(link)), view, link);
  }
});

test("the default view has an empty link, and links have no defaults", () => {
  assert.equal(writeView(DEFAULTS).toString(), "");
  assert.deepEqual(viewToRecord({ ...DEFAULTS, logY: true }), { ly: "1" });
});

test("nonsense in a link becomes the default", () => {
  const view = readView(new URLSearchParams("sm=what:1&z=5:1&v=first:x&cc=99&br=a&d=gone&ms=x"));
  assert.deepEqual({ ...view, cardColumns: 0 }, DEFAULTS);
  assert.equal(view.cardColumns, 6);
});

test("lists keep commas, backslashes and empty names", () => {
  for (const list of [[], [""], ["", ""], ["a,b", "\\"], WORDS]) assert.deepEqual(splitList(joinList(list)), list);
});
