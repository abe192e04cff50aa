"""What notebooks show, and plots."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
import tracklite
from tracklite import _display


@pytest.fixture
def run(database: tracklite.Database) -> tracklite.Run:
    """A run with something to show, and names that must be escaped."""
    run = database.experiment("/<tests>").start_run("<b>bold</b>")
    run.log_params({"depth": 3, "text": "<script>"})
    for step in range(50):
        run.log({"loss": 1 / (step + 1), "flat": 1.0, "broken": math.nan}, step=step)
    return run


def test_html_is_well_formed_and_escaped(run: tracklite.Run, database: tracklite.Database) -> None:
    for thing in (run, database, database.search_runs(), run.history("loss")):
        told = thing._repr_html_()
        ElementTree.fromstring(f"<div>{told}</div>")
        assert "<script>" not in told
    told = run._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt;" in told
    # Of loss and of what stays the same; there is none of what is no number.
    assert told.count("<svg") == 2


def test_long_tables_say_what_is_left_out(database: tracklite.Database) -> None:
    experiment = database.default_experiment()
    for _ in range(25):
        experiment.start_run()
    assert "... and 5 more" in database.search_runs()._repr_html_()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 119, 120, 121, 100_003])
def test_sparklines_have_both_ends(count: int) -> None:
    drawn = _display.sparkline([float(value) for value in range(count)])
    if count < 2:
        assert drawn == ""
        return
    line = ElementTree.fromstring(drawn)[0].attrib["points"].split()
    assert (line[0], line[-1]) == ("0.0,23.0", "120.0,1.0")
    assert len(line) <= 260


def test_plots(run: tracklite.Run) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    axes = run.plot("loss")
    assert [line.get_label() for line in axes.get_lines()] == ["loss"]
    assert len(axes.get_lines()[0].get_xdata()) == 50
    assert len(run.plot(axes=axes).get_lines()) == 4
    pyplot.close("all")
