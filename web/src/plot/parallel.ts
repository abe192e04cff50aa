import { number } from "../format";
import type { Look } from "./chart";
import type { Pen } from "./pen";
import { makeScale, type Scale, type Tick } from "./scale";

export interface Axis {
  name: string;
  words: string;
  values: Float64Array;
  categories: readonly string[] | null;
  scale: Scale;
  left: number;
  flipped: boolean;
  brushes: readonly { low: number; high: number }[];
}

export const [TOP, BOTTOM, SIDE] = [40, 24, 64];

function spanOf(values: Float64Array): [number, number, boolean] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high)) return [0, 1, false];
  return [low, high, low > 0 && high / low > 20];
}

const FEW = 6;

/** Lists the values of an axis if there are only a few, so that the ticks are at them. */
function fewValues(values: Float64Array): number[] | null {
  const seen = new Set<number>();
  for (const value of values) {
    if (Number.isFinite(value)) seen.add(value);
    if (seen.size > FEW) return null;
  }
  return [...seen];
}

/** Chooses the scale of an axis: categories evenly, positive values by logarithm if the largest is over 20 times the smallest. */
export function axisScale(values: Float64Array, categories: readonly string[] | null, height: number, flipped: boolean): Scale {
  const [bottom, top] = flipped ? [TOP, height - BOTTOM] : [height - BOTTOM, TOP];
  if (!categories) {
    const [low, high, log] = spanOf(values);
    const scale = makeScale(log ? "log" : "linear", low, high, bottom, top);
    const few = fewValues(values);
    return few ? { ...scale, ticks: () => few.map((value) => ({ value, label: number(value, 4) })) } : scale;
  }
  const scale = makeScale("linear", 0, Math.max(1, categories.length - 1), bottom, top);
  return { ...scale, ticks: () => categories.slice(0, 40).map((label, value) => ({ value, label })) };
}

/** Says whether a line passes all brushes. Several brushes on one axis are alternatives. */
export function passes(axes: readonly Axis[], at: number): boolean {
  return axes.every(({ values, brushes }) => {
    const value = values[at] ?? NaN;
    return brushes.length === 0 || brushes.some(({ low, high }) => value >= low && value <= high);
  });
}

function strokeLine(pen: Pen, axes: readonly Axis[], at: number, height: number, colour: string, width: number, alpha: number): void {
  pen.begin();
  let open = false;
  for (const { values, scale, left } of axes) {
    const value = values[at] ?? NaN;
    const y = Number.isFinite(value) ? scale.to(value) : height - BOTTOM + 12;
    if (open) pen.line(left, y);
    else pen.move(left, y);
    open = true;
  }
  pen.stroke({ colour, width, alpha });
}

/** Ticks nearer than this cannot be read. */
const APART = 13;

/** Leaves out each tick whose label would lie on that of another one. */
function apart(scale: Scale): Tick[] {
  const kept: Tick[] = [];
  for (const tick of scale.ticks(6)) {
    if (tick.label !== "" && kept.every(({ value }) => Math.abs(scale.to(value) - scale.to(tick.value)) >= APART)) kept.push(tick);
  }
  return kept;
}

function drawAxis(pen: Pen, { words, scale, left, brushes }: Axis, height: number, look: Look): void {
  pen.text(left, 12, words.length > 20 ? `${words.slice(0, 19)}…` : words, { colour: look.text, size: 12, align: "center", bold: true });
  pen.begin();
  pen.move(left, TOP);
  pen.line(left, height - BOTTOM);
  pen.stroke({ colour: look.axis, width: 1 });
  for (const { low, high } of brushes) {
    const [a, b] = [scale.to(low), scale.to(high)];
    pen.rect(left - 7, Math.min(a, b), 14, Math.max(2, Math.abs(b - a)), { colour: look.accent, alpha: 0.3 });
  }
  for (const { value, label } of apart(scale)) {
    const y = scale.to(value);
    const text = label.length > 12 ? `${label.slice(0, 11)}…` : label;
    pen.rect(left + 5, y - 7, text.length * 6.2 + 4, 14, { colour: look.paper, alpha: 0.9 });
    pen.text(left + 7, y, text, { colour: look.faint, size: 11 });
    pen.begin();
    pen.move(left - 3, y);
    pen.line(left + 3, y);
    pen.stroke({ colour: look.axis, width: 1 });
  }
}

export interface ParallelSpec {
  axes: readonly Axis[];
  colours: readonly string[];
  ids: readonly string[];
  height: number;
  look: Look;
}

/** Draws the lines that the brushes leave out faintly, then the others. */
export function drawParallel(pen: Pen, { axes, colours, ids, height, look }: ParallelSpec): void {
  const kept: number[] = [];
  const dense = ids.length > 500;
  const brushed = axes.some(({ brushes }) => brushes.length > 0);
  for (let at = 0; at < ids.length; at += 1) {
    if (passes(axes, at)) kept.push(at);
    else strokeLine(pen, axes, at, height, look.grid, 1, 0.5);
  }
  const alpha = dense ? 0.25 : 0.75;
  for (const at of kept) strokeLine(pen, axes, at, height, colours[at] ?? look.faint, brushed ? 1.5 : 1.25, brushed && dense ? 0.6 : alpha);
  for (const axis of axes) drawAxis(pen, axis, height, look);
}

/** Draws one line over the others. */
export function drawFront(pen: Pen, { axes, colours, height, look }: ParallelSpec, at: number): void {
  strokeLine(pen, axes, at, height, look.paper, 6, 0.8);
  strokeLine(pen, axes, at, height, colours[at] ?? look.text, 3, 1);
}

/** Finds the line nearest to a pixel, or -1 if none is near. */
export function lineAt(axes: readonly Axis[], count: number, x: number, y: number): number {
  const right = axes.findIndex(({ left }) => left >= x);
  const [a, b] = [axes[right - 1], axes[right]];
  if (!a || !b) return -1;
  const share = (x - a.left) / (b.left - a.left);
  let [best, least] = [-1, 8];
  for (let at = 0; at < count; at += 1) {
    const height = a.scale.to(a.values[at] ?? NaN) * (1 - share) + b.scale.to(b.values[at] ?? NaN) * share;
    const distance = Math.abs(height - y);
    if (distance < least && passes(axes, at)) [best, least] = [at, distance];
  }
  return best;
}
