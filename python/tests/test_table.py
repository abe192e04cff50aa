"""Tables are Arrow producers, which data frame libraries read directly."""

from __future__ import annotations

import math
from typing import Any

import pytest
import tracklite


@pytest.fixture
def filled(database: tracklite.Database) -> tracklite.Database:
    """Three runs, one of them without a metric, one with a NaN."""
    experiment = database.experiment("/tests/tables")
    for name, loss in [("a", 0.5), ("b", math.nan), ("c", None)]:
        run = experiment.start_run(name, params={"name": name.upper()}, tags={"kind": "ünï"})
        if loss is not None:
            run.log({"loss": loss, "accuracy": 1.0}, step=2)
    return database


COLUMNS = ["run_name", "metrics.loss", "params.name", "tags.kind", "start_time", "end_time"]


def found(database: tracklite.Database) -> tracklite.Table:
    # Ordered by name: runs that start within the same millisecond are ordered by random IDs.
    return database.runs_table(order_by="attributes.run_name", columns=COLUMNS)


def test_a_table_is_read_without_other_packages(filled: tracklite.Database) -> None:
    table = found(filled)
    assert table.shape == (3, 6)
    assert len(table) == 3
    assert table.columns == COLUMNS
    assert table["run_name"] == ["a", "b", "c"]
    losses = table["metrics.loss"]
    assert losses[0] == 0.5
    assert math.isnan(losses[1])
    assert losses[2] is None
    assert table.rows()[2]["params.name"] == "C"
    assert isinstance(table["start_time"][0], int)
    with pytest.raises(KeyError, match="nonsense"):
        table["nonsense"]
    assert "run_name" in repr(table)


def check(rows: list[dict[str, Any]]) -> None:
    assert [row["run_name"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["metrics.loss"] == 0.5
    assert math.isnan(rows[1]["metrics.loss"])
    assert [row["params.name"] for row in rows] == ["A", "B", "C"]
    assert [row["tags.kind"] for row in rows] == ["ünï"] * 3
    assert rows[0]["start_time"].year >= 2024
    assert rows[0]["start_time"].utcoffset().total_seconds() == 0


def test_polars_reads_a_table(filled: tracklite.Database) -> None:
    polars = pytest.importorskip("polars")
    for frame in (polars.DataFrame(found(filled)), found(filled).to_polars()):
        check(frame.to_dicts())
        assert frame["metrics.loss"].null_count() == 1


def test_pyarrow_reads_a_table(filled: tracklite.Database) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    for table in (pyarrow.table(found(filled)), found(filled).to_arrow()):
        check(table.to_pylist())
        assert table["metrics.loss"].null_count == 1
        table.validate(full=True)


def test_pandas_reads_a_table(filled: tracklite.Database) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = found(filled).to_pandas()
    assert list(frame["run_name"]) == ["a", "b", "c"]
    assert str(frame["start_time"].dtype) == "datetime64[ns, UTC]"


def test_duckdb_reads_a_table(filled: tracklite.Database) -> None:
    duckdb = pytest.importorskip("duckdb")
    table_ = found(filled)
    assert len(table_) == 3
    query = 'SELECT run_name FROM table_ WHERE "metrics.loss" = 0.5'
    assert duckdb.sql(query).fetchall() == [("a",)]


def test_an_empty_table_has_its_columns(database: tracklite.Database) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(database.runs_table(columns=["run_id", "metrics.loss"]))
    assert frame.schema == {"run_id": polars.String, "metrics.loss": polars.Float64}


def test_a_table_outlives_its_database(filled: tracklite.Database) -> None:
    polars = pytest.importorskip("polars")
    stream = found(filled).__arrow_c_stream__()
    assert type(stream).__name__ == "PyCapsule"
    del stream
    kept = polars.DataFrame(found(filled))
    del filled
    check(kept.to_dicts())


def test_a_history_shares_its_memory_with_numpy(database: tracklite.Database) -> None:
    numpy = pytest.importorskip("numpy")
    run = database.default_experiment().start_run()
    steps = numpy.arange(10_000) * 3
    values = numpy.sin(steps)
    run.metric("loss").log_points(values, steps, times=steps * 1_000_000_000)
    history = run.history("loss")
    arrays = history.to_numpy()
    numpy.testing.assert_array_equal(arrays["step"], steps)
    numpy.testing.assert_array_equal(arrays["value"], values)
    assert arrays["timestamp"].dtype == "datetime64[ns]"
    assert arrays["timestamp"][1] == numpy.datetime64(3, "s")
    address = history.values.__array_interface__["data"][0]
    assert arrays["value"].__array_interface__["data"][0] == address
    with pytest.raises(ValueError, match="read-only"):
        arrays["value"][0] = 1.0
    kept = arrays["value"]
    del history, arrays
    numpy.testing.assert_array_equal(kept, values)


def test_a_history_is_a_table(database: tracklite.Database) -> None:
    polars = pytest.importorskip("polars")
    run = database.default_experiment().start_run()
    run.metric("loss").log_points([1.0, 2.0], [5, 6])
    frame = polars.DataFrame(run.history("loss"))
    assert frame.columns == ["step", "timestamp", "value"]
    assert frame["step"].to_list() == [5, 6]
    assert run.history("loss").to_pandas()["value"].tolist() == [1.0, 2.0]


def test_columns_are_sequences(database: tracklite.Database) -> None:
    run = database.default_experiment().start_run()
    run.metric("loss").log_points([float(value) for value in range(10)])
    values = run.history("loss").values
    assert (len(values), values[0], values[-1]) == (10, 0.0, 9.0)
    assert list(values) == values.tolist()
    assert repr(values) == "Column([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 10 in all)"
    for index in (10, -11, 2**40):
        with pytest.raises(IndexError):
            values[index]


def test_tables_of_several_runs(filled: tracklite.Database) -> None:
    runs = filled.runs_table(columns=["run_id"], order_by="attributes.run_name")["run_id"]
    long = filled.history_table(runs, ["loss", "accuracy"])
    assert long.columns == ["run_id", "key", "step", "timestamp", "value"]
    assert long["key"] == ["loss", "accuracy"] * 2
    wide = filled.history_table(runs[0], wide=True)
    assert wide.rows()[0]["accuracy"] == 1.0
    assert filled.params_table(runs)["value"] == ["A", "B", "C"]
    assert "metrics.loss" in filled.comparison_table(runs).columns


def test_pages_and_iterators_return_all_runs(filled: tracklite.Database) -> None:
    names, token = [], None
    while True:
        page = filled.search_runs(order_by="params.name DESC", max_results=2, page_token=token)
        names.append([record.info.name for record in page])
        token = page.next_page_token
        if token is None:
            break
    assert names == [["c", "b"], ["a"]]
    everything = filled.iter_runs(order_by="params.name DESC")
    assert [record.info.name for record in everything] == ["c", "b", "a"]


def test_arrays_of_any_width_are_logged(database: tracklite.Database) -> None:
    numpy = pytest.importorskip("numpy")
    run = database.default_experiment().start_run()
    metric = run.metric("loss")
    for kind in ("float16", "float32", "int32", "uint8"):
        metric.log_points(numpy.array([1, 2], dtype=kind), numpy.array([3, 4], dtype="int32"))
    metric.log_points(numpy.arange(10.0)[::3], times=numpy.arange(4).astype("datetime64[ns]"))
    values = sorted(run.history("loss").values.tolist())
    assert values == sorted([1.0, 2.0] * 4 + [0.0, 3.0, 6.0, 9.0])
