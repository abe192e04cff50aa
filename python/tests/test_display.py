"""HTML for notebooks."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
import tracklite
from tracklite import _display


@pytest.fixture
def run(database: tracklite.Database) -> tracklite.Run:
    """A run with metrics, params, and names that must be escaped."""
    run = database.experiment("/<tests>").start_run("<b>bold</b>")
    run.log_params({"depth": 3, "text": "<script>"})
    for step in range(50):
        run.log({"loss": 1 / (step + 1), "flat": 1.0, "broken": math.nan}, step=step)
    return run


def test_html_is_well_formed_and_escaped(run: tracklite.Run, database: tracklite.Database) -> None:
    for thing in (run, database, database.runs_table(), run.history("loss")):
        html = thing._repr_html_()
        ElementTree.fromstring(f"<div>{html}</div>")
        assert "<script>" not in html
    html = run._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    # One each for `loss` and `flat`. A metric of only NaN has none.
    assert html.count("<svg") == 2


def test_long_tables_show_the_number_of_omitted_rows(database: tracklite.Database) -> None:
    experiment = database.default_experiment()
    for _ in range(25):
        experiment.start_run()
    assert "... and 5 more" in database.runs_table()._repr_html_()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 119, 120, 121, 100_003])
def test_sparklines_include_the_first_and_last_point(count: int) -> None:
    drawn = _display.sparkline([float(value) for value in range(count)])
    if count < 2:
        assert drawn == ""
        return
    line = ElementTree.fromstring(drawn)[0].attrib["points"].split()
    assert (line[0], line[-1]) == ("0.0,23.0", "120.0,1.0")
    assert len(line) <= 260
