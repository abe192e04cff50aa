import { useState } from "preact/hooks";
import { ApiError, getJson, messageOf, sendJson } from "../api";
import { now } from "../clock";
import { file, readOnlyReason } from "../file";
import { age, cut, dateTime, number, plural, toNumber } from "../format";
import { registryTick } from "../live";
import { rankOf } from "../runs/choose";
import { edits } from "../runs/edit";
import { go, link, place, query, setQuery } from "../store";
import type { Model, ModelVersion } from "../types";
import { useLoad } from "../ui/load";
import { Button, Empty, ErrorNote, Field, Icon, Popover } from "../ui/parts";
import { renderMarkdown } from "../markdown";
import { toast } from "../ui/toast";
import { LineageGraph } from "./lineage";

interface Conflict {
  alias: string;
  wanted: string | null;
  expected: string | null;
  found: string | null;
  message: string;
}

interface Move {
  alias: string;
  version: string | null;
  expects: string | null;
}

const numbered = (version: string | null) => (version === null ? null : Number(version));

/** Moves an alias if it still points where this page shows it. Otherwise says where it points now. */
async function moveAlias(model: string, { alias, version, expects }: Move): Promise<Conflict | null> {
  try {
    await sendJson("POST", `models/${encodeURIComponent(model)}/aliases`, { alias, version: numbered(version), expects: numbered(expects) });
    toast(version === null ? `Removed ${alias}` : `${alias} points to version ${version}`);
    edits.value += 1;
    return null;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
    const found = error.body["now"];
    return { alias, wanted: version, expected: expects, found: found === undefined || found === null ? null : String(found), message: error.message };
  }
}

const pointsTo = (version: string | null) => (version === null ? "pointed nowhere" : `pointed to version ${version}`);

function ConflictNote({ conflict, again, close }: { conflict: Conflict; again: () => void; close: () => void }) {
  return (
    <div class="conflict" role="alert">
      <Icon name="warning" />
      <div>
        <strong>Somebody was faster.</strong>
        <p>You moved <b><bdi>{conflict.alias}</bdi></b> to version {conflict.wanted ?? "none"} while it {pointsTo(conflict.expected)}. By now it points to {conflict.found === null ? "no version" : `version ${conflict.found}`}.</p>
        <p class="faint">{cut(conflict.message, 300)}</p>
      </div>
      <Button label="Move it all the same" words="Move it all the same" class="primary" onClick={again} />
      <Button label="Leave it" words="Leave it" onClick={close} />
    </div>
  );
}

interface AliasMenuProps {
  version: string;
  aliases: Record<string, string>;
  move: (move: Move) => void;
}

/** Gives a version an alias, moves one here, or removes one. */
function AliasMenu({ version, aliases, move }: AliasMenuProps) {
  const [name, setName] = useState("");
  const reason = readOnlyReason(file.value);
  const others = Object.entries(aliases).filter(([, points]) => points !== version);
  const own = Object.entries(aliases).filter(([, points]) => points === version);
  return (
    <Popover icon="plus" label={`Aliases of version ${version}`} class="tiny" disabled={reason !== null} reason={reason ?? ""} panelClass="form">
      {(close) => (
        <>
          <form class="panel-head" onSubmit={(event) => {
            event.preventDefault();
            if (name.trim() !== "") move({ alias: name.trim(), version, expects: aliases[name.trim()] ?? null });
            close();
          }}>
            <Field value={name} label="New alias" onInput={setName} />
            <button type="submit" class="button primary" disabled={name.trim() === ""}>Add</button>
          </form>
          <div class="choices" role="menu">
            {others.map(([alias, points]) => (
              <button type="button" role="menuitem" key={alias} onClick={() => (move({ alias, version, expects: points }), close())}>
                <span class="tick" /><span class="words">Move <b><bdi>{alias}</bdi></b> here</span><span class="detail">from version {points}</span>
              </button>
            ))}
            {own.map(([alias]) => (
              <button type="button" role="menuitem" key={alias} onClick={() => (move({ alias, version: null, expects: version }), close())}>
                <span class="tick" /><span class="words">Remove <b><bdi>{alias}</bdi></b></span>
              </button>
            ))}
          </div>
        </>
      )}
    </Popover>
  );
}

function Version({ model, version, aliases, metrics, move, current }: { model: string; version: ModelVersion; aliases: Record<string, string>; metrics: readonly string[]; move: (move: Move) => void; current: boolean }) {
  return (
    <tr class={current ? "current" : ""}>
      <th scope="row"><a href={link(["models", model], { v: version.version })}>Version {version.version}</a></th>
      <td>
        <span class="aliases">
          {version.aliases.map((alias) => <span class="alias" key={alias}><bdi>{cut(alias, 40)}</bdi></span>)}
          <AliasMenu version={version.version} aliases={aliases} move={move} />
        </span>
      </td>
      <td>{version.stage && version.stage !== "None" ? <span class="chip">{version.stage}</span> : null}{version.status !== "READY" ? <span class="chip warn">{version.status.toLowerCase()}</span> : null}</td>
      <td>{version.run ? <a href={link(["run", version.run])}><bdi>{cut(version.run_name || version.run.slice(0, 8), 60)}</bdi></a> : <span class="faint">none</span>}</td>
      {metrics.map((key) => <td class="numeric" key={key}>{key in version.metrics ? number(toNumber(version.metrics[key])) : ""}</td>)}
      <td class="numeric" title={dateTime(version.created)}>{version.created === null ? "" : `${age(now.value - version.created)} ago`}</td>
      <td><span class="faint"><bdi>{cut(version.description ?? "", 100)}</bdi></span></td>
    </tr>
  );
}

/** The metrics that most versions have, as columns. */
function commonMetrics(versions: readonly ModelVersion[], most: number): string[] {
  const counts = new Map<string, number>();
  for (const { metrics } of versions) for (const key of Object.keys(metrics)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || rankOf(a[0]) - rankOf(b[0]) || (a[0] < b[0] ? -1 : 1)).slice(0, most).map(([key]) => key);
}

async function loadModel(name: string, signal: AbortSignal): Promise<{ model: Model; versions: ModelVersion[] }> {
  const { model, versions } = await getJson<{ model: Model; versions: ModelVersion[] }>(`models/${encodeURIComponent(name)}`, {}, signal);
  return { model, versions: versions.map((one) => ({ ...one, version: String(one.version) })) };
}

function aliasesOf(versions: readonly ModelVersion[]): Record<string, string> {
  return Object.fromEntries(versions.flatMap(({ version, aliases }) => aliases.map((alias) => [alias, version])));
}

function ModelDetails({ name }: { name: string }) {
  const { value, error, status, again } = useLoad((signal) => loadModel(name, signal), [registryTick.value, edits.value], name);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  if (error && status === 404) return <Empty icon="models" title="No such model"><p>No registered model is named <code>{cut(name, 100)}</code>.</p></Empty>;
  if (!value) return error ? <ErrorNote message={error} retry={again} /> : null;
  const versions = [...value.versions].sort((a, b) => Number(b.version) - Number(a.version));
  const metrics = commonMetrics(versions, 4);
  const chosen = query.value.get("v");
  const move = (wanted: Move) => {
    setProblem(null);
    moveAlias(name, wanted).then(setConflict).catch((failed) => setProblem(messageOf(failed)));
  };
  const insist = () => conflict && move({ alias: conflict.alias, version: conflict.wanted, expects: conflict.found });
  return (
    <div class="page-main">
      <div class="bar">
        <h2><bdi>{cut(name, 200)}</bdi></h2>
        <span class="fact">{plural(versions.length, "version")}</span>
      </div>
      {conflict ? <ConflictNote conflict={conflict} again={insist} close={() => (setConflict(null), again())} /> : null}
      {problem ? <ErrorNote message={problem} /> : null}
      <div class="scroll" tabIndex={0} role="region" aria-label="Versions">
        {value.model.description ? <div class="markdown padded">{renderMarkdown(value.model.description)}</div> : null}
        {versions.length === 0 ? <Empty icon="models" title="No versions yet" /> : (
          <table class="list">
            <thead><tr><th>Version</th><th>Aliases</th><th>State</th><th>Run</th>{metrics.map((key) => <th class="numeric" key={key}><bdi>{cut(key, 40)}</bdi></th>)}<th class="numeric">Created</th><th>Description</th></tr></thead>
            <tbody>{versions.map((version) => <Version key={version.version} model={name} version={version} aliases={aliasesOf(versions)} metrics={metrics} move={move} current={version.version === chosen} />)}</tbody>
          </table>
        )}
        {chosen ? <section class="padded"><h3>Lineage of version {chosen}</h3><div class="lineage-box"><LineageGraph kind="version" id={`models:/${name}/${chosen}`} /></div></section> : null}
      </div>
    </div>
  );
}

function ModelLine({ model, current }: { model: Model; current: boolean }) {
  return (
    <li>
      <a href={link(["models", model.name])} aria-current={current ? "true" : undefined}>
        <bdi class="words">{cut(model.name, 120)}</bdi>
        <span class="detail">{model.versions}</span>
        <span class="aliases">{Object.entries(model.aliases).slice(0, 3).map(([alias, version]) => <span class="alias" key={alias}><bdi>{cut(alias, 24)}</bdi> {version}</span>)}</span>
      </a>
    </li>
  );
}

/** Registered models: the list, and the versions of one of them. */
export function Models() {
  const name = place.value.path[1] ?? "";
  const search = query.value.get("q") ?? "";
  const { value, error, again } = useLoad((signal) => getJson<{ models: Model[] }>("models", {}, signal), [registryTick.value, edits.value]);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  if (value.models.length === 0) {
    return <Empty icon="models" title="No registered models"><p>Register one from a run:</p><pre class="snippet">{`mlflow.register_model("runs:/RUN_ID/model", "churn")`}</pre></Empty>;
  }
  const found = value.models.filter((model) => model.name.toLowerCase().includes(search.toLowerCase()));
  return (
    <div class="page with-list">
      <div class="list-left">
        <div class="bar"><Field value={search} label="Filter models" icon="search" onInput={(text) => setQuery("q", text, true)} /></div>
        <ul class="model-list">{found.slice(0, 1000).map((model) => <ModelLine key={model.name} model={model} current={model.name === name} />)}</ul>
      </div>
      {name ? <ModelDetails name={name} /> : <Empty icon="models" title={plural(value.models.length, "registered model")}><p>Choose one to see its versions and aliases.</p><Button label="Open the first" words="Open the first" onClick={() => go(["models", found[0]?.name ?? ""])} /></Empty>}
    </div>
  );
}
