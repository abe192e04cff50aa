import { getFrame, getJson, postFrame } from "../api";
import { now } from "../clock";
import { file } from "../file";
import { age, count, cut, dateTime, plural } from "../format";
import { registryTick, runsTick } from "../live";
import { renderMarkdown } from "../markdown";
import { quoteText } from "../runs/names";
import { runRow } from "../runs/rows";
import { link, place, query, setQuery } from "../store";
import type { QueryMeta, StoredTable, TableVersions, WindowMeta } from "../types";
import { useLoad } from "../ui/load";
import { Button, Empty, ErrorNote, Field, Icon, Tabs } from "../ui/parts";
import { LineageGraph } from "./lineage";
import { WindowTable } from "./tablewindow";

const WINDOW = 200;

function TableLine({ table }: { table: StoredTable }) {
  const { name, description, key, timestamp, columns, version, updated } = table;
  return (
    <tr>
      <th scope="row"><a href={link(["tables", name])}><bdi>{cut(name, 100)}</bdi></a></th>
      <td><bdi>{cut([...key, ...(timestamp ? [timestamp] : [])].join(", "), 80)}</bdi>{key.length === 0 ? <span class="faint">keeps each row</span> : null}</td>
      <td class="numeric">{columns.length}</td>
      <td class="numeric">{version}</td>
      <td class="numeric" title={dateTime(updated)}>{age(now.value - updated)} ago</td>
      <td><span class="faint"><bdi>{cut((description ?? "").split("\n")[0] ?? "", 100)}</bdi></span></td>
    </tr>
  );
}

function NoTables() {
  return (
    <Empty icon="tables" title="No tables yet">
      <p>Features for training and the requests of endpoints are stored tables. Create one in Python:</p>
      <pre class="snippet">{`database = tracklite.open("${file.value?.name ?? "runs.tracklite"}")\nusers = database.create_table("ml.features.users", frame, primary_key=["user"])`}</pre>
    </Empty>
  );
}

function TableList() {
  const search = query.value.get("q") ?? "";
  const { value, error, again } = useLoad((signal) => getJson<{ tables: StoredTable[] }>("tables", {}, signal), [registryTick.value]);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  if (value.tables.length === 0) return <NoTables />;
  const found = value.tables.filter(({ name }) => name.toLowerCase().includes(search.toLowerCase()));
  return (
    <div class="page">
      <div class="bar">
        <h2>Tables</h2>
        <Field value={search} label="Filter tables" icon="search" onInput={(text) => setQuery("q", text, true)} />
        <span class="fact">{plural(value.tables.length, "table")}</span>
      </div>
      {error ? <ErrorNote message={error} retry={again} /> : null}
      <div class="scroll" tabIndex={0} role="region" aria-label="Tables">
        <table class="list">
          <thead><tr><th>Table</th><th>Key</th><th class="numeric">Columns</th><th class="numeric">Version</th><th class="numeric">Changed</th><th>Description</th></tr></thead>
          <tbody>{found.slice(0, 1000).map((table) => <TableLine key={table.name} table={table} />)}</tbody>
        </table>
        {found.length === 0 ? <Empty icon="search" title="No table matches" /> : null}
      </div>
    </div>
  );
}

function Columns({ table }: { table: StoredTable }) {
  const role = (name: string) => (table.key.includes(name) ? "key" : table.timestamp === name ? "timestamp" : "");
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Columns">
      <table class="list compact">
        <thead><tr><th>Column</th><th>Type</th><th>Role</th><th>Comment</th></tr></thead>
        <tbody>{table.columns.map(({ name, type, comment }) => <tr key={name}><th scope="row"><bdi>{cut(name, 100)}</bdi></th><td class="mono">{type}</td><td>{role(name) ? <span class="chip">{role(name)}</span> : null}</td><td class="faint"><bdi>{cut(comment ?? "", 200)}</bdi></td></tr>)}</tbody>
      </table>
    </div>
  );
}

function Versions({ found }: { found: TableVersions }) {
  if (found.writes.length === 0) return <Empty icon="tables" title="No rows were written yet" />;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Versions">
      <table class="list compact">
        <thead><tr><th>Version</th><th>Write</th><th class="numeric">Rows</th><th>User</th><th class="numeric">Written</th></tr></thead>
        <tbody>
          {found.writes.map(({ version, mode, rows, user, time }) => (
            <tr key={version}>
              <th scope="row"><a href={link(["tables", found.table.name], { version: String(version) })}>Version {version}</a></th>
              <td>{mode.toLowerCase()}</td>
              <td class="numeric">{count(rows)}</td>
              <td><bdi>{cut(user, 40)}</bdi></td>
              <td class="numeric" title={dateTime(time)}>{age(now.value - time)} ago</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The rows of a version by windows. */
function Rows({ table }: { table: StoredTable }) {
  const version = query.value.get("version");
  const from = Math.max(0, Math.floor(Number(query.value.get("from") ?? 0)) || 0);
  const ask = (signal: AbortSignal) => getFrame<WindowMeta>(`tables/${encodeURIComponent(table.name)}/rows`, { version, offset: from, limit: WINDOW }, signal);
  const { value, error, again } = useLoad(ask, [table.version, version, from], table.name);
  if (error) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  const { total, left_out: leftOut } = value.meta;
  const move = (next: number) => setQuery("from", next > 0 ? String(next) : null);
  if (total === 0) return <Empty icon="tables" title={version === null ? "No rows yet" : "This version has no rows"} />;
  return (
    <div class="pane">
      <div class="bar">
        <span class="fact">{value.rows === 0 ? "no rows here" : `rows ${count(from + 1)} to ${count(from + value.rows)}`} of {count(total)}, version {value.meta.version}{leftOut > 0 ? `, ${plural(leftOut, "further column")}` : ""}</span>
        {version !== null ? <Button icon="close" label="Show the newest version" words={`version ${version}`} class="on" onClick={() => setQuery("version", null)} /> : null}
        <span class="spacer" />
        <Button icon="back" label="Earlier rows" disabled={from === 0} reason="These are the first rows" onClick={() => move(from - WINDOW)} />
        <Button icon="next" label="Later rows" disabled={from + value.rows >= total} reason="These are the last rows" onClick={() => move(from + WINDOW)} />
      </div>
      <WindowTable frame={value} columns={table.columns} label="Rows" />
    </div>
  );
}

/** The runs that took the table as an input, as the feature store logs it. */
function Used({ table }: { table: StoredTable }) {
  const filter = `datasets.name = ${quoteText(table.name)}`;
  const body = { filter, order: ["attributes.start_time DESC"], view: "active", group: null, columns: [], offset: 0, limit: 100 };
  const { value, error, again } = useLoad((signal) => postFrame<QueryMeta>("runs/query", body, signal), [runsTick.value], table.name);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  if (value.rows === 0) return <Empty icon="lineage" title="No run has used it"><p>A run uses a table when it trains with a training set of it.</p></Empty>;
  const rows = Array.from({ length: value.rows }, (_, row) => ({ ...runRow(value, row), start: value.column("start")?.number(row) ?? NaN }));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Runs that used the table">
      <table class="list compact">
        <thead><tr><th>Run</th><th class="numeric">Started</th><th>Lineage</th></tr></thead>
        <tbody>{rows.map(({ id, name, start }) => <tr key={id}><th scope="row"><a href={link(["run", id])}><bdi>{cut(name, 100)}</bdi></a></th><td class="numeric" title={dateTime(start)}>{age(now.value - start)} ago</td><td><a href={link(["lineage"], { kind: "run", id })}>its lineage</a></td></tr>)}</tbody>
      </table>
      <p class="note"><a href={link(["runs"], { f: filter })}>{value.meta.total === 1 ? "The run" : `All ${count(value.meta.total)} runs`} in the table of runs</a></p>
    </div>
  );
}

const TABS = [{ id: "rows", words: "Rows" }, { id: "columns", words: "Columns" }, { id: "versions", words: "Versions" }, { id: "used", words: "Used by" }, { id: "lineage", words: "Lineage" }];

function Part({ found, tab }: { found: TableVersions; tab: string }) {
  switch (tab) {
    case "columns": return <Columns table={found.table} />;
    case "versions": return <Versions found={found} />;
    case "lineage": return <LineageGraph kind="table" id={found.table.name} />;
    case "used": return <Used table={found.table} />;
    default: return <Rows table={found.table} />;
  }
}

function TablePage({ name }: { name: string }) {
  const { value, error, status, again } = useLoad((signal) => getJson<TableVersions>(`tables/${encodeURIComponent(name)}`, {}, signal), [registryTick.value], name);
  if (error && status === 404) return <Empty icon="tables" title="No such table"><p>No table is named <code>{cut(name, 100)}</code>. <a href={link(["tables"])}>All tables</a></p></Empty>;
  if (!value) return error ? <ErrorNote message={error} retry={again} /> : null;
  const { table } = value;
  const tab = query.value.get("tab") ?? "rows";
  return (
    <div class="page">
      <div class="bar">
        <a class="button bare" href={link(["tables"])} aria-label="All tables" title="All tables"><Icon name="back" /></a>
        <h2><bdi>{cut(name, 200)}</bdi></h2>
        <span class="fact">{plural(table.columns.length, "column")}, version {table.version}</span>
        <span class="spacer" />
        <span class="fact">owner <bdi>{cut(table.owner, 40)}</bdi></span>
      </div>
      {error ? <ErrorNote message={error} retry={again} /> : null}
      {table.description ? <div class="markdown padded">{renderMarkdown(cut(table.description, 4000))}</div> : null}
      <Tabs tabs={TABS} current={tab} choose={(id) => setQuery("tab", id === "rows" ? null : id)} label="Parts of the table" />
      <Part found={value} tab={tab} />
    </div>
  );
}

/** The stored tables of the file: the list, or one of them. */
export function Tables() {
  const name = place.value.path[1] ?? "";
  return name === "" ? <TableList /> : <TablePage name={name} />;
}
