"""HTML for notebooks, and tables as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracklite import Database, History, Run, Table

_ROWS_MAX = 20
_METRICS_MAX = 24
_WIDTH, _HEIGHT = 120, 24


def table_html(table: Table) -> str:
    """Returns the first rows of a table."""
    names = table.columns
    columns = [table[name][:_ROWS_MAX] for name in names]
    rows = zip(*columns, strict=True)
    html = _table(names, ([_text(value) for value in row] for row in rows))
    left = len(table) - _ROWS_MAX
    return html + (f"<p>... and {left} more</p>" if left > 0 else "")


def table_text(table: Table) -> str:
    """Returns the shape and the first rows of a table, in aligned columns."""
    columns = [[name, *map(_plain, table[name][:_ROWS_MAX])] for name in table.columns]
    widths = [max(map(len, column)) for column in columns]
    numeric = [not any(isinstance(value, str) for value in table[name]) for name in table.columns]
    rows = [
        "  ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]
    count, width = table.shape
    left = [f"... and {count - _ROWS_MAX} more"] if count > _ROWS_MAX else []
    return "\n".join([f"Table: {count} rows, {width} columns", *rows, *left])


def database_html(database: Database) -> str:
    """Returns the newest runs of a file."""
    columns = ["run_name", "experiment_id", "status", "start_time"]
    table = database.runs_table(max_results=_ROWS_MAX, columns=columns)
    return f"<p><b>{escape(str(database.path))}</b></p>" + table_html(table)


def history_html(history: History) -> str:
    """Returns the number of points and a sparkline."""
    picture = sparkline(history.values.tolist())
    return f"<p><b>{escape(history.key)}</b>: {len(history)} points</p>{picture}"


def run_html(run: Run) -> str:
    """Returns name, status and params of a run, and its metrics with sparklines."""
    record = run.record()
    info = record.info
    html = f"<p><b>{escape(info.name)}</b> <code>{info.id}</code> {info.status.value}</p>"
    if record.params:
        params = ([escape(key), escape(value)] for key, value in record.params.items())
        html += _table(["param", "value"], params)
    rows = []
    for key, point in list(record.metrics.items())[:_METRICS_MAX]:
        picture = sparkline(run.history(key).values.tolist())
        rows.append([escape(key), f"{point.value:.6g}", str(point.step), picture])
    if rows:
        html += _table(["metric", "latest", "step", ""], rows)
    return html


def sparkline(values: Sequence[float]) -> str:
    """Draws values as a small line. Leaves out NaN and infinity."""
    places = [(at, value) for at, value in enumerate(values) if math.isfinite(value)]
    if len(places) < 2:
        return ""
    # At most one point a pixel, including the first and the last.
    step = max(1, (len(places) - 1) // _WIDTH)
    places = places[::step] + ([places[-1]] if (len(places) - 1) % step else [])
    low = min(value for _, value in places)
    high = max(value for _, value in places)
    span = (high - low) or 1.0
    right = places[-1][0] or 1
    dots = " ".join(
        f"{at / right * _WIDTH:.1f},{_HEIGHT - 1 - (value - low) / span * (_HEIGHT - 2):.1f}"
        for at, value in places
    )
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'<polyline fill="none" stroke="currentColor" points="{dots}"/></svg>'
    )


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: Any) -> str:
    return escape(_plain(value))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
