import { useEffect, useState } from "preact/hooks";
import { getFrame, isAbort, messageOf, postFrame } from "../api";
import type { QueryMeta } from "../types";
import { view } from "../store";
import { queryBody, table, type Rows } from "./data";

/** Rows of all runs with a few columns, for pictures that have one mark a run. */

const MOST = 20_000;
const STEP = 20_000;

export interface Cloud {
  ids: string[];
  names: string[];
  /** One array of numbers for each column. Texts have the place of their category. */
  values: Float64Array[];
  /** The categories of columns that are not numbers. */
  categories: (string[] | null)[];
  total: number;
}

function numbersOf(frames: readonly Rows[], name: string, length: number): { values: Float64Array; categories: string[] | null } {
  const texts: (string | null)[] = [];
  const values = new Float64Array(length);
  let numeric = true;
  for (const frame of frames) {
    const column = frame.column(name);
    for (let row = 0; row < frame.rows; row += 1) {
      const text = column?.text(row) ?? null;
      const value = text === null || text === "" ? NaN : Number(text);
      if (text !== null && text !== "" && text !== "NaN" && Number.isNaN(value)) numeric = false;
      values[texts.length] = value;
      texts.push(text);
    }
  }
  if (numeric) return { values, categories: null };
  const categories = [...new Set(texts.filter((text): text is string => text !== null))].sort();
  const place = new Map(categories.map((text, index) => [text, index]));
  return { values: values.map((_, at) => place.get(texts[at] ?? "") ?? NaN), categories };
}

async function load(columns: readonly string[], signal: AbortSignal): Promise<Cloud> {
  const first = await postFrame<QueryMeta>("runs/query", { ...queryBody(columns, false), limit: STEP }, signal);
  const frames = [first];
  let loaded = first.rows;
  while (loaded < Math.min(MOST, first.meta.total)) {
    const next = await getFrame<QueryMeta>(`runs/query/${first.meta.handle}`, { offset: loaded, limit: STEP }, signal);
    if (next.rows === 0) break;
    frames.push(next);
    loaded += next.rows;
  }
  const read = columns.map((name) => numbersOf(frames, name, loaded));
  const text = (name: string) => frames.flatMap((frame) => Array.from({ length: frame.rows }, (_, row) => frame.column(name)?.text(row) ?? ""));
  return { ids: text("id"), names: text("name"), values: read.map(({ values }) => values), categories: read.map(({ categories }) => categories), total: first.meta.total };
}

export function useCloud(columns: readonly string[]): { cloud: Cloud | null; error: string | null } {
  const [state, setState] = useState<{ cloud: Cloud | null; error: string | null; columns: string }>({ cloud: null, error: null, columns: "" });
  const { filter, experiments, under, lifecycle } = view.value;
  const scope = JSON.stringify([filter, experiments, under, lifecycle, table.value?.position]);
  const key = columns.join("\u0001");
  useEffect(() => {
    if (columns.length === 0) return;
    const controller = new AbortController();
    load(columns, controller.signal)
      .then((cloud) => setState({ cloud, error: null, columns: key }))
      .catch((error) => isAbort(error) || setState({ cloud: null, error: messageOf(error), columns: key }));
    return () => controller.abort();
  }, [scope, key]);
  return state.columns === key ? state : { cloud: null, error: null };
}
