import { crosshair } from "./charts/source";
import { nextAxis, stepSmoothing } from "./charts/settings";
import { switchTheme } from "./prefs";
import { undo } from "./runs/edit";
import { currentRow, moveCursor, openCurrent } from "./runs/table";
import { resizeTable, TABS } from "./runs/page";
import { toggleBaseline, togglePeek, togglePin, toggleSelected, toggleVisible } from "./runs/rows";
import { change, go, page, view } from "./store";
import { helpOpen, paletteOpen } from "./ui/dialogs";

export interface Binding {
  keys: string;
  words: string;
  where: "everywhere" | "runs";
  run: () => void;
}

const focus = (selector: string) => () => document.querySelector<HTMLInputElement>(selector)?.focus();

function withRow(use: (id: string) => void, groups = false): () => void {
  return () => {
    const row = currentRow();
    if (row && (groups || row.group === null)) use(row.id);
  };
}

function back(): void {
  if (crosshair.peek()) crosshair.value = null;
  else if (view.peek().card) change({ card: null });
  else if (view.peek().peek) change({ peek: null });
  else if (page.peek() !== "runs") history.back();
  else if (view.peek().selected.length > 0) change({ selected: [] }, true);
}

function fullCard(): void {
  const { card } = view.peek();
  const under = document.querySelector<HTMLElement>(".card:hover, .card:focus-within")?.dataset["card"];
  if (card) change({ card: null });
  else if (under) change({ card: under });
}

const goTo = (path: string) => () => go([path]);

export const BINDINGS: readonly Binding[] = [
  { keys: "?", words: "Show this help", where: "everywhere", run: () => (helpOpen.value = !helpOpen.peek()) },
  { keys: "Ctrl-K", words: "Search everything", where: "everywhere", run: () => (paletteOpen.value = true) },
  { keys: "g r", words: "Go to Runs", where: "everywhere", run: goTo("runs") },
  { keys: "g e", words: "Go to Experiments", where: "everywhere", run: goTo("experiments") },
  { keys: "g m", words: "Go to Models", where: "everywhere", run: goTo("models") },
  { keys: "g l", words: "Go to Lineage", where: "everywhere", run: goTo("lineage") },
  { keys: "g t", words: "Go to Tables", where: "everywhere", run: goTo("tables") },
  { keys: "g s", words: "Go to Serving", where: "everywhere", run: goTo("serving") },
  { keys: "g j", words: "Go to Jobs", where: "everywhere", run: goTo("jobs") },
  { keys: "g n", words: "Go to Now", where: "everywhere", run: goTo("now") },
  { keys: "Escape", words: "Close, or back", where: "everywhere", run: back },
  { keys: "u", words: "Undo the last edit", where: "everywhere", run: () => void undo() },
  { keys: "T", words: "Light or dark", where: "everywhere", run: switchTheme },
  { keys: "/", words: "Filter runs", where: "runs", run: focus(".filter input") },
  { keys: ".", words: "Filter metrics", where: "runs", run: focus(".metric-filter input") },
  { keys: "j", words: "Next row", where: "runs", run: () => moveCursor(1) },
  { keys: "k", words: "Row before", where: "runs", run: () => moveCursor(-1) },
  { keys: "x", words: "Select the row", where: "runs", run: withRow(toggleSelected) },
  { keys: "v", words: "Draw or hide the row", where: "runs", run: withRow(toggleVisible, true) },
  { keys: "p", words: "Pin the row", where: "runs", run: withRow(togglePin) },
  { keys: "b", words: "Make the row the baseline", where: "runs", run: withRow(toggleBaseline) },
  { keys: "i", words: "Details of the row beside the charts", where: "runs", run: withRow(togglePeek) },
  { keys: "Enter", words: "Open the row", where: "runs", run: openCurrent },
  { keys: "c", words: "Compare the selection", where: "runs", run: () => change({ tab: "compare" }) },
  ...TABS.map((tab, at): Binding => ({ keys: String(at + 1), words: `Tab ${tab}`, where: "runs", run: () => change({ tab }) })),
  { keys: "[", words: "Narrower table", where: "runs", run: () => resizeTable(-6) },
  { keys: "]", words: "Wider table", where: "runs", run: () => resizeTable(6) },
  { keys: "s", words: "More smoothing", where: "runs", run: () => change({ smoothing: stepSmoothing(view.peek().smoothing, true) }, true) },
  { keys: "S", words: "Less smoothing", where: "runs", run: () => change({ smoothing: stepSmoothing(view.peek().smoothing, false) }, true) },
  { keys: "0", words: "No smoothing", where: "runs", run: () => change({ smoothing: null }) },
  { keys: "l", words: "Logarithmic y axis", where: "runs", run: () => change({ logY: !view.peek().logY }) },
  { keys: "L", words: "Logarithmic x axis", where: "runs", run: () => change({ logX: !view.peek().logX }) },
  { keys: "t", words: "Next x axis", where: "runs", run: () => change({ xAxis: nextAxis(view.peek().xAxis), zoom: null }) },
  { keys: "o", words: "Leave outliers out", where: "runs", run: () => change({ outliers: !view.peek().outliers }) },
  { keys: "f", words: "Chart under the pointer in full size", where: "runs", run: fullCard },
  { keys: "z", words: "Undo the zoom", where: "runs", run: () => change({ zoom: null }) },
];

/** Says whether keys belong to what has the focus, such as a line of text. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox]), textarea, select"));
}

/** Keys that a focused button or link uses itself. */
function isTaken(event: KeyboardEvent): boolean {
  return event.key === "Enter" && event.target instanceof HTMLElement && event.target.matches("button, a, input, [role=grid]");
}

let prefix = "";

function find(keys: string): Binding | undefined {
  return BINDINGS.find((one) => one.keys === keys && (one.where === "everywhere" || page.peek() === "runs"));
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    paletteOpen.value = true;
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isTaken(event)) return;
  if (helpOpen.peek() || paletteOpen.peek()) return;
  const found = find(prefix === "" ? event.key : `${prefix} ${event.key}`);
  prefix = prefix === "" && event.key === "g" ? "g" : "";
  if (!found) return;
  event.preventDefault();
  found.run();
}

export function watchKeys(): void {
  document.addEventListener("keydown", onKey);
}
