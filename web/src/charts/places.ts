import type { Section } from "./catalogue";

/** Where sections and cards are on a wall of thousands of charts. Only those near the visible part exist. */

export const HEAD = 32;
export const CARD = 232;
export const GAP = 8;

/** Measurements of the machine come last and folded, because few readers look at them first. */
const isSystem = (prefix: string) => prefix === "system";

export function orderSections(sections: readonly Section[]): Section[] {
  return [...sections.filter(({ prefix }) => !isSystem(prefix)), ...sections.filter(({ prefix }) => isSystem(prefix))];
}

/** Returns which sections are folded. `flipped` are those that the reader opened or folded against the rule. */
export function foldedSections(sections: readonly Section[], flipped: readonly string[]): Set<string> {
  return new Set(sections.map(({ prefix }) => prefix).filter((prefix) => isSystem(prefix) !== flipped.includes(prefix)));
}

export interface Placed {
  section: Section;
  top: number;
  height: number;
  open: boolean;
}

export function columnsFor(width: number, wanted: number): number {
  return wanted > 0 ? wanted : Math.max(1, Math.min(6, Math.floor(width / 320)));
}

export function placeSections(sections: readonly Section[], columns: number, closed: ReadonlySet<string>): { placed: Placed[]; height: number } {
  let top = 0;
  const placed = sections.map((section) => {
    const open = !closed.has(section.prefix);
    const rows = open ? Math.ceil(section.count / columns) : 0;
    const height = HEAD + rows * (CARD + GAP);
    const one = { section, top, height, open };
    top += height;
    return one;
  });
  return { placed, height: top };
}

/** Returns the cards of a section that are in view or less than half a screen away. */
export function cardsInView(placed: Placed, columns: number, scrollTop: number, height: number): { start: number; end: number } {
  if (!placed.open) return { start: 0, end: 0 };
  const margin = height / 2;
  const from = scrollTop - margin - placed.top - HEAD;
  const to = scrollTop + height + margin - placed.top - HEAD;
  const firstRow = Math.max(0, Math.floor(from / (CARD + GAP)));
  const lastRow = Math.ceil(to / (CARD + GAP));
  const start = Math.min(placed.section.count, firstRow * columns);
  return { start, end: Math.max(start, Math.min(placed.section.count, lastRow * columns)) };
}
