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
function complete(text: string, from: number, at: number, word: string): { text: string; at: number } {
  const next = text.slice(0, from) + word + text.slice(at);
  return { text: next, at: from + word.length };
}

/** The error in the words of the command line, which has a caret under the place that it is about. */
function Problem({ message, hint }: { message: string; hint: string | null }) {
  return (
    <div class="caret" role="alert">
      <pre tabIndex={0}>{message}</pre>
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

interface Draft {
  text: string;
  input: { current: HTMLInputElement | null };
  suggestion: Suggestion | null;
  type: (text: string) => void;
  submit: (text: string) => void;
  ask: () => void;
  clear: () => void;
}

/** The text as it is typed. It becomes the filter of the view as soon as it is a whole one. */
function useDraft(applied: string): Draft {
  const [text, setText] = useState(applied);
  const [suggestion, ask, clear] = useCompletion();
  const input = useRef<HTMLInputElement>(null);
  const pending = useRef<Delayed | null>(null);
  const latest = useRef(applied);
  useEffect(() => {
    if (latest.current !== applied) setText(applied);
    latest.current = applied;
  }, [applied]);
  const place = (next: string) => input.current?.selectionStart ?? next.length;
  const submit = (next: string) => {
    pending.current?.cancel();
    latest.current = next;
    change({ filter: next.trim() === "" ? "" : next }, true);
  };
  const type = (next: string) => {
    setText(next);
    pending.current?.cancel();
    pending.current = new Delayed(120, () => ask(next, place(next), submit));
    pending.current.request();
  };
  return { text, input, suggestion, type, submit, clear, ask: () => ask(text, place(text), null) };
}

/** Returns the completion that the arrow keys lead to. -1 is the text itself. */
function nextActive(key: string, active: number, count: number): number {
  return ((active + 1 + (key === "ArrowDown" ? 1 : -1) + count + 1) % (count + 1)) - 1;
}

/** The filter in the search language, with completions and the error at its place. */
export function FilterBox() {
  const applied = view.value.filter;
  const draft = useDraft(applied);
  const [focused, setFocused] = useState(false);
  const [active, setActive] = useState(-1);
  const { text, input, suggestion } = draft;
  const recent = focused && text === "" ? filterHistory.value.slice(0, 8).map((one) => ({ text: one, kind: "recent", detail: "recent" })) : [];
  const items = recent.length > 0 ? recent : (suggestion?.items ?? []);
  const open = focused && items.length > 0;
  const type = (next: string) => {
    setActive(-1);
    draft.type(next);
  };
  const choose = (index: number) => {
    const item = items[index];
    if (!item) return;
    const at = input.current?.selectionStart ?? text.length;
    const next = item.kind === "recent" ? { text: item.text, at: item.text.length } : complete(text, suggestion?.from ?? at, at, item.text);
    type(next.text);
    requestAnimationFrame(() => input.current?.setSelectionRange(next.at, next.at));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const chosen = open && active >= 0 && active < items.length;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      setActive(nextActive(event.key, active, items.length));
    } else if (chosen && (event.key === "Tab" || event.key === "Enter")) {
      event.preventDefault();
      choose(active);
    } else if (event.key === "Enter") {
      draft.submit(text);
      keep(text);
      draft.clear();
    } else if (event.key === "Escape") {
      draft.clear();
      input.current?.blur();
    }
  };
  const refused = problem.value && applied !== "" ? problem.value.message : null;
  const error = suggestion?.error ?? null;
  const message = error?.message ?? refused;
  const shown = message !== null && !open && (refused !== null || (!focused && text !== applied));
  return (
    <div
      class={`filter ${shown ? "failed" : ""}`}
      onFocusIn={() => (setFocused(true), text !== "" && draft.ask())}
      onFocusOut={() => (setFocused(false), text === applied && keep(text))}
    >
      <Field value={text} label="Filter runs" placeholder="Filter: metrics.loss < 0.5 AND params.model = 'cnn'" icon="filter" mono inputRef={input} onInput={type} onKeyDown={onKeyDown} />
      {open ? <Suggestions items={items} active={active} choose={choose} /> : null}
      {shown ? <Problem message={message} hint={error?.hint ?? null} /> : null}
    </div>
  );
}
