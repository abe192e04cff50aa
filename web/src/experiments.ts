import { effect, signal } from "@preact/signals";
import { getJson } from "./api";
import { Delayed } from "./busy";
import { runsTick } from "./live";
import type { Experiment } from "./types";

/** The paths of experiments by their ids, for all places that only have the id. */
const paths = signal<Map<string, string>>(new Map());

export function pathOf(id: string | null | undefined): string {
  return id ? (paths.value.get(id) ?? id) : "";
}

async function load(): Promise<void> {
  try {
    const { experiments } = await getJson<{ experiments: Experiment[] }>("experiments", { deleted: true });
    paths.value = new Map(experiments.map(({ id, path }) => [id, path]));
  } catch {
    // The pages that list experiments show the error. Here the ids remain.
  }
}

export function watchExperiments(): void {
  void load();
  const refresh = new Delayed(3000, () => void load(), true);
  effect(() => {
    if (runsTick.value > 0) refresh.request();
  });
}
