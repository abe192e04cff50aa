"""The feature store: tables, training sets as of the time of each row, and their rules."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from tracklite import Database
from tracklite.exceptions import InvalidInputError, NotFoundError
from tracklite.feature_store import (
    FeatureEngineeringClient,
    FeatureLookup,
    FeatureStoreClient,
)

NAME = "ml.features.users"


def day(number: int) -> datetime.datetime:
    return datetime.datetime(2026, 1, number, tzinfo=datetime.timezone.utc)


@pytest.fixture
def client(tmp_path: Path) -> FeatureStoreClient:
    client = FeatureStoreClient(tmp_path / "runs.tracklite")
    client.create_table(
        NAME,
        primary_keys=["user"],
        timestamp_keys="time",
        schema={"user": "bigint", "time": "timestamp", "spend": "double", "city": "string"},
        description="of users",
    )
    rows = {
        "user": [1, 1, 2],
        "time": [day(1), day(5), day(3)],
        "spend": [1.0, 5.0, 3.0],
        "city": ["Rome", None, "Bern"],
    }
    client.write_table(NAME, rows)
    return client


LABELS = {"id": [1, 1, 2, 3], "at": [day(4), day(9), day(2), day(9)], "label": [0, 1, 0, 1]}


def lookup(**options: object) -> FeatureLookup:
    return FeatureLookup(NAME, "id", timestamp_lookup_key="at", **options)  # type: ignore[arg-type]


def test_a_training_set_has_the_values_of_the_time_of_each_row(client: FeatureStoreClient) -> None:
    renamed = lookup(rename_outputs={"city": "town"}, default_values={"city": "?"})
    training_set = client.create_training_set(LABELS, [renamed], label="label")
    assert training_set.input_columns == ["id", "at", "spend", "town"]
    rows = training_set.load_df()
    assert rows["spend"] == [1.0, 5.0, None, None]
    assert rows["town"] == ["Rome", "?", "?", "?"]
    # Later writes do not change it.
    client.write_table(NAME, {"user": [1], "time": [day(4)], "spend": [9.0]})
    assert training_set.load_df()["spend"] == [1.0, 5.0, None, None]
    again = client.create_training_set(LABELS, [lookup()], label="label")
    assert again.load_df()["spend"] == [9.0, 5.0, None, None]


# The converter of pyarrow uses what pandas 3.1 deprecates.
@pytest.mark.filterwarnings("ignore:Series.values returning")
def test_a_window_and_excluded_columns(client: FeatureStoreClient) -> None:
    pandas = pytest.importorskip("pandas")
    window = lookup(lookback_window=datetime.timedelta(days=3), feature_names="spend")
    frame = pandas.DataFrame(LABELS, index=[9, 8, 7, 6])
    training_set = client.create_training_set(frame, [window], "label", exclude_columns=["at"])
    rows = training_set.load_df()
    assert list(rows.columns) == ["id", "label", "spend"] and list(rows.index) == [9, 8, 7, 6]
    assert rows["spend"].isna().tolist() == [False, True, True, True]
    assert training_set.input_columns == ["id", "spend"]


def test_results_are_frames_of_the_same_library(client: FeatureStoreClient) -> None:
    polars = pytest.importorskip("polars")
    training_set = client.create_training_set(polars.DataFrame(LABELS), [lookup()], "label")
    assert training_set.load_df()["spend"].to_list() == [1.0, 5.0, None, None]
    assert client.read_table(NAME, like_df=polars.DataFrame()).height == 3


def test_tables_are_described_tagged_and_dropped(client: FeatureStoreClient) -> None:
    client.set_feature_table_tag(NAME, "team", "growth")
    table = client.get_table(NAME)
    assert table.primary_keys == ["user"] and table.timestamp_keys == ["time"]
    assert table.features == ["spend", "city"] and table.tags == {"team": "growth"}
    client.delete_feature_table_tag(NAME, "team")
    client.publish_table(NAME, None)
    assert client.get_table(NAME).tags == {}
    rows = {"user": [7], "time": [day(1)], "spend": [0.0], "city": ["Oslo"]}
    client.write_table(NAME, rows, mode="overwrite")
    assert client.read_table(NAME)["user"].tolist() == [7]
    client.drop_table(NAME)
    with pytest.raises(NotFoundError):
        client.get_table(NAME)


def test_wrong_training_sets_are_refused(client: FeatureStoreClient) -> None:
    timeless = FeatureLookup(NAME, "id")
    for lookups, label, excluded, message in [
        ([timeless], "label", None, "pass timestamp_lookup_key"),
        ([lookup()], "missing", None, "no label 'missing'"),
        ([lookup()], "label", "missing", "'missing' is excluded"),
        ([lookup(feature_names=["missing"])], "label", None, "no column"),
        ([lookup(rename_outputs={"spend": "id"})], "label", None, "rename it"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            client.create_training_set(LABELS, lookups, label, excluded).load_df()
    with pytest.raises(InvalidInputError, match="df or from schema"):
        client.create_table("ml.a.b", "user")
    with pytest.raises(InvalidInputError, match="unknown mode"):
        client.write_table(NAME, LABELS, mode="append")


def test_the_newer_client_names_the_timestamp_among_the_keys(tmp_path: Path) -> None:
    database = Database.create(tmp_path / "runs.tracklite")
    client = FeatureEngineeringClient(uri=database)
    table = client.create_table(
        name=NAME,
        primary_keys=["user", "time"],
        timeseries_columns="time",
        df={"user": [1], "time": [day(1)], "spend": [1.0]},
    )
    assert table.primary_keys == ["user"] and table.timestamp_keys == ["time"]
    assert len(client.read_table(NAME)) == 1
