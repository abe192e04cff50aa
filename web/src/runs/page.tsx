import { useRef, useState } from "preact/hooks";
import { pathOf } from "../experiments";
import { file, readOnlyReason } from "../file";
import { cut, plural } from "../format";
import { dense, tableShare } from "../prefs";
import { change, view } from "../store";
import { Guard } from "../ui/guard";
import { Button, Choices, Field, Popover, Tabs } from "../ui/parts";
import { ViewMenu } from "../pages/viewmenu";
import { ChartsPane } from "./charts";
import { ColumnChooser, GroupChooser } from "./chooser";
import { ComparePane } from "./compare";
import { loading, problem, table } from "./data";
import { archive, tagAll } from "./edit";
import { copyTable, saveTable } from "./export";
import { FilterBox } from "./filter";
import { ImportancePane } from "./importance";
import { MediaPane } from "./media";
import { ParallelPane } from "./parallel";
import { Peek } from "./peek";
import { compared } from "./rows";
import { ScatterPane } from "./scatter";
import { RunsTable } from "./table";

export const TABS = ["charts", "compare", "scatter", "parallel", "importance", "media"] as const;

/** The last part of an experiment's path. */
function nameOfExperiment(id: string | undefined): string {
  return pathOf(id).split("/").filter((part) => part !== "").pop() ?? "1 experiment";
}

function ScopeChip() {
  const { experiments, under, lifecycle } = view.value;
  const words = under !== "" ? `under ${under}` : experiments.length === 1 ? nameOfExperiment(experiments[0]) : experiments.length > 0 ? plural(experiments.length, "experiment") : null;
  return (
    <>
      {words ? <Button icon="close" label="Show the runs of all experiments" words={cut(words, 40)} class="on" onClick={() => change({ experiments: [], under: "" })} /> : null}
      {lifecycle !== "active" ? <Button icon="close" label="Show active runs" words={lifecycle === "deleted" ? "deleted runs" : "with deleted runs"} class="on" onClick={() => change({ lifecycle: "active" })} /> : null}
    </>
  );
}

function TagForm({ runs, close, reason }: { runs: readonly string[]; close: () => void; reason: string | null }) {
  const [text, setText] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    void tagAll(runs, text);
    close();
  };
  return (
    <form class="panel-head" onSubmit={submit}>
      <Field value={text} label="Tag for all of them, as key=value" placeholder="Tag all: key=value" icon="plus" onInput={setText} />
      <button type="submit" class="button" disabled={text.trim() === "" || reason !== null} title={reason ?? undefined}>Tag</button>
    </form>
  );
}

function BulkMenu() {
  const { selected, lifecycle } = view.value;
  const reason = readOnlyReason(file.value);
  const off = reason !== null;
  return (
    <Popover icon="more" label={`Actions for ${plural(selected.length, "selected run")}`}>
      {(close) => (
        <>
          <TagForm runs={selected} close={close} reason={reason} />
          <Choices close={close} items={[
            { words: "Compare them", detail: "c", choose: () => change({ tab: "compare" }) },
            { words: "Draw only these", choose: () => change({ visible: { first: 0, shown: selected, hidden: [] } }) },
            { words: "Pin them", choose: () => change({ pins: [...new Set([...view.peek().pins, ...selected])] }) },
            null,
            lifecycle === "deleted"
              ? { words: "Restore them", disabled: off, reason: reason ?? "", choose: () => void archive(selected, "active") }
              : { words: "Delete them", disabled: off, reason: reason ?? "", choose: () => void archive(selected, "deleted") },
          ]} />
        </>
      )}
    </Popover>
  );
}

function Footer() {
  const current = table.value;
  const { selected, lifecycle } = view.value;
  const total = !current ? "" : current.groups ? `${plural(current.total, "group")} of ${plural(current.runs, "run")}` : plural(current.runs, "run");
  return (
    <footer class="table-foot">
      <span>{total}</span>
      {selected.length > 0 ? (
        <>
          <span class="fact">{selected.length} selected</span>
          <Button label="Clear the selection" words="clear" class="link" onClick={() => change({ selected: [] }, true)} />
          <BulkMenu />
        </>
      ) : null}
      <span class="spacer" />
      {problem.value && current ? <span class="bad" title={problem.value.message}>not refreshed</span> : null}
      {loading.value ? <span class="faint">reading</span> : null}
      <Button icon="rows" label={dense.value ? "Higher rows" : "Lower rows"} onClick={() => (dense.value = !dense.peek())} />
      <Popover icon="trash" label="Deleted runs">
        {(close) => (
          <Choices close={close} items={[
            { words: "Active runs", checked: lifecycle === "active", choose: () => change({ lifecycle: "active" }) },
            { words: "Deleted runs", checked: lifecycle === "deleted", choose: () => change({ lifecycle: "deleted" }) },
            { words: "All", checked: lifecycle === "all", choose: () => change({ lifecycle: "all" }) },
          ]} />
        )}
      </Popover>
      <Popover icon="download" label="Export the table">
        {(close) => (
          <Choices close={close} items={[
            { words: "Save as CSV", choose: () => void saveTable() },
            { words: "Copy as TSV", choose: () => void copyTable("tsv") },
            { words: "Copy as Markdown", choose: () => void copyTable("markdown") },
            { words: "Copy as LaTeX", choose: () => void copyTable("latex") },
          ]} />
        )}
      </Popover>
    </footer>
  );
}

function Pane({ tab }: { tab: string }) {
  switch (tab) {
    case "compare": return <ComparePane />;
    case "scatter": return <ScatterPane />;
    case "parallel": return <ParallelPane />;
    case "importance": return <ImportancePane />;
    case "media": return <MediaPane />;
    default: return <ChartsPane />;
  }
}

export function resizeTable(step: number): void {
  tableShare.value = Math.min(100, Math.max(0, tableShare.peek() + step));
}

function Divider({ root }: { root: { current: HTMLDivElement | null } }) {
  const onDown = (event: PointerEvent) => {
    event.preventDefault();
    const handle = event.currentTarget as HTMLElement;
    handle.setPointerCapture(event.pointerId);
    const onMove = (moved: PointerEvent) => {
      const box = root.current?.getBoundingClientRect();
      if (!box) return;
      const share = ((moved.clientX - box.left) / box.width) * 100;
      tableShare.value = share < 8 ? 0 : share > 94 ? 100 : Math.round(share * 10) / 10;
    };
    const onEnd = () => handle.removeEventListener("pointermove", onMove);
    handle.addEventListener("pointermove", onMove);
    handle.addEventListener("lostpointercapture", onEnd, { once: true });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") resizeTable(-4);
    else if (event.key === "ArrowRight") resizeTable(4);
  };
  return <div class="divider" role="separator" aria-orientation="vertical" aria-label="Width of the table" aria-valuenow={Math.round(tableShare.value)} aria-valuemin={0} aria-valuemax={100} tabIndex={0} onPointerDown={onDown} onKeyDown={onKey} onDblClick={() => (tableShare.value = 46)} />;
}

/** The table beside the charts. The table decides which runs exist, their colours and what is drawn. */
export function RunsPage() {
  const root = useRef<HTMLDivElement>(null);
  const { tab } = view.value;
  const share = tableShare.value;
  const comparing = view.value.selected.length > 0 ? String(compared(view.value).length) : "";
  const tabs = [
    { id: "charts", words: "Charts" },
    { id: "compare", words: "Compare", detail: comparing },
    { id: "scatter", words: "Scatter" },
    { id: "parallel", words: "Parallel" },
    { id: "importance", words: "Importance" },
    { id: "media", words: "Media" },
  ];
  return (
    <div class="runs" ref={root} style={{ "--share": `${share}%` }}>
      <div class={`left ${share === 0 ? "gone" : ""}`}>
        <div class="bar">
          <FilterBox />
          <ScopeChip />
          <GroupChooser />
          <ColumnChooser />
        </div>
        <Guard><RunsTable /></Guard>
        <Footer />
      </div>
      <Divider root={root} />
      <div class={`right ${share === 100 ? "gone" : ""}`}>
        <div class="tab-bar">
          <Tabs tabs={tabs} current={tab} choose={(id) => change({ tab: id })} label="What is shown of the runs" />
          <span class="spacer" />
          <ViewMenu />
        </div>
        <div class="beside">
          <Guard key={tab}><Pane tab={tab} /></Guard>
          <Peek />
        </div>
      </div>
    </div>
  );
}
