import { useEffect, useRef, useState } from "preact/hooks";
import { getJson, isAbort } from "../api";
import { Delayed } from "../busy";
import { filterHistory } from "../prefs";
import { change, view } from "../store";
import type { Completion } from "../types";
import { Field } from "../ui/parts";
import { problem, table } from "./data";

/** Remembers a filter that was used, newest first. */
function keep(filter: string): void {
  const text = filter.trim();
  if (text === "" || text.length > 1000) return;
  filterHistory.value = [text, ...filterHistory.peek().filter((one) => one !== text)].slice(0, 20);
}

/** Puts a completion in place of the word that ends at the cursor. */
export function complete(text: string, from: number, at: number, word: string): { text: string; at: number } {
  const next = text.slice(0, from) + word + text.slice(at);
  return { text: next, at: from + word.length };
}

/** The error in the words of the command line, which has a caret under the place that it is about. */
function Problem({ message, hint }: { message: string; hint: string | null }) {
  return (
    <div class="caret" role="alert">
      <pre>{message}</pre>
      {hint && !message.includes(hint) ? <p class="hint">{hint}</p> : null}
    </div>
  );
}

interface Suggestion {
  from: number;
  items: Completion["items"];
  error: Completion["error"];
}

type Ask = (text: string, at: number, apply: ((text: string) => void) | null) => void;

/** Asks for completions. A text without an error is applied while it is typed, others wait for Enter. */
function useCompletion(): [Suggestion | null, Ask, () => void] {
  const [suggestion, setSuggestion] = useState<Suggestion | null>(null);
  const running = useRef<AbortController | null>(null);
  const ask = async (text: string, at: number, apply: ((text: string) => void) | null) => {
    running.current?.abort();
    const controller = (running.current = new AbortController());
    try {
      const answer = await getJson<Completion>("complete", { text: text || " ", at, handle: table.peek()?.handle }, controller.signal);
      const error = text.trim() === "" ? null : answer.error;
      setSuggestion({ from: answer.from, items: answer.items.slice(0, 12), error });
      if (!error) apply?.(text);
    } catch (error) {
      if (isAbort(error)) return;
      setSuggestion(null);
      apply?.(text);
    }
  };
  const clear = () => {
    running.current?.abort();
    setSuggestion(null);
  };
  return [suggestion, (text, at, apply) => void ask(text, at, apply), clear];
}

function Suggestions({ items, active, choose }: { items: Completion["items"]; active: number; choose: (index: number) => void }) {
  return (
    <div class="suggestions" role="listbox" id="suggestions" aria-label="Completions">
      {items.map(({ text, kind, detail }, index) => (
        <div
          key={`${kind}${text}`}
          id={`suggestion-${index}`}
          role="option"
          aria-selected={index === active}
          onPointerDown={(event) => {
            event.preventDefault();
            choose(index);
          }}
        >
          <span class="words"><bdi>{text}</bdi></span>
          <span class="detail">{detail ?? kind}</span>
        </div>
      ))}
    </div>
  );
}

/** The filter in the search language, with completions and the error at its place. */
export function FilterBox() {
  const applied = view.value.filter;
  const [text, setText] = useState(applied);
  const [focused, setFocused] = useState(false);
  const [active, setActive] = useState(-1);
  const [suggestion, ask, clear] = useCompletion();
  const input = useRef<HTMLInputElement>(null);
  const pending = useRef<Delayed | null>(null);
  const latest = useRef(applied);
  useEffect(() => {
    if (latest.current !== applied) setText(applied);
    latest.current = applied;
  }, [applied]);
  const submit = (next: string) => {
    pending.current?.cancel();
    latest.current = next;
    change({ filter: next.trim() === "" ? "" : next }, true);
  };
  const onInput = (next: string) => {
    setText(next);
    setActive(-1);
    pending.current?.cancel();
    pending.current = new Delayed(120, () => ask(next, input.current?.selectionStart ?? next.length, submit));
    pending.current.request();
  };
  const recent = focused && text === "" ? filterHistory.value.slice(0, 8).map((one) => ({ text: one, kind: "recent", detail: "recent" })) : [];
  const items = recent.length > 0 ? recent : (suggestion?.items ?? []);
  const open = focused && items.length > 0;
  const choose = (index: number) => {
    const item = items[index];
    if (!item) return;
    const at = input.current?.selectionStart ?? text.length;
    const next = item.kind === "recent" ? { text: item.text, at: item.text.length } : complete(text, suggestion?.from ?? at, at, item.text);
    onInput(next.text);
    requestAnimationFrame(() => input.current?.setSelectionRange(next.at, next.at));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!open) return;
      event.preventDefault();
      setActive((active + (event.key === "ArrowDown" ? 1 : -1) + items.length + 1) % (items.length + 1));
    } else if ((event.key === "Tab" || event.key === "Enter") && open && active >= 0 && active < items.length) {
      event.preventDefault();
      choose(active);
    } else if (event.key === "Enter") {
      submit(text);
      keep(text);
      clear();
    } else if (event.key === "Escape") {
      if (open) clear();
      input.current?.blur();
    }
  };
  const failed = problem.value && applied !== "" ? problem.value.message : null;
  const error = suggestion?.error ?? null;
  return (
    <div
      class={`filter ${failed ? "failed" : ""}`}
      onFocusIn={() => (setFocused(true), text !== "" && ask(text, input.current?.selectionStart ?? text.length, null))}
      onFocusOut={() => (setFocused(false), keep(latest.current))}
    >
      <Field value={text} label="Filter runs" placeholder="Filter: metrics.loss < 0.5 AND params.model = 'cnn'" icon="filter" mono inputRef={input} onInput={onInput} onKeyDown={onKeyDown} />
      {open ? <Suggestions items={items} active={active} choose={choose} /> : null}
      {failed && !open ? <Problem message={error?.message ?? failed} hint={error?.hint ?? null} /> : null}
    </div>
  );
}
