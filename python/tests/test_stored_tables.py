"""Stored tables: frames of all libraries go in, and come out as they were."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from tracklite import Database, StoredTable
from tracklite.exceptions import InvalidInputError, NotFoundError

NAME = "ml.features.users"
UTC = datetime.timezone.utc


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.create(tmp_path / "runs.tracklite")


def users(database: Database) -> StoredTable:
    columns = {"user": "bigint", "spend": "double"}
    return database.create_table(NAME, columns, primary_key=["user"], tags={"team": "growth"})


def test_a_table_is_described_written_and_dropped(database: Database) -> None:
    table = users(database)
    info = table.info()
    assert info["name"] == NAME and info["version"] == 0
    assert info["columns"] == {"user": "bigint", "spend": "double"}
    assert info["primary_key"] == ["user"] and info["timestamp"] is None
    table.set_tags({"team": None, "tier": 2})
    assert table.info()["tags"] == {"tier": "2"}
    assert table.merge({"user": [2, 1], "spend": [1.0, 2.0]}) == 1
    assert table.merge({"user": [2], "spend": [None]}) == 2
    assert table.read().rows() == [{"user": 1, "spend": 2.0}, {"user": 2, "spend": None}]
    writes = table.writes()
    assert [write["mode"] for write in writes] == ["merge", "merge"]
    assert table.read(["spend"], known_at=writes[0]["time"])["spend"] == [2.0, 1.0]
    assert table.delete({"user": [1]}) == 3
    table.compact()
    assert table.read(version=1)["user"] == [1, 2]
    table.remove_history(2)
    assert table.read()["user"] == [2]
    with pytest.raises(InvalidInputError, match="was removed"):
        table.read(version=1)
    table.rename("ml.features.renamed")
    assert database.table_names("ml.") == ["ml.features.renamed"]
    assert database.table("ml.features.renamed").id == table.id
    table.drop()
    with pytest.raises(NotFoundError):
        table.info()


# The converter of pyarrow uses what pandas 3.1 deprecates.
@pytest.mark.filterwarnings("ignore:Series.values returning")
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_of_each_library_are_stored(database: Database, library: str) -> None:
    module = pytest.importorskip(library)
    at = [datetime.datetime(2026, 1, 2, 3, tzinfo=UTC), None]
    columns: dict[str, list[Any]] = {
        "text": ["a", None],
        "number": [0.5, None],
        "whole": [1, 2],
        "truth": [True, False],
        "at": at,
        "raw": [b"\x00", b""],
        "list": [[0.5, 1.5], []],
    }
    frame = module.table(columns) if library == "pyarrow" else module.DataFrame(columns)
    if library == "pandas":
        arrow = pytest.importorskip("pyarrow")
        frame = arrow.Table.from_pandas(frame)
    table = database.create_table("ml.a.all", frame)
    kinds = table.info()["columns"]
    assert kinds["whole"] == "bigint" and kinds["list"] == "array<double>", kinds
    assert kinds["at"] == "timestamp" and kinds["raw"] == "binary", kinds
    table.append(frame)
    found = table.read()
    assert found["text"] == ["a", None] and found["whole"] == [1, 2]
    assert found["raw"] == [b"\x00", b""]
    back = found.to_arrow().to_pydict()
    assert back["list"] == [[0.5, 1.5], []]
    assert back["at"][0] == at[0]
    assert found.to_polars().shape == (2, 7)


def test_small_types_and_dictionaries_keep_their_values(database: Database) -> None:
    arrow = pytest.importorskip("pyarrow")
    frame = arrow.table(
        {
            "byte": arrow.array([-128, None], arrow.int8()),
            "single": arrow.array([0.5, None], arrow.float32()),
            "day": arrow.array([datetime.date(2026, 1, 2), None]),
            "word": arrow.array(["a", "b"]).dictionary_encode(),
            "fixed": arrow.array([[1.0, 2.0], None], arrow.list_(arrow.float32(), 2)),
            "seconds": arrow.array([1, None], arrow.timestamp("s")),
        }
    )
    table = database.create_table("ml.a.small", frame)
    assert list(table.info()["columns"].values()) == [
        "tinyint",
        "float",
        "date",
        "string",
        "array<float>",
        "timestamp",
    ]
    table.append(frame)
    found = table.read().to_arrow().to_pydict()
    assert found["byte"] == [-128, None] and found["word"] == ["a", "b"]
    assert found["day"][0] == datetime.date(2026, 1, 2)
    assert found["fixed"] == [[1.0, 2.0], None]
    assert found["seconds"][0] == datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_what_cannot_be_stored_is_refused(database: Database) -> None:
    arrow = pytest.importorskip("pyarrow")
    table = users(database)
    with pytest.raises(InvalidInputError, match="no column"):
        table.merge({"user": [1], "age": [2]})
    with pytest.raises(InvalidInputError, match="same key"):
        table.merge({"user": [1, 1], "spend": [1.0, 2.0]})
    with pytest.raises(InvalidInputError, match="unknown type"):
        database.create_table("ml.a.b", {"a": "decimal"})
    with pytest.raises(ValueError, match=r"above 2\^63"):
        table.merge(arrow.table({"user": arrow.array([2**63], arrow.uint64())}))
    with pytest.raises(TypeError, match="cannot be stored"):
        database.create_table("ml.a.b", arrow.table({"a": arrow.array([{"x": 1}])}))
    with pytest.raises(ValueError, match="list with a null"):
        lists = arrow.array([[1.0, None]])
        made = database.create_table("ml.a.c", arrow.table({"a": lists}))
        made.append(arrow.table({"a": lists}))
    with pytest.raises(TypeError, match="expected table, keys"):
        database.join_features({"a": [1]}, [{"table": NAME, "keys": ["a"], "other": 1}])
    assert table.info()["version"] == 0
