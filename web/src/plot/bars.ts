import { number } from "../format";
import type { Look } from "./chart";
import type { Pen } from "./pen";
import type { Stroke } from "./series";

interface Bar {
  stroke: Stroke;
  value: number;
  top: number;
}

const HEIGHT = 18;

/** Says whether every line has a single point, so that bars show them better than dots. */
export function allSingle(strokes: readonly Stroke[]): boolean {
  return strokes.length > 0 && strokes.every(({ bins }) => bins.x.length === 1 && bins.meta.points <= 1);
}

/** Sorts the single values, and keeps as many as there is place for. */
export function placeBars(strokes: readonly Stroke[], height: number): Bar[] {
  const most = Math.max(1, Math.floor((height - 8) / HEIGHT));
  return strokes
    .map((stroke) => ({ stroke, value: stroke.bins.mean[0] ?? NaN, top: 0 }))
    .sort((a, b) => (Number.isNaN(a.value) ? 1 : Number.isNaN(b.value) ? -1 : b.value - a.value))
    .slice(0, most)
    .map((bar, index) => ({ ...bar, top: 4 + index * HEIGHT }));
}

export function drawBars(pen: Pen, bars: readonly Bar[], width: number, look: Look, front: string | null): void {
  const finite = bars.map(({ value }) => value).filter(Number.isFinite);
  const low = finite.reduce((least, value) => Math.min(least, value), 0);
  const high = finite.reduce((most, value) => Math.max(most, value), 0);
  const [left, right] = [Math.min(140, width * 0.36), width - 64];
  const place = (value: number) => left + ((value - low) / (high - low || 1)) * (right - left);
  for (const { stroke, value, top } of bars) {
    const faded = front !== null && front !== stroke.bins.id;
    pen.text(left - 8, top + HEIGHT / 2, shorten(stroke.label, left - 12), { colour: faded ? look.faint : look.text, size: 11, align: "right" });
    if (Number.isFinite(value)) {
      const [from, to] = [place(Math.min(0, value)), place(Math.max(0, value))];
      pen.rect(from, top + 3, Math.max(1, to - from), HEIGHT - 6, { colour: stroke.colour, alpha: faded ? 0.35 : 0.85 });
    }
    pen.text((Number.isFinite(value) ? place(Math.max(0, value)) : left) + 6, top + HEIGHT / 2, number(value), { colour: look.text, size: 11 });
  }
}

function shorten(text: string, width: number): string {
  const most = Math.max(4, Math.floor(width / 6));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
