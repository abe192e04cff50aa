import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Button } from "./parts";

export const helpOpen = signal(false);
export const paletteOpen = signal(false);

/** A dialog over the page. The browser keeps the focus in it, and Escape closes it. */
export function Dialog({ title, close, class: extra, children }: { title: string; close: () => void; class?: string; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={extra ?? ""}
      aria-label={title}
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <header>
        <h2>{title}</h2>
        <Button icon="close" label="Close" class="tiny" onClick={close} />
      </header>
      {children}
    </dialog>
  );
}
