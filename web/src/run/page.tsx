import { computed } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { getJson } from "../api";
import { Catalogue, matches } from "../charts/catalogue";
import { ChartSettings } from "../charts/settings";
import type { Source } from "../charts/source";
import { ChartWall } from "../charts/wall";
import { now } from "../clock";
import { age, cut, dateTime, duration, plural } from "../format";
import { pointsTick, runsTick } from "../live";
import { Health } from "../runs/cells";
import { copyText } from "../runs/export";
import { edits, patchRun } from "../runs/edit";
import { ink, remember } from "../runs/rows";
import { go, link, place, view } from "../store";
import type { Key, RunDetail } from "../types";
import { EditableText } from "../ui/edit";
import { useLoad } from "../ui/load";
import { Button, Choices, Empty, ErrorNote, Icon, Popover, Tabs } from "../ui/parts";
import { LineageGraph } from "../pages/lineage";
import { Config } from "./config";
import { Files } from "./files";
import { Overview } from "./overview";
import { RunMedia } from "./media";

function keyOf({ key, min, max }: RunDetail["metrics"][number]): Key {
  return { kind: "metric", key, runs: 1, distinct: 1, constant: false, min, max, direction: null };
}

function RunCharts({ run }: { run: RunDetail }) {
  const { id, name } = run.info;
  const catalogue = useMemo(() => new Catalogue(), [id]);
  const keys = run.metrics.map(({ key }) => key).join("\u0001");
  const search = view.value.metricFilter;
  useEffect(() => {
    catalogue.fill(run.metrics.filter(({ key }) => matches(key, search)).map(keyOf));
  }, [keys, search, catalogue]);
  const ended = run.info.status !== "RUNNING";
  const source = useMemo(() => computed<Source>(() => ({
    body: { runs: [id] }, ids: [id], of: 1, grouped: false, idOf: (one) => one, nameOf: () => name, isOver: () => ended, ink,
  })), [id, name, ended]);
  return (
    <div class="pane">
      <ChartSettings grouped={false} filter />
      <ChartWall source={source} catalogue={catalogue} onGone={() => undefined} />
    </div>
  );
}

function facts({ info }: RunDetail): [string, preact.ComponentChildren][] {
  const end = info.end ?? now.value;
  return [
    ["Experiment", <a href={link(["runs"], { e: info.experiment })}><bdi>{cut(info.experiment_path, 80)}</bdi></a>],
    ["Started", <span title={dateTime(info.start)}>{info.start === null ? "not yet" : `${age(now.value - info.start)} ago`}</span>],
    [info.end === null ? "Running for" : "Took", info.start === null ? "" : duration(end - info.start)],
    ...(info.user ? [["User", <bdi>{cut(info.user, 40)}</bdi>] as [string, preact.ComponentChildren]] : []),
  ];
}

function Snippets({ id }: { id: string }) {
  return (
    <Popover icon="copy" label="Copy" words="Copy">
      {(close) => (
        <Choices close={close} items={[
          { words: "Id", detail: id.slice(0, 8), choose: () => void copyText(id, "the id") },
          { words: "Link", choose: () => void copyText(location.origin + link(["run", id]), "the link") },
          { words: "Python", choose: () => void copyText(`import mlflow\nrun = mlflow.get_run("${id}")`, "Python code") },
          { words: "Command line", choose: () => void copyText(`tracklite show FILE ${id}`, "the command") },
        ]} />
      )}
    </Popover>
  );
}

function Family({ run }: { run: RunDetail }) {
  const parent = typeof run.parent === "string" ? { id: run.parent, name: run.parent.slice(0, 8) } : run.parent;
  if (!parent && run.children.length === 0) return null;
  return (
    <div class="family">
      {parent ? <span>child of <a href={link(["run", parent.id])}><bdi>{cut(parent.name, 60)}</bdi></a></span> : null}
      {run.children.length > 0 ? <span>{plural(run.children.length, "child", "children")}: {run.children.slice(0, 6).map(({ id, name }, at) => <span key={id}>{at > 0 ? ", " : ""}<a href={link(["run", id])}><bdi>{cut(name, 40)}</bdi></a></span>)}{run.children.length > 6 ? " …" : ""}</span> : null}
    </div>
  );
}

function Header({ run }: { run: RunDetail }) {
  const { id, name, health, status, lifecycle } = run.info;
  const nan = run.metrics.find((metric) => metric.nan > 0);
  return (
    <header class="run-head">
      <div class="title">
        <a class="button bare" href={link(["runs"])} aria-label="All runs" title="All runs"><Icon name="back" /></a>
        <span class="dot large" style={{ color: ink(id).colour }} />
        <h2><EditableText value={cut(name, 500)} label="the name" save={(next) => patchRun(id, "Renamed", { name: next }, { name })} /></h2>
        <Health state={(health || status).toLowerCase()} words />
        {lifecycle === "deleted" ? <span class="chip warn">deleted</span> : null}
        {nan ? <span class="chip warn">{plural(nan.nan, "NaN", "NaN")} in {cut(nan.key, 40)}</span> : null}
        <span class="spacer" />
        <Button icon="compare" label="Compare with other runs" words="Compare" onClick={() => go(["runs"], { e: run.info.experiment, s: id, tab: "compare" })} />
        <Snippets id={id} />
      </div>
      <dl class="facts">{facts(run).map(([words, value]) => <div key={words}><dt>{words}</dt><dd>{value}</dd></div>)}<div><dt>Id</dt><dd class="mono">{id.slice(0, 12)}</dd></div></dl>
      <Family run={run} />
    </header>
  );
}

function Pane({ run, tab }: { run: RunDetail; tab: string }) {
  switch (tab) {
    case "charts": return <RunCharts run={run} />;
    case "config": return <Config run={run} />;
    case "files": return <Files run={run.info.id} />;
    case "media": return <RunMedia run={run.info.id} />;
    case "lineage": return <LineageGraph kind="run" id={run.info.id} />;
    default: return <Overview run={run} />;
  }
}

/** One run with all that it has. */
export function RunPage() {
  const id = place.value.path[1] ?? "";
  const tab = place.value.path[2] ?? "overview";
  // Only the overview shows the steps of extremes, for which the server reads the curves.
  const withExtremes = tab === "overview";
  const { value: run, error, status, again } = useLoad((signal) => getJson<RunDetail>(`runs/${encodeURIComponent(id)}`, { extremes: withExtremes ? null : false }, signal), [withExtremes, runsTick.value, pointsTick.value, edits.value], id);
  if (error && status === 404) return <Empty icon="runs" title="No such run"><p>No run has the id <code>{cut(id, 60)}</code>. It may have been purged.</p><a class="button" href={link(["runs"])}>All runs</a></Empty>;
  if (!run) return error ? <ErrorNote message={error} retry={again} /> : null;
  remember(run.info.id, run.info.name);
  const tabs = [
    { id: "overview", words: "Overview" },
    { id: "charts", words: "Charts", detail: run.metrics.length > 0 ? String(run.metrics.length) : "" },
    { id: "config", words: "Config", detail: Object.keys(run.params).length > 0 ? String(Object.keys(run.params).length) : "" },
    { id: "files", words: "Files" },
    { id: "media", words: "Media" },
    { id: "lineage", words: "Lineage" },
  ];
  return (
    <div class="page run-page">
      {error ? <ErrorNote message={error} retry={again} /> : null}
      <Header run={run} />
      <div class="tab-bar"><Tabs tabs={tabs} current={tab} choose={(next) => go(["run", id, ...(next === "overview" ? [] : [next])])} label="Parts of the run" /></div>
      <Pane run={run} tab={tab} />
    </div>
  );
}
