import type { Key } from "../types";

const [MOST_PARAMS, MOST_METRICS] = [5, 4];

/** Puts metrics that people judge runs by before others. */
export function rankOf(key: string): number {
  return /loss|acc|score|f1|auc|err/i.test(key) ? 0 : 1;
}

/** Chooses the columns that are shown if the reader chose none. Columns that are shown already stay in their place. */
export function chooseColumns(present: readonly string[], params: readonly Key[], metrics: readonly Key[]): string[] {
  const differing = params.filter(({ constant, distinct }) => !constant && distinct > 1);
  const differ = (differing.length > 0 ? differing : params).map(({ key }) => `params.${key}`);
  const wide = [...metrics].sort((a, b) => b.runs - a.runs || rankOf(a.key) - rankOf(b.key)).map(({ key }) => `metrics.${key}`);
  const fill = (names: string[], prefix: string, most: number) => {
    const kept = present.filter((name) => name.startsWith(prefix) && names.includes(name));
    return [...kept, ...names.filter((name) => !kept.includes(name))].slice(0, Math.max(most, kept.length));
  };
  return [...fill(differ, "params.", MOST_PARAMS), ...fill(wide, "metrics.", MOST_METRICS)];
}
