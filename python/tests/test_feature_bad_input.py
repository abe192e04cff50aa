"""Bad input to the feature store: a clear error with table, column and rule, or a defined result.

After each refused write, the table is as it was.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from tracklite.exceptions import InvalidInputError, NotFoundError, TrackliteError
from tracklite.feature_store import FeatureLookup, FeatureStoreClient

NAME = "ml.features.users"
UTC = datetime.timezone.utc
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=UTC)
SCHEMA = {"shop": "string", "user": "bigint", "time": "timestamp", "spend": "double"}


@pytest.fixture
def client(tmp_path: Path) -> FeatureStoreClient:
    client = FeatureStoreClient(tmp_path / "runs.tracklite")
    client.create_table(NAME, ["shop", "user"], timestamp_keys="time", schema=SCHEMA)
    client.write_table(NAME, {"shop": ["a"], "user": [1], "time": [NOON], "spend": [0.5]})
    return client


def rows(**changed: Any) -> dict[str, list[Any]]:
    usual = {"shop": ["a", "b"], "user": [1, 2], "time": [NOON, NOON], "spend": [1.0, 2.0]}
    given = {**usual, **changed}
    return {name: values for name, values in given.items() if values is not None}


@pytest.mark.parametrize(
    ("written", "column", "rule"),
    [
        (rows(shop=None), "'shop'|\"shop\"", "lack column"),
        (rows(user=["1", "2"]), "\"user\"", "bigint"),
        (rows(user=[1.5, 2.0]), "\"user\"", "bigint|float"),
        (rows(user=[1, None]), "\"user\"", "must not be null"),
        (rows(time=[NOON, None]), "\"time\"", "must not be null"),
        (rows(shop=["a", "a"], user=[1, 1]), "\"a\", 1", "same key and time"),
        (rows(time=["2026", "2027"]), "\"time\"", "timestamp"),
        (rows(extra=[1, 2]), "\"extra\"", "has no column"),
        (rows(spend=["x", "y"]), "\"spend\"", "double"),
    ],
)
def test_rows_that_are_refused_change_nothing(
    client: FeatureStoreClient, written: dict[str, list[Any]], column: str, rule: str
) -> None:
    with pytest.raises(InvalidInputError, match=rule) as refused:
        client.write_table(NAME, written)
    assert NAME in str(refused.value)
    assert any(word in str(refused.value) for word in column.split("|")), refused.value
    table = client._database.table(NAME)
    assert table.info()["version"] == 1 and table.read()["spend"] == [0.5]


def test_dates_are_not_timestamps(client: FeatureStoreClient) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    days = pyarrow.array([datetime.date(2026, 1, 1)])
    written = pyarrow.table({"shop": ["a"], "user": [1], "time": days, "spend": [1.0]})
    with pytest.raises(InvalidInputError, match="a date is not a timestamp"):
        client.write_table(NAME, written)
    with pytest.raises(TypeError, match="no table can store"):
        client.write_table(NAME, rows(time=[datetime.date(2026, 1, 1)] * 2))
    assert client._database.table(NAME).info()["version"] == 1


@pytest.mark.parametrize(
    ("key", "changed", "rule"),
    [
        (["shop"], {}, "expected a column for each of"),
        (["user", "shop"], {}, "keys come in the order of the table's key"),
        (["shop", "person"], {}, "\"person\".*is not a column of the rows"),
        (["shop", "user"], {"user": ["1"]}, "has texts"),
        (["shop", "user"], {"user": [1.0]}, "has numbers|has floats"),
        (["shop", "user"], {"at": ["2026-01-01"]}, "has texts"),
    ],
)
def test_keys_of_other_names_order_or_type_are_refused(
    client: FeatureStoreClient, key: list[str], changed: dict[str, list[Any]], rule: str
) -> None:
    labels = {"shop": ["a"], "user": [1], "at": [NOON], "label": [1], **changed}
    lookup = FeatureLookup(NAME, key, timestamp_lookup_key="at")
    with pytest.raises(InvalidInputError, match=rule) as refused:
        client.create_training_set(labels, [lookup], "label").load_df()
    assert NAME in str(refused.value)


def spend(client: FeatureStoreClient, at: list[Any]) -> Any:
    count = len(at)
    labels = {"shop": ["a"] * count, "user": [1] * count, "at": at, "label": [1] * count}
    lookup = FeatureLookup(NAME, ["shop", "user"], timestamp_lookup_key="at")
    return client.create_training_set(labels, [lookup], "label").load_df()["spend"]


def test_times_have_defined_results(client: FeatureStoreClient) -> None:
    # In another zone it is the same instant. A time without a zone is one of UTC.
    zone = datetime.timezone(datetime.timedelta(hours=5))
    arrow = pytest.importorskip("pyarrow")
    plain = NOON.replace(tzinfo=None)
    for time, wanted in [(plain, 0.5), (plain - datetime.timedelta(microseconds=1), None)]:
        at = arrow.array([time], arrow.timestamp("us"))
        labels = arrow.table({"shop": ["a"], "user": [1], "at": at, "label": [1]})
        lookup = FeatureLookup(NAME, ["shop", "user"], timestamp_lookup_key="at")
        found = client.create_training_set(labels, [lookup], "label").load_df()
        assert found["spend"].to_pylist() == [wanted]
        assert spend(client, [time]) == [wanted]
    assert spend(client, [NOON.astimezone(zone)]) == [0.5]
    # A time in the future is one like others.
    assert spend(client, [datetime.datetime(2200, 1, 1, tzinfo=UTC)]) == [0.5]
    client.write_table(NAME, rows(time=[datetime.datetime(2200, 1, 1, tzinfo=UTC)] * 2))
    assert spend(client, [NOON]) == [0.5]
    with pytest.raises((TrackliteError, OverflowError, ValueError)):
        client.write_table(NAME, rows(time=[datetime.datetime(3000, 1, 1, tzinfo=UTC)] * 2))
    assert client._database.table(NAME).info()["version"] == 2


def test_names_that_clash_are_refused(client: FeatureStoreClient) -> None:
    labels = {"shop": ["a"], "user": [1], "at": [NOON], "spend": [1]}
    lookup = FeatureLookup(NAME, ["shop", "user"], timestamp_lookup_key="at")
    with pytest.raises(InvalidInputError, match="feature \"spend\".*rename it"):
        client.create_training_set(labels, [lookup], "spend").load_df()
    del labels["spend"]
    with pytest.raises(InvalidInputError, match="feature \"spend\".*rename it"):
        client.create_training_set(labels, [lookup, lookup], None).load_df()


def test_a_table_that_is_gone_or_has_changed_is_named(client: FeatureStoreClient) -> None:
    labels = {"shop": ["a"], "user": [1], "at": [NOON], "label": [1]}
    lookup = FeatureLookup(NAME, ["shop", "user"], timestamp_lookup_key="at")
    training_set = client.create_training_set(labels, [lookup], "label")
    client.drop_table(NAME)
    with pytest.raises(NotFoundError, match=NAME):
        training_set.load_df()
    # A table of the same name without the column that the model needs.
    schema = {name: kind for name, kind in SCHEMA.items() if name != "spend"}
    client.create_table(NAME, ["shop", "user"], timestamp_keys="time", schema=schema)
    now = [{**lookup, "version": None} for lookup in training_set.spec["lookups"]]
    with pytest.raises(InvalidInputError, match="has no column \"spend\""):
        client._database.join_features(labels, now)


def test_extremes_of_size(client: FeatureStoreClient) -> None:
    wide = {f"c{number}": "double" for number in range(100_000)}
    with pytest.raises(InvalidInputError, match="1 to 10000 columns, found 100001"):
        client.create_table("ml.features.wide", "key", schema={"key": "bigint", **wide})
    with pytest.raises(NotFoundError):
        client.get_table("ml.features.wide")
    pyarrow = pytest.importorskip("pyarrow")
    times = pyarrow.timestamp("us", "UTC")
    types = {"shop": "string", "user": "int64", "time": times, "spend": "float64"}
    empty = pyarrow.table({name: pyarrow.array([], kind) for name, kind in types.items()})
    client.write_table(NAME, empty)
    assert client._database.table(NAME).read()["spend"] == [0.5]
    labels = empty.rename_columns(["shop", "user", "at", "label"])
    lookup = FeatureLookup(NAME, ["shop", "user"], timestamp_lookup_key="at")
    found = client.create_training_set(labels, [lookup], "label").load_df()
    assert found.num_rows == 0 and found.column_names[-1] == "spend"
