"""Plots with matplotlib, and with characters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import tracklite
from tracklite.exceptions import NotFoundError


@pytest.fixture
def run(database: tracklite.Database) -> tracklite.Run:
    """A run with a curve, a line, a metric of only NaN, and a long metric with a spike."""
    run = database.default_experiment().start_run("baseline")
    for step in range(50):
        run.log({"loss": 1 / (step + 1), "flat": 1.0, "broken": math.nan}, step=step)
    values = [0.0] * 10_000
    values[1234] = 7.0
    run.metric("long").log_points(values, range(10_000))
    return run


@pytest.fixture
def pyplot() -> Iterator[Any]:
    """Matplotlib without a window."""
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def labels(axes: Any) -> list[str]:
    return [line.get_label() for line in axes.get_lines()]


def test_plots_draw_the_chosen_metrics(run: tracklite.Run, pyplot: Any) -> None:
    axes = run.plot("loss")
    assert labels(axes) == ["loss"]
    assert len(axes.get_lines()[0].get_xdata()) == 50
    assert (axes.get_xlabel(), [text.get_text() for text in axes.get_legend().texts]) == (
        "step",
        ["loss"],
    )
    assert run.plot(axes=axes) is axes
    assert sorted(labels(axes)) == ["broken", "flat", "long", "loss", "loss"]
    (line,) = run.plot("loss", color="red", linestyle="--", label="mine").get_lines()
    assert (line.get_color(), line.get_linestyle(), line.get_label()) == ("red", "--", "mine")


def test_plots_of_many_points_show_each_extreme(run: tracklite.Run, pyplot: Any) -> None:
    axes = run.plot("long", columns=200)
    assert len(axes.get_lines()[0].get_xdata()) == 200
    (band,) = axes.collections
    assert band.get_paths()[0].vertices[:, 1].max() == 7.0
    assert run.plot("loss").collections[:] == []


def test_plots_are_smoothed(run: tracklite.Run, pyplot: Any) -> None:
    smooth, raw = run.plot("loss", smoothing=0.9).get_lines()
    assert smooth.get_ydata()[-1] > raw.get_ydata()[-1]
    assert raw.get_color() == smooth.get_color()
    assert raw.get_alpha() < 1
    assert len(smooth.axes.get_legend().texts) == 1


def test_plots_have_other_axes(run: tracklite.Run, pyplot: Any) -> None:
    from matplotlib.dates import num2date

    axes = run.plot("loss", axis="time")
    drawn = num2date(axes.get_xlim()[0]).astimezone(timezone.utc)
    assert abs((datetime.now(timezone.utc) - drawn).total_seconds()) < 600
    assert run.plot("loss", axis="relative").get_xlabel() == "time since the start (s)"
    axes = run.plot("flat", axis="metrics.loss", range=(0.1, 1.0))
    assert axes.get_xlabel() == "loss"
    assert len(axes.get_lines()[0].get_xdata()) == 10


def test_curves_and_bands_are_drawn(run: tracklite.Run, pyplot: Any) -> None:
    database = run.database
    other = database.default_experiment().start_run()
    other.log_metric("loss", 2.0)
    one_metric = database.curves([run, other], "loss")
    assert labels(one_metric.plot()) == [run.id[:8], other.id[:8]]
    one_run = database.curves(run, ["loss", "flat"])
    assert labels(one_run.plot(linewidth=3)) == ["loss", "flat"]
    both = database.curves([run, other], ["loss", "flat"]).plot()
    assert labels(both) == [f"loss {run.id[:8]}", f"loss {other.id[:8]}", f"flat {run.id[:8]}"]
    bands = database.bands([[run, other], [run]], "loss").plot()
    assert labels(bands) == ["group 0", "group 1"]
    assert len(bands.collections) == 2
    assert database.curves(run, "none").plot().get_legend() is None


def test_a_plot_of_characters_needs_no_matplotlib(run: tracklite.Run) -> None:
    drawn = run.plot_text("long", width=60, height=8)
    lines = drawn.splitlines()
    assert len(lines) == 10
    assert max(map(len, lines)) <= 60
    assert any(character in lines[0] for character in map(chr, range(0x2801, 0x2900)))
    assert run.plot_text("loss", ascii=True, log_y=True).isascii()
    assert "x = NaN" in run.plot_text("broken")
    with pytest.raises(OverflowError):
        run.plot_text("loss", width=-1)


def test_an_unknown_metric_is_an_error(run: tracklite.Run) -> None:
    for plot in (run.plot, run.plot_text):
        with pytest.raises(NotFoundError, match='no metric "los"; its metrics: broken, flat'):
            plot("los")


def test_a_missing_matplotlib_is_explained(
    run: tracklite.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ImportError, match="plot_text"):
        run.plot("loss")
