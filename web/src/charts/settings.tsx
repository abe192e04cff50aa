import { useRef } from "preact/hooks";
import { Delayed } from "../busy";
import { metricKeys } from "../runs/data";
import type { Smoothing, View } from "../state";
import { change, view } from "../store";
import { Button, Choices, Field, Popover, Segments, Toggle } from "../ui/parts";
import { axisWords } from "./source";

const AXES = ["step", "relative", "time"] as const;

/** The next of the simple axes, for the keyboard. */
export function nextAxis(axis: string): string {
  const at = AXES.indexOf(axis as (typeof AXES)[number]);
  return AXES[(at + 1) % AXES.length] ?? "step";
}

function AxisChooser() {
  const { xAxis } = view.value;
  const metrics = (metricKeys.value?.keys ?? []).slice(0, 40);
  const choose = (axis: string) => () => change({ xAxis: axis, zoom: null });
  return (
    <Popover label="X axis" words={`x: ${axisWords(xAxis)}`} class={xAxis === "step" ? "" : "on"}>
      {(close) => (
        <Choices
          close={close}
          items={[
            ...AXES.map((axis) => ({ words: axisWords(axis), checked: xAxis === axis, choose: choose(axis) })),
            ...(metrics.length > 0 ? [null] : []),
            ...metrics.map(({ key }) => ({ words: key, detail: "metric", checked: xAxis === `metrics.${key}`, choose: choose(`metrics.${key}`) })),
          ]}
        />
      )}
    </Popover>
  );
}

const KINDS = [["time_ema", "Time-weighted"], ["ema", "EMA"], ["gaussian", "Gaussian"], ["window", "Window"]] as const;

/** The plain EMA has a weight from 0 to 1, the others a width in units of the x axis or in points. */
const isShare = (kind: Smoothing["kind"]) => kind === "ema";

const [STEPS, PER_DECADE] = [100, 20];

/** The place of a width on a slider whose steps are equal factors. */
function placeOf({ kind, amount }: Smoothing): number {
  if (isShare(kind)) return Math.round(amount * STEPS);
  return amount < 1 ? 0 : Math.round(Math.log10(amount) * PER_DECADE) + 1;
}

function amountAt(kind: Smoothing["kind"], place: number): number {
  if (isShare(kind)) return Math.min(0.99, place / STEPS);
  return place === 0 ? 0 : Number((10 ** ((place - 1) / PER_DECADE)).toPrecision(2));
}

const AMOUNTS = { time_ema: "Half-life", ema: "Weight", gaussian: "Sigma", window: "Points" } as const;

/** Makes the smoothing stronger or weaker by a step, for the keyboard. */
export function stepSmoothing(present: Smoothing | null, up: boolean): Smoothing | null {
  const { kind, amount } = present ?? { kind: "time_ema" as const, amount: 0 };
  const next = isShare(kind) ? Math.round((amount + (up ? 0.1 : -0.1)) * 100) / 100 : up ? amount * 2 || 8 : amount / 2;
  if (next <= (isShare(kind) ? 0 : 1)) return null;
  return { kind, amount: isShare(kind) ? Math.min(0.99, next) : next };
}

function SmoothingChooser() {
  const { smoothing } = view.value;
  const { kind, amount } = smoothing ?? { kind: "time_ema" as const, amount: 0 };
  const pending = useRef<Delayed | null>(null);
  const set = (next: Smoothing) => {
    pending.current?.cancel();
    pending.current = new Delayed(60, () => change({ smoothing: next.amount > 0 ? next : null }, true));
    pending.current.request();
  };
  return (
    <Popover label="Smoothing" words={smoothing ? `Smooth ${amount}` : "Smooth"} class={smoothing ? "on" : ""} panelClass="form">
      {() => (
        <>
          <Segments label="Kind of smoothing" options={KINDS} value={kind} choose={(next) => set({ kind: next, amount: isShare(next) ? 0.6 : 20 })} />
          <label class="slider">
            <span>{AMOUNTS[kind]}</span>
            <input type="range" min={0} max={STEPS} value={placeOf({ kind, amount })} onInput={(event) => set({ kind, amount: amountAt(kind, Number(event.currentTarget.value)) })} />
            <output>{amount}</output>
          </label>
          <p class="note">{kind === "time_ema" || kind === "gaussian" ? "In units of the x axis, seconds for time. " : ""}Computed over all points, before they are thinned. The raw line stays behind it.</p>
        </>
      )}
    </Popover>
  );
}

const BANDS = [["std", "Standard deviation"], ["stderr", "Standard error"], ["ci", "95 % confidence"], ["minmax", "Minimum to maximum"], ["quartiles", "Quartiles"]] as const;

function BandChooser() {
  const { band } = view.value;
  return (
    <Popover label="Band of a group" words="Band">
      {(close) => <Choices close={close} items={BANDS.map(([id, words]) => ({ words, checked: id === band, choose: () => change({ band: id }) }))} />}
    </Popover>
  );
}

function MoreSettings({ wide }: { wide: boolean }) {
  const { cardColumns, outliers, logX } = view.value;
  const flip = (name: "outliers" | "logX") => () => change({ [name]: !view.peek()[name] } as Partial<View>);
  const columns = [["0", "Auto"], ["1", "1"], ["2", "2"], ["3", "3"], ["4", "4"], ["5", "5"], ["6", "6"]] as const;
  return (
    <Popover icon="settings" label="Chart settings" panelClass="form">
      {() => (
        <>
          {wide ? (
            <div class="form-row">
              <span>Charts in a row</span>
              <Segments label="Charts in a row" options={columns} value={String(cardColumns) as "0"} choose={(value) => change({ cardColumns: Number(value) })} />
            </div>
          ) : null}
          <Toggle on={outliers} words="Leave outliers out of the y range" flip={flip("outliers")} />
          <Toggle on={logX} words="Logarithmic x axis" flip={flip("logX")} />
        </>
      )}
    </Popover>
  );
}

/** The bar over the charts. Every setting is one click away. */
export function ChartSettings({ grouped, filter, children }: { grouped: boolean; filter: boolean; children?: preact.ComponentChildren }) {
  const { metricFilter, zoom, logY } = view.value;
  return (
    <div class="bar">
      {filter ? <Field value={metricFilter} label="Filter metrics" placeholder="Metrics (regular expression)" icon="search" class="metric-filter" onInput={(text) => change({ metricFilter: text }, true)} /> : null}
      {children}
      <AxisChooser />
      <SmoothingChooser />
      {grouped ? <BandChooser /> : null}
      <Button label="Logarithmic y axis" words="log y" keys="l" pressed={logY} onClick={() => change({ logY: !logY })} />
      {zoom ? <Button icon="zoom-out" label="Undo zoom" words="Fit" keys="z" class="on" onClick={() => change({ zoom: null })} /> : null}
      <MoreSettings wide={filter} />
    </div>
  );
}
