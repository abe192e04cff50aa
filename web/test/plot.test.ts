import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { contrast, COUNT, DARK, LIGHT, Slots, inkOf } from "../src/colour";
import { drawChart, hits, layout, type ChartSpec } from "../src/plot/chart";
import { Recorder } from "../src/plot/recorder";
import { makeScale, spanLabel, tickLabel } from "../src/plot/scale";
import { extentOf, nearestBin, withoutOutliers, type Bins, type Stroke } from "../src/plot/series";
import { SvgPen } from "../src/plot/svg";

const LOOK = { text: "#111", faint: "#777", grid: "#eee", axis: "#999", paper: "#fff", accent: "#00f" };

function bins(x: number[], mean: number[], more: Partial<Bins> = {}): Bins {
  const meta = { key: "loss", start: 0, count: x.length, points: x.length, exact: true, nan: 0, first_nan_step: null, x_min: null, x_max: null, last_x: null, last_value: null, best_x: null, best_value: null, run: "a" };
  const values = Float64Array.from(mean);
  return { meta, id: "a", x: Float64Array.from(x), mean: values, low: values, high: values, last: values, smooth: null, n: new Uint32Array(x.length).fill(1), nan: null, ...more };
}

function stroke(one: Bins): Stroke {
  return { bins: one, label: "a", colour: "#123456", dash: [] };
}

function spec(strokes: Stroke[], more: Partial<ChartSpec> = {}): ChartSpec {
  return { width: 300, height: 200, strokes, xKind: "linear", logX: false, logY: false, outliers: false, zoom: null, look: LOOK, ...more };
}

function record(one: ChartSpec): string[] {
  const pen = new Recorder();
  drawChart(pen, one);
  return pen.calls;
}

test("a spike within one bin reaches the top of the band (requirement 2)", () => {
  const one = bins([0, 1, 2, 3], [1, 1, 1, 1], { high: Float64Array.of(1, 1, 100, 1), n: Uint32Array.of(9, 9, 9, 9) });
  const area = layout(spec([stroke(one)]));
  const top = Math.round(area.y.to(100) * 10) / 10;
  const band = record(spec([stroke(one)])).find((call) => call.startsWith("fill"));
  assert.match(band ?? "", new RegExp(`,${top}[LMZ]`));
});

test("NaN is a gap with a mark at the lower edge, and a lonely point is a dot (requirement 20)", () => {
  const one = bins([0, 1, 2, 3, 4], [1, 2, NaN, 3, NaN], { nan: Uint32Array.of(0, 0, 1, 0, 1) });
  const calls = record(spec([stroke(one)]));
  const line = calls.find((call) => call.startsWith("stroke #123456"));
  assert.equal(line?.split("M").length, 3, "two pieces");
  assert.equal(calls.filter((call) => call.startsWith("dot")).length, 1);
  assert.equal(calls.filter((call) => call.startsWith("rect")).length, 2);
});

test("a log axis leaves values that are not positive out and marks them at its edge (requirement 20)", () => {
  const one = bins([0, 1, 2], [10, 0, 1000]);
  const area = layout(spec([stroke(one)], { logY: true }));
  assert.equal(area.y.kind, "log");
  assert.ok(area.y.low > 1 && area.y.low <= 10);
  const pen = new Recorder();
  assert.equal(drawChart(pen, spec([stroke(one)], { logY: true })).outside, 1);
  const middle = (area.y.to(area.y.low) + area.y.to(area.y.high)) / 2;
  assert.ok(Math.abs(area.y.to(100) - middle) < 1, "equal factors are equally far apart");
});

test("infinite values do not stretch the range and are counted as outside (requirement 20)", () => {
  const one = bins([0, 1, 2], [1, Infinity, 2]);
  const drawing = drawChart(new Recorder(), spec([stroke(one)]));
  assert.ok(drawing.y.high < 3);
  assert.equal(drawing.outside, 1);
});

test("outliers narrow the range by quantiles and every line keeps a point (requirement 21)", () => {
  const x = Array.from({ length: 200 }, (_, at) => at);
  const noisy = bins(x, x.map((at) => (at === 100 ? 1e6 : 1 + (at % 7))));
  const lonely = bins([0], [5000]);
  const all = [noisy, lonely];
  const narrow = withoutOutliers(all, extentOf(all, false, false), false);
  assert.equal(narrow.yHigh, 5000);
  assert.equal(narrow.yLow, 1);
  const { outside } = drawChart(new Recorder(), spec([stroke(noisy), stroke(lonely)], { outliers: true }));
  assert.equal(outside, 1);
});

test("the SVG has the same paths as the recorder, and parses hostile words as text (requirement 29)", () => {
  const one = spec([stroke(bins([0, 1, 2], [3, 1, 2]))]);
  const svg = new SvgPen(300, 200);
  drawChart(svg, one);
  svg.text(0, 0, `<script>"&\u0000`, { colour: "#000", size: 10 });
  const text = svg.finish("#fff");
  const path = record(one).find((call) => call.startsWith("stroke #123456"))?.split(" ").pop() ?? "none";
  const rounded = [...text.matchAll(/d="([^"]+)"/g)].map(([, d]) => (d ?? "").replace(/([ML])([\d.-]+) ([\d.-]+)/g, (_, way, a, b) => `${way}${Math.round(a * 10) / 10},${Math.round(b * 10) / 10}`));
  assert.ok(rounded.includes(path));
  assert.ok(!text.includes("<script>") && !text.includes("\u0000"));
});

test("a zoom takes the range of y from the visible bins only", () => {
  const one = bins([0, 1, 2, 3], [100, 1, 2, 1]);
  const area = layout(spec([stroke(one)], { zoom: [1, 3] }));
  assert.ok(area.y.high < 3);
  assert.equal(area.x.low, 1);
});

test("the nearest bin and line are found", () => {
  const x = Float64Array.of(0, 10, 20);
  assert.deepEqual([-5, 4, 6, 15.1, 99].map((value) => nearestBin(x, value)), [0, 0, 1, 2, 2]);
  assert.equal(nearestBin(new Float64Array(0), 1), -1);
  const one = spec([stroke(bins([0, 1], [0, 0])), stroke(bins([0, 1], [10, 10]))]);
  const area = layout(one);
  const near = hits(area, one.strokes, area.x.to(0), area.y.to(9)).sort((a, b) => a.distance - b.distance)[0];
  assert.equal(near?.stroke, one.strokes[1]);
});

test("scales survive empty and single domains", () => {
  for (const kind of ["linear", "step", "log", "time", "duration"] as const) {
    for (const [low, high] of [[Infinity, -Infinity], [5, 5], [1, 2], [1e-300, 1e300]] as const) {
      const scale = makeScale(kind, low, high, 0, 100);
      assert.ok(scale.low < scale.high, `${kind} ${low}`);
      for (const { value } of scale.ticks(5)) assert.ok(Number.isFinite(scale.to(value)));
      assert.ok(scale.ticks(5).length <= 100);
    }
  }
});

test("ticks of steps are whole numbers", () => {
  assert.deepEqual(makeScale("step", 0, 1, 0, 100).ticks(5).map(({ label }) => label), ["0", "1"]);
  assert.deepEqual(makeScale("step", 0, 100, 0, 100).ticks(5).map(({ label }) => label), ["0", "20", "40", "60", "80", "100"]);
});

test("tick labels have the digits that they need", () => {
  assert.equal(tickLabel(0.30000000000000004, 0.1), "0.3");
  assert.equal(tickLabel(-1e-17, 0.5), "0.0");
  assert.equal(tickLabel(15000, 5000), "15k");
  assert.equal(tickLabel(1500000, 500000), "1.5M");
  assert.equal(spanLabel(3720, 60), "1:02 h");
  assert.equal(spanLabel(90, 30), "1:30");
});

test("the palette has a contrast of at least 3 in both themes (requirement 32)", () => {
  for (const colour of LIGHT) assert.ok(contrast(colour, "#ffffff") >= 3, colour);
  for (const colour of DARK) assert.ok(contrast(colour, "#14171d") >= 3, colour);
  assert.equal(new Set(LIGHT).size, COUNT);
});

test("colours stay when runs come and go, and differ for twelve runs", () => {
  const slots = new Slots();
  const ids = Array.from({ length: 12 }, (_, at) => `run${at}`);
  slots.assign(ids.slice(0, 6));
  const before = ids.slice(0, 6).map((id) => slots.of(id));
  slots.assign(["other", ...ids].slice(0, 12));
  assert.deepEqual(ids.slice(0, 6).map((id) => slots.of(id)), before);
  const colours = new Set(["other", ...ids].slice(0, 12).map((id) => inkOf(slots.of(id), false).colour));
  assert.equal(colours.size, 12);
});

test("a million values do not overflow the stack", () => {
  const x = Float64Array.from({ length: 1_000_000 }, (_, at) => at);
  const one = bins([], [], { x, mean: x, low: x, high: x });
  assert.equal(extentOf([one], false, false).yHigh, 999_999);
});

/** Reads the colours of a theme from the style sheet. */
function tokens(block: string): Record<string, string> {
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, colour]) => [name, colour]));
}

test("words are readable on each ground of both themes (requirement 32)", () => {
  const [, light = "", dark = ""] = readFileSync("src/css/base.css", "utf8").split(/:root/);
  for (const theme of [tokens(light), { ...tokens(light), ...tokens(dark) }]) {
    for (const ground of ["paper", "ground", "raised", "hover", "accent-soft"]) {
      for (const text of ["text", "text-soft", "text-faint"]) assert.ok(contrast(theme[text] ?? "", theme[ground] ?? "") >= 4.5, `${text} on ${ground}: ${theme[text]} on ${theme[ground]}`);
    }
    for (const text of ["good", "bad", "warn", "accent-text"]) assert.ok(contrast(theme[text] ?? "", theme["paper"] ?? "") >= 4.5, text);
    assert.ok(contrast(theme["on-accent"] ?? "", theme["accent"] ?? "") >= 4.5);
  }
});
