import { signal } from "@preact/signals";
import { messageOf, sendJson } from "../api";
import { plural } from "../format";
import { change, view } from "../store";
import { toast } from "../ui/toast";
import { reload } from "./data";

type Undo = { words: string; run: () => Promise<unknown> };

/** The edits that can be taken back, newest last. */
const undos: Undo[] = [];
export const edits = signal(0);

/** Makes an edit, and remembers how to take it back. Refusals are shown with the server's words. */
export async function edit(words: string, work: () => Promise<unknown>, back?: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    if (back) undos.push({ words, run: back });
    toast(back ? `${words}. Press u to undo.` : words);
    edits.value += 1;
    return true;
  } catch (error) {
    toast(messageOf(error));
    return false;
  }
}

export async function undo(): Promise<void> {
  const last = undos.pop();
  if (!last) return toast("Nothing to undo");
  try {
    await last.run();
    toast(`Undone: ${last.words}`);
    edits.value += 1;
    reload();
  } catch (error) {
    toast(messageOf(error));
  }
}

interface Changed {
  changed: number;
  failed: { id: string; message: string }[];
  undo: string | null;
}

/** Changes many runs. Fails with words if some of them could not be changed. */
async function bulk(path: string, body: Record<string, unknown>): Promise<Changed> {
  const changed = await sendJson<Changed>("POST", path, body);
  const [first] = changed.failed;
  if (first) toast(`${plural(changed.failed.length, "run")} could not be changed: ${first.message}`);
  return changed;
}

const setLifecycle = (runs: readonly string[], lifecycle: string) => bulk("runs/bulk", { runs, lifecycle });

export async function archive(runs: readonly string[], lifecycle: "active" | "deleted"): Promise<void> {
  const words = `${lifecycle === "deleted" ? "Deleted" : "Restored"} ${plural(runs.length, "run")}`;
  const other = lifecycle === "deleted" ? "active" : "deleted";
  if (await edit(words, () => setLifecycle(runs, lifecycle), () => setLifecycle(runs, other))) {
    const { selected, pins, baseline } = view.peek();
    const left = (ids: readonly string[]) => ids.filter((id) => !runs.includes(id));
    change({ selected: left(selected), pins: left(pins), baseline: baseline && runs.includes(baseline) ? null : baseline }, true);
    reload();
  }
}

/** Gives many runs a tag. The server knows their former values, and brings them back. */
export async function tagAll(runs: readonly string[], text: string): Promise<void> {
  const [key = "", ...rest] = text.split("=");
  if (key.trim() === "") return;
  const tags = { [key.trim()]: rest.join("=").trim() };
  let word: string | null = null;
  const work = async () => (word = (await bulk("runs/bulk", { runs, tags })).undo);
  if (await edit(`Tagged ${plural(runs.length, "run")}`, work, () => bulk("runs/undo", { undo: word }))) reload();
}

/** Changes a run, with the former state as the way back. */
export async function patchRun(id: string, words: string, patch: Record<string, unknown>, before: Record<string, unknown>): Promise<boolean> {
  return edit(words, () => sendJson("PATCH", `runs/${id}`, patch), () => sendJson("PATCH", `runs/${id}`, before));
}
