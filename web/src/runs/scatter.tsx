import { useMemo, useRef } from "preact/hooks";
import { nextFrame } from "../busy";
import { sequential } from "../colour";
import { cut, plural } from "../format";
import { prepare } from "../plot/canvas";
import { look } from "../plot/look";
import type { Pen } from "../plot/pen";
import { drawMark, drawScatter, markAt, marksWithin, scatterArea, type ScatterSpec } from "../plot/scatter";
import { isDark } from "../prefs";
import { change, view } from "../store";
import { Button, Empty, ErrorNote } from "../ui/parts";
import { metricKeys, paramKeys } from "./data";
import { Layers, requestSvg, type Size } from "./layers";
import { FieldChooser, wordsOf } from "./field";
import { useCloud, type Cloud } from "./points";
import { ink } from "./rows";
import { hover, hovered } from "./selection";

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
  xWords: string;
  yWords: string;
}

function ScatterPlot({ cloud, colourAt, xWords, yWords }: PlotProps) {
  const start = useRef<{ x: number; y: number } | null>(null);
  const end = useRef<{ x: number; y: number } | null>(null);
  const { logX, logY, selected } = view.value;
  const theme = look.value;
  const dark = isDark();
  const made = useMemo(() => {
    const none = new Float64Array(0);
    const marks = { x: cloud.values[0] ?? none, y: cloud.values[1] ?? none, ids: cloud.ids, colours: colourMarks(cloud, colourAt) };
    const spec = (size: Size): ScatterSpec => ({ ...size, marks, logX, logY, xWords, yWords, look: theme, xCategories: cloud.categories[0] ?? null, yCategories: cloud.categories[1] ?? null });
    const chosen = new Set(selected);
    return { spec, places: new Map(cloud.ids.map((id, at) => [id, at])), drawBase: (pen: Pen, size: Size) => drawScatter(pen, spec(size), chosen) };
  }, [cloud, colourAt, logX, logY, selected.join(), theme, dark, xWords, yWords]);
  const near = (event: PointerEvent, size: Size) => markAt(scatterArea(made.spec(size)), made.spec(size).marks, event.offsetX, event.offsetY);
  const drawFront = (pen: Pen, size: Size) => {
    const at = made.places.get(hovered.peek() ?? "");
    if (at !== undefined) drawMark(pen, made.spec(size), at, cut(cloud.names[at] ?? "", 40));
    const [from, to] = [start.current, end.current];
    if (from && to) pen.rect(Math.min(from.x, to.x), Math.min(from.y, to.y), Math.abs(to.x - from.x), Math.abs(to.y - from.y), { colour: theme.accent, alpha: 0.15 });
  };
  const onMove = (event: PointerEvent, size: Size) => {
    if (!start.current) return hover(cloud.ids[near(event, size)] ?? null);
    end.current = { x: event.offsetX, y: event.offsetY };
    const canvas = event.currentTarget as HTMLCanvasElement;
    nextFrame(() => {
      const pen = prepare(canvas, size.width, size.height);
      if (pen) drawFront(pen, size);
    });
  };
  const onUp = (event: PointerEvent, size: Size) => {
    const from = start.current;
    start.current = null;
    end.current = null;
    if (!from) return;
    if (Math.hypot(event.offsetX - from.x, event.offsetY - from.y) > 6) {
      const box = { x1: from.x, y1: from.y, x2: event.offsetX, y2: event.offsetY };
      return change({ selected: marksWithin(scatterArea(made.spec(size)), made.spec(size).marks, box).slice(0, 500) });
    }
    const id = cloud.ids[near(event, size)];
    if (id) change({ peek: id });
  };
  return (
    <Layers
      name="scatter"
      label={`Scatter plot of ${yWords} over ${xWords}, ${plural(cloud.ids.length, "run")}`}
      drawBase={made.drawBase}
      drawFront={drawFront}
      onMove={onMove}
      onLeave={() => hover(null)}
      onDown={(event) => (start.current = { x: event.offsetX, y: event.offsetY })}
      onUp={onUp}
    />
  );
}

export function ScatterPane() {
  const { scatterX, scatterY, scatterColour, logX, logY } = view.value;
  const [firstX, firstY] = defaults();
  const [x, y] = [scatterX || firstX, scatterY || firstY];
  const asked = [x, y, ...(scatterColour ? [scatterColour] : [])].filter((name) => name !== "");
  const { cloud, error } = useCloud(x && y ? asked : []);
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
        <Button icon="download" label="Save as SVG" onClick={() => requestSvg("scatter")} />
      </div>
      {error ? <ErrorNote message={error} /> : null}
      {x && y ? null : <Empty icon="scatter" title="Nothing to draw yet"><p>A scatter plot needs two params or metrics.</p></Empty>}
      {cloud ? <ScatterPlot cloud={cloud} colourAt={scatterColour ? 2 : -1} xWords={wordsOf(x)} yWords={wordsOf(y)} /> : null}
    </div>
  );
}
