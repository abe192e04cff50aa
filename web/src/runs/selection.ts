import { signal } from "@preact/signals";

/** The run or group under the pointer, wherever the pointer is. Every pane highlights it. */
export const hovered = signal<string | null>(null);

/** The line of the table that the keyboard is on. */
export const cursor = signal(0);

export function hover(id: string | null): void {
  if (hovered.peek() !== id) hovered.value = id;
}
