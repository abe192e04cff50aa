"""Curves and bands: sequences of values, and tables of all rows."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
import tracklite
from tracklite import Smoothing
from tracklite.exceptions import InvalidInputError, NotFoundError

COLUMNS = [
    "run_id",
    "key",
    "from_place",
    "place",
    "first_value",
    "last_value",
    "min_value",
    "max_value",
    "mean_value",
    "count",
    "nan_count",
]


@pytest.fixture
def run(database: tracklite.Database) -> tracklite.Run:
    """A run with 10,000 points, one of them a spike and one a NaN, and a short metric."""
    run = database.default_experiment().start_run("long")
    values = [math.sin(step / 100) for step in range(10_000)]
    values[5_000], values[7_000] = 9.0, math.nan
    run.metric("loss").log_points(values, range(10_000))
    run.metric("short").log_points([3.0, 1.0, 2.0], [10, 20, 30])
    return run


def test_a_long_curve_keeps_its_extremes(database: tracklite.Database, run: tracklite.Run) -> None:
    (curve,) = database.curves(run, "loss", columns=100)
    assert (curve.run, curve.key, curve.is_exact) == (run.id, "loss", False)
    assert (curve.points, curve.nan_count, curve.first_nan_step) == (10_000, 1, 7_000)
    assert curve.max is not None
    assert (curve.max.step, curve.max.value) == (5_000, 9.0)
    assert (curve.last.step, curve.last_place, curve.range) == (9_999, 9_999.0, (0.0, 9_999.0))
    assert len(curve.places) == 100
    assert sum(curve.counts) == 10_000
    assert sum(curve.nan_counts) == 1
    assert max(curve.max_values) == 9.0
    assert len(curve.smooth_values) == 0
    assert repr(curve) == f"Curve({run.id!r}, 'loss', 10000 points, 100 rows)"


def test_a_short_curve_has_the_points(database: tracklite.Database, run: tracklite.Run) -> None:
    (curve,) = database.curves(run, "short")
    assert curve.is_exact
    assert curve.places.tolist() == curve.from_places.tolist() == [10.0, 20.0, 30.0]
    for column in (curve.first_values, curve.last_values, curve.min_values, curve.mean_values):
        assert column.tolist() == [3.0, 1.0, 2.0]
    (part,) = database.curves(run, "short", range=(15, 25))
    assert part.last_values.tolist() == [1.0]
    assert len(database.curves(run, "short", range=(40, 50))) == 0


def test_the_axis_is_chosen(database: tracklite.Database, run: tracklite.Run) -> None:
    other = database.default_experiment().start_run()
    for step, (epoch, loss) in enumerate([(0.5, 4.0), (1.5, 2.0)]):
        other.log({"epoch": epoch, "loss": loss}, step=step)
    (by_epoch,) = database.curves(other, "loss", axis="metrics.epoch")
    assert by_epoch.places.tolist() == [0.5, 1.5]
    started = other.info().started.timestamp()
    (by_time,) = database.curves(other, "loss", axis="time")
    assert abs(by_time.places[0] / 1000 - started) < 60
    (relative,) = database.curves(other, "loss", axis="relative")
    assert 0 <= relative.places[0] < 60


def test_smoothing_is_a_method_or_the_weight_of_an_average(
    database: tracklite.Database, run: tracklite.Run
) -> None:
    methods: dict[float | Smoothing, list[float]] = {
        0.5: [3.0, 5 / 3, 13 / 7],
        Smoothing.average(0.5): [3.0, 5 / 3, 13 / 7],
        Smoothing.half_life(10): [3.0, 5 / 3, 13 / 7],
        Smoothing.window(3): [2.0, 2.0, 1.5],
    }
    for method, expected in methods.items():
        (curve,) = database.curves(run, "short", smoothing=method)
        assert curve.smooth_values.tolist() == pytest.approx(expected), method
    (curve,) = database.curves(run, "short", smoothing=Smoothing.gaussian(1e-3))
    assert curve.smooth_values.tolist() == pytest.approx([3.0, 1.0, 2.0])


def test_bad_queries_are_explained(database: tracklite.Database, run: tracklite.Run) -> None:
    for query, words in [
        ({"axis": "epoch"}, "metrics.KEY"),
        ({"columns": 0}, "1 to 20000"),
        ({"range": (2, 1)}, "the smaller one first"),
        ({"smoothing": 1.0}, "below 1"),
        ({"smoothing": Smoothing.window(0)}, "at least 1 point"),
        ({"smoothing": Smoothing.window(-3)}, "at least 1 point"),
        ({"smoothing": Smoothing("ema", 1.0)}, "half_life"),  # type: ignore[arg-type]
    ]:
        with pytest.raises(InvalidInputError, match=words):
            database.curves(run, "loss", **query)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="quartiles"):
        database.bands([[run]], "loss", kind="iqr")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a number"):
        database.curves(run, "loss", smoothing="much")  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        database.curves("0" * 32, "loss")


def test_curves_are_one_table(database: tracklite.Database, run: tracklite.Run) -> None:
    polars = pytest.importorskip("polars")
    curves = database.curves(run, ["loss", "none", "short", "loss"], columns=100, smoothing=0.9)
    assert [curve.key for curve in curves] == ["loss", "short"]
    frame = polars.DataFrame(curves)
    assert frame.columns == [*COLUMNS, "smooth_value"]
    assert frame["key"].to_list() == ["loss"] * 100 + ["short"] * 3
    assert set(frame["run_id"]) == {run.id}
    for name, of in [("place", "places"), ("count", "counts"), ("smooth_value", "smooth_values")]:
        parts: list[Any] = [getattr(curve, of).tolist() for curve in curves]
        assert frame[name].to_list() == sum(parts, [])
    none = database.curves(run, "none")
    assert (len(none), list(none), none.to_table().columns) == (0, [], COLUMNS)
    assert repr(curves) == "Curves(2 items, 103 rows)"
    assert "<table>" in curves._repr_html_()


def test_a_band_is_the_mean_and_the_spread_of_a_group(database: tracklite.Database) -> None:
    experiment = database.default_experiment()
    groups = []
    for losses in ([1.0, 2.0, 6.0], [4.0]):
        groups.append([experiment.start_run() for _ in losses])
        for seed, loss in zip(groups[-1], losses, strict=True):
            seed.metric("loss").log_points([loss, loss + 1], [0, 1])
    bands = database.bands(groups, "loss")
    assert [band.group for band in bands] == [0, 1]
    first, second = bands
    assert first.places.tolist() == [0.0, 1.0]
    assert first.means.tolist() == pytest.approx([3.0, 4.0])
    deviation = statistics.stdev([1.0, 2.0, 6.0])
    assert first.lows[0] == pytest.approx(3.0 - deviation)
    assert first.highs[1] == pytest.approx(4.0 + deviation)
    assert (first.runs.tolist(), second.runs.tolist()) == ([3, 3], [1, 1])
    (extremes, _) = database.bands(groups, ["loss"], kind="extremes")
    assert (extremes.lows[0], extremes.highs[0]) == (1.0, 6.0)
    table = bands.to_table()
    assert table.columns == ["group", "key", "place", "mean", "low", "high", "runs"]
    assert table["group"] == [0, 0, 1, 1]
    assert table["runs"] == [3, 3, 1, 1]
    assert repr(second) == "Band(1, 'loss', 2 rows)"


def test_numpy_reads_the_columns_without_copying(
    database: tracklite.Database, run: tracklite.Run
) -> None:
    pytest.importorskip("numpy")
    (curve,) = database.curves(run, "short")
    address = curve.places.__array_interface__["data"][0]
    assert curve.places.to_numpy().__array_interface__["data"][0] == address
    assert curve.counts.to_numpy().dtype == "int64"
