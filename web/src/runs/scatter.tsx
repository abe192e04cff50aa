import { effect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { nextFrame } from "../busy";
import { sequential } from "../colour";
import { cut, plural } from "../format";
import { prepare } from "../plot/canvas";
import { look } from "../plot/look";
import { Recorder } from "../plot/recorder";
import { drawScatter, markAt, marksWithin, type ScatterSpec } from "../plot/scatter";
import type { Area } from "../plot/chart";
import { SvgPen } from "../plot/svg";
import { isDark } from "../prefs";
import { change, go, view } from "../store";
import { Button, Empty, ErrorNote, Popover, useSize } from "../ui/parts";
import { KeyList } from "./chooser";
import { metricKeys, paramKeys } from "./data";
import { download } from "./export";
import { headOf } from "./names";
import { useCloud, type Cloud } from "./points";
import { ink } from "./rows";
import { hover, hovered } from "./selection";

/** A column as one choice: a param or an aggregate of a metric. */
export function FieldChooser({ label, value, choose, none }: { label: string; value: string; choose: (name: string) => void; none?: string }) {
  const { text, detail } = headOf(value);
  const words = value === "" ? (none ?? "choose") : detail ? `${text} (${detail})` : text;
  return (
    <Popover label={label} words={<><span class="faint">{label}</span> {cut(words, 28)}</>} panelClass="chooser">
      {(close) => (
        <>
          {none ? <div class="panel-head"><Button label={none} words={none} pressed={value === ""} onClick={() => (choose(""), close())} /></div> : null}
          <KeyList kinds={[["param", "Params"], ["metric", "Metrics"]]} isOn={(name) => name === value} flip={(name) => (choose(name), close())} />
        </>
      )}
    </Popover>
  );
}

/** The axes if none were chosen: the first param that differs, and the first metric. */
function defaults(): [string, string] {
  const param = paramKeys.value?.keys.find(({ constant }) => !constant);
  const metrics = metricKeys.value?.keys ?? [];
  const first = metrics[0];
  const x = param ? `params.${param.key}` : metrics[1] ? `metrics.${metrics[1].key}` : "";
  return [x, first ? `metrics.${first.key}` : ""];
}

function colourMarks(cloud: Cloud, at: number): string[] {
  const values = cloud.values[at];
  if (at < 0 || !values) return cloud.ids.map((id) => ink(id).colour);
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const dark = isDark();
  return cloud.ids.map((_, index) => sequential(((values[index] ?? NaN) - low) / (high - low || 1), dark));
}

interface PlotProps {
  cloud: Cloud;
  colourAt: number;
  label: string;
}

function ScatterPlot({ cloud, colourAt, label }: PlotProps) {
  const area = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(area);
  const { logX, logY } = view.value;
  const drawnArea = useRef<Area | null>(null);
  const start = useRef<{ x: number; y: number } | null>(null);
  const spec: ScatterSpec = {
    width: size.width, height: size.height, logX, logY, look: look.value,
    marks: { x: cloud.values[0] ?? new Float64Array(0), y: cloud.values[1] ?? new Float64Array(0), ids: cloud.ids, colours: colourMarks(cloud, colourAt) },
    xCategories: cloud.categories[0] ?? null, yCategories: cloud.categories[1] ?? null,
  };
  const front = () => new Set([...(hovered.peek() ? [hovered.peek() ?? ""] : []), ...view.peek().selected]);
  useLayoutEffect(() => effect(() => {
    void hovered.value;
    void view.value.selected;
    nextFrame(draw);
  }));
  function draw(): void {
    const pen = canvas.current && size.width > 0 ? prepare(canvas.current, size.width, size.height) : null;
    if (pen) drawnArea.current = drawScatter(pen, spec, front());
  }
  useEffect(() => {
    if (!canvas.current) return;
    Object.defineProperty(canvas.current, "penLog", { configurable: true, value: () => {
      const recorder = new Recorder();
      drawScatter(recorder, spec, front());
      return recorder.calls;
    } });
    const element = canvas.current;
    const save = () => {
      const pen = new SvgPen(size.width, size.height);
      drawScatter(pen, spec, new Set());
      download("scatter.svg", new Blob([pen.finish(look.peek().paper)], { type: "image/svg+xml" }));
    };
    element.addEventListener("save-svg", save);
    return () => element.removeEventListener("save-svg", save);
  });
  const near = (event: PointerEvent) => (drawnArea.current ? markAt(drawnArea.current, spec.marks, event.offsetX, event.offsetY) : -1);
  const onUp = (event: PointerEvent) => {
    const from = start.current;
    start.current = null;
    if (!from || !drawnArea.current) return;
    if (Math.hypot(event.offsetX - from.x, event.offsetY - from.y) > 6) {
      change({ selected: marksWithin(drawnArea.current, spec.marks, { x1: from.x, y1: from.y, x2: event.offsetX, y2: event.offsetY }).slice(0, 500) });
    } else {
      const id = cloud.ids[near(event)];
      if (id) go(["run", id]);
    }
  };
  return (
    <div class="plot scatter" ref={area}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        onPointerMove={(event) => hover(cloud.ids[near(event)] ?? null)}
        onPointerLeave={() => hover(null)}
        onPointerDown={(event) => (start.current = { x: event.offsetX, y: event.offsetY })}
        onPointerUp={onUp}
      />
    </div>
  );
}

export function ScatterPane() {
  const { scatterX, scatterY, scatterColour, logX, logY } = view.value;
  const [firstX, firstY] = defaults();
  const [x, y] = [scatterX || firstX, scatterY || firstY];
  const asked = [x, y, ...(scatterColour ? [scatterColour] : [])].filter((name) => name !== "");
  const { cloud, error } = useCloud(x && y ? asked : []);
  const save = () => document.querySelector(".scatter canvas")?.dispatchEvent(new Event("save-svg"));
  return (
    <div class="pane">
      <div class="bar">
        <FieldChooser label="x" value={x} choose={(name) => change({ scatterX: name })} />
        <FieldChooser label="y" value={y} choose={(name) => change({ scatterY: name })} />
        <FieldChooser label="colour" value={scatterColour} none="by run" choose={(name) => change({ scatterColour: name })} />
        <Button label="Logarithmic x axis" words="log x" pressed={logX} onClick={() => change({ logX: !logX })} />
        <Button label="Logarithmic y axis" words="log y" pressed={logY} onClick={() => change({ logY: !logY })} />
        <span class="spacer" />
        {cloud ? <span class="fact">{cloud.ids.length < cloud.total ? `first ${cloud.ids.length} of ${cloud.total} runs` : plural(cloud.total, "run")}. Drag to select.</span> : null}
        <Button icon="download" label="Save as SVG" onClick={save} />
      </div>
      {error ? <ErrorNote message={error} /> : null}
      {x && y ? null : <Empty icon="scatter" title="Nothing to draw yet"><p>A scatter plot needs two params or metrics.</p></Empty>}
      {cloud ? <ScatterPlot cloud={cloud} colourAt={scatterColour ? 2 : -1} label={`Scatter plot of ${headOf(y).text} over ${headOf(x).text}, ${plural(cloud.ids.length, "run")}`} /> : null}
    </div>
  );
}
