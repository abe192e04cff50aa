import type { Num } from "./types";

/** Turns a number of the wire into one of JavaScript. */
export function toNumber(value: Num | string | null | undefined): number {
  if (value === null || value === undefined || value === "") return NaN;
  return typeof value === "number" ? value : Number(value);
}

const MINUS = "\u2212";

function sign(text: string): string {
  return text.startsWith("-") ? MINUS + text.slice(1) : text;
}

/** Writes a value in at most `digits` significant digits, without trailing zeros. */
export function number(value: number, digits = 5): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "\u221e" : `${MINUS}\u221e`;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e7) {
    if (Number.isInteger(value)) return sign(grouped(String(value)));
    return sign(trimmed(value.toPrecision(Math.max(digits, Math.floor(Math.log10(size)) + 1))));
  }
  return sign(scientific(value, digits));
}

/** Writes a value with a fixed count of digits, so that the digits of a column stand below each other. */
export function aligned(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || Number.isInteger(value) || size < 1e-4 || size >= 1e5) return number(value);
  return sign(value.toFixed(size < 1 ? 5 : Math.max(0, 4 - Math.floor(Math.log10(size)))));
}

function scientific(value: number, digits: number): string {
  const [mantissa = "", exponent = ""] = value.toExponential(digits - 1).split("e");
  return `${trimmed(mantissa)}e${exponent.replace("+", "")}`;
}

function trimmed(text: string): string {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

function grouped(text: string): string {
  return text.replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function count(value: number): string {
  return sign(grouped(String(Math.round(value))));
}

export function plural(value: number, word: string, words = `${word}s`): string {
  return `${count(value)} ${value === 1 ? word : words}`;
}

/** Writes a difference with its sign. */
export function delta(value: number): string {
  if (Number.isNaN(value)) return "";
  if (value === 0) return "\u00b10";
  return value > 0 ? `+${number(value, 3)}` : number(value, 3);
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let size = value;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Writes a span of milliseconds with its two largest units. */
export function duration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return "";
  const negative = milliseconds < 0 ? MINUS : "";
  const size = Math.abs(milliseconds);
  if (size < 1000) return `${negative}${Math.round(size)} ms`;
  const seconds = Math.floor(size / 1000);
  if (seconds < 60) return `${negative}${seconds} s`;
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  if (minutes < 60) return `${negative}${minutes} m ${two(seconds % 60)} s`;
  if (hours < 24) return `${negative}${hours} h ${two(minutes % 60)} m`;
  return `${negative}${days} d ${two(hours % 24)} h`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

export function dateTime(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined || !Number.isFinite(milliseconds)) return "";
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return "";
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Writes how long ago something was, as one unit. */
export function age(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return "";
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Cuts long text, so that one name of a megabyte does not slow the page down. */
export function cut(text: string, limit = 300): string {
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}

export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** Estimates when a run ends, from its steps so far and the total that a param names. */
export function remaining(start: number, time: number, done: number, total: number): number {
  if (!(done > 0) || !(total > done) || !(time > start)) return NaN;
  return ((time - start) / done) * (total - done);
}
