import type { ComponentChildren } from "preact";
import { DictColumn, type Column } from "../frame";
import { pathOf } from "../experiments";
import { age, cut, dateTime, delta, duration, number } from "../format";
import { Icon } from "../ui/parts";
import { better, pinned } from "./data";
import { isCurve, parseField } from "./names";
import type { Row } from "./rows";
import { Spark } from "./spark";

const HEALTH: Record<string, string> = {
  running: "running: its writer holds its lock",
  silent: "silent: its writer lives, but logs nothing",
  dead: "dead: its writer is gone, and the run did not end",
  finished: "finished",
  failed: "failed",
  killed: "killed",
  scheduled: "scheduled",
};

export function Health({ state, words }: { state: string; words?: boolean }) {
  return (
    <span class={`health health-${state}`} title={HEALTH[state] ?? state}>
      <Icon name={`health-${HEALTH[state] ? state : "scheduled"}`} {...(words ? {} : { title: state })} />
      {words ? <span>{state}</span> : null}
    </span>
  );
}

export function healthOf(row: Row): string {
  return (row.frame.column("health")?.text(row.row) ?? row.frame.column("status")?.text(row.row) ?? "scheduled").toLowerCase();
}

/** Looks a number up in the baseline's row. NaN if there is no baseline or it has none. */
function baselineValue(name: string, baseline: string | null): number {
  const frame = pinned.value;
  if (!baseline || !frame) return NaN;
  const ids = frame.column("id");
  for (let row = 0; row < frame.rows; row += 1) {
    if (ids?.text(row) === baseline) return frame.column(name)?.number(row) ?? NaN;
  }
  return NaN;
}

/** Writes a difference. It is green or red by the direction in which the metric gets better. */
function Delta({ value, from, name }: { value: number; from: number; name: string }) {
  const difference = value - from;
  if (!Number.isFinite(difference)) return null;
  const wanted = better(name);
  const good = wanted === null || difference === 0 ? "" : (wanted === "max") === difference > 0 ? "good" : "bad";
  return <span class={`delta ${good}`}>{delta(difference)}</span>;
}

function metricCell(column: Column, row: Row, name: string, baseline: string | null): ComponentChildren {
  const text = column.text(row.row);
  if (text === null) return null;
  const value = column.number(row.row);
  const from = row.id === baseline ? NaN : baselineValue(name, baseline);
  return (
    <>
      <span class={Number.isFinite(value) ? "" : "odd"}>{number(value)}</span>
      <Delta value={value} from={from} name={name} />
    </>
  );
}

function spread(row: Row, name: string): ComponentChildren {
  const mean = row.frame.column(`${name}|mean`)?.number(row.row) ?? NaN;
  const std = row.frame.column(`${name}|std`)?.number(row.row) ?? NaN;
  const low = row.frame.column(`${name}|min`)?.number(row.row) ?? NaN;
  const high = row.frame.column(`${name}|max`)?.number(row.row) ?? NaN;
  if (Number.isNaN(mean)) return null;
  const title = `mean ${number(mean, 8)}, standard deviation ${number(std, 5)}, ${number(low, 6)} to ${number(high, 6)}`;
  return (
    <span title={title}>
      {number(mean)}
      {Number.isFinite(std) ? <span class="spread"> ± {number(std, 2)}</span> : null}
    </span>
  );
}

/** A text that looks like a number is aligned like one. */
export function isNumeric(name: string, column: Column | undefined): boolean {
  if (parseField(name).kind === "metric") return true;
  if (!(column instanceof DictColumn)) return false;
  const values = column.values.filter((value) => value !== null && value !== "");
  return values.length > 0 && values.every((value) => value !== null && value.length < 30 && !Number.isNaN(Number(value)));
}

function attribute(row: Row, key: string, now: number): string {
  const value = (name: string) => row.frame.column(name)?.number(row.row) ?? NaN;
  switch (key) {
    case "start_time": return dateTime(value("start"));
    case "end_time": return dateTime(value("end"));
    case "duration": {
      const end = value("end");
      return duration((Number.isFinite(end) ? end : now) - value("start"));
    }
    case "created": return `${age(now - value("start"))} ago`;
    case "user_id": return row.frame.column("user")?.text(row.row) ?? "";
    case "run_id": return row.id;
    case "experiment": return pathOf(row.frame.column("experiment")?.text(row.row));
    case "status": return row.frame.column("status")?.text(row.row) ?? "";
    default: return row.frame.column(`attributes.${key}`)?.text(row.row) ?? "";
  }
}

/** Returns what a cell shows, and the plain value behind it. */
export function cell(row: Row, name: string, baseline: string | null, now: number): ComponentChildren {
  const { kind, key } = parseField(name);
  if (kind === "attribute") return row.group === null ? attribute(row, key, now) : null;
  if (isCurve(name)) return row.group === null ? <Spark run={row.id} metric={key} /> : null;
  if (kind === "metric" && row.group !== null) return spread(row, name);
  const column = row.frame.column(name);
  if (!column) return null;
  if (kind === "metric") return metricCell(column, row, name, baseline);
  const text = column.text(row.row);
  if (text === null) return null;
  return text === "" ? <span class="faint">empty</span> : cut(text, 200);
}

export function plainValue(row: Row, name: string, now: number): string {
  const { kind, key } = parseField(name);
  if (kind === "attribute") return attribute(row, key, now);
  if (kind === "metric" && row.group !== null) return row.frame.column(`${name}|mean`)?.text(row.row) ?? "";
  return row.frame.column(name)?.text(row.row) ?? "";
}
