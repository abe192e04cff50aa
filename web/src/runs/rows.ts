import { computed } from "@preact/signals";
import { inkOf, Slots, type Ink } from "../colour";
import { DictColumn } from "../frame";
import { isDark } from "../prefs";
import type { View, Visible } from "../state";
import { change, view } from "../store";
import { cut, shortId } from "../format";
import { pinned, table, type Rows } from "./data";

/** A run or group as a row of the table. */
export interface Row {
  id: string;
  name: string;
  frame: Rows;
  row: number;
  group: number | null;
  title: string;
}

/** The rows of runs that were made of each frame. The same row is the same object, so that its line is drawn once. */
const made = new WeakMap<Rows, Row[]>();

export function runRow(frame: Rows, row: number): Row {
  let known = made.get(frame);
  if (!known) made.set(frame, (known = []));
  return (known[row] ??= newRow(frame, row));
}

function newRow(frame: Rows, row: number): Row {
  const id = frame.column("id")?.text(row) ?? "";
  const name = cut(frame.column("name")?.text(row) || shortId(id));
  return { id, name, frame, row, group: null, title: name };
}

/** Counts the values that a key of the groups has, so that names leave out what all groups share. */
function distinct(frame: Rows, index: number): number {
  const column = frame.column(`key${index}`);
  return column instanceof DictColumn ? column.values.length : 2;
}

export function groupRow(frame: Rows, row: number, group: number, keys: readonly string[]): Row {
  const values = keys.map((_, index) => frame.column(`key${index}`)?.text(row) ?? null);
  const parts = values.map((value) => value ?? "–");
  const differing = values.filter((value, index) => value !== null && distinct(frame, index) > 1);
  const present = differing.length > 0 ? differing : values.filter((value) => value !== null);
  const title = cut(keys.map((key, index) => `${key} = ${parts[index]}`).join("\n"), 2000);
  return { id: groupId(keys, parts), name: cut(present.join(" · ")) || (keys.length > 0 ? "without these params" : "all runs"), frame, row, group, title };
}

/** Names a group by its values, so that its colour stays when the order changes. */
function groupId(keys: readonly string[], parts: readonly string[]): string {
  return `group:${keys.map((key, index) => `${key}=${parts[index]}`).join("\u0001")}`;
}

const slots = new Slots();
const groupSlots = new Slots();

/** The rows that the view draws at most by its "first n", from the first window. */
export const firstRows = computed<Row[]>(() => {
  const current = table.value;
  const frame = current?.windows.get(0);
  if (!current || !frame) return [];
  const { first } = view.value.visible;
  const limit = Math.min(frame.rows, first === "all" ? frame.rows : first);
  const keys = current.groups;
  return Array.from({ length: limit }, (_, row) => (keys ? groupRow(frame, row, row, keys) : runRow(frame, row)));
});

/** The runs or groups that are drawn, in the order of the table, pins first. */
export const drawnIds = computed<string[]>(() => {
  const { visible, pins, baseline } = view.value;
  const grouped = table.value?.groups != null;
  const extra = grouped ? visible.shown.filter((id) => id.startsWith("group:")) : [...(baseline ? [baseline] : []), ...pins, ...visible.shown];
  const hidden = new Set(visible.hidden);
  const ids = new Set<string>();
  for (const id of extra) if (grouped || !id.startsWith("group:")) ids.add(id);
  for (const { id } of firstRows.value) ids.add(id);
  const all = [...ids].filter((id) => !hidden.has(id));
  (grouped ? groupSlots : slots).assign(all);
  return all;
});

const drawnSet = computed(() => new Set(drawnIds.value));

export function isDrawn(id: string): boolean {
  return drawnSet.value.has(id) || (view.value.visible.first === "all" && !view.value.visible.hidden.includes(id));
}

export function ink(id: string): Ink {
  return inkOf((id.startsWith("group:") ? groupSlots : slots).of(id), isDark());
}

const names = new Map<string, string>();

export function remember(id: string, name: string): void {
  names.set(id, name);
}

export function nameOf(id: string): string {
  return names.get(id) ?? shortId(id);
}

const over = new Set<string>();

/** Says whether a run has ended, as far as the table knows. */
export function isOver(id: string): boolean {
  return over.has(id);
}

function learnState(id: string, status: string | null | undefined): void {
  if (status === "FINISHED" || status === "FAILED" || status === "KILLED") over.add(id);
  else over.delete(id);
}

/** Learns the names and the states of all loaded rows. */
export function learnNames(): void {
  for (const frame of [...(table.value?.windows.values() ?? []), ...(pinned.value ? [pinned.value] : [])]) {
    if (frame.meta.group) continue;
    for (let row = 0; row < frame.rows; row += 1) {
      const { id, name } = runRow(frame, row);
      names.set(id, name);
      learnState(id, frame.column("status")?.text(row));
    }
  }
  for (const { id, name } of firstRows.value) names.set(id, name);
}

function without(list: readonly string[], id: string): string[] {
  return list.filter((one) => one !== id);
}

function toggled(list: readonly string[], id: string): string[] {
  return list.includes(id) ? without(list, id) : [...list, id];
}

/** Shows or hides one run or group. */
export function toggleVisible(id: string): void {
  const { visible } = view.peek();
  const shown = isDrawn(id);
  const next: Visible = { ...visible, shown: without(visible.shown, id), hidden: without(visible.hidden, id) };
  const automatic = visible.first === "all" || firstRows.peek().some((row) => row.id === id) || isKept(id);
  if (shown && automatic) next.hidden = [...next.hidden, id];
  if (!shown && !automatic) next.shown = [...next.shown, id];
  change({ visible: next });
}

function isKept(id: string): boolean {
  const { pins, baseline } = view.peek();
  return pins.includes(id) || baseline === id;
}

export function togglePin(id: string): void {
  change({ pins: toggled(view.peek().pins, id) });
}

export function toggleBaseline(id: string): void {
  change({ baseline: view.peek().baseline === id ? null : id });
}

export function togglePeek(id: string): void {
  change({ peek: view.peek().peek === id ? null : id });
}

export function toggleSelected(id: string): void {
  change({ selected: toggled(view.peek().selected, id) }, true);
}

/** The runs that Compare shows: the baseline and the selection, or else what is drawn. */
export function compared({ selected, baseline }: View): string[] {
  if (selected.length === 0) return drawnIds.value.filter((id) => !id.startsWith("group:"));
  const ids = baseline ? [baseline, ...selected.filter((id) => id !== baseline)] : selected;
  slots.assign([...new Set([...drawnIds.value, ...ids])]);
  return ids;
}
