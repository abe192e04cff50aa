/** Where rows of a long list are: only those near the visible part exist in the page. */

interface Span {
  start: number;
  end: number;
}

const OVERSCAN = 6;
const MOST = 58;

/** Returns which rows are to exist for a scroll position. Never more than 58, whatever the height. */
export function rowsInView(scrollTop: number, height: number, rowHeight: number, total: number): Span {
  const first = Math.floor(scrollTop / rowHeight);
  const inside = Math.ceil(height / rowHeight);
  const overscan = Math.max(0, Math.min(OVERSCAN, Math.floor((MOST - inside - 1) / 2)));
  const start = Math.max(0, Math.min(first - overscan, total - 1));
  const end = Math.min(total, first + inside + 1 + overscan, start + MOST);
  return { start: Math.max(0, start), end: Math.max(0, end) };
}

export interface Opened {
  group: number;
  rows: number;
}

export type Line = { group: number; child: number | null };

/** Finds what a line of the table shows: a group, or a run of an opened group. `opened` is in the order of groups. */
export function lineAt(index: number, opened: readonly Opened[]): Line {
  let before = 0;
  for (const { group, rows } of opened) {
    const line = group + before;
    if (index <= line) break;
    if (index <= line + rows) return { group, child: index - line - 1 };
    before += rows;
  }
  return { group: index - before, child: null };
}

export function linesOf(groups: number, opened: readonly Opened[]): number {
  return opened.reduce((sum, { rows }) => sum + rows, groups);
}
