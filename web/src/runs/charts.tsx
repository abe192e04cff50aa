import { computed, effect } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Catalogue } from "../charts/catalogue";
import { ChartSettings } from "../charts/settings";
import type { Source } from "../charts/source";
import { ChartWall } from "../charts/wall";
import { FIRST, joinList } from "../state";
import { change, view } from "../store";
import { Button, Choices, Field, Popover } from "../ui/parts";
import { KeyList } from "./chooser";
import { metricKeys, reload, table } from "./data";
import { drawnIds, firstRows, ink, isDrawn, isOver, nameOf } from "./rows";

const MOST_LINES = 1000;

const byIndex = computed(() => new Map(firstRows.value.map((row, index) => [String(index), row.id])));

function groupSource(handle: string, of: number): Source {
  const ids = drawnIds.value;
  const rows = firstRows.value;
  const last = rows.reduce((most, row, index) => (ids.includes(row.id) ? index + 1 : most), 0);
  return {
    body: last > 0 ? { handle, first: last } : null,
    ids,
    of,
    grouped: true,
    idOf: (index) => byIndex.value.get(index) ?? index,
    nameOf,
    isOver,
    ink,
  };
}

/** The drawn runs by their ids, or by the handle if all of very many are drawn. */
function runSource(handle: string, of: number): Source {
  const ids = drawnIds.value;
  const all = view.value.visible.first === "all" && of > ids.length;
  const base = { of, grouped: false, idOf: (id: string) => id, nameOf, isOver, ink };
  if (all) {
    const { hidden } = view.value.visible;
    return { ...base, body: { handle, first: MOST_LINES }, ids: hidden.length > 0 ? ids.filter((id) => isDrawn(id)) : null };
  }
  return { ...base, body: ids.length > 0 ? { runs: [...ids].sort() } : null, ids };
}

/** The curves that the Runs page draws: what the table says. */
const tableSource = computed<Source>(() => {
  const current = table.value;
  const base = { grouped: false, idOf: (id: string) => id, nameOf, isOver, ink };
  if (!current) return { ...base, body: null, ids: [], of: 0 };
  return current.groups ? groupSource(current.handle, current.total) : runSource(current.handle, current.total);
});

const FIRSTS = [5, 10, FIRST, 50, 100, 200];

function VisibleChooser() {
  const { visible } = view.value;
  const set = (first: number | "all") => () => change({ visible: { ...visible, first } });
  const total = table.value?.total ?? 0;
  const drawn = visible.first === "all" ? Math.min(total, MOST_LINES) : drawnIds.value.length;
  return (
    <Popover icon="eye" label="Which runs are drawn" words={`${drawn} of ${total}`}>
      {(close) => (
        <Choices
          close={close}
          items={[
            ...FIRSTS.map((first) => ({ words: `First ${first} of the table`, checked: visible.first === first, choose: set(first) })),
            { words: "All", checked: visible.first === "all", choose: set("all") },
            { words: "Only pinned and chosen ones", checked: visible.first === 0, choose: set(0) },
            null,
            { words: "Forget single choices", disabled: visible.shown.length + visible.hidden.length === 0, choose: () => change({ visible: { ...visible, shown: [], hidden: [] } }) },
          ]}
        />
      )}
    </Popover>
  );
}

function addCard(keys: readonly string[]): void {
  const id = joinList(keys);
  const { overlays } = view.peek();
  if (!overlays.includes(id)) change({ overlays: [...overlays, id] });
}

/** A line for a formula of metrics. The server checks it, and its chart shows what is wrong. */
function FormulaForm({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.trim() !== "") addCard([`=${text.trim()}`]);
    close();
  };
  return (
    <form class="panel-head" onSubmit={submit}>
      <Field value={text} label="Formula of metrics" placeholder="metrics.train - metrics.val" icon="plus" onInput={setText} />
      <button type="submit" class="button" disabled={text.trim() === ""}>Draw</button>
    </form>
  );
}

function CombineChooser() {
  const [chosen, setChosen] = useState<string[]>([]);
  const flip = (name: string) => {
    const key = name.replace(/^metrics\./, "");
    setChosen(chosen.includes(key) ? chosen.filter((one) => one !== key) : [...chosen, key]);
  };
  const make = (close: () => void) => () => {
    addCard(chosen);
    setChosen([]);
    close();
  };
  return (
    <Popover icon="combine" label="Combine metrics on one chart" panelClass="chooser">
      {(close) => (
        <>
          <FormulaForm close={close} />
          <KeyList kinds={[["metric", "Metrics"]]} isOn={(name) => chosen.includes(name.replace(/^metrics\./, ""))} flip={flip} />
          <div class="panel-foot">
            <Button label="Combine on one chart" words={chosen.length < 2 ? "Choose two or more" : `Combine ${chosen.length} metrics`} class="primary" disabled={chosen.length < 2} onClick={make(close)} />
          </div>
        </>
      )}
    </Popover>
  );
}

/** Keeps the catalogue in step with the selection of runs and the search, but not with every new handle. */
function useCatalogue(): Catalogue {
  const catalogue = useMemo(() => new Catalogue(), []);
  useEffect(() => effect(() => {
    const known = metricKeys.value;
    const search = view.value.metricFilter;
    const gone = catalogue.gone.value;
    const handle = (gone === null ? table.peek() : table.value)?.handle;
    if (!known || !handle) return;
    if (gone === handle) return reload();
    if (search === "" && known.keys.length >= known.total) catalogue.fill(known.keys);
    else catalogue.open({ handle, search });
  }), [catalogue]);
  return catalogue;
}

export function ChartsPane() {
  const catalogue = useCatalogue();
  return (
    <div class="pane">
      <ChartSettings grouped={table.value?.groups != null} filter>
        <VisibleChooser />
        <CombineChooser />
      </ChartSettings>
      <ChartWall source={tableSource} catalogue={catalogue} onGone={reload} />
    </div>
  );
}
