"""The feature store: tables, training sets as of the time of each row, and their rules."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from tracklite import Database
from tracklite.exceptions import InvalidInputError, NotFoundError
from tracklite.feature_store import (
    FeatureEngineeringClient,
    FeatureFunction,
    FeatureLookup,
    FeatureStoreClient,
    functions,
)
from tracklite.feature_store.frames import columns_of

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


def ratio(spend: float | None, months: int) -> float | None:
    return None if spend is None else spend / months


TWICE = """
def other(value):
    return value

def twice(value):
    import math
    return None if value is None else math.fsum([value, value])
"""


# The converter of pyarrow uses what pandas 3.1 deprecates.
@pytest.mark.filterwarnings("ignore:Series.values returning")
@pytest.mark.parametrize("library", ["dict", "pandas", "polars", "pyarrow"])
def test_functions_are_evaluated_after_the_lookups(
    client: FeatureStoreClient, library: str
) -> None:
    assert client.create_function("ratio", ratio) == 1
    assert client.create_function("twice", TWICE) == 1
    labels = {**LABELS, "months": [2, 2, 2, 2]}
    frame: object = labels
    if library == "pandas":
        frame = pytest.importorskip("pandas").DataFrame(labels)
    elif library == "polars":
        frame = pytest.importorskip("polars").DataFrame(labels)
    elif library == "pyarrow":
        frame = pytest.importorskip("pyarrow").table(labels)
    features: list[FeatureLookup | FeatureFunction] = [
        lookup(feature_names="spend"),
        FeatureFunction("ratio"),
        FeatureFunction("twice", input_bindings={"value": "ratio"}, output_name="double"),
    ]
    training_set = client.create_training_set(frame, features, "label", exclude_columns="months")
    assert training_set.input_columns == ["id", "at", "spend", "ratio", "double"]
    rows = training_set.load_df()
    assert "months" not in columns_of(rows)
    found = {name: [None if n != n else n for n in rows[name]] for name in ("ratio", "double")}
    if library == "pyarrow":
        found = {name: rows[name].to_pylist() for name in found}
    assert found == {"ratio": [0.5, 2.5, None, None], "double": [1.0, 5.0, None, None]}
    # A later function changes nothing: the training set has the text of its own.
    assert client.create_function("ratio", "def ratio(spend, months):\n    return 0.0") == 2
    assert training_set.spec["functions"][0]["version"] == 1


def test_wrong_functions_are_refused(client: FeatureStoreClient) -> None:
    client.create_function("ratio", ratio)
    hidden = 7
    wrong: list[tuple[Any, str]] = [
        (lambda spend: spend, "not a plain function"),
        (abs, "is not known"),
        ("x = 1", "defines no function"),
    ]
    for function, message in wrong:
        with pytest.raises(InvalidInputError, match=message):
            client.create_function("bad", function)

    def closed(spend: float) -> float:
        return spend + hidden

    with pytest.raises(InvalidInputError, match="values from around it"):
        client.create_function("bad", closed)
    with pytest.raises(NotFoundError):
        client.create_training_set(LABELS, [FeatureFunction("missing")], "label")
    for feature, message in [
        (FeatureFunction("ratio", output_name="at"), "which another column has"),
        (FeatureFunction("ratio", output_name="spend"), "which another column has"),
        (FeatureFunction("ratio", input_bindings={"x": "at"}), "no parameter 'x'"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            client.create_training_set(LABELS, [lookup(), feature], "label")
    unbound = client.create_training_set(LABELS, [lookup(), FeatureFunction("ratio")], "label")
    with pytest.raises(InvalidInputError, match="needs the column 'months'"):
        unbound.load_df()
    zero = {**LABELS, "months": [2, 0, 2, 2]}
    failing = client.create_training_set(zero, [lookup(), FeatureFunction("ratio")], "label")
    with pytest.raises(InvalidInputError, match="failed in row 1: ZeroDivisionError"):
        failing.load_df()


def test_a_feature_spec_is_a_version_without_a_model(client: FeatureStoreClient) -> None:
    timeless = FeatureLookup(NAME, "id", rename_outputs={"city": "town"})
    assert client.create_feature_spec("of_users", [timeless], exclude_columns="spend") == 1
    assert client.create_feature_spec("of_users", [timeless]) == 2
    client.create_function("ratio", ratio)
    with pytest.raises(InvalidInputError, match="evaluates no functions"):
        client.create_feature_spec("bad", [timeless, FeatureFunction("ratio")])
    with pytest.raises(InvalidInputError, match="registered already, and something else"):
        client.create_feature_spec("ratio", [timeless])


def test_workers_have_the_same_functions() -> None:
    own = Path(functions.__file__).read_text()
    copy = Path(__file__).parents[2] / "serve" / "src" / "tracklite_functions.py"
    if not copy.is_file():
        pytest.skip("the repository is not there")
    assert copy.read_text() == own, "copy the one file over the other"
