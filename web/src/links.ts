import { effect, untracked } from "@preact/signals";
import { ApiError, getJson, messageOf, sendJson } from "./api";
import { file, readOnlyReason } from "./file";
import { packed, unpacked } from "./pack";
import { viewToRecord } from "./state";
import { go, isLong, link, page, place, query, view } from "./store";
import type { SavedView } from "./types";
import { toast } from "./ui/toast";

/** Links to views. One that is too long for an address is stored in the file under a name made of its content. */

const UNNAMED = /^~[0-9a-f]{16}$/;
const PACKED = "#z=";

export const isUnnamed = (name: string) => UNNAMED.test(name);

/** Names a state by its content, so that equal states have one name. */
export function nameOfState(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return `~${hash.toString(16).padStart(16, "0")}`;
}

async function store(state: Record<string, string>): Promise<string> {
  const name = nameOfState(new URLSearchParams(state).toString());
  try {
    await sendJson("PUT", `views/${encodeURIComponent(name)}`, { state, expects: 0 });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
  }
  return name;
}

/** Returns a link to the present view that is short enough to send. */
export async function shareable(): Promise<string> {
  if (page.peek() !== "runs" || !isLong(query.peek().toString())) return location.href;
  const start = new URL(link(place.peek().path), location.href).href;
  if (readOnlyReason(file.peek()) === null) {
    try {
      return `${start}?view=${await store(viewToRecord(view.peek()))}`;
    } catch (error) {
      toast(`The view cannot be stored in the file, so the link is long: ${messageOf(error)}`);
    }
  }
  return start + PACKED + (await packed(query.peek().toString()));
}

/** Opens a view of the file. */
export async function openView(name: string, replace = false): Promise<void> {
  try {
    const saved = await getJson<SavedView>(`views/${encodeURIComponent(name)}`);
    go(["runs"], { ...(saved.state ?? {}), ...(isUnnamed(name) ? {} : { view: name }) }, replace);
  } catch (error) {
    toast(messageOf(error));
  }
}

/** Opens what a link stands for: a packed state, or a view of the file. */
export async function followEntry(): Promise<void> {
  if (page.peek() !== "runs") return;
  if (location.hash.startsWith(PACKED)) {
    try {
      go(["runs"], new URLSearchParams(await unpacked(location.hash.slice(PACKED.length))), true);
    } catch {
      toast("The link is cut or damaged. This is the view without it.");
      go(["runs"], {}, true);
    }
  }
  const name = onlyView(query.peek());
  if (name !== null) await openView(name, true);
}

/** Returns the name of the view if an address has nothing else. */
function onlyView(found: URLSearchParams): string | null {
  const [only, ...others] = [...found.keys()];
  return only === "view" && others.length === 0 ? found.get("view") : null;
}

/** Opens the views that links within the page name. */
export function watchViewLinks(): void {
  effect(() => {
    const name = page.value === "runs" ? onlyView(query.value) : null;
    if (name !== null) untracked(() => void openView(name, true));
  });
}
