/** Names of fields: as the page has them, with the key as it is ("min.val loss"), and as the search language quotes it. */

export const AGGREGATES = ["last", "best", "smooth_best", "min", "max", "mean", "count", "nan_count", "curve"] as const;
/** What of a metric is shown. A value at a step is `at_` and the step. */
type Aggregate = (typeof AGGREGATES)[number] | `at_${number}`;

export interface Field {
  kind: "attribute" | "param" | "metric" | "tag";
  key: string;
  aggregate: Aggregate;
}

const PREFIXES = { "params.": "param", "metrics.": "metric", "tags.": "tag", "attributes.": "attribute" } as const;
const STATISTIC = /^(best|smooth_best|min|max|mean|count|nan_count|curve|at_-?\d+)\.(.*)$/s;

export function parseField(name: string): Field {
  for (const [prefix, kind] of Object.entries(PREFIXES)) {
    if (name.startsWith(prefix)) return { kind, key: name.slice(prefix.length), aggregate: "last" };
  }
  const match = STATISTIC.exec(name);
  if (match) return { kind: "metric", key: match[2] ?? "", aggregate: match[1] as Aggregate };
  return { kind: "attribute", key: name, aggregate: "last" };
}

export function fieldName({ kind, key, aggregate }: Field): string {
  return kind === "metric" && aggregate !== "last" ? `${aggregate}.${key}` : `${kind}s.${key}`;
}

/** Writes a key as the search language needs it: bare, in backticks, or in quotes if it has a backtick. */
export function quoteKey(key: string): string {
  if (/^[\p{L}_][\p{L}\p{N}_.]*$/u.test(key)) return key;
  return key.includes("`") ? `"${key}"` : `\`${key}\``;
}

export function quoteText(text: string): string {
  return text.includes("'") ? `"${text}"` : `'${text}'`;
}

/** Writes a field for the search language, in which the statistics of a metric are prefixes of their own. */
export function searchName(name: string): string {
  const { kind, key, aggregate } = parseField(name);
  if (kind === "attribute") return `attributes.${key}`;
  return kind === "metric" && aggregate !== "last" ? `${aggregate}.${quoteKey(key)}` : `${kind}s.${quoteKey(key)}`;
}

const SORTED_ATTRIBUTES = new Set(["run_name", "status", "start_time", "end_time", "duration", "user_id", "run_id"]);

/** Says whether a column shows a small curve, which is no value to ask, sort or export. */
export const isCurve = (name: string) => parseField(name).aggregate === "curve";

/** Says whether the search language can order by a column. */
export function isSortable(name: string): boolean {
  const { kind, key } = parseField(name);
  if (isCurve(name)) return false;
  return kind !== "attribute" || SORTED_ATTRIBUTES.has(key);
}

/** Returns the words of a column's head: the key, and what of it is shown. */
export function headOf(name: string): { text: string; detail: string } {
  const { kind, key, aggregate } = parseField(name);
  const known = ATTRIBUTES[key];
  if (kind === "attribute") return { text: known ?? key, detail: "" };
  return { text: key, detail: kind === "metric" ? (aggregate === "last" ? "" : aggregate.replace("_", " ")) : kind === "tag" ? "tag" : "" };
}

export const ATTRIBUTES: Record<string, string> = {
  run_name: "name",
  status: "status",
  start_time: "started",
  end_time: "ended",
  duration: "duration",
  user_id: "user",
  experiment: "experiment",
};

/** Adds a comparison to a filter text. */
export function withComparison(filter: string, comparison: string): string {
  const before = filter.trim();
  return before === "" ? comparison : `${before} AND ${comparison}`;
}

/** Returns the comparison that keeps the rows with a cell's value. */
export function comparisonFor(name: string, value: string | number): string | null {
  const { kind } = parseField(name);
  const field = searchName(name);
  if (kind === "metric") {
    const number = Number(value);
    return Number.isFinite(number) ? `${field} = ${plain(number)}` : null;
  }
  return `${field} = ${quoteText(String(value))}`;
}

/** Writes a number without the signs that the search language refuses in exponents. */
function plain(value: number): string {
  return String(value).replace("e+", "e");
}
