import { useEffect, useState } from "preact/hooks";
import { isAbort, messageOf, sendJson } from "../api";
import { cut, dateTime, delta, duration, number, plural } from "../format";
import { change, link, view } from "../store";
import type { Cell, Comparison } from "../types";
import { Button, Choices, Empty, ErrorNote, Field, Icon, Popover } from "../ui/parts";
import { Differences } from "./diffs";
import { better, table } from "./data";
import { copyText, download } from "./export";
import { writeTable, type TextFormat } from "./text";
import { compared, ink, nameOf, toggleBaseline } from "./rows";
import { hover, hovered } from "./selection";

/** The strongest tint of a cell, in percent. Green and red words keep their contrast on it. */
const HEAT = 10;

const SECTIONS: Record<string, string> = { info: "Run", params: "Params", metrics: "Metrics", tags: "Tags", datasets: "Datasets", packages: "Packages", code: "Code" };
const MOST_RUNS = 100;

function isNumber(value: Cell | undefined): boolean {
  return typeof value === "number" || (typeof value === "string" && value.trim() !== "" && value.length < 30 && !Number.isNaN(Number(value)));
}

function cellText({ section, key }: { section: string; key: string }, value: Cell): string {
  if (section === "info" && (key === "start" || key === "end")) return dateTime(Number(value));
  if (section === "info" && key === "duration") return duration(Number(value) * 1000);
  return typeof value === "number" ? number(value, 6) : cut(String(value), 400);
}

/** Shades numbers by their place between the least and the greatest of the row. */
function heat(row: Comparison["rows"][number], value: Cell | undefined): Record<string, string> {
  if (row.section !== "metrics" || !isNumber(value)) return {};
  const values = row.values.filter(isNumber).map(Number).filter(Number.isFinite);
  const low = values.reduce((least, one) => Math.min(least, one), Infinity);
  const high = values.reduce((most, one) => Math.max(most, one), -Infinity);
  if (!(high > low)) return {};
  return { "--heat": `${Math.round(((Number(value) - low) / (high - low)) * HEAT)}%` };
}

function Value({ row, value, from }: { row: Comparison["rows"][number]; value: Cell | undefined; from: Cell | undefined }) {
  const numeric = isNumber(value);
  const difference = numeric && isNumber(from) && row.section !== "info" ? Number(value) - Number(from) : NaN;
  const wanted = row.section === "metrics" ? better(`metrics.${row.key}`) : null;
  const good = wanted === null || difference === 0 ? "" : (wanted === "max") === difference > 0 ? "good" : "bad";
  return (
    <td class={value === null || value === undefined ? "missing" : ""} style={heat(row, value)}>
      <bdi>{value === null || value === undefined ? "–" : cellText(row, value)}</bdi>
      {Number.isFinite(difference) && difference !== 0 ? <span class={`delta ${good}`}>{delta(difference)}</span> : null}
    </td>
  );
}

function Rows({ answer, search, baseline }: { answer: Comparison; search: string; baseline: number }) {
  const wanted = search.toLowerCase();
  const rows = answer.rows.filter(({ key }) => key.toLowerCase().includes(wanted));
  let section = "";
  return (
    <tbody>
      {rows.flatMap((row) => {
        const head = row.section === section ? null : <tr class="section" key={`section ${row.section}`}><th colSpan={answer.runs.length + 1}>{SECTIONS[row.section] ?? row.section}</th></tr>;
        section = row.section;
        return [
          head,
          <tr key={`${row.section} ${row.key}`} class={row.differs ? "differs" : "same"}>
            <th scope="row" title={row.key}><bdi>{cut(row.key, 120)}</bdi></th>
            {answer.runs.map((run, at) => <Value key={run.id} row={row} value={row.values[at]} from={baseline >= 0 && at !== baseline ? row.values[baseline] : undefined} />)}
          </tr>,
        ];
      })}
    </tbody>
  );
}

function RunHead({ id, name, isBaseline }: { id: string; name: string; isBaseline: boolean }) {
  return (
    <th class={hovered.value === id ? "hovered" : ""} onPointerEnter={() => hover(id)} onPointerLeave={() => hover(null)}>
      <span class="dot" style={{ color: ink(id).colour }} />
      <a href={link(["run", id])}><bdi>{cut(name || nameOf(id), 80)}</bdi></a>
      <button type="button" class="tool" aria-pressed={isBaseline} aria-label={`Baseline ${name}`} title="Compare the others with this run" onClick={() => toggleBaseline(id)}><Icon name="baseline" /></button>
    </th>
  );
}

function comparisonText(format: TextFormat, answer: Comparison): string {
  const head = ["", ...answer.runs.map(({ id, name }) => name || nameOf(id))];
  return writeTable(format, head, answer.rows.map(({ key, values }) => [key, ...values.map((value) => (value === null ? "" : String(value)))]));
}

function useComparison(ids: readonly string[], all: boolean): { answer: Comparison | null; error: string | null } {
  const [state, setState] = useState<{ answer: Comparison | null; error: string | null }>({ answer: null, error: null });
  const position = table.value?.position;
  useEffect(() => {
    if (ids.length === 0) return;
    const controller = new AbortController();
    sendJson<Comparison>("POST", "compare", { runs: ids, all }, controller.signal)
      .then((answer) => setState({ answer, error: null }))
      .catch((error) => isAbort(error) || setState({ answer: null, error: messageOf(error) }));
    return () => controller.abort();
  }, [ids.join(), all, position]);
  return state;
}

/** What differs between runs. Rows that are the same for all are counted and left out. */
export function ComparePane() {
  const [search, setSearch] = useState("");
  const { compareAll, baseline, selected } = view.value;
  const wanted = compared(view.value);
  const ids = wanted.slice(0, MOST_RUNS);
  const { answer, error } = useComparison(ids, compareAll);
  if (ids.length === 0) return <Empty icon="compare" title="Nothing to compare"><p>Select runs in the table with their check boxes, or with <kbd>x</kbd>.</p></Empty>;
  if (error) return <ErrorNote message={error} />;
  if (!answer) return null;
  const at = answer.runs.findIndex(({ id }) => id === baseline);
  const formats: TextFormat[] = ["markdown", "latex", "tsv"];
  return (
    <div class="pane">
      <div class="bar">
        <Field value={search} label="Filter keys" icon="search" onInput={setSearch} />
        <span class="fact">{selected.length > 0 ? plural(ids.length, "selected run") : `${plural(ids.length, "drawn run")}. Select some to narrow.`}</span>
        {wanted.length > ids.length ? <span class="fact warn">first {MOST_RUNS} of {wanted.length}</span> : null}
        <span class="spacer" />
        <Button label="Show rows that are the same" words={compareAll ? "Only differences" : `${answer.same} the same`} pressed={compareAll} onClick={() => change({ compareAll: !compareAll })} />
        <Popover icon="download" label="Export the comparison">
          {(close) => (
            <Choices close={close} items={[
              { words: "Save as CSV", choose: () => download("compare.csv", new Blob([comparisonText("csv", answer)], { type: "text/csv" })) },
              ...formats.map((format) => ({ words: `Copy as ${format}`, choose: () => void copyText(comparisonText(format, answer), "the comparison") })),
            ]} />
          )}
        </Popover>
      </div>
      <div class="compare" tabIndex={0} role="region" aria-label="Comparison">
        <table>
          <thead>
            <tr>
              <th class="corner">{plural(answer.rows.filter(({ differs }) => differs).length, "difference")}</th>
              {answer.runs.map(({ id, name }) => <RunHead key={id} id={id} name={name} isBaseline={id === baseline} />)}
            </tr>
          </thead>
          <Rows answer={answer} search={search} baseline={at} />
        </table>
        {ids.length > 1 ? <Differences ids={ids} baseline={baseline} /> : null}
        {answer.rows.length === 0 ? <Empty icon="check" title="No differences"><p>All {answer.same} values are the same.</p></Empty> : null}
      </div>
    </div>
  );
}
