import { effect, signal, type Signal } from "@preact/signals";

/** What belongs to the reader and not to a link: theme, density, widths. Kept in the browser. */

export function kept<T>(key: string, otherwise: T, valid: (value: unknown) => value is T): Signal<T> {
  const name = `tracklite.${key}`;
  let start = otherwise;
  try {
    const value: unknown = JSON.parse(localStorage.getItem(name) ?? "null");
    if (valid(value)) start = value;
  } catch {
    start = otherwise;
  }
  const value = signal<T>(start);
  let first = true;
  effect(() => {
    const text = JSON.stringify(value.value);
    if (!first) save(name, text);
    first = false;
  });
  return value;
}

function save(name: string, text: string): void {
  try {
    localStorage.setItem(name, text);
  } catch {
    // Storage may be full or forbidden. The preference then lasts as long as the page.
  }
}

type Theme = "system" | "light" | "dark";

const isTheme = (value: unknown): value is Theme => value === "system" || value === "light" || value === "dark";
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const isWords = (value: unknown): value is string[] => Array.isArray(value) && value.every((one) => typeof one === "string");
const isWidths = (value: unknown): value is Record<string, number> =>
  typeof value === "object" && value !== null && Object.values(value).every(isNumber);

export const theme = kept<Theme>("theme", "system", isTheme);
export const dense = kept<boolean>("dense", true, isFlag);
export const railOpen = kept<boolean>("rail", true, isFlag);
export const tableShare = kept<number>("tableShare", 46, isNumber);
export const columnWidths = kept<Record<string, number>>("columnWidths", {}, isWidths);
export const filterHistory = kept<string[]>("filters", [], isWords);

/** Says whether the browser matches a condition, now and later. */
function matched(condition: string): Signal<boolean> {
  const found = window.matchMedia(condition);
  const value = signal(found.matches);
  found.addEventListener("change", () => (value.value = found.matches));
  return value;
}

const systemIsDark = matched("(prefers-color-scheme: dark)");
const onPaper = matched("print");

/** Paper is light, whatever the screen is. */
export function isDark(): boolean {
  return !onPaper.value && (theme.value === "dark" || (theme.value === "system" && systemIsDark.value));
}

export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
  });
  effect(() => {
    document.documentElement.dataset["density"] = dense.value ? "dense" : "roomy";
  });
}

export function switchTheme(): void {
  theme.value = isDark() ? "light" : "dark";
}
