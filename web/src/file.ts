import { effect, signal } from "@preact/signals";
import { ApiError, getJson, messageOf } from "./api";
import { Delayed } from "./busy";
import { setServerTime } from "./clock";
import { registryTick, runsTick } from "./live";
import { report } from "./report";
import type { FileInfo } from "./types";

/** The file that the server serves. */
export const file = signal<FileInfo | null>(null);
export const fileProblem = signal<{ message: string; status: number } | null>(null);

export async function loadFile(): Promise<FileInfo | null> {
  try {
    const info = await getJson<FileInfo>("file");
    setServerTime(info.now);
    fileProblem.value = null;
    return (file.value = info);
  } catch (error) {
    fileProblem.value = { message: messageOf(error), status: error instanceof ApiError ? error.status : 0 };
    return null;
  }
}

/** Says why nothing can be changed, or null if it can. */
export function readOnlyReason(info: FileInfo | null): string | null {
  if (!info) return "The file is not loaded yet";
  if (report) return "This is a report";
  if (info.read_only) return "The file is open for reading only";
  return info.writable ? null : "Your token may only read";
}

export function watchFile(): void {
  const refresh = new Delayed(2000, () => void loadFile(), true);
  effect(() => {
    if (runsTick.value + registryTick.value > 0) refresh.request();
  });
}
