import { change, view } from "../store";
import { columnWidths } from "../prefs";
import { Choices, Icon, Popover, type Choice } from "../ui/parts";
import { columns } from "./data";
import { AGGREGATES, fieldName, headOf, isCurve, isSortable, parseField } from "./names";

const LEAST_WIDTHS = { metric: 88, param: 64, tag: 80, attribute: 152 } as const;
const [LETTER, SPACE, MOST_WIDTH] = [7, 28, 200];
/** The room for a signed difference from the baseline. */
const DELTA = 64;

const NAME_WIDTH = 224;

/** A column is as wide as the reader made it, or else as its head needs. */
export function widthOf(name: string): number {
  const own = columnWidths.value[name];
  if (own !== undefined) return own;
  if (name === "attributes.run_name") return NAME_WIDTH;
  const { text, detail } = headOf(name);
  const needed = (text.length + detail.length) * LETTER + SPACE;
  const { kind } = parseField(name);
  const least = LEAST_WIDTHS[kind] + (kind === "metric" && view.value.baseline && !isCurve(name) ? DELTA : 0);
  return Math.min(MOST_WIDTH, Math.max(least, needed));
}

/** Sorts by a column: first ascending, then descending, then not. With `add`, earlier columns stay before it. */
function sortBy(column: string, add: boolean): void {
  const { order } = view.peek();
  const known = order.find((one) => one.column === column);
  const others = add ? order.filter((one) => one.column !== column) : [];
  const next = !known ? [{ column, descending: false }] : known.descending ? [] : [{ column, descending: true }];
  if (add && known) {
    change({ order: order.flatMap((one) => (one.column === column ? next : [one])) });
    return;
  }
  change({ order: [...others, ...next] });
}

function replaceColumn(from: string, to: string[]): void {
  const order = view.peek().order.filter(({ column }) => column !== from || to.includes(from));
  change({ columns: columns.peek().flatMap((name) => (name === from ? to : [name])), order });
}

function move(name: string, step: number): void {
  const list = [...columns.peek()];
  const at = list.indexOf(name);
  const to = at + step;
  if (at < 0 || to < 0 || to >= list.length) return;
  list.splice(at, 1);
  list.splice(to, 0, name);
  change({ columns: list });
}

function groupChoice(name: string): Choice {
  const { group } = view.peek();
  const keys = Array.isArray(group) ? group : [];
  const on = keys.includes(name);
  const next = on ? keys.filter((key) => key !== name) : [...keys, name];
  return { words: on ? "Stop grouping by this" : "Group by this", choose: () => change({ group: next.length > 0 ? next : null }) };
}

function menu(name: string): (Choice | null)[] {
  const field = parseField(name);
  const sort = (descending: boolean) => () => change({ order: [{ column: name, descending }] });
  const items: (Choice | null)[] = isSortable(name) ? [{ words: "Sort ascending", choose: sort(false) }, { words: "Sort descending", choose: sort(true) }] : [];
  if (field.kind === "metric") {
    items.push(null);
    for (const aggregate of AGGREGATES) {
      const other = fieldName({ ...field, aggregate });
      items.push({ words: `Show ${aggregate}`, checked: field.aggregate === aggregate, choose: () => replaceColumn(name, [other]) });
    }
  }
  if (field.kind === "param" || field.kind === "tag") items.push(null, groupChoice(name));
  items.push(null, { words: "Move left", choose: () => move(name, -1) }, { words: "Move right", choose: () => move(name, 1) });
  items.push({ words: "Hide this column", choose: () => replaceColumn(name, []) });
  return items;
}

function startResize(event: PointerEvent, name: string, width: number): void {
  event.preventDefault();
  event.stopPropagation();
  const handle = event.currentTarget as HTMLElement;
  handle.setPointerCapture(event.pointerId);
  const from = event.clientX;
  const onMove = (moved: PointerEvent) => {
    const next = Math.min(800, Math.max(48, Math.round(width + moved.clientX - from)));
    columnWidths.value = { ...columnWidths.peek(), [name]: next };
  };
  const onEnd = () => {
    handle.removeEventListener("pointermove", onMove);
    handle.removeEventListener("lostpointercapture", onEnd);
  };
  handle.addEventListener("pointermove", onMove);
  handle.addEventListener("lostpointercapture", onEnd);
}

function SortMark({ column }: { column: string }) {
  const { order } = view.value;
  const at = order.findIndex((one) => one.column === column);
  const found = order[at];
  if (!found) return null;
  return (
    <span class="sort-mark">
      <Icon name={found.descending ? "down" : "up"} />
      {order.length > 1 ? <span class="place">{at + 1}</span> : null}
    </span>
  );
}

export function HeadCell({ name, numeric, index, plain }: { name: string; numeric: boolean; index: number; plain?: boolean }) {
  const { text, detail } = headOf(name);
  const found = view.value.order.find((one) => one.column === name);
  const width = widthOf(name);
  return (
    <div
      class={`cell head ${numeric ? "numeric" : ""}`}
      role="columnheader"
      aria-colindex={index}
      aria-sort={found ? (found.descending ? "descending" : "ascending") : "none"}
      data-column={name}
    >
      <button
        type="button"
        class="head-words"
        disabled={!isSortable(name)}
        title={isSortable(name) ? `${text}${detail ? ` (${detail})` : ""}: sort, with Shift as a further column` : `${text} cannot be sorted by`}
        onClick={(event) => sortBy(name, event.shiftKey)}
      >
        <bdi>{text}</bdi>
        {detail ? <span class="badge">{detail}</span> : null}
        <SortMark column={name} />
      </button>
      {plain ? null : (
        <Popover icon="more" label={`Column ${text}`} class="tiny">
          {(close) => <Choices items={menu(name)} close={close} />}
        </Popover>
      )}
      <span class="resize" onPointerDown={(event) => startResize(event, name, width)} />
    </div>
  );
}
