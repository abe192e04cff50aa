import { effect, signal } from "@preact/signals";
import { getJson } from "./api";
import { Delayed } from "./busy";
import { runsTick } from "./live";
import type { Experiment } from "./types";

/** All experiments by their ids, for all places that only have the id. */
const known = signal<Map<string, Experiment>>(new Map());

export function pathOf(id: string | null | undefined): string {
  return id ? (known.value.get(id)?.path ?? id) : "";
}

/** The tag of an experiment with the name of the view that its link opens. */
export const VIEW_TAG = "tracklite.view";

/** Returns the name of the view with which an experiment opens. */
export function viewOf(id: string): string | null {
  return known.value.get(id)?.tags[VIEW_TAG] ?? null;
}

export async function loadExperiments(): Promise<void> {
  try {
    const { experiments } = await getJson<{ experiments: Experiment[] }>("experiments", { deleted: true });
    known.value = new Map(experiments.map((one) => [one.id, one]));
  } catch {
    // The pages that list experiments show the error. Here the ids remain.
  }
}

export function watchExperiments(): void {
  void loadExperiments();
  const refresh = new Delayed(3000, () => void loadExperiments(), true);
  effect(() => {
    if (runsTick.value > 0) refresh.request();
  });
}
