import { computed } from "@preact/signals";
import { isDark } from "../prefs";
import type { Look } from "./chart";

/** The colours of charts, read from the variables of the style sheet. */
export const look = computed<Look>(() => {
  const dark = isDark();
  document.documentElement.dataset["theme"] = dark ? "dark" : "light";
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return { text: read("--text"), faint: read("--text-faint"), grid: read("--grid"), axis: read("--axis"), paper: read("--paper"), accent: read("--accent") };
});
