import { drawAxes, type Look } from "./chart";
import type { Area, Box } from "./lines";
import type { Pen } from "./pen";
import { makeScale, type Scale } from "./scale";

export interface Marks {
  x: Float64Array;
  y: Float64Array;
  colours: readonly string[];
  ids: readonly string[];
}

export interface ScatterSpec {
  width: number;
  height: number;
  marks: Marks;
  xCategories: readonly string[] | null;
  yCategories: readonly string[] | null;
  logX: boolean;
  logY: boolean;
  xWords: string;
  yWords: string;
  look: Look;
}

function extent(values: Float64Array, log: boolean): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high)) return [log ? 0.1 : 0, 1];
  if (log) return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
  const space = (high - low) * 0.05 || Math.abs(low) * 0.05 || 0.5;
  return [low - space, high + space];
}

/** Makes the scale of an axis. Categories have their places at whole numbers. */
function axis(values: Float64Array, categories: readonly string[] | null, log: boolean, start: number, end: number): Scale {
  const [low, high] = categories ? [-0.5, Math.max(0.5, categories.length - 0.5)] : extent(values, log);
  const scale = makeScale(log && !categories ? "log" : "linear", low, high, start, end);
  if (!categories) return scale;
  const ticks = categories.map((text, value) => ({ value, label: text.length > 14 ? `${text.slice(0, 13)}…` : text }));
  return { ...scale, ticks: (count) => ticks.filter((_, index) => index % Math.ceil(ticks.length / Math.max(1, count)) === 0) };
}

export function scatterArea({ width, height, marks, xCategories, yCategories, logX, logY }: ScatterSpec): Area {
  const [top, bottom] = [10, height - 24];
  const y = axis(marks.y, yCategories, logY, bottom, top);
  const widest = y.ticks(8).reduce((most, { label }) => Math.max(most, label.length), 2);
  const left = Math.min(width / 3, widest * 6.2 + 14);
  const box: Box = { left, top, width: Math.max(10, width - left - 14), height: Math.max(10, bottom - top) };
  return { box, x: axis(marks.x, xCategories, logX, box.left, box.left + box.width), y };
}

/** Draws all marks. If some are chosen, the others are faint. */
export function drawScatter(pen: Pen, spec: ScatterSpec, chosen: ReadonlySet<string>): void {
  const area = scatterArea(spec);
  const { marks, look } = spec;
  const { box } = area;
  drawAxes(pen, area, look, spec.width);
  pen.text(box.left + 6, box.top + 6, spec.yWords, { colour: look.faint, size: 11 });
  pen.text(box.left + box.width, box.top + box.height - 8, spec.xWords, { colour: look.faint, size: 11, align: "right" });
  const radius = marks.ids.length > 2000 ? 1.5 : marks.ids.length > 200 ? 2.5 : 4;
  for (let at = 0; at < marks.ids.length; at += 1) {
    const [x, y] = [area.x.to(marks.x[at] ?? NaN), area.y.to(marks.y[at] ?? NaN)];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    pen.dot(x, y, radius, { colour: marks.colours[at] ?? "", alpha: chosen.size > 0 && !chosen.has(marks.ids[at] ?? "") ? 0.25 : 0.85 });
  }
}

/** Draws a ring around one mark, with its name. */
export function drawMark(pen: Pen, spec: ScatterSpec, at: number, name: string): void {
  const area = scatterArea(spec);
  const [x, y] = [area.x.to(spec.marks.x[at] ?? NaN), area.y.to(spec.marks.y[at] ?? NaN)];
  if (!Number.isFinite(x) || !Number.isFinite(y)) return;
  pen.dot(x, y, 7, { colour: spec.look.text });
  pen.dot(x, y, 5, { colour: spec.marks.colours[at] ?? "" });
  const right = x > area.box.left + area.box.width * 0.7;
  pen.text(x + (right ? -12 : 12), y, name, { colour: spec.look.text, size: 12, bold: true, align: right ? "right" : "left" });
}

/** Finds the mark nearest to a pixel, or -1 if none is near. */
export function markAt(area: Area, marks: Marks, x: number, y: number): number {
  let [best, least] = [-1, 12];
  for (let at = 0; at < marks.ids.length; at += 1) {
    const distance = Math.hypot(area.x.to(marks.x[at] ?? NaN) - x, area.y.to(marks.y[at] ?? NaN) - y);
    if (distance < least) [best, least] = [at, distance];
  }
  return best;
}

/** Lists the marks within a box of pixels. */
export function marksWithin(area: Area, marks: Marks, box: { x1: number; y1: number; x2: number; y2: number }): string[] {
  const [left, right] = [Math.min(box.x1, box.x2), Math.max(box.x1, box.x2)];
  const [top, bottom] = [Math.min(box.y1, box.y2), Math.max(box.y1, box.y2)];
  return marks.ids.filter((_, at) => {
    const [x, y] = [area.x.to(marks.x[at] ?? NaN), area.y.to(marks.y[at] ?? NaN)];
    return x >= left && x <= right && y >= top && y <= bottom;
  });
}
