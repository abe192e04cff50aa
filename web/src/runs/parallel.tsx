import { useMemo, useRef } from "preact/hooks";
import { sequential } from "../colour";
import { cut, number, plural } from "../format";
import { look } from "../plot/look";
import { axisScale, BOTTOM, drawFront, drawParallel, lineAt, passes, SIDE, TOP, type Axis, type ParallelSpec } from "../plot/parallel";
import type { Pen } from "../plot/pen";
import { isDark } from "../prefs";
import { change, link, view } from "../store";
import { Button, Empty, ErrorNote, Popover } from "../ui/parts";
import { KeyList } from "./chooser";
import { columns } from "./data";
import { Layers, requestSvg, type Size } from "./layers";
import { headOf, parseField } from "./names";
import { useCloud, type Cloud } from "./points";
import { ink } from "./rows";
import { hover, hovered } from "./selection";

const MOST_AXES = 12;

/** The name of an axis, without the mark of a flipped one. */
const plainName = (name: string) => name.replace(/^!/, "");

function shownAxes(): string[] {
  const { parallelAxes } = view.value;
  const chosen = parallelAxes.length > 0 ? parallelAxes : columns.value.filter((name) => parseField(name).kind !== "attribute");
  return chosen.slice(0, MOST_AXES);
}

function makeAxes(cloud: Cloud, names: readonly string[], width: number, height: number): Axis[] {
  const step = names.length > 1 ? (width - 2 * SIDE) / (names.length - 1) : 0;
  return names.map((name, at) => {
    const values = cloud.values[at] ?? new Float64Array(0);
    const categories = cloud.categories[at] ?? null;
    const { text, detail } = headOf(plainName(name));
    const flipped = name.startsWith("!");
    return {
      name: plainName(name), words: detail ? `${text} (${detail})` : text, values, categories, flipped,
      scale: axisScale(values, categories, height, flipped), left: SIDE + at * step,
      brushes: view.value.brushes.filter(({ axis }) => axis === plainName(name)),
    };
  });
}

/** Colours the lines by the last axis, which is the objective. */
function coloursOf(cloud: Cloud, axes: readonly Axis[]): string[] {
  const last = axes[axes.length - 1];
  if (!last || last.categories) return cloud.ids.map((id) => ink(id).colour);
  const { low, high } = last.scale;
  const log = last.scale.kind === "log";
  const place = (value: number) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low || 1));
  const dark = isDark();
  return cloud.ids.map((_, at) => sequential(place(last.values[at] ?? NaN), dark));
}

function Plot({ cloud, names }: { cloud: Cloud; names: readonly string[] }) {
  const start = useRef<{ axis: Axis; y: number } | null>(null);
  const { brushes } = view.value;
  const theme = look.value;
  const dark = isDark();
  const made = useMemo(() => {
    const spec = (size: Size): ParallelSpec => {
      const axes = makeAxes(cloud, names, size.width, size.height);
      return { axes, colours: coloursOf(cloud, axes), ids: cloud.ids, height: size.height, look: theme };
    };
    return { spec, places: new Map(cloud.ids.map((id, at) => [id, at])), drawBase: (pen: Pen, size: Size) => drawParallel(pen, spec(size)) };
  }, [cloud, names.join("\u0001"), JSON.stringify(brushes), theme, dark]);
  const axesOf = (size: Size) => makeAxes(cloud, names, size.width, size.height);
  const axisAt = (axes: readonly Axis[], x: number) => axes.find(({ left }) => Math.abs(left - x) < 14) ?? null;
  const near = (axes: readonly Axis[], event: PointerEvent) => cloud.ids[lineAt(axes, cloud.ids.length, event.offsetX, event.offsetY)] ?? null;
  const onDown = (event: PointerEvent, size: Size) => {
    const axis = axisAt(axesOf(size), event.offsetX);
    if (!axis) return;
    if (event.offsetY < TOP - 8) flip(axis.name);
    else start.current = { axis, y: event.offsetY };
  };
  const onUp = (event: PointerEvent, size: Size) => {
    const from = start.current;
    start.current = null;
    if (from) return brush(from.axis, from.y, Math.max(TOP, Math.min(size.height - BOTTOM, event.offsetY)));
    const axes = axesOf(size);
    const id = near(axes, event);
    if (id && !axisAt(axes, event.offsetX)) change({ peek: id });
  };
  const onMove = (event: PointerEvent, size: Size) => {
    const axes = axesOf(size);
    const canvas = event.currentTarget as HTMLCanvasElement;
    canvas.style.cursor = axisAt(axes, event.offsetX) ? (event.offsetY < TOP - 8 ? "pointer" : "ns-resize") : "default";
    if (!start.current) hover(near(axes, event));
  };
  const front = (pen: Pen, size: Size) => {
    const at = made.places.get(hovered.peek() ?? "");
    if (at !== undefined) drawFront(pen, made.spec(size), at);
  };
  return (
    <Layers
      name="parallel"
      label={`Parallel coordinates of ${plural(cloud.ids.length, "run")} over ${plural(names.length, "axis", "axes")}`}
      drawBase={made.drawBase}
      drawFront={front}
      onMove={onMove}
      onLeave={() => hover(null)}
      onDown={onDown}
      onUp={onUp}
    />
  );
}

function flip(name: string): void {
  const next = shownAxes().map((one) => (plainName(one) === name ? (one.startsWith("!") ? name : `!${name}`) : one));
  change({ parallelAxes: next });
}

/** Adds a brush. A click without a drag removes those of the axis. */
function brush(axis: Axis, from: number, to: number): void {
  const { brushes } = view.peek();
  if (Math.abs(from - to) < 4) return change({ brushes: brushes.filter((one) => one.axis !== axis.name) });
  const ends = [axis.scale.from(from), axis.scale.from(to)].sort((a, b) => a - b);
  const round = (value: number) => Number(value.toPrecision(6));
  change({ brushes: [...brushes, { axis: axis.name, low: round(ends[0] ?? 0), high: round(ends[1] ?? 0) }] });
}

function BrushedRuns({ cloud, names }: { cloud: Cloud; names: readonly string[] }) {
  const axes = makeAxes(cloud, names, 100, 100);
  const kept = cloud.ids.map((_, at) => at).filter((at) => passes(axes, at));
  const text = ({ values, categories }: Axis, at: number) => {
    const value = values[at] ?? NaN;
    return categories ? (categories[value] ?? "") : Number.isNaN(value) ? "" : number(value);
  };
  return (
    <div class="brushed" tabIndex={0} role="region" aria-label="Brushed runs">
      <table>
        <caption class="faint">{kept.length} of {plural(cloud.ids.length, "run")}</caption>
        <thead><tr><th>Run</th>{axes.map(({ name, words }) => <th key={name}><bdi>{cut(words, 40)}</bdi></th>)}</tr></thead>
        <tbody>
          {kept.slice(0, 50).map((at) => {
            const id = cloud.ids[at] ?? "";
            return (
              <tr key={id} class={hovered.value === id ? "hovered" : ""} data-run={id} onPointerEnter={() => hover(id)} onPointerLeave={() => hover(null)}>
                <th><a href={link(["run", id])}><bdi>{cut(cloud.names[at] ?? "", 60)}</bdi></a></th>
                {axes.map((axis) => <td key={axis.name} class={axis.categories ? "" : "numeric"}><bdi>{cut(text(axis, at), 60)}</bdi></td>)}
              </tr>
            );
          })}
        </tbody>
      </table>
      {kept.length > 50 ? <p class="note">{kept.length - 50} more are not listed. Narrow the brushes to see them.</p> : null}
    </div>
  );
}

function keepSelected(cloud: Cloud, names: readonly string[]): void {
  const axes = makeAxes(cloud, names, 100, 100);
  change({ selected: cloud.ids.filter((_, at) => passes(axes, at)).slice(0, 500) });
}

export function ParallelPane() {
  const names = shownAxes();
  const { cloud, error } = useCloud(names.length >= 2 ? names.map(plainName) : []);
  const { brushes } = view.value;
  const has = (name: string) => names.some((one) => plainName(one) === name);
  const flipAxis = (name: string) => change({ parallelAxes: has(name) ? names.filter((one) => plainName(one) !== name) : [...names, name] }, true);
  return (
    <div class="pane">
      <div class="bar">
        <Popover icon="columns" label="Axes" words={plural(names.length, "axis", "axes")} panelClass="chooser">
          {() => <KeyList kinds={[["param", "Params"], ["metric", "Metrics"]]} isOn={has} flip={flipAxis} />}
        </Popover>
        {brushes.length > 0 ? <Button icon="close" label="Remove all brushes" words={plural(brushes.length, "brush", "brushes")} class="on" onClick={() => change({ brushes: [] })} /> : null}
        {brushes.length > 0 && cloud ? <Button label="Select the brushed runs" words="Select these" onClick={() => keepSelected(cloud, names)} /> : null}
        <span class="spacer" />
        <span class="fact">Drag on an axis to brush, click its name to flip it.</span>
        <Button icon="download" label="Save as SVG" onClick={() => requestSvg("parallel")} />
      </div>
      {error ? <ErrorNote message={error} /> : null}
      {names.length < 2 ? <Empty icon="parallel" title="Choose two axes or more"><p>Params that differ and metrics make good axes. The last one gives the colour.</p></Empty> : null}
      {cloud && names.length >= 2 ? <><Plot cloud={cloud} names={names} /><BrushedRuns cloud={cloud} names={names} /></> : null}
    </div>
  );
}
