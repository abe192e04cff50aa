"""Measures the feature store beside polars, DuckDB, Feast, Parquet and SQLite, in one run.

    python benches/features.py [--rows 2000000] [--labels 200000] [--feast-tables 10]

Prints the median of three runs of each, and one run of Feast. Install polars, duckdb, pandas and
pyarrow first. Feast is left out if it is not installed. The lookups of tracklite are measured by
`cargo bench --bench features`.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy
import polars
import pyarrow
import pyarrow.parquet
from tracklite import Database

NUMBERS = 10
NAME = "ml.features.customers"
RUNS = 3


def features(rows: int) -> pyarrow.Table:
    """Returns realistic features: amounts, counts and slowly moving averages of customers."""
    chance = numpy.random.default_rng(7)
    keys = chance.integers(0, rows // 20, rows)
    times = chance.integers(0, 365 * 24 * 3600, rows)
    order = numpy.lexsort((times, keys))
    keys, times = keys[order], times[order]
    fresh = numpy.ones(rows, bool)
    fresh[1:] = (keys[1:] != keys[:-1]) | (times[1:] != times[:-1])
    keys, times = keys[fresh], times[fresh]
    columns: dict[str, Any] = {
        "customer": keys,
        "at": pyarrow.array(times * 1_000_000, pyarrow.timestamp("us", "UTC")),
    }
    for number in range(NUMBERS):
        walk = numpy.cumsum(chance.normal(0, 1, len(keys)))
        kind = number % 3
        columns[f"f{number}"] = (
            numpy.round(numpy.abs(walk), 2)
            if kind == 0
            else chance.poisson(5, len(keys)).astype(float)
            if kind == 1
            else numpy.round(walk / 50) / 4
        )
    return pyarrow.table(columns)


def labels(table: pyarrow.Table, count: int) -> pyarrow.Table:
    chance = numpy.random.default_rng(8)
    picked = chance.integers(0, table.num_rows, count)
    keys = table["customer"].to_numpy()[picked]
    times = chance.integers(0, 365 * 24 * 3600, count) * 1_000_000
    at = pyarrow.array(times, pyarrow.timestamp("us", "UTC"))
    return pyarrow.table({"customer": keys, "when": at})


def median(work: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def line(what: str, value: float, unit: str) -> None:
    print(f"{what:58} {value:10.3f} {unit}")


def join(database: Database, table: pyarrow.Table, rows: pyarrow.Table) -> None:
    lookup = {"table": NAME, "keys": ["customer"], "time": "when"}
    found: list[Any] = []
    work = lambda: found.append(database.join_features(rows, [lookup]))  # noqa: E731
    line("join: tracklite", median(work), "s")
    right = polars.from_arrow(table)
    left = polars.from_arrow(rows)
    assert isinstance(right, polars.DataFrame) and isinstance(left, polars.DataFrame)

    def by_polars() -> Any:
        return left.sort("when").join_asof(
            right.sort("at"), left_on="when", right_on="at", by="customer", strategy="backward"
        )

    line("join: polars join_asof, frames in memory", median(by_polars), "s")
    connection = duckdb.connect()
    connection.register("features", table)
    connection.register("labels", rows)
    query = (
        "SELECT * FROM labels ASOF LEFT JOIN features"
        " ON labels.customer = features.customer AND labels.when >= features.at"
    )
    line("join: DuckDB ASOF", median(lambda: connection.sql(query).to_arrow_table()), "s")
    own = found[0]["table"].to_arrow()
    other = by_polars().sort(["customer", "when"])
    mine = polars.from_arrow(own)
    assert isinstance(mine, polars.DataFrame)
    mine = mine.sort(["customer", "when"])
    assert mine["f0"].to_list() == other["f0"].to_list(), "the joins differ"


def sizes(database: Database, table: pyarrow.Table, folder: Path) -> None:
    plain = folder / "features.parquet"
    pyarrow.parquet.write_table(table, plain, compression="zstd")
    line("size: tracklite", (folder / "runs.tracklite").stat().st_blocks * 512 / 1e6, "MB")
    line("size: Parquet with zstd", plain.stat().st_size / 1e6, "MB")


def lookups(database: Database, table: pyarrow.Table, folder: Path) -> None:
    names = table.column_names
    connection = sqlite3.connect(folder / "features.sqlite")
    newest = table.to_pandas().drop_duplicates("customer", keep="last").drop(columns=["at"])
    newest.to_sql("features", connection, index=False)
    connection.execute("CREATE UNIQUE INDEX by_customer ON features (customer)")
    keys = [int(key) for key in newest["customer"].head(2000)]
    query = f"SELECT {', '.join(names[2:])} FROM features WHERE customer = ?"

    def by_sqlite() -> None:
        for key in keys:
            connection.execute(query, (key,)).fetchone()

    line("lookup of one key: SQLite from Python", median(by_sqlite) / len(keys) * 1e6, "us")


TABLES, WIDTH, PEOPLE = 10, 100, 17_000


def wide_tables() -> list[pyarrow.Table]:
    """Returns tables with a row of many features for each person."""
    chance = numpy.random.default_rng(9)
    tables = []
    for number in range(TABLES):
        at = pyarrow.array(numpy.full(PEOPLE, 10**12 + number), pyarrow.timestamp("us", "UTC"))
        columns: dict[str, Any] = {"person": numpy.arange(PEOPLE), "at": at}
        for column in range(WIDTH):
            columns[f"t{number}_{column}"] = chance.normal(0, 1, PEOPLE).round(3)
        tables.append(pyarrow.table(columns))
    return tables


def memory(what: str) -> float:
    """Returns a line of the process's memory in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = [text for text in lines if text.startswith(what)]
    return int(found.split()[1]) / 1024


def wide(folder: Path, feast_tables: int) -> None:
    tables = wide_tables()
    database = Database.create(folder / "wide.tracklite")
    for number, table in enumerate(tables):
        name = f"ml.wide.t{number}"
        empty = table.schema.empty_table()
        database.create_table(name, empty, primary_key=["person"], timestamp="at").merge(table)
    order = numpy.random.default_rng(10).permutation(PEOPLE)
    times = pyarrow.array(numpy.full(PEOPLE, 2 * 10**12), pyarrow.timestamp("us", "UTC"))
    rows = pyarrow.table({"person": order, "when": times})
    lookups = [
        {"table": f"ml.wide.t{number}", "keys": ["person"], "time": "when"}
        for number in range(TABLES)
    ]
    what = f"{PEOPLE} rows x {TABLES} tables x {WIDTH} features"
    # The peak starts again from here.
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    line(f"{what}: tracklite", median(lambda: database.join_features(rows, lookups)), "s")
    line(f"{what}: tracklite, memory", memory("VmHWM") - before, "MiB")
    by_feast(tables[:feast_tables], rows, folder)


def by_feast(tables: list[pyarrow.Table], rows: pyarrow.Table, folder: Path) -> None:
    try:
        import feast
        from feast.types import Float64
    except ImportError:
        print("Feast is not installed")
        return
    import datetime

    config = feast.RepoConfig(
        project="bench",
        registry=str(folder / "registry.db"),
        provider="local",
        offline_store={"type": "dask"},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
    store = feast.FeatureStore(config=config)
    person = feast.Entity(name="person", join_keys=["person"], value_type=feast.ValueType.INT64)
    views = []
    for number, table in enumerate(tables):
        path = folder / f"feast{number}.parquet"
        pyarrow.parquet.write_table(table, path)
        views.append(
            feast.FeatureView(
                name=f"t{number}",
                entities=[person],
                ttl=datetime.timedelta(days=0),
                schema=[feast.Field(name=name, dtype=Float64) for name in table.column_names[2:]],
                source=feast.FileSource(path=str(path), timestamp_field="at"),
            )
        )
    store.apply([person, *views])
    frame = rows.rename_columns(["person", "event_timestamp"]).to_pandas()
    names = [f"{view.name}:{field.name}" for view in views for field in view.features]
    start = time.perf_counter()
    found = store.get_historical_features(entity_df=frame, features=names).to_df()
    what = f"{PEOPLE} rows x {len(tables)} tables x {WIDTH} features: Feast {feast.__version__}"
    line(what, time.perf_counter() - start, "s")
    assert len(found) == len(frame)
    store.materialize(
        datetime.datetime(1970, 1, 1), datetime.datetime(1971, 1, 1), feature_views=["t0"]
    )
    took = []
    for key in range(200):
        start = time.perf_counter()
        store.get_online_features(features=names[:10], entity_rows=[{"person": key}]).to_dict()
        took.append(time.perf_counter() - start)
    line("lookup of one key, 10 features: Feast with SQLite", statistics.median(took) * 1e6, "us")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--labels", type=int, default=200_000)
    parser.add_argument("--feast-tables", type=int, default=TABLES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = features(arguments.rows)
        database = Database.create(folder / "runs.tracklite")
        columns = table.schema.empty_table()
        stored = database.create_table(NAME, columns, primary_key=["customer"], timestamp="at")
        start = time.perf_counter()
        stored.merge(table)
        took = time.perf_counter() - start
        line("merge: tracklite", table.num_rows / took / 1e6, "million rows/s")
        rows = labels(table, arguments.labels)
        join(database, table, rows)
        sizes(database, table, folder)
        lookups(database, table, folder)
        wide(folder, arguments.feast_tables)


if __name__ == "__main__":
    main()
