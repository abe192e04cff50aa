import { getJson } from "../api";
import { cut, number, plural, toNumber } from "../format";
import { pointsTick, runsTick } from "../live";
import { change, link, view } from "../store";
import type { RunDetail } from "../types";
import { useLoad } from "../ui/load";
import { Button, ErrorNote } from "../ui/parts";
import { Health } from "./cells";
import { columns } from "./data";
import { ink } from "./rows";

const MOST = 60;

function Table({ title, rows, first }: { title: string; rows: [string, string][]; first: ReadonlySet<string> }) {
  if (rows.length === 0) return null;
  const sorted = [...rows].sort((a, b) => Number(first.has(b[0])) - Number(first.has(a[0])));
  return (
    <section>
      <h3>{title} <span class="badge">{rows.length}</span></h3>
      <table class="list compact">
        <tbody>
          {sorted.slice(0, MOST).map(([key, value]) => (
            <tr key={key}><th scope="row" title={cut(key)}><bdi>{cut(key, 80)}</bdi></th><td class="numeric" title={cut(value)}><bdi>{cut(value, 80)}</bdi></td></tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST ? <p class="note">{plural(rows.length - MOST, "more")}</p> : null}
    </section>
  );
}

function Details({ id }: { id: string }) {
  const { value, error, again } = useLoad((signal) => getJson<RunDetail>(`runs/${id}`, {}, signal), [runsTick.value, pointsTick.value], id);
  if (error) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  const shown = new Set(columns.value.map((name) => name.replace(/^(params|metrics)\./, "").replace(/:\w+$/, "")));
  return (
    <>
      <header>
        <h2><span class="dot" style={{ color: ink(id).colour }} /> <a href={link(["run", id])}><bdi>{cut(value.info.name, 120)}</bdi></a></h2>
        <Button icon="close" label="Close" class="tiny" onClick={() => change({ peek: null })} />
      </header>
      <p><Health state={(value.info.health || value.info.status).toLowerCase()} words /></p>
      <Table title="Params" rows={Object.entries(value.params)} first={shown} />
      <Table title="Metrics" rows={value.metrics.map((metric) => [metric.key, number(toNumber(metric.value))])} first={shown} />
    </>
  );
}

/** The config and newest values of one run, beside the charts. */
export function Peek() {
  const { peek } = view.value;
  return peek === null ? null : <aside class="side peek" aria-label="Details of a run"><Details key={peek} id={peek} /></aside>;
}
