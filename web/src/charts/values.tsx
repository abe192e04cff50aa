import { useContext, useState } from "preact/hooks";
import { aligned, cut, dateTime, duration, number } from "../format";
import { copyText } from "../runs/export";
import { writeTable } from "../runs/text";
import { hover, hovered } from "../runs/selection";
import { view } from "../store";
import { Button } from "../ui/parts";
import { WallContext } from "./card";
import type { CardView } from "./cardview";
import { axisWords, crosshair, type Crosshair } from "./source";

type Sorting = "value" | "name";

const MOST = 14;

function xText(axis: string, x: number): string {
  if (axis === "time") return dateTime(x);
  if (axis === "relative") return duration(x * 1000);
  return axis === "step" ? number(Math.round(x), 15) : number(x, 8);
}

interface Value {
  id: string;
  label: string;
  colour: string;
  x: number;
  raw: number;
  shown: number;
}

function valuesOf(card: CardView, { x }: Crosshair, sorting: Sorting): Value[] {
  const values = card.valuesAt(x).map(({ stroke, at, raw, shown }) => ({
    id: stroke.bins.id, label: stroke.label, colour: stroke.colour, x: stroke.bins.x[at] ?? NaN, raw, shown,
  }));
  const rank = (value: number) => (Number.isNaN(value) ? -Infinity : value);
  if (sorting === "name") return values.sort((a, b) => a.label.localeCompare(b.label));
  return values.sort((a, b) => rank(b.shown) - rank(a.shown));
}

function place({ left, top }: Crosshair, rows: number): Record<string, string> {
  const [width, height] = [320, rows * 20 + 60];
  const x = left + 20 + width > window.innerWidth ? left - width - 20 : left + 20;
  const y = Math.max(8, Math.min(top - 20, window.innerHeight - height - 8));
  return { left: `${Math.max(8, x)}px`, top: `${y}px` };
}

function Line({ value, smooth }: { value: Value; smooth: boolean }) {
  return (
    <tr class={hovered.value === value.id ? "hovered" : ""} onPointerEnter={() => hover(value.id)} onPointerLeave={() => hover(null)}>
      <th><span class="dot" style={{ color: value.colour }} /><bdi>{cut(value.label, 60)}</bdi></th>
      <td>{aligned(value.shown)}</td>
      {smooth ? <td class="faint">{aligned(value.raw)}</td> : null}
    </tr>
  );
}

/** The one table of values under the crosshair. A click on a chart keeps it. */
export function ValueTable() {
  const wall = useContext(WallContext);
  const [sorting, setSorting] = useState<Sorting>("value");
  const present = crosshair.value;
  const card = present && wall?.views.get(present.card);
  if (!present || !card) return null;
  const { xAxis } = view.value;
  const smooth = card.strokes.some(({ bins }) => bins.smooth !== null);
  const values = valuesOf(card, present, sorting);
  const near = hovered.value;
  const shown = present.pinned ? values : values.slice(0, MOST);
  const front = values.find(({ id }) => id === near);
  if (front && !shown.includes(front)) shown.splice(MOST - 1, 1, front);
  const copy = () => copyText(writeTable("tsv", ["run", "x", "value", "raw"], values.map((one) => [one.label, String(one.x), String(one.shown), String(one.raw)])), "the values");
  return (
    <div class={`values ${present.pinned ? "pinned" : ""}`} style={place(present, shown.length)} role="region" aria-label="Values at the crosshair">
      <header>
        <span class="faint">{axisWords(xAxis)}</span> <b>{xText(xAxis, present.x)}</b>
        {present.pinned ? (
          <span class="tools">
            <Button icon="copy" label="Copy as TSV" class="tiny" onClick={() => void copy()} />
            <Button icon="close" label="Close" class="tiny" onClick={() => (crosshair.value = null)} />
          </span>
        ) : null}
      </header>
      <div class="values-body">
        <table>
          {present.pinned ? (
            <thead>
              <tr>
                <th><button type="button" aria-pressed={sorting === "name"} onClick={() => setSorting("name")}>Run</button></th>
                <td><button type="button" aria-pressed={sorting === "value"} onClick={() => setSorting("value")}>Value</button></td>
                {smooth ? <td>Raw</td> : null}
              </tr>
            </thead>
          ) : null}
          <tbody>{shown.map((value) => <Line key={value.id + value.label} value={value} smooth={smooth} />)}</tbody>
        </table>
      </div>
      {values.length > shown.length ? <footer class="faint">{values.length - shown.length} more. Click to keep this table.</footer> : null}
    </div>
  );
}
