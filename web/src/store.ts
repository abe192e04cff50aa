import { computed, signal } from "@preact/signals";
import { base } from "./api";
import { report } from "./report";
import { readView, writeView, type View } from "./state";

export interface Place {
  /** The parts of the path below `ui/`, decoded. */
  path: string[];
  query: string;
}

/** What all places begin with. A report has its place in the fragment, because a file has no paths. */
const ROOT = report ? "#/" : new URL("ui/", base).pathname;

/** Returns the address of the present place. */
function present(): string {
  if (!report) return location.pathname + location.search;
  return location.hash.startsWith(ROOT) ? location.hash : `${ROOT}runs?${report.query}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A longer query goes into the fragment, which no server sees, because servers refuse long addresses. */
const LONGEST = 2000;
const IN_FRAGMENT = "#s=";

function readPlace(): Place {
  const [full = "", ...search] = present().split("?");
  const path = full.startsWith(ROOT) ? full.slice(ROOT.length) : "";
  const parts = path.split("/").filter((part) => part !== "").map(decode);
  const isLong = !report && location.hash.startsWith(IN_FRAGMENT);
  const query = isLong ? location.hash.slice(IN_FRAGMENT.length) : search.join("?");
  return { path: parts.length === 0 ? ["runs"] : parts, query };
}

export const isLong = (query: string) => query.length > LONGEST;

export const place = signal<Place>(readPlace());
export const page = computed(() => place.value.path[0] ?? "runs");
export const query = computed(() => new URLSearchParams(place.value.query));
export const view = computed<View>(() => readView(query.value));

export function link(path: readonly string[], search: URLSearchParams | Record<string, string> = {}): string {
  const text = new URLSearchParams(search).toString();
  const mark = isLong(text) && !report ? IN_FRAGMENT : "?";
  return ROOT + path.map(encodeURIComponent).join("/") + (text === "" ? "" : mark + text);
}

function visit(url: string, replace: boolean): void {
  if (url === (report ? present() : present() + location.hash)) return;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  place.value = readPlace();
}

export function go(path: readonly string[], search: URLSearchParams | Record<string, string> = {}, replace = false): void {
  visit(link(path, search), replace);
}

/** Changes the view of the present page. Small steps, such as typing, replace the entry of the history. */
export function change(patch: Partial<View>, replace = false): void {
  const next = { ...view.peek(), ...patch };
  visit(link(place.peek().path, writeView(next)), replace);
}

/** Changes one query parameter of a page that is not about runs. */
export function setQuery(key: string, value: string | null, replace = false): void {
  const next = new URLSearchParams(place.peek().query);
  if (value === null || value === "") next.delete(key);
  else next.set(key, value);
  visit(link(place.peek().path, next), replace);
}

/** Follows links within the page without a reload, and the history's back and forward. */
export function followLinks(): void {
  window.addEventListener("popstate", () => (place.value = readPlace()));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const anchor = (event.target as Element).closest?.("a[href]");
    if (!(anchor instanceof HTMLAnchorElement) || anchor.target !== "" || anchor.hasAttribute("download")) return;
    const target = report ? anchor.hash : anchor.pathname + anchor.search;
    if (anchor.origin !== location.origin || !target.startsWith(ROOT)) return;
    event.preventDefault();
    visit(report ? target : target + anchor.hash, false);
  });
  if (report) history.replaceState(null, "", present());
  else if (!location.pathname.startsWith(ROOT)) history.replaceState(null, "", link(["runs"], query.peek()));
}
