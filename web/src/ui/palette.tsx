import { useEffect, useState } from "preact/hooks";
import { getJson, isAbort, postFrame } from "../api";
import { BINDINGS } from "../keys";
import { pathOf } from "../experiments";
import { go, page } from "../store";
import { runRow } from "../runs/rows";
import { quoteText } from "../runs/names";
import type { Experiment, Keys, Model, QueryMeta } from "../types";
import { joinList } from "../state";
import { cut } from "../format";
import { Dialog, paletteOpen } from "./dialogs";
import { Field } from "./parts";

interface Found {
  kind: string;
  words: string;
  detail: string;
  open: () => void;
}

function commands(search: string): Found[] {
  const here = (where: string) => where === "everywhere" || page.peek() === "runs";
  return BINDINGS.filter(({ words, where, keys }) => here(where) && keys !== "Ctrl-K" && words.toLowerCase().includes(search.toLowerCase()))
    .slice(0, search === "" ? 8 : 5)
    .map(({ keys, words, run }) => ({ kind: "command", words, detail: keys, open: run }));
}

async function runs(search: string, signal: AbortSignal): Promise<Found[]> {
  const filter = `attributes.run_name ILIKE ${quoteText(`%${search}%`)}`;
  const frame = await postFrame<QueryMeta>("runs/query", { filter, order: [], view: "active", group: null, columns: [], offset: 0, limit: 8 }, signal);
  return Array.from({ length: frame.rows }, (_, row) => {
    const { id, name } = runRow(frame, row);
    return { kind: "run", words: name, detail: pathOf(frame.column("experiment")?.text(row)), open: () => go(["run", id]) };
  });
}

const matches = (text: string, search: string) => text.toLowerCase().includes(search.toLowerCase());
const escapePattern = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

async function others(search: string, signal: AbortSignal): Promise<Found[]> {
  const [experiments, models, keys] = await Promise.all([
    getJson<{ experiments: Experiment[] }>("experiments", {}, signal),
    getJson<{ models: Model[] }>("models", {}, signal),
    getJson<Keys>("keys", { kind: "metric", search: escapePattern(search), limit: 6 }, signal),
  ]);
  return [
    ...experiments.experiments.filter(({ path }) => matches(path, search)).slice(0, 6).map(({ id, path, runs: size }): Found => ({ kind: "experiment", words: path, detail: `${size} runs`, open: () => go(["runs"], { e: id }) })),
    ...models.models.filter(({ name }) => matches(name, search)).slice(0, 6).map(({ name }): Found => ({ kind: "model", words: name, detail: "", open: () => go(["models", name]) })),
    ...keys.keys.map(({ key, runs: size }): Found => ({ kind: "metric", words: key, detail: `${size} runs`, open: () => go(["runs"], { card: joinList([key]) }) })),
  ];
}

function useSearch(search: string): Found[] {
  const [found, setFound] = useState<Found[]>([]);
  useEffect(() => {
    if (search.trim() === "") return setFound([]);
    const controller = new AbortController();
    const timer = window.setTimeout(() => {
      Promise.allSettled([runs(search, controller.signal), others(search, controller.signal)]).then((parts) => {
        if (!controller.signal.aborted) setFound(parts.flatMap((part) => (part.status === "fulfilled" ? part.value : [])));
      }).catch((error) => isAbort(error));
    }, 80);
    return () => {
      window.clearTimeout(timer);
      controller.abort();
    };
  }, [search]);
  return found;
}

function Search() {
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const items = [...useSearch(text), ...commands(text)];
  const close = () => (paletteOpen.value = false);
  const choose = (item: Found | undefined) => {
    close();
    item?.open();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setActive((active + step + items.length) % Math.max(1, items.length));
    } else if (event.key === "Enter") choose(items[active]);
  };
  return (
    <>
      <Field value={text} label="Search runs, experiments, metrics, models and commands" icon="search" onInput={(next) => (setText(next), setActive(0))} onKeyDown={onKeyDown} />
      <div class="found" role="listbox" aria-label="Found">
        {items.map((item, at) => (
          <div key={`${item.kind}${item.words}${at}`} role="option" aria-selected={at === active} onPointerEnter={() => setActive(at)} onClick={() => choose(item)}>
            <span class="kind">{item.kind}</span>
            <bdi class="words">{cut(item.words, 120)}</bdi>
            <span class="detail">{cut(item.detail, 60)}</span>
          </div>
        ))}
      </div>
    </>
  );
}

export function Palette() {
  if (!paletteOpen.value) return null;
  return <Dialog title="Search everything" class="palette" close={() => (paletteOpen.value = false)}><Search /></Dialog>;
}
