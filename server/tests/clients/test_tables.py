"""Stored tables by Databricks's SDK, over a file that the Python package writes."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

tracklite = pytest.importorskip("tracklite")
NAME = "ml.features.users"


def write(path: Path) -> None:
    database = tracklite.Database.open(path)
    table = database.create_table(
        NAME,
        {"user": "bigint", "at": "timestamp", "spend": "double"},
        primary_key=["user"],
        timestamp="at",
        description="what users spend",
        tags={"team": "growth"},
    )
    at = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
    table.merge({"user": [1], "at": [at], "spend": [0.5]})
    database.close()


def test_the_sdk_lists_shows_and_deletes_tables(databricks: str, path: Path) -> None:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.errors import NotFound
    from databricks.sdk.service.catalog import ColumnTypeName, TableType

    client = WorkspaceClient()
    client.catalogs.create("ml")
    client.schemas.create("features", "ml")
    assert list(client.tables.list("ml", "features")) == []
    write(path)
    (listed,) = client.tables.list("ml", "features")
    table = client.tables.get(NAME)
    assert listed.full_name == table.full_name == NAME
    assert table.table_type == TableType.MANAGED and table.comment == "what users spend"
    assert table.properties == {"team": "growth"}
    assert table.columns is not None
    kinds = [(column.name, column.type_name, column.nullable) for column in table.columns]
    assert kinds == [
        ("user", ColumnTypeName.LONG, False),
        ("at", ColumnTypeName.TIMESTAMP, False),
        ("spend", ColumnTypeName.DOUBLE, True),
    ]
    assert table.table_constraints is not None
    key = table.table_constraints[0].primary_key_constraint
    assert key is not None and key.child_columns == ["user", "at"]
    assert client.tables.exists(NAME).table_exists
    client.tables.update(NAME, owner="eve")
    assert client.tables.get(NAME).owner == "eve"
    client.tables.delete(NAME)
    assert not client.tables.exists(NAME).table_exists
    with pytest.raises(NotFound):
        client.tables.get(NAME)
    with pytest.raises(NotFound):
        list(client.tables.list("ml", "none"))
