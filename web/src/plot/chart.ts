import { drawLine, drawMarks, type Area, type Box } from "./lines";
import type { Pen } from "./pen";
import { makeScale, type Scale, type ScaleKind, type Tick } from "./scale";
import { drawn, extentOf, nearestBin, withoutOutliers, type Stroke } from "./series";

export interface Look {
  text: string;
  faint: string;
  grid: string;
  axis: string;
  paper: string;
  accent: string;
}

export interface ChartSpec {
  width: number;
  height: number;
  strokes: readonly Stroke[];
  xKind: ScaleKind;
  logX: boolean;
  logY: boolean;
  outliers: boolean;
  zoom: readonly [number, number] | null;
  yZoom?: readonly [number, number] | null;
  look: Look;
}

const TEXT = 11;

function widthOf(ticks: readonly Tick[]): number {
  return ticks.reduce((most, { label }) => Math.max(most, label.length), 1) * TEXT * 0.56;
}

function yRange(spec: ChartSpec, low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [low, high];
  if (spec.logY) return low < high ? [low / (high / low) ** 0.04, high * (high / low) ** 0.04] : [low, high];
  const space = (high - low) * 0.05;
  return [low - space, high + space];
}

/** Places the axes: the left edge depends on how wide the labels are. */
export function layout(spec: ChartSpec): Area {
  const all = spec.strokes.map(({ bins }) => bins);
  const whole = extentOf(all, spec.logX, spec.logY, spec.zoom);
  const extent = spec.outliers ? withoutOutliers(all, whole, spec.logY) : whole;
  const [xLow, xHigh] = spec.zoom ?? [extent.xLow, extent.xHigh];
  const [yLow, yHigh] = spec.yZoom ?? yRange(spec, extent.yLow, extent.yHigh);
  const [top, bottom] = [8, spec.height - 22];
  const y = makeScale(spec.logY ? "log" : "linear", yLow, yHigh, bottom, top);
  const left = Math.ceil(Math.min(spec.width / 3, Math.max(28, widthOf(y.ticks(yTicks(spec.height))) + 10)));
  const box: Box = { left, top, width: Math.max(10, spec.width - left - 10), height: Math.max(10, bottom - top) };
  const x = makeScale(spec.logX ? "log" : spec.xKind, xLow, xHigh, box.left, box.left + box.width);
  return { box, x, y };
}

function yTicks(height: number): number {
  return Math.max(2, Math.min(8, Math.floor(height / 44)));
}

export function drawAxes(pen: Pen, area: Area, look: Look, width: number): void {
  const { box } = area;
  const bottom = box.top + box.height;
  for (const { value, label } of area.y.ticks(yTicks(box.height + 30))) {
    const y = Math.round(area.y.to(value)) + 0.5;
    if (y < box.top - 1 || y > bottom + 1) continue;
    strokeStraight(pen, box.left, y, box.left + box.width, y, look.grid);
    pen.text(box.left - 6, y, label, { colour: look.faint, size: TEXT, align: "right" });
  }
  strokeStraight(pen, box.left, bottom + 0.5, box.left + box.width, bottom + 0.5, look.axis);
  drawXTicks(pen, area, look, width);
}

function drawXTicks(pen: Pen, { box, x }: Area, look: Look, width: number): void {
  const bottom = box.top + box.height;
  let free = -Infinity;
  for (const { value, label } of x.ticks(Math.max(2, Math.floor(box.width / 64)))) {
    const left = Math.round(x.to(value)) + 0.5;
    if (left < box.left - 1 || left > box.left + box.width + 1) continue;
    strokeStraight(pen, left, bottom, left, bottom + 4, look.axis);
    const half = (label.length * TEXT * 0.56) / 2;
    const middle = Math.min(left, width - half - 2);
    if (label === "" || middle - half < free) continue;
    pen.text(middle, bottom + 12, label, { colour: look.faint, size: TEXT, align: "center" });
    free = middle + half + 6;
  }
}

function strokeStraight(pen: Pen, x1: number, y1: number, x2: number, y2: number, colour: string): void {
  pen.begin();
  pen.move(x1, y1);
  pen.line(x2, y2);
  pen.stroke({ colour, width: 1 });
}

function weight(lines: number): { width: number; alpha: number } {
  if (lines > 500) return { width: 1, alpha: 0.25 };
  if (lines > 50) return { width: 1, alpha: 0.55 };
  return { width: lines > 12 ? 1.25 : 1.5, alpha: 1 };
}

/** Bands get fainter the more lines there are, so that they never hide the lines. */
function bandOf(strokes: readonly Stroke[]): number {
  if (strokes.length > 50) return 0;
  const grouped = strokes[0]?.bins.meta.group !== undefined;
  return grouped ? Math.max(0.1, 0.22 / Math.sqrt(strokes.length)) : 0.2 / strokes.length ** 0.75;
}

/** Draws the whole chart, and returns its scales and how many values are outside of the range. */
export function drawChart(pen: Pen, spec: ChartSpec): Area & { outside: number } {
  const area = layout(spec);
  const { box } = area;
  if (spec.strokes.length === 0) return { ...area, outside: 0 };
  drawAxes(pen, area, spec.look, spec.width);
  const { width, alpha } = weight(spec.strokes.length);
  pen.clip(box.left, box.top - 4, box.width + 4, box.height + 5);
  const band = bandOf(spec.strokes);
  for (const stroke of spec.strokes) drawLine(pen, area, stroke, { width, alpha, band });
  const outside = drawMarks(pen, area, spec.strokes);
  pen.unclip();
  return { ...area, outside };
}

export interface Hit {
  stroke: Stroke;
  at: number;
  distance: number;
}

/** Finds for each line its bin at a pixel, with the distance from the pointer. */
export function hits(area: Area, strokes: readonly Stroke[], x: number, y: number): Hit[] {
  const value = area.x.from(x);
  return strokes.flatMap((stroke) => {
    const at = nearestBin(stroke.bins.x, value);
    const height = drawn(stroke.bins, at);
    if (at < 0 || !Number.isFinite(height)) return [];
    const left = area.x.to(stroke.bins.x[at] ?? NaN);
    const beyond = Math.max(0, Math.abs(left - x) - 12);
    return [{ stroke, at, distance: Math.abs(area.y.to(height) - y) + beyond }];
  });
}

interface OverlaySpec {
  area: Area;
  strokes: readonly Stroke[];
  cursor: number | null;
  front: string | null;
  look: Look;
  drag: { from: number; to: number } | null;
}

/** Draws what follows the pointer: the highlighted line, the crosshair, the dots and the box of a zoom. */
export function drawOverlay(pen: Pen, { area, strokes, cursor, front, look, drag }: OverlaySpec): void {
  const { box } = area;
  pen.clip(box.left, box.top - 4, box.width + 4, box.height + 5);
  for (const stroke of strokes) {
    if (stroke.bins.id === front) drawLine(pen, area, stroke, { width: 2.5, alpha: 1, band: 0.2 });
  }
  if (drag) pen.rect(Math.min(drag.from, drag.to), box.top, Math.abs(drag.to - drag.from), box.height, { colour: look.accent, alpha: 0.15 });
  if (cursor !== null) drawCursor(pen, area, strokes, cursor, front, look);
  pen.unclip();
}

function drawCursor(pen: Pen, area: Area, strokes: readonly Stroke[], cursor: number, front: string | null, look: Look): void {
  const { box } = area;
  const left = Math.round(area.x.to(cursor)) + 0.5;
  if (!(left >= box.left && left <= box.left + box.width + 1)) return;
  strokeStraight(pen, left, box.top, left, box.top + box.height, look.faint);
  if (strokes.length > 50) return;
  for (const { bins, colour } of strokes) {
    const at = nearestBin(bins.x, cursor);
    const value = drawn(bins, at);
    const place = area.x.to(bins.x[at] ?? NaN);
    if (at < 0 || !Number.isFinite(value) || Math.abs(place - left) > 24) continue;
    pen.dot(place, area.y.to(value), bins.id === front ? 4.5 : 3.5, { colour: look.paper });
    pen.dot(place, area.y.to(value), bins.id === front ? 3.5 : 2.5, { colour });
  }
}

export type { Area, Scale };
