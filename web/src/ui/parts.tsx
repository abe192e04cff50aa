import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { base } from "../api";
import { report } from "../report";

/** The sprite of a report is in the page itself. */
const SPRITE = report ? "" : new URL("assets/icons.svg", base).href;

export function Icon({ name, title }: { name: string; title?: string }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" {...(title ? { role: "img", "aria-label": title } : { "aria-hidden": true })}>
      {title ? <title>{title}</title> : null}
      <use href={`${SPRITE}#${name}`} />
    </svg>
  );
}

interface ButtonProps {
  icon?: string;
  label: string;
  words?: ComponentChildren;
  pressed?: boolean;
  disabled?: boolean;
  reason?: string;
  class?: string;
  keys?: string;
  onClick: (event: MouseEvent) => void;
}

/** A button. Without `words` it shows its icon only, and `label` is its name for screen readers. */
export function Button({ icon, label, words, pressed, disabled, reason, class: extra, keys, onClick }: ButtonProps) {
  const title = disabled && reason ? reason : keys ? `${label} (${keys})` : label;
  return (
    <button
      type="button"
      class={`button ${words === undefined ? "bare" : ""} ${extra ?? ""}`}
      aria-label={words === undefined || typeof words !== "string" ? label : undefined}
      aria-pressed={pressed}
      disabled={disabled}
      title={title}
      onClick={onClick}
    >
      {icon ? <Icon name={icon} /> : null}
      {words === undefined ? null : <span>{words}</span>}
    </button>
  );
}

function place(panel: HTMLElement, anchor: HTMLElement): void {
  const from = anchor.getBoundingClientRect();
  const size = panel.getBoundingClientRect();
  const left = Math.max(8, Math.min(from.left, window.innerWidth - size.width - 8));
  const below = from.bottom + 4;
  const fits = below + size.height <= window.innerHeight - 8;
  const top = fits ? below : Math.max(8, from.top - size.height - 4);
  panel.style.left = `${left}px`;
  panel.style.top = `${fits ? below : top}px`;
}

interface PopoverProps {
  icon?: string;
  label: string;
  words?: ComponentChildren;
  class?: string;
  panelClass?: string;
  disabled?: boolean;
  reason?: string;
  children: (close: () => void) => ComponentChildren;
}

/** A button that opens a panel beside itself. Escape, a click elsewhere and a choice close it. */
export function Popover({ icon, label, words, class: extra, panelClass, disabled, reason, children }: PopoverProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const close = () => {
    setOpen(false);
    root.current?.querySelector<HTMLElement>("button")?.focus();
  };
  useLayoutEffect(() => {
    if (!open || !panel.current || !root.current) return;
    place(panel.current, root.current);
    panel.current.querySelector<HTMLElement>("input, button, [tabindex]")?.focus();
  }, [open]);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    close();
  };
  return (
    <div class="popover" ref={root} onKeyDown={onKey}>
      <button
        type="button"
        class={`button ${words === undefined ? "bare" : ""} ${extra ?? ""}`}
        aria-label={words === undefined ? label : undefined}
        aria-expanded={open}
        aria-haspopup="dialog"
        disabled={disabled}
        title={disabled && reason ? reason : label}
        onClick={() => setOpen(!open)}
      >
        {icon ? <Icon name={icon} /> : null}
        {words === undefined ? null : <span>{words}</span>}
      </button>
      {open ? (
        <div class={`panel ${panelClass ?? ""}`} ref={panel} role="dialog" aria-label={label}>
          {children(close)}
        </div>
      ) : null}
    </div>
  );
}

export interface Choice {
  words: string;
  detail?: string;
  checked?: boolean;
  disabled?: boolean;
  reason?: string;
  choose: () => void;
}

/** The rows of a menu within a popover. */
export function Choices({ items, close }: { items: readonly (Choice | null)[]; close: () => void }) {
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const all = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("button:not(:disabled)")];
    const at = all.indexOf(document.activeElement as HTMLElement);
    all[(at + step + all.length) % all.length]?.focus();
  };
  return (
    <div class="choices" role="menu" onKeyDown={onKey}>
      {items.map((item, index) =>
        item === null ? (
          <hr key={index} />
        ) : (
          <button
            type="button"
            key={index}
            role={item.checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={item.checked}
            disabled={item.disabled}
            title={item.disabled ? item.reason : undefined}
            onClick={() => {
              item.choose();
              close();
            }}
          >
            <span class="tick">{item.checked ? <Icon name="check" /> : null}</span>
            <span class="words">{item.words}</span>
            {item.detail ? <span class="detail">{item.detail}</span> : null}
          </button>
        ),
      )}
    </div>
  );
}

/** What a place shows that has nothing to show, and what to do about it. */
export function Empty({ icon, title, children }: { icon: string; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function ErrorNote({ message, retry }: { message: string; retry?: () => void }) {
  return (
    <div class="error-note" role="alert">
      <Icon name="warning" />
      <span class="words">{message}</span>
      {retry ? <Button label="Try again" words="Try again" onClick={retry} /> : null}
    </div>
  );
}

interface TabSpec {
  id: string;
  words: string;
  detail?: string;
}

export function Tabs({ tabs, current, choose, label }: { tabs: readonly TabSpec[]; current: string; choose: (id: string) => void; label: string }) {
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = tabs.findIndex(({ id }) => id === current);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next) choose(next.id);
    const bar = event.currentTarget as HTMLElement;
    requestAnimationFrame(() => bar.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={onKey}>
      {tabs.map(({ id, words, detail }) => (
        <button
          type="button"
          key={id}
          role="tab"
          aria-selected={id === current}
          tabIndex={id === current ? 0 : -1}
          onClick={() => choose(id)}
        >
          {words}
          {detail ? <span class="badge">{detail}</span> : null}
        </button>
      ))}
    </div>
  );
}

interface FieldProps {
  value: string;
  label: string;
  placeholder?: string;
  icon?: string;
  class?: string;
  mono?: boolean;
  onInput: (text: string) => void;
  onKeyDown?: (event: KeyboardEvent) => void;
  inputRef?: { current: HTMLInputElement | null };
}

/** A line of text with an icon before it and a button that empties it. */
export function Field({ value, label, placeholder, icon, class: extra, mono, onInput, onKeyDown, inputRef }: FieldProps) {
  const own = useRef<HTMLInputElement>(null);
  const input = inputRef ?? own;
  return (
    <div class={`field ${extra ?? ""} ${mono ? "mono" : ""}`}>
      {icon ? <Icon name={icon} /> : null}
      <input
        ref={input}
        type="text"
        value={value}
        aria-label={label}
        placeholder={placeholder ?? label}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => onInput(event.currentTarget.value)}
        {...(onKeyDown ? { onKeyDown } : {})}
      />
      {value !== "" ? <Button icon="close" label="Clear" class="tiny" onClick={() => (onInput(""), input.current?.focus())} /> : null}
    </div>
  );
}

/** A switch with a label. */
export function Toggle({ on, words, flip }: { on: boolean; words: string; flip: () => void }) {
  return (
    <label class="toggle">
      <input type="checkbox" checked={on} onChange={flip} />
      <span>{words}</span>
    </label>
  );
}

/** A row of exclusive choices. */
export function Segments<T extends string>({ options, value, choose, label }: {
  options: readonly (readonly [T, string])[];
  value: T;
  choose: (value: T) => void;
  label: string;
}) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map(([id, words]) => (
        <button type="button" key={id} aria-pressed={id === value} onClick={() => choose(id)}>{words}</button>
      ))}
    </div>
  );
}

/**
 * Returns the size of an element, and keeps it up to date. One of many elements is measured with the next layout: a
 * measure at once would lay the whole page out for each of them.
 */
export function useSize(ref: { current: HTMLElement | null }, isOneOfMany = false): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    if (!isOneOfMany) measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}
