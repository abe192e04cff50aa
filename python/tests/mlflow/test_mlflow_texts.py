"""Invalid filters, orders, page tokens and counts have MLflow's codes and texts in all searches."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from differences import ALLOWED
from differential import Pair
from mlflow.entities import ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from texts import Failure, is_alike, stable

Arguments = Callable[..., dict[str, Any]]


def _of_runs(**wanted: Any) -> dict[str, Any]:
    return {"experiment_ids": ["0"], "filter_string": None, "run_view_type": ViewType.ALL, **wanted}


def _of_models(order_by: Any = None, **wanted: Any) -> dict[str, Any]:
    order = [{"field_name": field} for field in order_by or ()]
    return {"experiment_ids": ["0"], "order_by": order, **wanted}


def _of_others(**wanted: Any) -> dict[str, Any]:
    return wanted


SEARCHES: dict[str, tuple[str, str, Arguments]] = {
    "runs": ("tracking", "search_runs", _of_runs),
    "experiments": ("tracking", "search_experiments", _of_others),
    "registered models": ("registry", "search_registered_models", _of_others),
    "model versions": ("registry", "search_model_versions", _of_others),
    "logged models": ("tracking", "search_logged_models", _of_models),
}

# Broken in the same way everywhere.
FILTERS = ["a OR b", "(a = 1)", "name = 'a'; name = 'b'", "metrics.a", "NOT name = 'a'", " "]
ORDERS = ["elsewhere"]

WRONG_FILTERS = {
    "runs": [
        "metrcs.a > 1",
        "elsewhere = 1",
        "metrics.a > 'x'",
        "metrics.a LIKE 'x'",
        "metrics.a LIKE 1",
        "metrics.a == 1",
        "metrics.a <> 1",
        "metrics.a =",
        "metrics.a IS NULL",
        "metrics.a-b > 1",
        "params.a > 'x'",
        "params.a = 1",
        "params.a = cnn",
        "params.a IN ('x')",
        "tags.a = 1",
        "tags.a = cnn",
        "tags.a BETWEEN 1 AND 2",
        "status = 1",
        "status > 'x'",
        "status IN ('x')",
        "status IS NULL",
        "start_time > 'x'",
        "run_id IN ()",
        "run_id IN ('a', 1)",
        "datasets.nmae = 'x'",
        "datasets.name > 'x'",
        "datasets.name = 1",
        "'a' = name",
        "1 = 1",
    ],
    "experiments": [
        "metrics.a > 1",
        "`tags`.a = 'x'",
        "elsewhere = 'x'",
        "name > 'x'",
        "name = 1",
        "name = x",
        "name IS NULL",
        "name IN ('a')",
        "tag.a > 'x'",
        "tags.a = 1",
        "experiment_id = 'x'",
        "experiment_id = 1",
        "experiment_id LIKE '1'",
        "experiment_id IN ('x')",
        "creation_time > 1.5",
        "creation_time > 'x'",
        "creation_time LIKE '1'",
        "creation_time LIKE 1",
    ],
    "registered models": [
        "metrics.a > 1",
        "elsewhere = 'x'",
        "last_updated_timestamp > 1",
        "name > 'x'",
        "name = 1",
        "name = x",
        "tags.a > 'x'",
        "tags.a = 1",
        "tags.a IN ('x')",
    ],
    "model versions": [
        "metrics.a > 1",
        "elsewhere = 'x'",
        "creation_timestamp > 1",
        "name > 'x'",
        "name = 1",
        "source_path > 'x'",
        "source_path IN ('x')",
        "version_number LIKE '1'",
        "version_number = 'x'",
        "version_number > 1.5",
        "tags.a > 'x'",
        "tags.a = 1",
    ],
    "logged models": [
        "metric.a > 1",
        "metrics.a LIKE 1",
        "metrics.a LIKE 'x'",
        "metrics.a IS NULL",
        "status IS NULL",
        "status > 'x'",
        "creation_time LIKE 1",
        "params.a > 'x'",
        "tags.a > 'x'",
        "name > 'x'",
        "creation_timestamp LIKE 'x'",
    ],
}

WRONG_ORDERS = {
    "runs": [
        "metrcs.a",
        "metrics.a descending",
        "metrics.a ASC DESC",
        "metrics.a > 1",
        "metrics.a-b",
        "datasets.name",
        "Run Name",
        "",
    ],
    "experiments": ["tags.a", "metrics.a", "name descending", "name ASC DESC", ""],
    "registered models": ["tags.a", "metrcs.a", "name foo", "creation_timestamp"],
    "model versions": ["tags.a", "name foo", "run_id", "metrics.a"],
    "logged models": ["params.a"],
}

# Fields that MLflow does not accept twice.
REPEATED = {
    "runs": ["start_time", "created DESC"],
    "registered models": ["timestamp", "last_updated_timestamp DESC"],
    "model versions": ["name", "name DESC"],
}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


TOKENS = ["nonsense", "a", "e30", *map(_encoded, ["{}", '{"offset": "x"}', '{"a": 1}'])]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("texts")
    template = folder / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{template}", str(folder))
    return Pair(Path(folder) / "pair", template)


def _assert_same_error(pair: Pair, search: str, **wanted: Any) -> None:
    store, method, arguments = SEARCHES[search]
    theirs, ours = (side.call(store, method, **arguments(**wanted)) for side in pair.sides)
    assert isinstance(theirs, Failure) and isinstance(ours, Failure), f"{theirs}\n{ours}"
    assert is_alike(theirs, ours), f"{wanted}\ntheirs: {theirs}\nours:   {ours}"


@pytest.mark.parametrize("search", SEARCHES)
def test_invalid_filters_have_the_texts_of_mlflow(pair: Pair, search: str) -> None:
    for text in [*FILTERS, *WRONG_FILTERS[search]]:
        _assert_same_error(pair, search, filter_string=text)


@pytest.mark.parametrize("search", SEARCHES)
def test_invalid_orders_have_the_texts_of_mlflow(pair: Pair, search: str) -> None:
    for text in [*ORDERS, *WRONG_ORDERS[search]]:
        _assert_same_error(pair, search, order_by=[text])


@pytest.mark.parametrize("search", REPEATED)
def test_repeated_fields_have_the_text_and_code_of_mlflow(pair: Pair, search: str) -> None:
    _assert_same_error(pair, search, order_by=REPEATED[search])


@pytest.mark.parametrize("search", ["experiments", "logged models"])
def test_repeated_fields_have_no_effect_elsewhere(pair: Pair, search: str) -> None:
    store, method, arguments = SEARCHES[search]
    for side in pair.sides:
        found = side.call(store, method, **arguments(order_by=["name", "name"]))
        assert not isinstance(found, Failure), found


@pytest.mark.parametrize("search", ["runs", "experiments", "registered models", "model versions"])
def test_invalid_tokens_and_counts_have_the_texts_of_mlflow(pair: Pair, search: str) -> None:
    for token in TOKENS:
        _assert_same_error(pair, search, page_token=token)
    for count in [300_000, *([0, -1] if search != "registered models" else [])]:
        _assert_same_error(pair, search, max_results=count)


def test_only_unstable_ends_of_texts_are_ignored() -> None:
    for text, kept in [
        ("Run with id=x not found", "Run with id=x not found"),
        ("Experiment(name=a) already exists. Error: (sqlite3) UNIQUE", "already exists."),
        ("Invalid attribute key 'a' specified. Valid keys are '{1}'", "key 'a' specified."),
        ("Invalid comparator '>' not one of '{2}", "Invalid comparator '>' not one of"),
        ("Invalid clause(s) in filter string: 'a', 'OR'", "clause(s) in filter string:"),
    ]:
        assert stable(text).endswith(kept)
    theirs, ours = Failure("A", "Run with id=x not found"), Failure("A", "Run with id=x not found.")
    assert is_alike(theirs, ours) and is_alike([1, theirs], [1, ours])
    assert not is_alike(theirs, Failure("B", theirs.text))
    assert not is_alike(theirs, Failure("A", "there is no run x")) and not is_alike(theirs, 1)


# Filters and orders that MLflow rejects or misreads for another reason than the engine.
LISTED: dict[str, list[tuple[str, dict[str, Any], str, str]]] = {
    "a filter or order with a word of SQL, such as `nothing` or `timestamp`": [
        ("runs", {"filter_string": "nothing = 1"}, "Invalid clause", "Invalid attribute key"),
        ("runs", {"filter_string": "metrics.a = true"}, "Invalid clause", "Expected numeric"),
        ("experiments", {"order_by": ["nothing"]}, "Invalid order_by", "Invalid attribute key"),
    ],
    "a filter or order with several mistakes": [
        ("runs", {"filter_string": "name IN ()"}, "Invalid attribute key", "While parsing a list"),
    ],
    "`==`, `<>` or `\\|\\|` in a filter": [
        ("experiments", {"filter_string": "tags.a == 'x'"}, "Invalid comparator", "Invalid clause"),
        (
            "model versions",
            {"filter_string": "name = 'a' || name = 'b'"},
            "Invalid comparison clause",
            "Invalid clause",
        ),
    ],
    "an unknown attribute in a filter of logged models": [
        ("logged models", {"filter_string": "elsewhere = 'x'"}, "type object", "Invalid attribute"),
    ],
    "the prefix `attributes` of experiments": [
        (
            "experiments",
            {"filter_string": "attributes.elsewhere = 'x'"},
            "Invalid entity type",
            "Invalid attribute key",
        ),
    ],
}


@pytest.mark.parametrize("reason", LISTED)
def test_other_texts_are_listed_as_differences(pair: Pair, reason: str) -> None:
    assert reason in ALLOWED
    for search, wanted, theirs, ours in LISTED[reason]:
        store, method, arguments = SEARCHES[search]
        for side, text in zip(pair.sides, (theirs, ours), strict=True):
            failure = side.call(store, method, **arguments(**wanted))
            assert isinstance(failure, Failure) and failure.text.startswith(text), failure


def test_is_null_in_the_registry_is_an_invalid_argument(pair: Pair) -> None:
    assert "`IS NULL` in a filter of the registry" in ALLOWED
    theirs, ours = pair.sides
    with pytest.raises(ValueError, match="unpack"):
        theirs.registry.search_model_versions("name IS NULL")
    failure = ours.call("registry", "search_model_versions", "name IS NULL")
    assert failure == Failure(
        "INVALID_PARAMETER_VALUE", failure.text
    ) and failure.text.startswith("Invalid comparator for attribute: IS NULL")
