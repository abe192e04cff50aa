/** The state of the page as the text of its address. All of it is pure, so that every state has exactly one link. */

interface Order {
  column: string;
  descending: boolean;
}

/** Which runs are drawn: the first ones of the order, those added, and without those taken away. */
export interface Visible {
  first: number | "all";
  shown: string[];
  hidden: string[];
}

export interface Smoothing {
  kind: "time_ema" | "ema" | "gaussian" | "window";
  amount: number;
}

/** A part of the x axis. One that follows moves with the newest points. */
export interface Zoom {
  low: number;
  high: number;
  follow: boolean;
}

interface Brush {
  axis: string;
  low: number;
  high: number;
}

export interface View {
  filter: string;
  experiments: string[];
  under: string;
  lifecycle: "active" | "deleted" | "all";
  order: Order[];
  group: "auto" | string[] | null;
  columns: string[] | null;
  visible: Visible;
  baseline: string | null;
  pins: string[];
  selected: string[];
  tab: string;
  metricFilter: string;
  cardColumns: number;
  xAxis: string;
  logX: boolean;
  logY: boolean;
  smoothing: Smoothing | null;
  outliers: boolean;
  band: string;
  zoom: Zoom | null;
  card: string | null;
  pinnedCards: string[];
  overlays: string[];
  /** Sections that are open or folded against the rule. */
  flippedSections: string[];
  compareAll: boolean;
  scatterX: string;
  scatterY: string;
  scatterColour: string;
  parallelAxes: string[];
  brushes: Brush[];
  mediaStep: number | null;
  mediaMode: "grid" | "blink" | "difference";
  importanceOf: string;
  importanceLog: boolean;
  importanceParam: string | null;
  /** The run whose config is shown beside the charts. */
  peek: string | null;
}

export const FIRST = 20;

export const DEFAULTS: View = {
  filter: "",
  experiments: [],
  under: "",
  lifecycle: "active",
  order: [],
  group: null,
  columns: null,
  visible: { first: FIRST, shown: [], hidden: [] },
  baseline: null,
  pins: [],
  selected: [],
  tab: "charts",
  metricFilter: "",
  cardColumns: 0,
  xAxis: "step",
  logX: false,
  logY: false,
  smoothing: null,
  outliers: false,
  band: "std",
  zoom: null,
  card: null,
  pinnedCards: [],
  overlays: [],
  flippedSections: [],
  compareAll: false,
  scatterX: "",
  scatterY: "",
  scatterColour: "",
  parallelAxes: [],
  brushes: [],
  mediaStep: null,
  mediaMode: "grid",
  importanceOf: "",
  importanceLog: false,
  importanceParam: null,
  peek: null,
};

/** Joins names by commas. Commas and backslashes within a name get a backslash. */
export function joinList(items: readonly string[]): string {
  const text = items.map((item) => item.replace(/[\\,]/g, "\\$&")).join(",");
  return items.length === 1 && text === "" ? "\\" : text;
}

export function splitList(text: string): string[] {
  if (text === "") return [];
  const items: string[] = [];
  let item = "";
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === ",") {
      items.push(item);
      item = "";
    } else {
      if (text[at] === "\\") at += 1;
      item += text[at] ?? "";
    }
  }
  return [...items, item];
}

function readOrder(text: string): Order[] {
  return splitList(text).map((item) =>
    item.startsWith("-") ? { column: item.slice(1), descending: true } : { column: item.replace(/^\+/, ""), descending: false },
  );
}

function writeOrder(order: Order[]): string {
  return joinList(order.map(({ column, descending }) => (descending ? "-" : /^[-+]/.test(column) ? "+" : "") + column));
}

function readVisible(text: string): Visible {
  const visible: Visible = { first: FIRST, shown: [], hidden: [] };
  for (const part of text.split(";")) {
    if (part === "all") visible.first = "all";
    else if (part.startsWith("first:")) visible.first = clamp(Math.floor(Number(part.slice(6))), 0, 100_000, FIRST);
    else if (part.startsWith("+")) visible.shown = splitList(part.slice(1));
    else if (part.startsWith("-")) visible.hidden = splitList(part.slice(1));
  }
  return visible;
}

function writeVisible({ first, shown, hidden }: Visible): string {
  const parts: string[] = [];
  if (first !== FIRST) parts.push(first === "all" ? "all" : `first:${first}`);
  if (shown.length > 0) parts.push(`+${joinList(shown)}`);
  if (hidden.length > 0) parts.push(`-${joinList(hidden)}`);
  return parts.join(";");
}

function clamp(value: number, low: number, high: number, otherwise: number): number {
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : otherwise;
}

function readSmoothing(text: string): Smoothing | null {
  const [kind, amount] = text.split(":");
  if (kind !== "time_ema" && kind !== "ema" && kind !== "gaussian" && kind !== "window") return null;
  return { kind, amount: clamp(Number(amount), 0, 1e6, 0.6) };
}

function readZoom(text: string): Zoom | null {
  const [first, second, last] = text.split(":");
  const [low, high] = [Number(first), Number(second)];
  return low < high ? { low, high, follow: last === "tail" } : null;
}

function writeZoom(zoom: Zoom | null): string {
  return zoom ? `${zoom.low}:${zoom.high}${zoom.follow ? ":tail" : ""}` : "";
}

function readBrushes(text: string): Brush[] {
  return splitList(text).flatMap((item) => {
    const match = /^(.*):([^:]*):([^:]*)$/s.exec(item);
    const [low, high] = [Number(match?.[2]), Number(match?.[3])];
    return match && low <= high ? [{ axis: match[1] ?? "", low, high }] : [];
  });
}

interface Codec<T> {
  key: string;
  read: (text: string) => T;
  write: (value: T) => string;
}

const text = (key: string): Codec<string> => ({ key, read: (value) => value, write: (value) => value });
const maybe = (key: string): Codec<string | null> => ({ key, read: (value) => value || null, write: (value) => value ?? "" });
const list = (key: string): Codec<string[]> => ({ key, read: splitList, write: joinList });
const flag = (key: string): Codec<boolean> => ({ key, read: (value) => value === "1", write: (value) => (value ? "1" : "") });

const CODECS: { [Name in keyof View]: Codec<View[Name]> } = {
  filter: text("f"),
  experiments: list("e"),
  under: text("u"),
  lifecycle: {
    key: "d",
    read: (value) => (value === "deleted" || value === "all" ? value : "active"),
    write: (value) => (value === "active" ? "" : value),
  },
  order: { key: "o", read: readOrder, write: writeOrder },
  group: {
    key: "g",
    read: (value) => (value === "auto" ? "auto" : splitList(value)),
    write: (value) => (value === null ? "" : value === "auto" ? "auto" : joinList(value)),
  },
  columns: {
    key: "c",
    read: (value) => (value === "none" ? [] : splitList(value)),
    write: (value) => (value === null ? "" : value.length === 0 ? "none" : joinList(value)),
  },
  visible: { key: "v", read: readVisible, write: writeVisible },
  baseline: maybe("b"),
  pins: list("p"),
  selected: list("s"),
  tab: { key: "tab", read: (value) => value, write: (value) => (value === "charts" ? "" : value) },
  metricFilter: text("m"),
  cardColumns: {
    key: "cc",
    read: (value) => clamp(Math.floor(Number(value)), 0, 6, 0),
    write: (value) => (value === 0 ? "" : String(value)),
  },
  xAxis: { key: "xa", read: (value) => value || "step", write: (value) => (value === "step" ? "" : value) },
  logX: flag("lx"),
  logY: flag("ly"),
  smoothing: { key: "sm", read: readSmoothing, write: (value) => (value ? `${value.kind}:${value.amount}` : "") },
  outliers: flag("ol"),
  band: { key: "bd", read: (value) => value || "std", write: (value) => (value === "std" ? "" : value) },
  zoom: { key: "z", read: readZoom, write: writeZoom },
  card: maybe("card"),
  pinnedCards: list("pk"),
  overlays: list("ov"),
  flippedSections: list("cs"),
  compareAll: flag("ca"),
  scatterX: text("sx"),
  scatterY: text("sy"),
  scatterColour: text("sc"),
  parallelAxes: list("pa"),
  brushes: {
    key: "br",
    read: readBrushes,
    write: (value) => joinList(value.map(({ axis, low, high }) => `${axis}:${low}:${high}`)),
  },
  mediaStep: {
    key: "ms",
    read: (value) => (Number.isFinite(Number(value)) ? Number(value) : null),
    write: (value) => (value === null ? "" : String(value)),
  },
  mediaMode: {
    key: "mm",
    read: (value) => (value === "blink" || value === "difference" ? value : "grid"),
    write: (value) => (value === "grid" ? "" : value),
  },
  importanceOf: text("io"),
  importanceLog: flag("il"),
  importanceParam: maybe("ip"),
  peek: maybe("i"),
};

const NAMES = Object.keys(CODECS) as (keyof View)[];

function readField<Name extends keyof View>(view: View, name: Name, query: URLSearchParams): void {
  const value = query.get(CODECS[name].key);
  if (value !== null && value !== "") view[name] = CODECS[name].read(value);
}

export function readView(query: URLSearchParams): View {
  const view = { ...DEFAULTS };
  for (const name of NAMES) readField(view, name, query);
  return view;
}

function writeField<Name extends keyof View>(view: View, name: Name, query: URLSearchParams): void {
  const value = CODECS[name].write(view[name]);
  if (value !== "") query.set(CODECS[name].key, value);
}

export function writeView(view: View): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of NAMES) writeField(view, name, query);
  return query;
}

/** Returns the view as a flat object, as named views store it. */
export function viewToRecord(view: View): Record<string, string> {
  return Object.fromEntries(writeView(view));
}
