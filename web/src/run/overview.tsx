import { cut, dateTime, number, plural, toNumber } from "../format";
import { edit, patchRun } from "../runs/edit";
import { sendJson } from "../api";
import { link } from "../store";
import { joinList } from "../state";
import type { RunDetail, RunMetric } from "../types";
import { Note, Tags } from "../ui/edit";
import { Empty } from "../ui/parts";

const MOST = 500;

function MetricLine({ run, metric }: { run: string; metric: RunMetric }) {
  return (
    <tr>
      <th scope="row"><a href={link(["run", run, "charts"], { card: joinList([metric.key]) })}><bdi>{cut(metric.key, 120)}</bdi></a></th>
      <td class="numeric strong">{number(toNumber(metric.value))}</td>
      <td class="numeric">{number(toNumber(metric.min))}</td>
      <td class="numeric">{number(toNumber(metric.max))}</td>
      <td class="numeric">{number(toNumber(metric.mean))}</td>
      <td class="numeric">{number(metric.step)}</td>
      <td class="numeric">{number(metric.count)}</td>
      <td class="numeric">{metric.nan > 0 ? <span class="bad">{number(metric.nan)}</span> : null}</td>
    </tr>
  );
}

function Metrics({ run }: { run: RunDetail }) {
  const { metrics } = run;
  if (metrics.length === 0) return <p class="note">No metrics were logged.</p>;
  return (
    <>
      <table class="list compact">
        <thead><tr><th>Metric</th><th class="numeric">Newest</th><th class="numeric">Min</th><th class="numeric">Max</th><th class="numeric">Mean</th><th class="numeric">Step</th><th class="numeric">Points</th><th class="numeric">NaN</th></tr></thead>
        <tbody>{metrics.slice(0, MOST).map((metric) => <MetricLine key={metric.key} run={run.info.id} metric={metric} />)}</tbody>
      </table>
      {metrics.length > MOST ? <p class="note">{plural(metrics.length - MOST, "more metric")}. The charts show them all.</p> : null}
    </>
  );
}

function Params({ params }: { params: Record<string, string> }) {
  const entries = Object.entries(params);
  if (entries.length === 0) return <p class="note">No params.</p>;
  return (
    <table class="list compact">
      <tbody>{entries.slice(0, 40).map(([key, value]) => <tr key={key}><th scope="row"><bdi>{cut(key, 80)}</bdi></th><td><bdi>{cut(value, 160)}</bdi></td></tr>)}</tbody>
    </table>
  );
}

function Datasets({ datasets }: { datasets: RunDetail["datasets"] }) {
  if (datasets.length === 0) return null;
  return (
    <section>
      <h3>Datasets</h3>
      <table class="list compact">
        <tbody>{datasets.slice(0, 50).map((one, at) => <tr key={at}><th scope="row"><bdi>{cut(String(one["name"] ?? ""), 80)}</bdi></th><td><bdi>{cut(String(one["context"] ?? ""), 40)}</bdi></td><td class="mono"><bdi>{cut(String(one["digest"] ?? ""), 20)}</bdi></td></tr>)}</tbody>
      </table>
    </section>
  );
}

function ModelLinks({ run }: { run: RunDetail }) {
  if (run.models.length + run.versions.length === 0) return null;
  return (
    <section>
      <h3>Models</h3>
      <ul class="plain">
        {run.versions.map(({ model, version }) => <li key={model + version}><a href={link(["models", model], { v: version })}><bdi>{cut(model, 80)}</bdi> version {version}</a></li>)}
        {run.models.map(({ id, name }) => <li key={id}>logged model <bdi>{cut(name, 80)}</bdi> <span class="faint mono">{id.slice(0, 12)}</span></li>)}
      </ul>
    </section>
  );
}

export function Overview({ run }: { run: RunDetail }) {
  const { id, start, end } = run.info;
  const saveTags = (tags: Record<string, string | null>) =>
    edit("Changed tags", () => sendJson("PATCH", `runs/${id}`, { tags }), () => sendJson("PATCH", `runs/${id}`, { tags: Object.fromEntries(Object.keys(tags).map((key) => [key, run.tags[key] ?? null])) }));
  const nothing = run.metrics.length === 0 && Object.keys(run.params).length === 0;
  return (
    <div class="overview scroll" tabIndex={0} role="region" aria-label="Overview">
      <div class="wide">
        <section><Note key={id} text={run.note ?? ""} save={(note) => patchRun(id, "Kept the note", { note }, { note: run.note ?? "" })} /></section>
        {nothing ? <Empty icon="runs" title="An empty run"><p>It has no params and no metrics so far.</p></Empty> : <section><h3>Metrics</h3><Metrics run={run} /></section>}
      </div>
      <div class="slim">
        <section><h3>Tags</h3><Tags tags={run.tags} save={saveTags} /></section>
        <section><h3>Params</h3><Params params={run.params} /></section>
        <Datasets datasets={run.datasets} />
        <ModelLinks run={run} />
        <section>
          <h3>Times</h3>
          <table class="list compact"><tbody>
            <tr><th scope="row">Started</th><td>{dateTime(start)}</td></tr>
            <tr><th scope="row">Ended</th><td>{dateTime(end) || "not yet"}</td></tr>
          </tbody></table>
        </section>
      </div>
    </div>
  );
}
