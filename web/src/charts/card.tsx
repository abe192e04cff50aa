import { effect, useSignal } from "@preact/signals";
import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";
import { createContext } from "preact";
import { nextFrame } from "../busy";
import { count, cut, number, plural, toNumber } from "../format";
import { look } from "../plot/look";
import { countNan, isFormula, type Stroke } from "../plot/series";
import { hovered } from "../runs/selection";
import { joinList } from "../state";
import { change, view } from "../store";
import { Button, Choices, Icon, Popover, useSize } from "../ui/parts";
import { CardView, type Settings } from "./cardview";
import { cardChoices } from "./cardmenu";
import type { CardData, CurveLoader } from "./curves";
import type { Follower } from "./follow";
import { crosshair, xKindOf, type Source } from "./source";

export interface Wall {
  loader: CurveLoader;
  source: { value: Source; peek: () => Source };
  views: Map<string, CardView>;
  follower: Follower;
}

export const WallContext = createContext<Wall | null>(null);

const DASHES = [[], [5, 3], [2, 2], [8, 3, 2, 3]];

/** Gives the lines of an answer their look, in the order of the table. */
function strokesOf(data: readonly CardData[], source: Source): Stroke[] {
  const place = source.ids && new Map(source.ids.map((id, index) => [id, index]));
  const strokes = data.flatMap(({ bins }, overlay) =>
    bins.flatMap((one): Stroke[] => {
      const id = source.idOf(one.id);
      if (place && !place.has(id)) return [];
      const { colour, dash } = source.ink(id);
      const label = one.meta.name && !source.grouped ? one.meta.name : source.nameOf(id);
      return [{ bins: { ...one, id }, label: data.length > 1 ? `${label} · ${one.meta.key}` : label, colour, dash: overlay > 0 ? (DASHES[overlay % 4] ?? dash) : dash }];
    }),
  );
  return place ? strokes.sort((a, b) => (place.get(b.bins.id) ?? 0) - (place.get(a.bins.id) ?? 0)) : strokes;
}

function settingsOf(own: { logY: boolean }, follower: Follower | undefined): Settings {
  const { xAxis, logX, logY, outliers, zoom } = view.value;
  return { xKind: xKindOf(xAxis), logX, logY: logY !== own.logY, outliers, zoom: follower?.shown(zoom) ?? null };
}

/** A sentence that says what the picture shows. */
function summary(title: string, strokes: readonly Stroke[]): string {
  const lasts = strokes.map(({ bins }) => toNumber(bins.meta.last_value)).filter(Number.isFinite);
  if (lasts.length === 0) return `${title}: ${plural(strokes.length, "line")}`;
  const low = lasts.reduce((least, value) => Math.min(least, value), Infinity);
  const high = lasts.reduce((most, value) => Math.max(most, value), -Infinity);
  return `${title}: ${plural(strokes.length, "line")}, newest values ${number(low)} to ${number(high)}`;
}

function Title({ keys }: { keys: readonly string[] }) {
  const first = keys[0] ?? "";
  const at = first.lastIndexOf("/");
  if (keys.length === 1 && isFormula(first)) return <bdi>{cut(first.slice(1).trim(), 200)}</bdi>;
  if (keys.length > 1) return <bdi>{cut(keys.join(" + "), 200)}</bdi>;
  return (
    <>
      {at >= 0 ? <span class="faint"><bdi>{cut(first.slice(0, at + 1), 100)}</bdi></span> : null}
      <bdi>{cut(first.slice(at + 1), 200)}</bdi>
    </>
  );
}

/** Says what a pixel of the lines stands for. */
function fineness(strokes: readonly Stroke[]): string {
  if (strokes.every(({ bins }) => bins.meta.exact)) return "Every point is drawn";
  let most = 0;
  for (const { bins } of strokes) for (let at = 0; at < bins.n.length; at += 1) most = Math.max(most, bins.n[at] ?? 0);
  return `Each pixel shows the lowest, highest and mean of up to ${count(most)} points`;
}

function Chips({ strokes, of, outside, hidden, grouped }: { strokes: readonly Stroke[]; of: number; outside: number; hidden: number; grouped: boolean }) {
  const nan = countNan(strokes.map(({ bins }) => bins));
  const first = strokes.reduce((least, { bins }) => Math.min(least, bins.meta.first_nan_step ?? Infinity), Infinity);
  return (
    <span class="chips">
      {nan > 0 ? <span class="chip warn" title={Number.isFinite(first) ? `first NaN at step ${count(first)}` : "values that are not numbers"}>{count(nan)} NaN</span> : null}
      {outside > 0 ? <span class="chip" title="Values outside of the drawn range. Data is not changed.">{count(outside)} outside</span> : null}
      <span class="faint" title={grouped ? "Each pixel shows the mean and the band of its runs" : fineness(strokes)}>
        {hidden > 0 ? `${strokes.length - hidden} highest of ` : ""}{strokes.length} of {of}{grouped ? " groups" : ""}
      </span>
    </span>
  );
}

function AsTable({ strokes, label }: { strokes: readonly Stroke[]; label: string }) {
  return (
    <div class="card-table" tabIndex={0}>
      <table aria-label={label}>
        <thead><tr><th>Run</th><th>Points</th><th>Newest</th><th>Best</th><th>NaN</th></tr></thead>
        <tbody>
          {strokes.map(({ bins, label: name, colour }) => (
            <tr key={bins.id + bins.meta.key}>
              <th><span class="dot" style={{ color: colour }} /><bdi>{cut(name, 80)}</bdi></th>
              <td>{count(bins.meta.points ?? bins.x.length)}</td>
              <td>{number(toNumber(bins.meta.last_value))}</td>
              <td>{number(toNumber(bins.meta.best_value))}</td>
              <td>{bins.meta.nan || ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface CardProps {
  keys: readonly string[];
  full?: boolean;
}

/** Loads the curves of a card for as long as it exists. */
function useCardData(wall: Wall | null, keys: readonly string[]): CardData[] {
  const [data, setData] = useState<CardData[]>([]);
  useLayoutEffect(() => {
    if (!wall) return;
    const signals = keys.map((key) => wall.loader.mount(key));
    const stop = effect(() => setData(signals.map((one) => one.value)));
    return () => {
      stop();
      for (const key of keys) wall.loader.unmount(key);
    };
  }, [joinList(keys), wall]);
  return data;
}

interface Canvases {
  area: { current: HTMLDivElement | null };
  base: { current: HTMLCanvasElement | null };
  front: { current: HTMLCanvasElement | null };
  view: { current: CardView | null };
}

/** Makes the drawing of a card, and draws its front layer whenever the highlight or the crosshair moves. */
function useCardView(wall: Wall | null, id: string, remade: unknown): Canvases {
  const area = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const front = useRef<HTMLCanvasElement>(null);
  const cardView = useRef<CardView | null>(null);
  useLayoutEffect(() => {
    if (!base.current || !front.current || !wall) return;
    const made = new CardView(id, base.current, front.current, {
      zoom: (range) => change({ zoom: range && wall.follower.choose(range) }, range !== null && view.peek().zoom !== null),
      open: (run) => !run.startsWith("group:") && change({ peek: run }),
    });
    cardView.current = made;
    wall.views.set(id, made);
    const drawFront = () => made.drawFront();
    const stop = effect(() => {
      void hovered.value;
      void crosshair.value;
      nextFrame(drawFront);
    });
    return () => {
      stop();
      if (wall.views.get(id) === made) wall.views.delete(id);
    };
  }, [id, remade]);
  return { area, base, front, view: cardView };
}

function Plot({ canvases, label, error, empty }: { canvases: Canvases; label: string; error: string | null; empty: boolean }) {
  const { area, base, front, view: card } = canvases;
  return (
    <div class="plot" ref={area}>
      <canvas ref={base} role="img" aria-label={label} />
      <canvas
        ref={front}
        class="front"
        aria-hidden="true"
        onPointerMove={(event) => card.current?.onMove(event)}
        onPointerLeave={() => card.current?.onLeave()}
        onPointerDown={(event) => card.current?.onDown(event)}
        onPointerUp={(event) => card.current?.onUp(event)}
        onDblClick={() => card.current?.fit()}
        onWheel={(event) => card.current?.onWheel(event)}
      />
      {error ? <p class="over bad"><Icon name="warning" /> {error}</p> : null}
      {!error && empty ? <p class="over faint">No drawn run has this metric.</p> : null}
    </div>
  );
}

/** One chart with its title, its facts and its menu. */
export function Card({ keys, full }: CardProps) {
  const wall = useContext(WallContext);
  const [ownLogY, setOwnLogY] = useState(false);
  const [asTable, setAsTable] = useState(false);
  const outside = useSignal(0);
  const hiddenBars = useSignal(0);
  const id = joinList(keys);
  const data = useCardData(wall, keys);
  const canvases = useCardView(wall, full ? `full:${id}` : id, asTable);
  const size = useSize(canvases.area, true);
  const source = wall?.source.value;
  const strokes = source ? strokesOf(data, source) : [];
  const settings = settingsOf({ logY: ownLogY }, wall?.follower);
  void look.value;
  useLayoutEffect(() => {
    const one = canvases.view.current;
    if (!one) return;
    one.strokes = strokes;
    one.settings = settings;
    one.resize(size.width, size.height);
    nextFrame(() => {
      one.draw();
      outside.value = one.outside;
      hiddenBars.value = one.hiddenBars;
    });
  });
  const error = data.find((one) => one.error)?.error ?? null;
  const arrived = data.length > 0 && data.every(({ params }) => params !== "");
  const choices = cardChoices({ keys, view: canvases.view, strokes, asTable, flipTable: () => setAsTable(!asTable) });
  return (
    <section class={`card ${full ? "full" : ""}`} aria-label={id} data-card={id}>
      <header>
        <h3 title={id}><Title keys={keys} /></h3>
        <Chips strokes={strokes} of={source?.of ?? 0} outside={outside.value} hidden={hiddenBars.value} grouped={source?.grouped ?? false} />
        <span class="tools">
          <Button icon="log" label="Logarithmic y axis" pressed={settings.logY} class="tiny" onClick={() => setOwnLogY(!ownLogY)} />
          <Button icon={full ? "shrink" : "expand"} label={full ? "Back to all charts" : "Full size"} keys="f" class="tiny" onClick={() => change({ card: full ? null : id })} />
          <Popover icon="more" label={`Chart ${cut(id, 80)}`} class="tiny">{(close) => <Choices items={choices} close={close} />}</Popover>
        </span>
      </header>
      {asTable ? <AsTable strokes={strokes} label={id} /> : <Plot canvases={canvases} label={summary(id, strokes)} error={error} empty={arrived && strokes.length === 0} />}
    </section>
  );
}
