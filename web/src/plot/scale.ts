import { number } from "../format";

export interface Tick {
  value: number;
  label: string;
}

export type ScaleKind = "linear" | "step" | "log" | "time" | "duration";

/** Maps values to pixels. */
export interface Scale {
  readonly kind: ScaleKind;
  readonly low: number;
  readonly high: number;
  to(value: number): number;
  from(pixel: number): number;
  ticks(count: number): Tick[];
}

function linearSteps(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = rough / power;
  return range(low, high, power * (unit < 1.5 ? 1 : unit < 3.5 ? 2 : unit < 7.5 ? 5 : 10));
}

/** Returns the multiples of `step` within the bounds. */
function range(low: number, high: number, step: number): number[] {
  if (!(step > 0) || !Number.isFinite(step)) return [];
  const values: number[] = [];
  const first = Math.ceil(low / step - 1e-9);
  for (let index = first; index * step <= high + step * 1e-9 && values.length < 100; index += 1) values.push(index * step);
  return values;
}

function linearTicks(low: number, high: number, count: number): Tick[] {
  const values = linearSteps(low, high, count);
  const step = values.length > 1 ? (values[1] ?? 0) - (values[0] ?? 0) : high - low;
  return values.map((value) => ({ value, label: tickLabel(value, step) }));
}

/** Labels a tick with as many digits as its distance to the next one needs. */
export function tickLabel(value: number, step: number): string {
  const clean = Math.abs(value) < Math.abs(step) * 1e-9 ? 0 : value;
  const size = Math.abs(clean);
  if (size >= 1e4 && size < 1e15 && Math.abs(step) >= 1) return shortened(clean, step);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) return number(clean, 3);
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(Math.abs(step)) + 1e-9)));
  return clean.toFixed(decimals).replace("-", "\u2212");
}

function shortened(value: number, step: number): string {
  const size = Math.abs(value);
  const [unit, word] = size >= 1e12 ? [1e12, "T"] : size >= 1e9 ? [1e9, "G"] : size >= 1e6 ? [1e6, "M"] : [1e3, "k"];
  const decimals = Math.min(6, Math.max(0, -Math.floor(Math.log10(Math.abs(step) / unit) + 1e-9)));
  return `${(value / unit).toFixed(decimals)}${word}`.replace("-", "\u2212");
}

function logTicks(low: number, high: number, count: number): Tick[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const decades = Math.log10(high / low);
  if (decades < 0.7) return linearTicks(low, high, count).filter(({ value }) => value > 0);
  const every = Math.max(1, Math.ceil((last - first) / Math.max(1, count)));
  const ticks: Tick[] = [];
  for (let power = first; power <= last; power += 1) {
    for (const factor of decades <= 3 ? [1, 2, 5] : [1]) {
      const value = factor * 10 ** power;
      if (value < low * 0.999999 || value > high * 1.000001) continue;
      const shown = (power - first) % every === 0 && (factor === 1 || decades <= 2.2);
      if (shown || decades < 20) ticks.push({ value, label: shown ? number(value, 2) : "" });
    }
  }
  return ticks;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SPANS = [
  1, 10, 100, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
  30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY,
];

function spanFor(length: number, count: number): number {
  return SPANS.find((span) => length / span <= count) ?? 365 * DAY * Math.ceil(length / (365 * DAY * count));
}

const two = (value: number) => String(value).padStart(2, "0");

function timeTicks(low: number, high: number, count: number): Tick[] {
  const step = spanFor(high - low, count);
  const shift = new Date(low).getTimezoneOffset() * MINUTE;
  return range(low - shift, high - shift, step).map((local) => {
    const value = local + shift;
    return { value, label: clock(new Date(value), step) };
  });
}

function clock(date: Date, step: number): string {
  if (step >= DAY) return `${date.getMonth() + 1}/${date.getDate()}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (step >= MINUTE) return time;
  return step >= SECOND ? `${time}:${two(date.getSeconds())}` : `${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function durationTicks(low: number, high: number, count: number): Tick[] {
  if (high - low < 10) return linearTicks(low, high, count).map(({ value, label }) => ({ value, label: `${label} s` }));
  const step = spanFor((high - low) * SECOND, count) / SECOND;
  return range(low, high, step).map((value) => ({ value, label: spanLabel(value, step) }));
}

/** Writes seconds in the largest unit that the distance of the ticks allows. */
export function spanLabel(seconds: number, step: number): string {
  const minus = seconds < 0 ? "\u2212" : "";
  const size = Math.round(Math.abs(seconds));
  if (size === 0) return "0";
  if (step >= 86_400) return `${minus}${Math.round(size / 86_400)} d`;
  const [hours, minutes, rest] = [Math.floor(size / 3600), Math.floor((size % 3600) / 60), size % 60];
  if (step >= 3600) return `${minus}${hours} h`;
  if (hours > 0) return `${minus}${hours}:${two(minutes)}${step < 60 ? `:${two(rest)}` : " h"}`;
  return step >= 60 ? `${minus}${minutes} m` : `${minus}${minutes}:${two(rest)}`;
}

/** Ticks at whole numbers, unless the view is narrower than a step. */
function stepTicks(low: number, high: number, count: number): Tick[] {
  const whole = linearTicks(low, high, count).filter(({ value }) => Math.abs(value - Math.round(value)) < 1e-9);
  return whole.length > 0 ? whole.map(({ value, label }) => ({ value, label: label.replace(/\.0+$/, "") })) : linearTicks(low, high, count);
}

const TICKS = { linear: linearTicks, step: stepTicks, log: logTicks, time: timeTicks, duration: durationTicks } as const;

/** Makes a scale from `low..high` to the pixels `start..end`. Empty domains are widened. */
export function makeScale(kind: ScaleKind, low: number, high: number, start: number, end: number): Scale {
  const [from, to] = widen(kind, low, high);
  const log = kind === "log";
  const [a, b] = log ? [Math.log10(from), Math.log10(to)] : [from, to];
  const slope = (end - start) / (b - a);
  return {
    kind,
    low: from,
    high: to,
    to: (value) => start + ((log ? Math.log10(value) : value) - a) * slope,
    from: (pixel) => {
      const value = a + (pixel - start) / slope;
      return log ? 10 ** value : value;
    },
    ticks: (count) => TICKS[kind](from, to, count),
  };
}

function widen(kind: ScaleKind, low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return kind === "log" ? [0.1, 1] : [0, 1];
  if (low < high) return [low, high];
  if (kind === "log") return [low / 2, low * 2];
  const half = low === 0 ? 0.5 : Math.abs(low) * 0.05;
  return [low - half, low + half];
}
