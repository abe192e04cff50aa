"""Random joins of features, compared with nested loops, polars `join_asof` and DuckDB's ASOF.

The variable TRACKLITE_JOIN_CASES sets the number of cases. `cargo xtask long joins` runs 100,000.
"""

from __future__ import annotations

import datetime
import os
import random
from pathlib import Path
from typing import Any

import pytest
from tracklite import Database

CASES = int(os.environ.get("TRACKLITE_JOIN_CASES", "60"))
NAME = "ml.features.random"
EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
NAN = float("nan")

Key = tuple[Any, ...]
Rows = dict[tuple[Key, int], float | None]


def moment(microseconds: int | None) -> datetime.datetime | None:
    return None if microseconds is None else EPOCH + datetime.timedelta(microseconds=microseconds)


class Case:
    """A table written in some steps, and rows to join with it."""

    def __init__(self, seed: int) -> None:
        chance = self.chance = random.Random(seed)
        self.kinds = chance.choice([("bigint",), ("string",), ("int", "string")])
        self.span = chance.choice([3, 40, 10**6])
        self.people = chance.choice([1, 4, 30])
        self.window = chance.choice([None, None, 0, 1, 7, self.span, 10**15])
        self.writes = [self.drawn() for _ in range(chance.randrange(4))]
        self.labels = [self.label() for _ in range(chance.choice([0, 1, 60]))]

    def key(self) -> Key:
        number = self.chance.randrange(self.people)
        texts = {"bigint": number - 2, "int": number % 3, "string": "ab"[number % 2] * number}
        return tuple(texts[kind] for kind in self.kinds)

    def drawn(self) -> Rows:
        value = (None, NAN, 0.5, -1.0, 7.0)
        return {
            (self.key(), self.chance.randrange(-self.span, self.span)): self.chance.choice(value)
            for _ in range(self.chance.randrange(50))
        }

    def label(self) -> tuple[Key, int | None]:
        key = self.key()
        if self.chance.random() < 0.1:
            key = (*key[:-1], None)
        time = self.chance.randrange(-self.span - 2, self.span + 2)
        return key, None if self.chance.random() < 0.1 else time

    def rows(self) -> Rows:
        """The rows of the table: the last write of a key and time counts."""
        return {place: value for write in self.writes for place, value in write.items()}

    def columns(self, keys: list[Key]) -> dict[str, list[Any]]:
        return {f"k{at}": [key[at] for key in keys] for at in range(len(self.kinds))}


def by_loops(case: Case) -> list[float | None]:
    rows, found = case.rows(), []
    for key, time in case.labels:
        best, value = None, None
        for (row_key, at), row_value in rows.items():
            if time is None or None in key or row_key != key or at > time:
                continue
            is_old = case.window is not None and at < time - case.window
            if not is_old and (best is None or at > best):
                best, value = at, row_value
        found.append(value)
    return found


def by_tracklite(case: Case, database: Database) -> list[float | None]:
    schema = {f"k{at}": kind for at, kind in enumerate(case.kinds)}
    keys = list(schema)
    schema |= {"at": "timestamp", "value": "double"}
    table = database.create_table(NAME, schema, primary_key=keys, timestamp="at")
    try:
        for write in case.writes:
            places = list(write)
            case.chance.shuffle(places)
            rows = case.columns([key for key, _ in places])
            rows["at"] = [moment(at) for _, at in places]
            rows["value"] = [write[place] for place in places]
            if places:
                table.merge(typed(rows, schema))
        if case.chance.random() < 0.3:
            table.compact()
        lookup: dict[str, Any] = {"table": NAME, "keys": keys, "time": "when"}
        if case.window is not None:
            lookup["lookback"] = case.window / 1e6
        labels = case.columns([key for key, _ in case.labels])
        labels["when"] = [moment(time) for _, time in case.labels]
        left = typed(labels, {**schema, "when": "timestamp"})
        joined = database.join_features(left, [lookup])["table"]
        return list(joined["value"])
    finally:
        table.drop()


def typed(columns: dict[str, list[Any]], schema: dict[str, str]) -> Any:
    """Returns columns as an Arrow table, because lists of nulls have no type."""
    import pyarrow

    types = {
        "bigint": pyarrow.int64(),
        "int": pyarrow.int32(),
        "string": pyarrow.string(),
        "double": pyarrow.float64(),
        "timestamp": pyarrow.timestamp("us", "UTC"),
    }
    arrays = {
        name: pyarrow.array(values, types[schema[name]]) for name, values in columns.items()
    }
    return pyarrow.table(arrays)


def plain(case: Case) -> tuple[Any, Any]:
    """Returns the labels without nulls, with their places, and the rows of the table."""
    schema = {f"k{at}": kind for at, kind in enumerate(case.kinds)}
    schema |= {"at": "timestamp", "value": "double", "when": "timestamp", "place": "bigint"}
    kept = [
        (key, time, place)
        for place, (key, time) in enumerate(case.labels)
        if time is not None and None not in key
    ]
    labels = case.columns([key for key, _, _ in kept])
    labels["when"] = [moment(time) for _, time, _ in kept]
    labels["place"] = [place for _, _, place in kept]
    rows = case.rows()
    table = case.columns([key for key, _ in rows])
    table["at"] = [moment(at) for _, at in rows]
    table["value"] = list(rows.values())
    return typed(labels, schema), typed(table, schema)


def spread(case: Case, places: list[int], values: list[float | None]) -> list[float | None]:
    found: list[float | None] = [None] * len(case.labels)
    for place, value in zip(places, values, strict=True):
        found[place] = value
    return found


def by_polars(case: Case) -> list[float | None]:
    import polars

    labels, table = (polars.DataFrame(part) for part in plain(case))
    keys = [f"k{at}" for at in range(len(case.kinds))]
    window = None if case.window is None else datetime.timedelta(microseconds=case.window)
    joined = labels.sort("when").join_asof(
        table.sort("at"),
        left_on="when",
        right_on="at",
        by=keys,
        tolerance=window,
        # It cannot be checked with keys, and both are sorted here.
        check_sortedness=False,
    )
    return spread(case, joined["place"].to_list(), joined["value"].to_list())


def by_duckdb(case: Case, connection: Any) -> list[float | None]:
    labels, rows = plain(case)
    connection.register("labels", labels)
    connection.register("rows", rows)
    same = " AND ".join(f"labels.k{at} = rows.k{at}" for at in range(len(case.kinds)))
    window = f"INTERVAL {min(case.window or 0, 10**14)} MICROSECOND"
    value = "value"
    if case.window is not None:
        value = f'CASE WHEN rows."at" >= labels."when" - {window} THEN value END'
    source = f'labels ASOF LEFT JOIN rows ON {same} AND labels."when" >= rows."at"'
    query = f"SELECT place, {value} FROM {source}"
    found = connection.sql(query).fetchall()
    return spread(case, [place for place, _ in found], [value for _, value in found])


def same(left: list[float | None], right: list[float | None]) -> bool:
    """Equality in which NaN equals NaN, and null only null."""
    return [repr(value) for value in left] == [repr(value) for value in right]


def test_random_joins_agree_with_loops_polars_and_duckdb(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    polars = pytest.importorskip("polars", reason="polars is compared")
    assert polars.__version__
    try:
        import duckdb

        connection = duckdb.connect()
        connection.sql("SET TimeZone = 'UTC'")
    except ImportError:
        connection = None
    database = Database.create(tmp_path / "runs.tracklite")
    first = int(os.environ.get("TRACKLITE_JOIN_SEED", "1"))
    matched = 0
    for seed in range(first, first + CASES):
        case = Case(seed)
        wanted = by_loops(case)
        matched += sum(value is not None for value in wanted)
        assert same(by_tracklite(case, database), wanted), f"case {seed}: tracklite"
        assert same(by_polars(case), wanted), f"case {seed}: polars"
        if connection is not None:
            assert same(by_duckdb(case, connection), wanted), f"case {seed}: DuckDB"
    assert matched > CASES, "the cases are too few to find anything"
