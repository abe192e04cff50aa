import type { Pen } from "./pen";
import type { Scale } from "./scale";
import { drawn, type Bins, type Stroke } from "./series";

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Area {
  box: Box;
  x: Scale;
  y: Scale;
}

function fits(value: number, scale: Scale): boolean {
  return Number.isFinite(value) && (scale.kind !== "log" || value > 0);
}

/** Strokes a row of values. Missing values are gaps, and a point between two gaps is a dot. */
function strokeValues(pen: Pen, area: Area, stroke: Stroke, value: (at: number) => number, width: number, alpha: number): void {
  const { x } = stroke.bins;
  const dots: [number, number][] = [];
  let length = 0;
  let [left, top] = [0, 0];
  pen.begin();
  for (let at = 0; at < x.length; at += 1) {
    const [sx, sy] = [x[at] ?? NaN, value(at)];
    if (!fits(sx, area.x) || !fits(sy, area.y)) {
      if (length === 1) dots.push([left, top]);
      length = 0;
      continue;
    }
    [left, top] = [area.x.to(sx), area.y.to(sy)];
    if (length === 0) pen.move(left, top);
    else pen.line(left, top);
    length += 1;
  }
  if (length === 1) dots.push([left, top]);
  pen.stroke({ colour: stroke.colour, width, dash: stroke.dash, alpha });
  for (const [dotX, dotY] of dots) pen.dot(dotX, dotY, Math.max(2, width + 0.5), { colour: stroke.colour, alpha });
}

/** Fills between the lowest and the highest value of each bin. */
function fillBand(pen: Pen, area: Area, stroke: Stroke, alpha: number): void {
  const { bins } = stroke;
  const floor = area.y.low;
  let start = -1;
  for (let at = 0; at <= bins.x.length; at += 1) {
    const whole = at < bins.x.length && fits(bins.x[at] ?? NaN, area.x) && fits(bins.high[at] ?? NaN, area.y);
    if (whole && start < 0) start = at;
    if (whole || start < 0) continue;
    fillRun(pen, area, bins, start, at, floor);
    pen.fill({ colour: stroke.colour, alpha });
    start = -1;
  }
}

function fillRun(pen: Pen, area: Area, bins: Bins, start: number, end: number, floor: number): void {
  pen.begin();
  for (let at = start; at < end; at += 1) {
    const [x, y] = [area.x.to(bins.x[at] ?? 0), area.y.to(bins.high[at] ?? 0)];
    if (at === start) pen.move(x, y);
    else pen.line(x, y);
  }
  for (let at = end - 1; at >= start; at -= 1) {
    const low = bins.low[at] ?? 0;
    pen.line(area.x.to(bins.x[at] ?? 0), area.y.to(fits(low, area.y) ? low : floor));
  }
  pen.close();
}

function hasBand(bins: Bins): boolean {
  for (let at = 0; at < bins.n.length; at += 1) if ((bins.n[at] ?? 1) > 1) return true;
  return false;
}

/** Marks where a line has NaN, at the lower edge. */
function markNan(pen: Pen, area: Area, stroke: Stroke): void {
  const { nan, x } = stroke.bins;
  if (!nan) return;
  const bottom = area.box.top + area.box.height;
  for (let at = 0; at < x.length; at += 1) {
    if (!nan[at] || !fits(x[at] ?? NaN, area.x)) continue;
    pen.rect(area.x.to(x[at] ?? 0) - 1, bottom - 5, 2, 5, { colour: stroke.colour });
  }
}

/** Marks values outside of the range by small arrows, and returns how many there are. */
function markOutside(pen: Pen, area: Area, stroke: Stroke): number {
  const { x, mean } = stroke.bins;
  const [top, bottom] = [area.box.top, area.box.top + area.box.height];
  let outside = 0;
  for (let at = 0; at < x.length; at += 1) {
    const value = mean[at] ?? NaN;
    if (Number.isNaN(value) || !fits(x[at] ?? NaN, area.x)) continue;
    const above = value > area.y.high;
    const below = value < area.y.low || (area.y.kind === "log" && value <= 0);
    if (!above && !below) continue;
    outside += 1;
    const [left, edge, way] = [area.x.to(x[at] ?? 0), above ? top : bottom, above ? 4 : -4];
    pen.begin();
    pen.move(left, edge);
    pen.line(left - 3, edge + way);
    pen.line(left + 3, edge + way);
    pen.close();
    pen.fill({ colour: stroke.colour });
  }
  return outside;
}

interface LineLook {
  width: number;
  alpha: number;
  /** How strong the band is, 0 for none. */
  band: number;
}

/** Draws one line: its band, the raw line as a ghost if it is smoothed, and the line itself. */
export function drawLine(pen: Pen, area: Area, stroke: Stroke, look: LineLook): void {
  const { bins } = stroke;
  if (look.band > 0 && (bins.meta.group !== undefined || hasBand(bins))) {
    fillBand(pen, area, stroke, look.band * (bins.smooth && bins.meta.group === undefined ? 0.5 : 1));
  }
  if (bins.smooth) strokeValues(pen, area, stroke, (at) => bins.mean[at] ?? NaN, 1, 0.25 * look.alpha);
  strokeValues(pen, area, stroke, (at) => drawn(bins, at), look.width, look.alpha);
}

/** Draws the marks of all lines, and returns how many values are outside of the range. */
export function drawMarks(pen: Pen, area: Area, strokes: readonly Stroke[]): number {
  let outside = 0;
  for (const stroke of strokes) {
    markNan(pen, area, stroke);
    outside += markOutside(pen, area, stroke);
  }
  return outside;
}
