import { useRef, useState } from "preact/hooks";
import { getJson, postFrame } from "../api";
import { cut, plural } from "../format";
import { registryTick, runsTick } from "../live";
import { copyText } from "../runs/export";
import { runRow } from "../runs/rows";
import { go, link, query, setQuery } from "../store";
import type { Lineage, LineageNode, Model, QueryMeta, StoredTable } from "../types";
import { useLoad } from "../ui/load";
import { Button, Empty, ErrorNote, Field, Icon, Segments } from "../ui/parts";
import { BOX_HEIGHT, BOX_WIDTH, edgePath, mermaid, placeNodes, relatives, type Placed } from "./graph";

const ICONS: Record<string, string> = { run: "runs", dataset: "dataset", model: "models", version: "models", alias: "pin", experiment: "experiments", table: "tables", endpoint: "serving" };

/** The id of an object without the kind that the graph puts before it. */
function plainId({ id, kind }: LineageNode): string {
  return id.startsWith(`${kind}:`) ? id.slice(kind.length + 1) : id;
}

/** The id without the scheme of its address, as links may give it. */
const bare = (id: string) => id.replace(/^(?:models|tables|endpoints):\//, "");

function pageOf(node: LineageNode): string {
  const id = plainId(node);
  if (node.kind === "run") return link(["run", id]);
  if (node.kind === "version") {
    const name = id.replace(/^models:\//, "");
    const at = name.lastIndexOf("/");
    return link(["models", name.slice(0, at)], { v: name.slice(at + 1) });
  }
  if (node.kind === "table") return link(["tables", bare(id)]);
  if (node.kind === "endpoint") return link(["serving", bare(id)]);
  if (node.kind === "alias") return link(["models", id.replace(/^models:\//, "").replace(/@[^@]*$/, "")]);
  return link(["lineage"], { kind: node.kind, id });
}

function Box({ node, faint, hover, isStart }: { node: Placed; faint: boolean; hover: (id: string | null) => void; isStart: boolean }) {
  return (
    <a
      class={`node node-${node.kind} ${faint ? "faded" : ""} ${isStart ? "start" : ""}`}
      style={{ left: `${node.x}px`, top: `${node.y}px`, width: `${BOX_WIDTH}px`, height: `${BOX_HEIGHT}px` }}
      href={pageOf(node)}
      title={cut(node.label, 500)}
      onPointerEnter={() => hover(node.id)}
      onPointerLeave={() => hover(null)}
      onFocus={() => hover(node.id)}
      onBlur={() => hover(null)}
    >
      <Icon name={ICONS[node.kind] ?? "file"} />
      <span class="words"><bdi>{cut(node.label, 60)}</bdi><small>{node.kind.replace("_", " ")}</small></span>
    </a>
  );
}

function Picture({ graph, start }: { graph: Lineage; start: string }) {
  const [near, setNear] = useState<string | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const drag = useRef<{ x: number; y: number; left: number; top: number } | null>(null);
  const { placed, width, height } = placeNodes(graph.nodes);
  const byId = new Map(placed.map((node) => [node.id, node]));
  const kin = near === null ? null : relatives(graph, near);
  const onDown = (event: PointerEvent) => {
    if (!scroller.current || (event.target as Element).closest("a")) return;
    drag.current = { x: event.clientX, y: event.clientY, left: scroller.current.scrollLeft, top: scroller.current.scrollTop };
  };
  const onMove = (event: PointerEvent) => {
    if (!drag.current || !scroller.current) return;
    scroller.current.scrollLeft = drag.current.left - (event.clientX - drag.current.x);
    scroller.current.scrollTop = drag.current.top - (event.clientY - drag.current.y);
  };
  return (
    <div class="lineage" ref={scroller} tabIndex={0} role="region" aria-label="Graph" onPointerDown={onDown} onPointerMove={onMove} onPointerUp={() => (drag.current = null)} onPointerLeave={() => (drag.current = null)}>
      <div class="lineage-body" style={{ width: `${width}px`, height: `${height}px` }}>
        <svg width={width} height={height} aria-hidden="true">
          {graph.edges.map(({ from, to, label }, at) => {
            const [a, b] = [byId.get(from), byId.get(to)];
            if (!a || !b) return null;
            const lit = kin === null || (kin.has(from) && kin.has(to));
            return <path key={at} d={edgePath(a, b)} class={lit ? (kin ? "lit" : "") : "faded"}>{label ? <title>{label}</title> : null}</path>;
          })}
        </svg>
        {placed.map((node) => <Box key={node.id} node={node} faint={kin !== null && !kin.has(node.id)} hover={setNear} isStart={bare(plainId(node)) === bare(start)} />)}
      </div>
    </div>
  );
}

function GraphTable({ graph }: { graph: Lineage }) {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const words = (id: string) => {
    const node = byId.get(id);
    return node ? <><span class="faint">{node.kind}</span> <a href={pageOf(node)}><bdi>{cut(node.label, 100)}</bdi></a></> : cut(id, 60);
  };
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Graph as a table">
      <table class="list compact">
        <thead><tr><th>From</th><th>How</th><th>To</th></tr></thead>
        <tbody>{graph.edges.map(({ from, to, label }, at) => <tr key={at}><td>{words(from)}</td><td class="faint">{label ?? ""}</td><td>{words(to)}</td></tr>)}</tbody>
      </table>
    </div>
  );
}

const DIRECTIONS = [["both", "Both"], ["up", "Origins"], ["down", "Results"]] as const;

/** What an object came from and what came of it, as a picture or a table. */
export function LineageGraph({ kind, id }: { kind: string; id: string }) {
  const [direction, setDirection] = useState<"both" | "up" | "down">("both");
  const [depth, setDepth] = useState(8);
  const [asTable, setAsTable] = useState(false);
  const { value, error, again } = useLoad((signal) => getJson<Lineage>("lineage", { kind, id, direction, depth }, signal), [runsTick.value, registryTick.value, direction, depth], `${kind}:${id}`);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  return (
    <div class="pane">
      <div class="bar">
        <Segments options={DIRECTIONS} value={direction} choose={setDirection} label="Direction" />
        <label class="slider"><span>Depth</span><input type="range" min={1} max={10} value={depth} onInput={(event) => setDepth(Number(event.currentTarget.value))} /><output>{depth}</output></label>
        <span class="spacer" />
        <span class="fact">{plural(value.nodes.length, "object")}, {plural(value.edges.length, "link")}</span>
        <Button label="Show as a table" words="Table" pressed={asTable} onClick={() => setAsTable(!asTable)} />
        <Button icon="copy" label="Copy for Mermaid" words="Mermaid" onClick={() => void copyText(mermaid(value), "the graph")} />
      </div>
      {value.edges.length === 0 ? <Empty icon="lineage" title="Not linked to anything"><p>Lineage comes from tables, datasets, models, versions and endpoints.</p></Empty> : asTable ? <GraphTable graph={value} /> : <Picture graph={value} start={id} />}
    </div>
  );
}

interface Start {
  kind: string;
  id: string;
  words: string;
  detail: string;
}

async function startsOf(signal: AbortSignal): Promise<Start[]> {
  const [{ models }, { tables }, { endpoints }, runs] = await Promise.all([
    getJson<{ models: Model[] }>("models", {}, signal),
    getJson<{ tables: StoredTable[] }>("tables", {}, signal),
    getJson<{ endpoints: { name: string }[] }>("endpoints", {}, signal),
    postFrame<QueryMeta>("runs/query", { filter: "", order: ["attributes.start_time DESC"], view: "active", group: null, columns: [], offset: 0, limit: 50 }, signal),
  ]);
  const rooms = [...endpoints.map(({ name }) => ({ kind: "endpoint", id: name, words: name, detail: "endpoint" })), ...tables.map(({ name }) => ({ kind: "table", id: name, words: name, detail: "table" }))];
  const named = models.filter(({ latest }) => latest !== null).map(({ name, latest, versions }) => ({ kind: "version", id: `models:/${name}/${latest}`, words: name, detail: `newest of ${plural(versions, "version")}` }));
  const listed = Array.from({ length: runs.rows }, (_, row) => {
    const { id, name } = runRow(runs, row);
    return { kind: "run", id, words: name, detail: "run" };
  });
  return [...named, ...rooms, ...listed];
}

function StartList() {
  const search = query.value.get("q") ?? "";
  const { value, error, again } = useLoad(startsOf, [runsTick.value, registryTick.value]);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  if (value.length === 0) return <Empty icon="lineage" title="Nothing to follow yet"><p>Runs, datasets and models appear here with their links.</p></Empty>;
  const found = value.filter(({ words }) => words.toLowerCase().includes(search.toLowerCase()));
  return (
    <div class="page-main">
      <div class="bar"><h2>Lineage</h2><Field value={search} label="Filter" placeholder="Start from a model or a recent run" icon="search" onInput={(text) => setQuery("q", text, true)} /></div>
      <ul class="starts scroll">
        {found.slice(0, 300).map(({ kind, id, words, detail }) => (
          <li key={kind + id}><a href={link(["lineage"], { kind, id })}><Icon name={ICONS[kind] ?? "file"} /><bdi class="words">{cut(words, 120)}</bdi><span class="detail">{detail}</span></a></li>
        ))}
      </ul>
    </div>
  );
}

export function LineagePage() {
  const kind = query.value.get("kind");
  const id = query.value.get("id");
  if (!kind || !id) return <div class="page"><StartList /></div>;
  return (
    <div class="page">
      <div class="bar"><Button icon="back" label="Other objects" onClick={() => go(["lineage"])} /><h2>Lineage of {kind} <bdi>{cut(id.length === 32 ? id.slice(0, 8) : id, 80)}</bdi></h2></div>
      <LineageGraph kind={kind} id={id} />
    </div>
  );
}
