import { effect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { nextFrame } from "../busy";
import { sequential } from "../colour";
import { cut, number, plural } from "../format";
import { prepare } from "../plot/canvas";
import { look } from "../plot/look";
import { axisScale, BOTTOM, drawParallel, lineAt, passes, SIDE, TOP, type Axis } from "../plot/parallel";
import { Recorder } from "../plot/recorder";
import { SvgPen } from "../plot/svg";
import { isDark } from "../prefs";
import { change, go, link, view } from "../store";
import { Button, Empty, ErrorNote, Popover, useSize } from "../ui/parts";
import { KeyList } from "./chooser";
import { columns } from "./data";
import { download } from "./export";
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

function useDrawing(cloud: Cloud, axes: Axis[], size: { width: number; height: number }, canvas: { current: HTMLCanvasElement | null }): void {
  const colours = coloursOf(cloud, axes);
  const spec = () => ({ axes, colours, ids: cloud.ids, height: size.height, look: look.peek(), front: hovered.peek() });
  useLayoutEffect(() => effect(() => {
    void hovered.value;
    void look.value;
    nextFrame(draw);
  }));
  function draw(): void {
    const pen = canvas.current && size.width > 0 ? prepare(canvas.current, size.width, size.height) : null;
    if (pen) drawParallel(pen, spec());
  }
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const record = () => {
      const recorder = new Recorder();
      drawParallel(recorder, spec());
      return recorder.calls;
    };
    const save = () => {
      const pen = new SvgPen(size.width, size.height);
      drawParallel(pen, spec());
      download("parallel.svg", new Blob([pen.finish(look.peek().paper)], { type: "image/svg+xml" }));
    };
    Object.defineProperty(element, "penLog", { configurable: true, value: record });
    element.addEventListener("save-svg", save);
    return () => element.removeEventListener("save-svg", save);
  });
}

function Plot({ cloud, names }: { cloud: Cloud; names: readonly string[] }) {
  const area = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(area);
  const axes = makeAxes(cloud, names, size.width, size.height);
  const start = useRef<{ axis: Axis; y: number } | null>(null);
  useDrawing(cloud, axes, size, canvas);
  const axisAt = (x: number) => axes.find(({ left }) => Math.abs(left - x) < 14) ?? null;
  const near = (event: PointerEvent) => cloud.ids[lineAt(axes, cloud.ids.length, event.offsetX, event.offsetY)] ?? null;
  const onDown = (event: PointerEvent) => {
    const axis = axisAt(event.offsetX);
    if (!axis) return;
    if (event.offsetY < TOP - 8) return flip(axis.name);
    start.current = { axis, y: event.offsetY };
    canvas.current?.setPointerCapture(event.pointerId);
  };
  const onUp = (event: PointerEvent) => {
    const from = start.current;
    start.current = null;
    if (!from) {
      const id = near(event);
      if (id && !axisAt(event.offsetX)) go(["run", id]);
      return;
    }
    brush(from.axis, from.y, Math.max(TOP, Math.min(size.height - BOTTOM, event.offsetY)));
  };
  const onMove = (event: PointerEvent) => {
    if (canvas.current) canvas.current.style.cursor = axisAt(event.offsetX) ? (event.offsetY < TOP - 8 ? "pointer" : "ns-resize") : "default";
    if (!start.current) hover(near(event));
  };
  return (
    <div class="plot parallel" ref={area}>
      <canvas ref={canvas} role="img" aria-label={`Parallel coordinates of ${plural(cloud.ids.length, "run")} over ${plural(names.length, "axis", "axes")}`} onPointerDown={onDown} onPointerUp={onUp} onPointerMove={onMove} onPointerLeave={() => hover(null)} />
    </div>
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
  const save = () => document.querySelector(".parallel canvas")?.dispatchEvent(new Event("save-svg"));
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
        <Button icon="download" label="Save as SVG" onClick={save} />
      </div>
      {error ? <ErrorNote message={error} /> : null}
      {names.length < 2 ? <Empty icon="parallel" title="Choose two axes or more"><p>Params that differ and metrics make good axes. The last one gives the colour.</p></Empty> : null}
      {cloud && names.length >= 2 ? <><Plot cloud={cloud} names={names} /><BrushedRuns cloud={cloud} names={names} /></> : null}
    </div>
  );
}
