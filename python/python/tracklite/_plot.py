"""Plots of curves and bands with matplotlib, which is imported when the first one is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracklite import Run
    from tracklite._results import Bands, Curve, Curves

_BAND_ALPHA = 0.2
_RAW_ALPHA = 0.3
_LABELS = {"time": "time (UTC)", "relative": "time since the start (s)"}


def plot_run(
    run: Run,
    keys: Sequence[str],
    axes: Any,
    query: Mapping[str, Any],
    options: Mapping[str, Any] | None,
) -> Any:
    """Draws metrics of a run."""
    axes = _axes(axes)
    axis = query["axis"]
    for curve in run.database.curves(run, keys, **query):
        _draw_curve(axes, curve, {"label": curve.key, **(options or {})}, is_time=axis == "time")
    axes.set_xlabel(_LABELS.get(axis, axis.removeprefix("metrics.")))
    return _with_legend(axes)


def plot_curves(curves: Curves, axes: Any, options: Mapping[str, Any]) -> Any:
    """Draws curves. The label of one is its metric, its run, or both: the parts that differ."""
    axes = _axes(axes)
    labels = _labels([(curve.key, curve.run[:8]) for curve in curves])
    for curve, label in zip(curves, labels, strict=True):
        _draw_curve(axes, curve, {"label": label, **options})
    return _with_legend(axes)


def plot_bands(bands: Bands, axes: Any, options: Mapping[str, Any]) -> Any:
    """Draws bands. The label of one is its metric, its group, or both: the parts that differ."""
    axes = _axes(axes)
    labels = _labels([(band.key, f"group {band.group}") for band in bands])
    for band, label in zip(bands, labels, strict=True):
        places = band.places.to_numpy()
        (line,) = axes.plot(places, band.means.to_numpy(), **{"label": label, **options})
        _fill(axes, places, band.lows, band.highs, line)
    return _with_legend(axes)


def _draw_curve(axes: Any, curve: Curve, options: dict[str, Any], is_time: bool = False) -> None:
    places = curve.places.to_numpy()
    if is_time:
        places = places.astype("datetime64[ms]")
    values = curve.mean_values.to_numpy()
    smooth = curve.smooth_values.to_numpy()
    (line,) = axes.plot(places, smooth if len(smooth) else values, **options)
    if len(smooth):
        # A label with an underscore is left out of the legend.
        raw = {"color": line.get_color(), "alpha": _RAW_ALPHA, "linewidth": 1, "label": "_raw"}
        axes.plot(places, values, **raw)
    if not curve.is_exact:
        _fill(axes, places, curve.min_values, curve.max_values, line)


def _fill(axes: Any, places: Any, lows: Any, highs: Any, line: Any) -> None:
    look = {"color": line.get_color(), "alpha": _BAND_ALPHA, "linewidth": 0}
    axes.fill_between(places, lows.to_numpy(), highs.to_numpy(), **look)


def _axes(axes: Any) -> Any:
    if axes is not None:
        return axes
    try:
        from matplotlib import pyplot
    except ImportError as error:
        message = "plots need matplotlib: pip install matplotlib, or use plot_text of a run"
        raise ImportError(message) from error
    return pyplot.figure().subplots()


def _labels(names: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """Joins the parts of names that differ. If none do, the first part is the label."""
    differ = [len(set(parts)) > 1 for parts in zip(*names, strict=True)]
    for name in names:
        parts = [part for part, differs in zip(name, differ, strict=True) if differs]
        yield " ".join(parts or name[:1])


def _with_legend(axes: Any) -> Any:
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    return axes
