import { effect, signal } from "@preact/signals";
import { kept } from "./prefs";
import { readView, writeView } from "./state";
import { go, page, query, view } from "./store";

/** The reader's own view of the runs. A link from somebody else does not overwrite it. */

const isText = (value: unknown): value is string | null => value === null || typeof value === "string";
const mine = kept<string | null>("view", null, isText);

/** Whether the present view came by a link, and the reader has not decided about it. */
export const shared = signal(false);
const MARK = "tracklite.shared";

/** The reader's own view as a query, for the way back to the runs. */
export function ownQuery(): URLSearchParams {
  return new URLSearchParams(shared.value ? "" : (mine.value ?? ""));
}

function storage(use: (storage: Storage) => void): void {
  try {
    use(sessionStorage);
  } catch {
    // Storage may be forbidden. A reload then forgets that the view is somebody else's.
  }
}

function cameByLink(): boolean {
  const entry = performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming | undefined;
  if (entry?.type === "navigate") {
    const text = writeView(readView(query.peek())).toString();
    return text !== "" && mine.peek() !== null && text !== mine.peek();
  }
  let marked = false;
  storage((session) => (marked = session.getItem(MARK) === "1"));
  return marked;
}

/** Keeps the reader's own view, except while the view is somebody else's. */
export function watchMine(): void {
  if (page.peek() === "runs") shared.value = cameByLink();
  effect(() => {
    const mark = shared.value ? "1" : "0";
    storage((session) => session.setItem(MARK, mark));
  });
  effect(() => {
    if (page.value === "runs" && !shared.value) mine.value = writeView(view.value).toString();
  });
}

export function keepShared(): void {
  shared.value = false;
}

export function backToMine(): void {
  go(["runs"], new URLSearchParams(mine.peek() ?? ""));
  shared.value = false;
}
