import { getJson, postFrame } from "../api";
import { now } from "../clock";
import { pathOf } from "../experiments";
import { age, cut, dateTime, duration, number, plural, remaining } from "../format";
import type { Frame } from "../frame";
import { pointsTick, runsTick } from "../live";
import { Health } from "../runs/cells";
import { chooseColumns } from "../runs/choose";
import { headOf, parseField } from "../runs/names";
import { runRow } from "../runs/rows";
import { link } from "../store";
import type { Keys, QueryMeta } from "../types";
import { useLoad } from "../ui/load";
import { Empty, ErrorNote } from "../ui/parts";

interface State {
  alive: Frame<QueryMeta>;
  recent: Frame<QueryMeta>;
  columns: string[];
}

const TOTAL = ["params.total_steps", "params.max_steps"];

async function load(signal: AbortSignal): Promise<State> {
  const ask = (filter: string, columns: string[], limit: number) =>
    postFrame<QueryMeta>("runs/query", { filter, order: ["attributes.start_time DESC"], view: "active", group: null, columns, offset: 0, limit }, signal);
  const first = await ask("", [], 1);
  const { keys } = await getJson<Keys>("keys", { handle: first.meta.handle, kind: "metric", limit: 50 }, signal);
  const columns = chooseColumns([], [], keys);
  const asked = [...columns, ...columns.map((name) => `${name}:count`), ...TOTAL];
  const [alive, recent] = await Promise.all([ask("attributes.status = 'RUNNING'", asked, 200), ask("attributes.status != 'RUNNING'", columns, 30)]);
  return { alive, recent, columns };
}

function etaOf(frame: Frame<QueryMeta>, row: number, columns: readonly string[]): string {
  const total = TOTAL.map((name) => frame.column(name)?.number(row) ?? NaN).find((value) => value > 0) ?? NaN;
  const done = columns.reduce((most, name) => Math.max(most, frame.column(`${name}:count`)?.number(row) || 0), 0);
  const left = remaining(frame.column("start")?.number(row) ?? NaN, now.value, done, total);
  return Number.isFinite(left) ? duration(left) : "";
}

function Lines({ frame, columns, alive }: { frame: Frame<QueryMeta>; columns: readonly string[]; alive: boolean }) {
  return (
    <table class="list compact">
      <thead>
        <tr>
          <th>Run</th><th>State</th><th>Experiment</th><th class="numeric">{alive ? "Running for" : "Ended"}</th>
          {columns.map((name) => <th class="numeric" key={name}><bdi>{cut(headOf(name).text, 30)}</bdi></th>)}
          {alive ? <th class="numeric">Left</th> : null}
        </tr>
      </thead>
      <tbody>
        {Array.from({ length: frame.rows }, (_, row) => {
          const { id, name } = runRow(frame, row);
          const health = (frame.column("health")?.text(row) ?? "").toLowerCase();
          const [start, end] = [frame.column("start")?.number(row) ?? NaN, frame.column("end")?.number(row) ?? NaN];
          return (
            <tr key={id} data-run={id}>
              <th scope="row"><a href={link(["run", id])} title={cut(name, 1000)}><bdi>{cut(name, 40)}</bdi></a></th>
              <td><Health state={health} words /></td>
              <td class="faint"><bdi>{cut(pathOf(frame.column("experiment")?.text(row)), 40)}</bdi></td>
              <td class="numeric" title={dateTime(alive ? start : end)}>{alive ? duration(now.value - start) : `${age(now.value - (Number.isFinite(end) ? end : start))} ago`}</td>
              {columns.map((column) => {
                const text = frame.column(column)?.text(row);
                return <td class="numeric" key={column} title={parseField(column).key}>{text === null || text === undefined ? "" : number(Number(text))}</td>;
              })}
              {alive ? <td class="numeric">{etaOf(frame, row, columns)}</td> : null}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function summary(frame: Frame<QueryMeta>): string {
  const counts = new Map<string, number>();
  for (let row = 0; row < frame.rows; row += 1) {
    const health = (frame.column("health")?.text(row) ?? "").toLowerCase();
    counts.set(health, (counts.get(health) ?? 0) + 1);
  }
  return [...counts].map(([health, count]) => `${count} ${health}`).join(", ");
}

/** What is alive, its newest values, and what ended last. */
export function Now() {
  const { value, error, again } = useLoad(load, [runsTick.value, pointsTick.value]);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  return (
    <div class="page">
      <div class="bar"><h2>Now</h2><span class="fact">{value.alive.rows === 0 ? "nothing runs" : summary(value.alive)}</span></div>
      <div class="scroll padded" tabIndex={0} role="region" aria-label="Runs of now">
        <section>
          <h3>Not ended {value.alive.meta.total > value.alive.rows ? `(newest ${value.alive.rows} of ${value.alive.meta.total})` : ""}</h3>
          {value.alive.rows === 0 ? <Empty icon="now" title="No run is alive"><p>Runs that are being written appear here, with their newest values.</p></Empty> : <Lines frame={value.alive} columns={value.columns} alive />}
        </section>
        {value.recent.rows > 0 ? <section><h3>Ended last <span class="faint">{plural(value.recent.rows, "run")}</span></h3><Lines frame={value.recent} columns={value.columns} alive={false} /></section> : null}
      </div>
    </div>
  );
}
