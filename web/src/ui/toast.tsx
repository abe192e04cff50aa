import { signal } from "@preact/signals";

const message = signal<string | null>(null);
let timer = 0;

/** Shows a short message for a few seconds. */
export function toast(text: string): void {
  message.value = text;
  window.clearTimeout(timer);
  timer = window.setTimeout(() => (message.value = null), 4000);
}

export function Toasts() {
  return <div class="toasts" role="status" aria-live="polite">{message.value ? <div class="toast">{message.value}</div> : null}</div>;
}
