/** Colours of runs: a hash of the id, moved to a free place of the palette if two drawn runs would share it. */

export const LIGHT = [
  "#2458d3", "#d2571b", "#0b8276", "#8b3fd1", "#c92a4b", "#7d7300",
  "#0f7fb3", "#c23a94", "#8a5a33", "#2f8233", "#5450c8", "#5e6b7d",
] as const;

export const DARK = [
  "#6ea0ff", "#ff9a55", "#34c7b5", "#bd90ff", "#ff7f93", "#d0c54c",
  "#56c3f5", "#f58ccd", "#d3a67f", "#7cd182", "#9d9fff", "#aab5c5",
] as const;

export const COUNT = LIGHT.length;

const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

/** FNV-1a over the text, as a number of 32 bits. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/** Slots of colours that stay: a run that has one keeps it while others come and go. */
export class Slots {
  private readonly slots = new Map<string, number>();

  /** Gives every id of the drawn set a slot. Slots above the palette's size repeat its colours with dashes. */
  assign(ids: readonly string[]): void {
    const used = new Set<number>();
    for (const id of ids) {
      const slot = this.slots.get(id);
      if (slot !== undefined) used.add(slot);
    }
    for (const id of ids) {
      if (this.slots.has(id)) continue;
      const slot = freeSlot(hash(id) % COUNT, used);
      used.add(slot);
      this.slots.set(id, slot);
    }
  }

  of(id: string): number {
    return this.slots.get(id) ?? hash(id) % COUNT;
  }
}

function freeSlot(wanted: number, used: ReadonlySet<number>): number {
  for (let lap = 0; ; lap += 1) {
    for (let step = 0; step < COUNT; step += 1) {
      const slot = lap * COUNT + ((wanted + step) % COUNT);
      if (!used.has(slot)) return slot;
    }
  }
}

export interface Ink {
  colour: string;
  dash: readonly number[];
}

export function inkOf(slot: number, dark: boolean): Ink {
  const palette = dark ? DARK : LIGHT;
  const colour = palette[slot % COUNT] ?? LIGHT[0];
  return { colour, dash: DASHES[Math.floor(slot / COUNT) % DASHES.length] ?? [] };
}

/** A sequential scale from blue over teal to yellow for values from 0 to 1. */
export function sequential(part: number, dark: boolean): string {
  const stops = dark
    ? [[72, 92, 214], [40, 162, 178], [120, 205, 110], [246, 224, 94]]
    : [[48, 60, 168], [16, 128, 150], [60, 160, 80], [206, 160, 0]];
  const place = Math.min(0.9999, Math.max(0, Number.isFinite(part) ? part : 0)) * (stops.length - 1);
  const low = stops[Math.floor(place)] ?? [0, 0, 0];
  const high = stops[Math.floor(place) + 1] ?? low;
  const mix = place - Math.floor(place);
  const channel = (index: number) => Math.round((low[index] ?? 0) * (1 - mix) + (high[index] ?? 0) * mix);
  return `rgb(${channel(0)} ${channel(1)} ${channel(2)})`;
}

/** The contrast of two colours by WCAG 2. */
export function contrast(first: string, second: string): number {
  const [high, low] = [luminance(first), luminance(second)].sort((a, b) => b - a);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}

function luminance(colour: string): number {
  const channel = (at: number) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
