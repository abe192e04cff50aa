"""Measures the feature store beside polars, DuckDB, Parquet and SQLite, in one run.

    python benches/features.py [--rows 2000000] [--labels 200000]

Prints the median of three runs of each. Install polars, duckdb and pyarrow first.
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
    line("join: tracklite", median(lambda: found.append(database.join_features(rows, [lookup]))), "s")
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--labels", type=int, default=200_000)
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


if __name__ == "__main__":
    main()
