import { DictColumn, type Frame } from "../frame";
import { cut, dateTime, number } from "../format";
import type { TableColumn, WindowMeta } from "../types";

/** Writes a value of a stored table in the way of its type. */
function cellOf(frame: Frame<WindowMeta>, row: number, name: string, kind: string): { text: string; faint: boolean } {
  const column = frame.column(name);
  const text = column?.text(row) ?? null;
  if (!column || text === null) return { text: "null", faint: true };
  if (kind === "date") return { text: new Date(column.number(row)).toISOString().slice(0, 10), faint: false };
  if (kind === "timestamp") return { text: dateTime(column.number(row)), faint: false };
  if (column instanceof DictColumn) return text === "" ? { text: "empty", faint: true } : { text: cut(text, 200), faint: false };
  return { text: number(column.number(row), 8), faint: false };
}

const NUMERIC = new Set(["tinyint", "smallint", "int", "bigint", "float", "double"]);

/** A window of the rows of a stored table. */
export function WindowTable({ frame, columns, label }: { frame: Frame<WindowMeta>; columns?: readonly TableColumn[]; label: string }) {
  const shown = columns?.filter(({ name }) => frame.column(name)) ?? frame.columns.map(({ name }): TableColumn => ({ name, type: /time|date/.test(name) && !(frame.column(name) instanceof DictColumn) ? "timestamp" : "", comment: null }));
  return (
    <div class="window" tabIndex={0} role="region" aria-label={label}>
      <table class="list compact">
        <thead><tr>{shown.map(({ name, type }) => <th key={name} class={NUMERIC.has(type) ? "numeric" : ""} title={type}><bdi>{cut(name, 60)}</bdi></th>)}</tr></thead>
        <tbody>
          {Array.from({ length: frame.rows }, (_, row) => (
            <tr key={row}>
              {shown.map(({ name, type }) => {
                const { text, faint } = cellOf(frame, row, name, type);
                return <td key={name} class={NUMERIC.has(type) ? "numeric" : ""} title={text.length > 40 ? text : undefined}><bdi class={faint ? "faint" : ""}>{text}</bdi></td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
