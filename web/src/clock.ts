import { signal } from "@preact/signals";

/** The server's time in milliseconds, in steps of five seconds, so that ages do not depend on this machine's clock. */
export const now = signal(Date.now());

let shift = 0;

export function setServerTime(time: number): void {
  if (Number.isFinite(time)) shift = time - Date.now();
  now.value = Date.now() + shift;
}

export function startClock(): void {
  window.setInterval(() => {
    if (!document.hidden) now.value = Date.now() + shift;
  }, 5000);
}
