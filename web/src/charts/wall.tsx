import { effect, type ReadonlySignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Delayed, nextFrame } from "../busy";
import { plural } from "../format";
import { pointsTick, runsTick } from "../live";
import { splitList, type Smoothing } from "../state";
import { change, view } from "../store";
import { Guard } from "../ui/guard";
import { Empty, ErrorNote, Icon, useSize } from "../ui/parts";
import { Card, WallContext, type Wall } from "./card";
import type { Catalogue } from "./catalogue";
import { CurveLoader } from "./curves";
import { Follower } from "./follow";
import type { Source } from "./source";
import { ValueTable } from "./values";
import { CARD, cardsInView, columnsFor, foldedSections, GAP, HEAD, orderSections, placeSections, type Placed } from "./places";

const PADDING = 12;

/** Wall time is in milliseconds on the axis, and in seconds for the reader. */
function inAxisUnits({ kind, amount }: Smoothing, xAxis: string): Smoothing {
  const wide = xAxis === "time" && (kind === "time_ema" || kind === "gaussian");
  return { kind, amount: wide ? amount * 1000 : amount };
}

/** The request of curves without its keys. */
function paramsOf(source: Source, px: number, follower: Follower): string {
  const { xAxis, smoothing, zoom, band } = view.value;
  if (!source.body || px <= 0) return "";
  const wanted = follower.wanted(zoom);
  const body: Record<string, unknown> = { ...source.body, x: xAxis, px: px * (wanted?.times ?? 1) };
  if (wanted) body["range"] = wanted.range;
  if (smoothing) body["smooth"] = inAxisUnits(smoothing, xAxis);
  if (source.grouped) Object.assign(body, { group: true, band });
  return JSON.stringify(body);
}

/** Connects the loader with the view: new parameters are fetched at once, and new points at most once a second. */
function useLoader(source: ReadonlySignal<Source>, px: number, onGone: () => void): Wall {
  const wall = useMemo<Wall>(() => ({ loader: new CurveLoader(), source, views: new Map(), follower: new Follower() }), [source]);
  wall.loader.onGone = onGone;
  wall.loader.isOver = (run) => source.peek().isOver(run);
  wall.loader.onBins = (bins) => wall.follower.see(bins, view.peek().zoom, view.peek().xAxis);
  // Before the next frame, because the answers take the most time.
  useLayoutEffect(() => effect(() => wall.loader.setParams(paramsOf(source.value, px, wall.follower))), [wall, px]);
  useEffect(() => {
    const refresh = new Delayed(700, () => wall.loader.refresh(), true);
    const start = runsTick.peek() + pointsTick.peek();
    const stop = effect(() => {
      if (runsTick.value + pointsTick.value > start) refresh.request();
    });
    return () => {
      stop();
      refresh.cancel();
    };
  }, [wall]);
  return wall;
}

function SectionHead({ placed }: { placed: Placed }) {
  const { prefix, count } = placed.section;
  const flip = () => {
    const { flippedSections } = view.peek();
    const flipped = flippedSections.includes(prefix);
    change({ flippedSections: flipped ? flippedSections.filter((one) => one !== prefix) : [...flippedSections, prefix] }, true);
  };
  return (
    <button type="button" class="section-head" aria-expanded={placed.open} style={{ top: `${placed.top}px` }} onClick={flip}>
      <Icon name="chevron" />
      <bdi>{prefix === "" ? "Metrics" : prefix}</bdi>
      <span class="badge">{count}</span>
    </button>
  );
}

interface SectionProps {
  placed: Placed;
  columns: number;
  width: number;
  scrollTop: number;
  height: number;
  keyAt: (index: number) => readonly string[] | null;
}

function SectionCards({ placed, columns, width, scrollTop, height, keyAt }: SectionProps) {
  const { start, end } = cardsInView(placed, columns, scrollTop, height);
  const cards = [];
  for (let index = start; index < end; index += 1) {
    const keys = keyAt(placed.section.start + index);
    const style = {
      top: `${placed.top + HEAD + Math.floor(index / columns) * (CARD + GAP)}px`,
      left: `${(index % columns) * (width + GAP)}px`,
      width: `${width}px`,
      height: `${CARD}px`,
    };
    cards.push(<div class="card-place" key={keys ? keys.join("\u0001") : index} style={style}>{keys ? <Guard><Card keys={keys} /></Guard> : <div class="card waiting" />}</div>);
  }
  return <>{cards}</>;
}

interface Extra {
  prefix: string;
  cards: string[];
}

/** Places kept and combined charts before the sections of the catalogue. */
function extraSections(): Extra[] {
  const { pinnedCards, overlays } = view.value;
  const extras: Extra[] = [];
  if (pinnedCards.length > 0) extras.push({ prefix: "Kept on top", cards: pinnedCards });
  if (overlays.length > 0) extras.push({ prefix: "Combined", cards: overlays });
  return extras;
}

interface WallProps {
  source: ReadonlySignal<Source>;
  catalogue: Catalogue;
  onGone: () => void;
}

function FullCard({ id }: { id: string }) {
  return (
    <div class="full-card">
      <Card keys={splitList(id)} full />
    </div>
  );
}

function Nothing({ catalogue, source }: { catalogue: Catalogue; source: Source }) {
  const { metricFilter } = view.value;
  if (catalogue.error.value) return <ErrorNote message={catalogue.error.value} />;
  if (!catalogue.ready.value) return null;
  if (metricFilter !== "") return <Empty icon="search" title="No metric matches"><p>No metric's name matches <code>{metricFilter}</code>.</p></Empty>;
  return (
    <Empty icon="charts" title="No metrics yet">
      <p>{source.of === 0 ? "Charts appear with the first run that logs a metric." : "These runs have logged no metric so far."}</p>
    </Empty>
  );
}

/** The charts of all metrics. Only the cards near the visible part exist. */
export function ChartWall({ source, catalogue, onGone }: WallProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(scroller);
  const [scrollTop, setScrollTop] = useState(0);
  const { cardColumns, flippedSections, card } = view.value;
  const columns = columnsFor(width - 2 * PADDING, cardColumns);
  const cardWidth = Math.floor((width - 2 * PADDING - (columns - 1) * GAP) / columns);
  const shown = card ? width - 2 * PADDING : cardWidth;
  const px = width > 0 ? Math.max(60, Math.ceil((shown - 60) / 20) * 20) : 0;
  const wall = useLoader(source, px, onGone);
  void catalogue.arrivals.value;
  const extras = extraSections();
  let start = 0;
  const before = extras.map(({ prefix, cards }) => {
    const section = { prefix, start, count: cards.length };
    start += cards.length;
    return section;
  });
  const sections = [...before, ...orderSections(catalogue.sections.value).map((section) => ({ ...section, start: section.start + start }))];
  const { placed, height: total } = placeSections(sections, columns, foldedSections(sections, flippedSections));
  const ahead = extras.flatMap(({ cards }) => cards);
  const keyAt = (index: number): readonly string[] | null => {
    const id = ahead[index];
    if (id !== undefined) return splitList(id);
    const key = catalogue.at(index - start);
    return key && [key.key];
  };
  const onScroll = () => nextFrame(() => setScrollTop(scroller.current?.scrollTop ?? 0));
  const visible = placed.filter(({ top, height: high }) => top + high > scrollTop - height && top < scrollTop + 2 * height);
  return (
    <WallContext.Provider value={wall}>
      <div class="wall" ref={scroller} onScroll={onScroll} role="region" aria-label={`Charts of ${plural(catalogue.total.value, "metric")}`} tabIndex={0}>
        {card ? <FullCard id={card} /> : null}
        {!card && catalogue.total.value === 0 ? <Nothing catalogue={catalogue} source={source.value} /> : null}
        {card || width === 0 ? null : (
          <div class="wall-body" style={{ height: `${total}px` }}>
            {visible.map((one) => (
              <div key={`${one.section.prefix}@${one.section.start}`}>
                <SectionHead placed={one} />
                <SectionCards placed={one} columns={columns} width={cardWidth} scrollTop={scrollTop} height={height} keyAt={keyAt} />
              </div>
            ))}
          </div>
        )}
      </div>
      <ValueTable />
    </WallContext.Provider>
  );
}
