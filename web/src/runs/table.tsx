import { effect, signal, untracked, useComputed, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { nextFrame } from "../busy";
import { plural } from "../format";
import { lineAt, linesOf, rowsInView, type Opened } from "../grid/layout";
import { now as clock } from "../clock";
import { dense } from "../prefs";
import { change, go, link, view } from "../store";
import { Button, Empty, ErrorNote, Icon, useSize } from "../ui/parts";
import { cell, Health, healthOf, isNumeric, plainValue } from "./cells";
import { arrivals, children, columns, loadChildren, loading, lookAt, pinned, problem, reload, rowAt, table, type Table } from "./data";
import { HeadCell, widthOf } from "./head";
import { comparisonFor, withComparison } from "./names";
import { groupRow, ink, isDrawn, learnNames, runRow, toggleBaseline, togglePeek, togglePin, toggleSelected, toggleVisible, type Row } from "./rows";
import { cursor, hover, hovered } from "./selection";

/** The opened groups, by their place in the present table. */
const opened = signal<readonly number[]>([]);
const openedIds = new Map<number, string>();

/** Finds the groups of a table by their ids, as far as the first window has them. */
function placesOf(current: Table): Map<string, number> {
  const frame = current.windows.get(0);
  const places = new Map<string, number>();
  for (let row = 0; frame && current.groups && row < frame.rows; row += 1) places.set(groupRow(frame, row, row, current.groups).id, row);
  return places;
}

/** Moves the opened groups to their places in a new table, and reads their runs again. */
function followGroups(current: Table): void {
  if (opened.peek().length === 0) return;
  const places = placesOf(current);
  const before = children.peek();
  const moved = opened.peek().flatMap((old) => {
    const id = openedIds.get(old) ?? "";
    const place = places.get(id);
    return place === undefined ? [] : [{ id, place, frame: before.get(old) }];
  });
  openedIds.clear();
  for (const { id, place } of moved) openedIds.set(place, id);
  children.value = new Map(moved.flatMap(({ place, frame }) => (frame ? [[place, frame] as const] : [])));
  opened.value = moved.map(({ place }) => place);
  for (const { place } of moved) void loadChildren(place);
}

export function watchGroups(): void {
  let handle = "";
  effect(() => {
    const current = table.value;
    if (!current || current.handle === handle) return;
    handle = current.handle;
    untracked(() => followGroups(current));
  });
}

function openedSpans(): Opened[] {
  return [...opened.value]
    .sort((a, b) => a - b)
    .map((group) => ({ group, rows: children.value.get(group)?.rows ?? 0 }));
}

function toggleGroup({ id, group }: Row): void {
  if (group === null) return;
  const list = opened.peek();
  if (list.includes(group)) opened.value = list.filter((one) => one !== group);
  else {
    opened.value = [...list, group];
    openedIds.set(group, id);
    void loadChildren(group);
  }
}

/** Returns the row on a line of the table, or null while its window is on its way. */
function rowOnLine(current: Table, index: number): Row | null {
  if (!current.groups) {
    const found = rowAt(current, index);
    return found && runRow(found.frame, found.row);
  }
  const { group, child } = lineAt(index, openedSpans());
  const frame = children.value.get(group);
  if (child !== null) return frame ? runRow(frame, child) : null;
  const found = rowAt(current, group);
  return found && groupRow(found.frame, found.row, group, current.groups);
}

export function rowHeight(): number {
  return dense.value ? 28 : 36;
}

function template(names: readonly string[]): string {
  return `${widthOf("attributes.run_name")}px ${names.map((name) => `${widthOf(name)}px`).join(" ")} minmax(0, 1fr)`;
}

function Swatch({ row }: { row: Row }) {
  const shown = isDrawn(row.id);
  const { colour } = ink(row.id);
  return (
    <button
      type="button"
      class="swatch"
      aria-pressed={shown}
      aria-label={`Draw ${row.name}`}
      title={shown ? "Drawn in the charts. Click to hide (v)" : "Not drawn. Click to draw (v)"}
      style={{ color: colour }}
      onClick={() => toggleVisible(row.id)}
    >
      <span class="dot" />
    </button>
  );
}

function GroupWords({ row }: { row: Row }) {
  const runs = row.frame.column("runs")?.number(row.row) ?? 0;
  const failed = row.frame.column("failed")?.number(row.row) ?? 0;
  const running = row.frame.column("running")?.number(row.row) ?? 0;
  const open = row.group !== null && opened.value.includes(row.group);
  return (
    <>
      <button type="button" class="expander" aria-expanded={open} aria-label={`Runs of ${row.name}`} onClick={() => toggleGroup(row)}>
        <Icon name="chevron" />
      </button>
      <bdi class="run-name" title={row.title}>{row.name}</bdi>
      <span class="badge" title={`${plural(runs, "run")}${running ? `, ${running} running` : ""}${failed ? `, ${failed} failed` : ""}`}>{runs}</span>
      {failed > 0 ? <span class="badge bad">{failed} failed</span> : null}
    </>
  );
}

function RunWords({ row }: { row: Row }) {
  const { pins, baseline, peek } = view.value;
  const isBaseline = baseline === row.id;
  const isPinned = pins.includes(row.id);
  return (
    <>
      <Health state={healthOf(row)} />
      <a class="run-name" href={link(["run", row.id])} title={row.name}><bdi>{row.name}</bdi></a>
      <span class="row-tools">
        <button type="button" class="tool" aria-pressed={peek === row.id} title="Details beside the charts (i)" aria-label={`Details of ${row.name}`} onClick={() => togglePeek(row.id)}><Icon name="info" /></button>
        <button type="button" class="tool" aria-pressed={isPinned} title="Pin (p)" aria-label={`Pin ${row.name}`} onClick={() => togglePin(row.id)}><Icon name="pin" /></button>
        <button type="button" class="tool" aria-pressed={isBaseline} title="Baseline (b)" aria-label={`Baseline ${row.name}`} onClick={() => toggleBaseline(row.id)}><Icon name="baseline" /></button>
      </span>
    </>
  );
}

interface LineProps {
  row: Row;
  index: number;
  top: number | null;
  names: readonly string[];
  numeric: readonly boolean[];
  now: number;
}

function classOf(row: Row, kept: boolean, lit: boolean, current: boolean): string {
  const { baseline, selected } = view.value;
  const parts = ["row"];
  if (row.group !== null) parts.push("group");
  if (lit) parts.push("hovered");
  if (current) parts.push("current");
  if (selected.includes(row.id)) parts.push("selected");
  if (baseline === row.id) parts.push("baseline");
  if (kept) parts.push("kept");
  return parts.join(" ");
}

function onContextMenu(event: MouseEvent, row: Row, now: number): void {
  const name = (event.target as Element).closest<HTMLElement>("[data-name]")?.dataset["name"];
  if (!name || row.group !== null) return;
  const comparison = comparisonFor(name, plainValue(row, name, now));
  if (!comparison || window.getSelection()?.isCollapsed === false) return;
  event.preventDefault();
  change({ filter: withComparison(view.peek().filter, comparison) });
}

function TableLine({ row, index, top, names, numeric, now }: LineProps) {
  const { baseline, selected } = view.value;
  const kept = top === null;
  // The element of a line is used again for others, so what it shows is a signal too.
  const [id, line] = [useSignal(row.id), useSignal(index)];
  id.value = row.id;
  line.value = index;
  const lit = useComputed(() => hovered.value === id.value);
  const current = useComputed(() => !kept && cursor.value === line.value);
  const style = kept ? {} : { transform: `translateY(${top}px)` };
  return (
    <div
      class={classOf(row, kept, lit.value, current.value)}
      role="row"
      id={kept ? undefined : `line-${index}`}
      aria-rowindex={index + 2}
      aria-selected={selected.includes(row.id)}
      data-run={row.id}
      style={style}
      onPointerEnter={() => hover(row.id)}
      onPointerLeave={() => hover(null)}
      onClick={() => !kept && (cursor.value = index)}
      onContextMenu={(event) => onContextMenu(event, row, now)}
    >
      <div class="cell lead" role="gridcell" aria-colindex={1}>
        {row.group === null ? (
          <input type="checkbox" checked={selected.includes(row.id)} aria-label={`Select ${row.name}`} title="Select (x)" onChange={() => toggleSelected(row.id)} />
        ) : <span class="no-check" />}
        <Swatch row={row} />
        {row.group === null ? <RunWords row={row} /> : <GroupWords row={row} />}
      </div>
      {names.map((name, at) => (
        <div class={`cell ${numeric[at] ? "numeric" : ""}`} role="gridcell" aria-colindex={at + 2} data-name={name} key={name}>
          <bdi>{cell(row, name, baseline, now)}</bdi>
        </div>
      ))}
    </div>
  );
}

function PinnedLines({ names, numeric, now }: { names: readonly string[]; numeric: readonly boolean[]; now: number }) {
  const frame = pinned.value;
  const { pins, baseline } = view.value;
  if (!frame || (pins.length === 0 && !baseline)) return null;
  const rows = Array.from({ length: frame.rows }, (_, row) => runRow(frame, row));
  const wanted = baseline ? [baseline, ...pins.filter((id) => id !== baseline)] : pins;
  const found = wanted.flatMap((id) => rows.filter((row) => row.id === id));
  return (
    <div class="pinned-lines" role="rowgroup">
      {found.map((row, at) => <TableLine key={row.id} row={row} index={at - 1} top={null} names={names} numeric={numeric} now={now} />)}
    </div>
  );
}

function NoRows() {
  const { filter, experiments, under, lifecycle } = view.value;
  const narrowed = filter !== "" || experiments.length > 0 || under !== "";
  if (narrowed) {
    return (
      <Empty icon="filter" title="No run matches">
        <p>The filter{experiments.length > 0 || under ? " and the chosen experiments" : ""} leave nothing.</p>
        <Button label="Show all runs" words="Show all runs" onClick={() => change({ filter: "", experiments: [], under: "" })} />
      </Empty>
    );
  }
  if (lifecycle === "deleted") return <Empty icon="trash" title="No deleted runs" />;
  return (
    <Empty icon="runs" title="No runs yet">
      <p>Log the first one, and it appears here at once:</p>
      <pre class="snippet">{`import mlflow\nmlflow.set_tracking_uri("${location.origin}")\nwith mlflow.start_run():\n    mlflow.log_param("lr", 0.1)\n    for step in range(100):\n        mlflow.log_metric("loss", 1 / (step + 1), step=step)`}</pre>
    </Empty>
  );
}

function scrollToLine(scroller: HTMLElement, index: number, top: number): void {
  const height = rowHeight();
  const [from, to] = [index * height, (index + 1) * height];
  if (from < scroller.scrollTop) scroller.scrollTop = from;
  else if (to > scroller.scrollTop + scroller.clientHeight - top) scroller.scrollTop = to - scroller.clientHeight + top;
}

export function moveCursor(step: number): void {
  const current = table.peek();
  if (!current) return;
  cursor.value = Math.max(0, Math.min(linesOf(current.total, openedSpans()) - 1, cursor.peek() + step));
}

export function currentRow(): Row | null {
  const current = table.peek();
  return current ? rowOnLine(current, cursor.peek()) : null;
}

function onGridKey(event: KeyboardEvent): void {
  if ((event.target as Element).matches("input[type=text], textarea")) return;
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -Infinity, End: 1e9 };
  const step = steps[event.key];
  if (step !== undefined) {
    event.preventDefault();
    moveCursor(step);
  } else if ((event.key === "ArrowRight" || event.key === "ArrowLeft") && event.target === event.currentTarget) {
    const row = currentRow();
    if (row && row.group !== null && opened.peek().includes(row.group) === (event.key === "ArrowLeft")) toggleGroup(row);
  } else if (event.key === " " && event.target === event.currentTarget) {
    event.preventDefault();
    const row = currentRow();
    if (row && row.group === null) toggleSelected(row.id);
  } else if (event.key === "Enter" && event.target === event.currentTarget) openCurrent();
}

export function openCurrent(): void {
  const row = currentRow();
  if (!row) return;
  if (row.group === null) go(["run", row.id]);
  else toggleGroup(row);
}

/** More than there are lines at once, so that no two of them share a place. */
const SLOTS = 128;

function Lines({ current, scrollTop, height, names, numeric, now }: {
  current: Table; scrollTop: number; height: number; names: readonly string[]; numeric: readonly boolean[]; now: number;
}) {
  void arrivals.value;
  const size = rowHeight();
  const total = linesOf(current.total, openedSpans());
  const { start, end } = rowsInView(scrollTop, height, size, total);
  const lines = [];
  for (let index = start; index < end; index += 1) {
    const row = rowOnLine(current, index);
    const slot = index % SLOTS;
    if (row) lines.push(<TableLine key={slot} row={row} index={index} top={index * size} names={names} numeric={numeric} now={now} />);
    else lines.push(<div class="row waiting" role="row" key={`waiting ${slot}`} aria-rowindex={index + 2} style={{ transform: `translateY(${index * size}px)` }}><div class="cell lead" role="gridcell"><span class="bone" /></div></div>);
  }
  return <div class="grid-body" role="rowgroup" style={{ height: `${total * size}px` }}>{lines}</div>;
}

/** The windowed table of runs or groups. */
export function RunsTable() {
  const scroller = useRef<HTMLDivElement>(null);
  const { height } = useSize(scroller);
  const [scrollTop, setScrollTop] = useState(0);
  const current = table.value;
  const now = clock.value;
  learnNames();
  useLayoutEffect(() => {
    if (scroller.current) scroller.current.scrollTop = 0;
  }, [view.value.filter, JSON.stringify(view.value.group)]);
  useEffect(() => cursor.subscribe((index) => {
    const top = scroller.current?.querySelector<HTMLElement>(".grid-top")?.offsetHeight ?? 0;
    if (scroller.current) scrollToLine(scroller.current, index, top);
  }), []);
  const names = current?.columns ?? columns.value;
  const first = current?.windows.get(0) ?? [...(current?.windows.values() ?? [])][0];
  const numeric = useMemo(() => names.map((name) => isNumeric(name, first?.column(name))), [names, first]);
  const onScroll = () => nextFrame(() => {
    const top = scroller.current?.scrollTop ?? 0;
    setScrollTop(top);
    lookAt(Math.floor(top / rowHeight()));
  });
  return (
    <div
      class={`grid ${loading.value ? "loading" : ""}`}
      role="grid"
      aria-label="Runs"
      aria-rowcount={(current?.total ?? 0) + 1}
      aria-colcount={names.length + 1}
      aria-multiselectable="true"
      aria-activedescendant={current && current.total > 0 ? `line-${cursor.value}` : undefined}
      aria-busy={loading.value}
      tabIndex={0}
      ref={scroller}
      style={{ "--template": template(names), "--row": `${rowHeight()}px` }}
      onScroll={onScroll}
      onKeyDown={onGridKey}
    >
      <div class="grid-top">
        <div class="row head-row" role="row" aria-rowindex={1}>
          <HeadCell name="attributes.run_name" numeric={false} index={1} plain />
          {names.map((name, at) => <HeadCell key={name} name={name} numeric={numeric[at] ?? false} index={at + 2} />)}
        </div>
        <PinnedLines names={names} numeric={numeric} now={now} />
      </div>
      {problem.value && !current && view.value.filter === "" ? <div role="row"><div role="gridcell"><ErrorNote message={problem.value.message} retry={reload} /></div></div> : null}
      {current && current.total === 0 ? <div role="row"><div role="gridcell"><NoRows /></div></div> : null}
      {current ? <Lines current={current} scrollTop={scrollTop} height={height} names={names} numeric={numeric} now={now} /> : null}
    </div>
  );
}

