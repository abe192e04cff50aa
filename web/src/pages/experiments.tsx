import { useState } from "preact/hooks";
import { getJson, sendJson } from "../api";
import { now } from "../clock";
import { VIEW_TAG } from "../experiments";
import { file, readOnlyReason } from "../file";
import { age, count, cut, plural } from "../format";
import { runsTick } from "../live";
import { edit, edits } from "../runs/edit";
import { link, query, setQuery } from "../store";
import { joinList, splitList } from "../state";
import type { Experiment } from "../types";
import { EditableText, Note, Tags } from "../ui/edit";
import { useLoad } from "../ui/load";
import { Button, Empty, ErrorNote, Field, Icon, Toggle } from "../ui/parts";
import { linesOfTree, treeOf, type TreeLine } from "./tree";

function runsLink({ folder }: TreeLine): string {
  const view = folder.experiment?.tags[VIEW_TAG];
  if (folder.experiment && folder.folders.length === 0) return link(["runs"], view ? { view } : { e: folder.experiment.id });
  return link(["runs"], { u: folder.path });
}

const patch = (id: string, body: Record<string, unknown>) => sendJson("PATCH", `experiments/${id}`, body);

interface LineProps {
  line: TreeLine;
  chosen: ReadonlySet<string>;
  flip: (path: string) => void;
  choose: (id: string) => void;
  open: (id: string) => void;
  current: string | null;
}

function Line({ line, chosen, flip, choose, open, current }: LineProps) {
  const { folder, depth } = line;
  const { experiment } = folder;
  return (
    <tr class={`${experiment?.lifecycle === "deleted" ? "deleted" : ""} ${experiment && experiment.id === current ? "current" : ""}`}>
      <td class="check">{experiment ? <input type="checkbox" aria-label={`Select ${cut(folder.path, 100)}`} checked={chosen.has(experiment.id)} onChange={() => choose(experiment.id)} /> : null}</td>
      <th scope="row">
        <span class="indent" style={{ width: `${depth * 20}px` }} />
        {folder.folders.length > 0 ? (
          <button type="button" class="expander" aria-expanded={line.open} aria-label={`Folder ${cut(folder.path, 100)}`} onClick={() => flip(folder.path)}><Icon name="chevron" /></button>
        ) : <span class="no-expander" />}
        <Icon name={experiment ? "experiments" : "folder"} />
        <a href={runsLink(line)}><bdi>{cut(folder.name, 200)}</bdi></a>
        {experiment ? <Button icon="edit" label={`Details of ${cut(folder.path, 100)}`} class="tiny quiet" onClick={() => open(experiment.id)} /> : null}
      </th>
      <td class="numeric">{count(folder.runs)}</td>
      <td class="numeric">{folder.running > 0 ? <span class="good">{count(folder.running)}</span> : <span class="faint">0</span>}</td>
      <td class="numeric">{folder.failed > 0 ? <span class="bad">{count(folder.failed)}</span> : <span class="faint">0</span>}</td>
      <td class="numeric">{folder.last > 0 ? `${age(now.value - folder.last)} ago` : <span class="faint">never</span>}</td>
      <td>{experiment ? <span class="faint"><bdi>{cut((experiment.note ?? "").split("\n")[0] ?? "", 80)}</bdi></span> : null}</td>
    </tr>
  );
}

function Details({ experiment, close }: { experiment: Experiment; close: () => void }) {
  const { id, path, tags, note, lifecycle } = experiment;
  const reason = readOnlyReason(file.value);
  const other = lifecycle === "deleted" ? "active" : "deleted";
  return (
    <aside class="side" aria-label={`Experiment ${cut(path, 100)}`}>
      <header>
        <h2><EditableText value={path} label="the path" save={(next) => edit("Renamed", () => patch(id, { path: next }), () => patch(id, { path }))} /></h2>
        <Button icon="close" label="Close" class="tiny" onClick={close} />
      </header>
      <p class="faint">id {id}, {plural(experiment.runs, "run")}</p>
      <a class="button primary" href={link(["runs"], { e: id })}>Show its runs</a>
      <h3>Note</h3>
      <Note key={id} text={note ?? ""} save={(next) => edit("Kept the note", () => patch(id, { note: next }), () => patch(id, { note: note ?? "" }))} />
      <h3>Tags</h3>
      <Tags tags={tags} save={(next) => edit("Changed tags", () => patch(id, { tags: next }), () => patch(id, { tags: Object.fromEntries(Object.keys(next).map((key) => [key, tags[key] ?? null])) }))} />
      <h3>{lifecycle === "deleted" ? "Deleted" : "Delete"}</h3>
      <Button label={lifecycle === "deleted" ? "Restore this experiment" : "Delete this experiment"} words={lifecycle === "deleted" ? "Restore" : "Delete"} icon="trash" disabled={reason !== null} reason={reason ?? ""} onClick={() => void edit(lifecycle === "deleted" ? "Restored" : "Deleted", () => patch(id, { lifecycle: other }), () => patch(id, { lifecycle }))} />
    </aside>
  );
}

/** All experiments as a tree of their paths. */
export function Experiments() {
  const search = query.value.get("q") ?? "";
  const deleted = query.value.get("deleted") === "1";
  const current = query.value.get("id");
  const chosen = new Set(splitList(query.value.get("s") ?? ""));
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const { value, error, again } = useLoad((signal) => getJson<{ experiments: Experiment[] }>("experiments", { deleted }, signal), [runsTick.value, edits.value, deleted]);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  const lines = linesOfTree(treeOf(value.experiments), closed, search);
  const flip = (path: string) => setClosed(new Set(closed.has(path) ? [...closed].filter((one) => one !== path) : [...closed, path]));
  const choose = (id: string) => setQuery("s", joinList(chosen.has(id) ? [...chosen].filter((one) => one !== id) : [...chosen, id]), true);
  const found = value.experiments.find(({ id }) => id === current);
  return (
    <div class="page with-side">
      <div class="page-main">
        <div class="bar">
          <h2>Experiments</h2>
          <Field value={search} label="Filter experiments" icon="search" onInput={(text) => setQuery("q", text, true)} />
          <span class="spacer" />
          {chosen.size > 0 ? <a class="button primary" href={link(["runs"], { e: joinList([...chosen]) })}>Runs of {plural(chosen.size, "experiment")}</a> : null}
          <Toggle on={deleted} words="With deleted ones" flip={() => setQuery("deleted", deleted ? null : "1")} />
        </div>
        {lines.length === 0 ? <Empty icon="experiments" title={search ? "No experiment matches" : "No experiments"} /> : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Tree of experiments">
            <table class="list">
              <thead><tr><th class="check"><span class="hidden">Select</span></th><th>Path</th><th class="numeric">Runs</th><th class="numeric">Running</th><th class="numeric">Failed</th><th class="numeric">Last activity</th><th>Note</th></tr></thead>
              <tbody>{lines.slice(0, 2000).map((line) => <Line key={line.folder.path} line={line} chosen={chosen} flip={flip} choose={choose} open={(id) => setQuery("id", id)} current={current} />)}</tbody>
            </table>
            {lines.length > 2000 ? <p class="note">{plural(lines.length - 2000, "more line")}. Filter to see them.</p> : null}
          </div>
        )}
      </div>
      {found ? <Details experiment={found} close={() => setQuery("id", null)} /> : null}
    </div>
  );
}
