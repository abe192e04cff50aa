"""How things show themselves in a notebook, and metrics in a plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracklite import Database, Frame, History, Run

_ROWS_MAX = 20
_METRICS_MAX = 24
_WIDTH, _HEIGHT = 120, 24


def frame_html(frame: Frame) -> str:
    """The first rows of a table."""
    names = frame.columns
    columns = [frame[name][:_ROWS_MAX] for name in names]
    rows = zip(*columns, strict=True)
    told = _table(names, ([_text(value) for value in row] for row in rows))
    left = len(frame) - _ROWS_MAX
    return told + (f"<p>... and {left} more</p>" if left > 0 else "")


def database_html(database: Database) -> str:
    """The newest runs of a file."""
    columns = ["run_name", "experiment_id", "status", "start_time"]
    frame = database.search_runs(max_results=_ROWS_MAX, columns=columns)
    return f"<p><b>{escape(str(database.path))}</b></p>" + frame_html(frame)


def history_html(history: History) -> str:
    """The course of a metric."""
    picture = sparkline(history.values.tolist())
    return f"<p><b>{escape(history.key)}</b>: {len(history)} points</p>{picture}"


def run_html(run: Run) -> str:
    """A run: what it is, its params, and its metrics each with a sparkline."""
    record = run.record()
    info = record.info
    told = f"<p><b>{escape(info.name)}</b> <code>{info.id}</code> {info.status.value}</p>"
    if record.params:
        params = ([escape(key), escape(value)] for key, value in record.params.items())
        told += _table(["param", "value"], params)
    rows = []
    for key, point in list(record.metrics.items())[:_METRICS_MAX]:
        picture = sparkline(run.history(key).values.tolist())
        rows.append([escape(key), f"{point.value:.6g}", str(point.step), picture])
    if rows:
        told += _table(["metric", "latest", "step", ""], rows)
    return told


def sparkline(values: Sequence[float]) -> str:
    """The course of some values as a small drawing; those that are no numbers are left out."""
    places = [(at, value) for at, value in enumerate(values) if math.isfinite(value)]
    if len(places) < 2:
        return ""
    # Of many points as many as there are pixels: first and last among them.
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
    body = "".join("<tr>" + "".join(f"<td>{it}</td>" for it in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def plot(run: Run, keys: Sequence[str], axes: Any) -> Any:
    """Draw metrics against their steps; all of them when none is named."""
    if axes is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("plots are drawn with matplotlib: pip install matplotlib") from error
        axes = pyplot.figure().subplots()
    for key in keys or sorted(run.metrics()):
        history = run.history(key)
        axes.plot(history.steps.to_numpy(), history.values.to_numpy(), label=key)
    axes.set_xlabel("step")
    axes.legend()
    return axes
