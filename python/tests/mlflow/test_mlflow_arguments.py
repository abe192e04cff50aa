"""Invalid arguments raise MLflow's errors with the name of the argument, and nothing else."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelParameter,
    LoggedModelTag,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlRegistry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as SqlTracking

from tracklite.mlflow import errors
from tracklite.mlflow.registry_store import TrackliteRegistryStore
from tracklite.mlflow.tracking_store import TrackliteTrackingStore

LONE = "\ud800"
LOCATION = "tracklite.artifactLocation"


class Stores:
    """Both stores of a file, and a run and a logged model in it."""

    def __init__(self, uri: str) -> None:
        self.tracking, self.registry = TrackliteTrackingStore(uri), TrackliteRegistryStore(uri)
        self.run = self.tracking.create_run("0", "ann", 1, [], "r").info.run_id
        self.model = self.tracking.create_logged_model("0", "m").model_id
        self.registry.create_registered_model("reg")


@pytest.fixture
def stores(uri: str) -> Stores:
    return Stores(uri)


Call = Callable[[Stores], object]


def _code_of(call: Call, stores: Stores) -> tuple[str, str]:
    with pytest.raises(MlflowException) as failed:
        call(stores)
    return str(failed.value.error_code), str(failed.value)


NUMBERS: list[tuple[str, Call]] = [
    ("step", lambda stores: stores.tracking.log_metric(stores.run, Metric("a", 1.0, 0, math.nan))),
    ("step", lambda stores: stores.tracking.log_metric(stores.run, Metric("a", 1.0, 0, math.inf))),
    ("step", lambda stores: stores.tracking.log_metric(stores.run, Metric("a", 1.0, 0, 2**70))),
    ("step", lambda stores: stores.tracking.log_metric(stores.run, Metric("a", 1.0, 0, 2**63))),
    (
        "step",
        lambda stores: stores.tracking.log_batch(stores.run, [Metric("a", 1.0, 0, 2**70)], [], []),
    ),
    (
        "timestamp",
        lambda stores: stores.tracking.log_metric(stores.run, Metric("a", 1.0, math.nan, 0)),
    ),
    (
        "timestamp",
        lambda stores: stores.tracking.log_metric(stores.run, Metric("a", 1.0, 2**70, 0)),
    ),
    ("'a'", lambda stores: stores.tracking.log_metric(stores.run, Metric("a", 10**400, 0, 0))),
    ("start_time", lambda stores: stores.tracking.create_run("0", "ann", 2**70, [], "r")),
    ("start_time", lambda stores: stores.tracking.create_run("0", "ann", "x", [], "r")),  # type: ignore[arg-type]
    ("end_time", lambda stores: stores.tracking.update_run_info(stores.run, None, math.inf, None)),  # type: ignore[arg-type]
    ("max_results", lambda stores: stores.tracking.search_logged_models(["0"], max_results=-1)),
    (
        "max_results",
        lambda stores: stores.tracking.get_metric_history(stores.run, "a", max_results=-1),
    ),
    ("max_results", lambda stores: stores.tracking.get_metric_history_bulk([stores.run], "a", -1)),
    ("max_results", lambda stores: stores.registry.search_registered_models(max_results=0)),
]


@pytest.mark.parametrize("number", range(len(NUMBERS)))
def test_errors_name_the_invalid_number(stores: Stores, number: int) -> None:
    name, call = NUMBERS[number]
    code, message = _code_of(call, stores)
    assert code == "INVALID_PARAMETER_VALUE" and name in message


def test_fractions_of_steps_and_times_are_dropped(stores: Stores) -> None:
    stores.tracking.log_metric(stores.run, Metric("a", 1.0, 5.9, -1.5))
    (point,) = stores.tracking.get_metric_history(stores.run, "a")
    assert (point.timestamp, point.step) == (5, -1)
    assert stores.tracking.create_run("0", "ann", 7.5, [], "r").info.start_time == 7  # type: ignore[arg-type]
    assert stores.tracking.update_run_info(stores.run, None, 8.5, None).end_time == 8  # type: ignore[arg-type]


TEXTS: list[Call] = [
    lambda stores: stores.tracking.set_tag(stores.run, RunTag("a", LONE)),
    lambda stores: stores.tracking.get_run(LONE),
    lambda stores: stores.tracking.create_experiment(LONE),
    lambda stores: stores.tracking.get_experiment_by_name(LONE),
    lambda stores: stores.tracking.search_runs(["0"], f"params.a = '{LONE}'", ViewType.ALL),
    lambda stores: stores.tracking.log_param(stores.run, Param("a", LONE)),
    lambda stores: stores.tracking.get_logged_model(LONE),
    lambda stores: stores.registry.get_registered_model(LONE),
    lambda stores: stores.registry.set_registered_model_alias("reg", "a", LONE),
]


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_a_text_that_is_not_unicode_is_an_invalid_argument(stores: Stores, number: int) -> None:
    assert _code_of(TEXTS[number], stores)[0] == "INVALID_PARAMETER_VALUE"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no exception notes before 3.11")
def test_the_engine_names_the_invalid_argument(stores: Stores) -> None:
    code, message = _code_of(lambda stores: stores.tracking.create_run("0", 5, 1, [], "r"), stores)  # type: ignore[arg-type]
    assert code == "INVALID_PARAMETER_VALUE" and "'user'" in message
    code, message = _code_of(
        lambda stores: stores.tracking.set_tag(stores.run, RunTag("a", LONE)), stores
    )
    assert code == "INVALID_PARAMETER_VALUE" and "'tags'" in message


# Calls for which SQL fails internally, without an error code.
INSIDE: list[Call] = [
    lambda stores: stores.tracking.update_run_info(stores.run, 99, None, None),
    lambda stores: stores.tracking.search_logged_models(["0"], order_by=[{}]),
    lambda stores: stores.tracking.search_logged_models(["0"], order_by=["name"]),  # type: ignore[list-item]
    lambda stores: stores.tracking.set_tag(stores.run, None),
]


@pytest.mark.parametrize("number", range(len(INSIDE)))
def test_other_exceptions_are_internal_errors(stores: Stores, number: int) -> None:
    assert _code_of(INSIDE[number], stores)[0] == "INTERNAL_ERROR"


def test_a_bug_is_not_an_invalid_argument() -> None:
    @errors.translated
    def method() -> object:
        return len(5)  # type: ignore[arg-type]

    with pytest.raises(MlflowException, match="TypeError") as failed:
        method()
    assert failed.value.error_code == "INTERNAL_ERROR"


WRONG_KINDS: list[Call] = [
    lambda stores: stores.registry.create_model_version("reg", None),  # type: ignore[arg-type]
    lambda stores: stores.tracking.record_logged_model(stores.run, 5),
    lambda stores: stores.tracking.log_inputs(stores.run, 5),  # type: ignore[arg-type]
    lambda stores: stores.tracking.log_param(stores.run, Param("a", 5)),
    lambda stores: stores.tracking.set_experiment_tag("0", ExperimentTag("a", 5)),
]


@pytest.mark.parametrize("number", range(len(WRONG_KINDS)))
def test_a_wrong_type_is_an_invalid_argument(stores: Stores, number: int) -> None:
    assert _code_of(WRONG_KINDS[number], stores)[0] == "INVALID_PARAMETER_VALUE"


# Missing values: those that SQL rejects, and those that it stores as None.
NO_VALUES: list[tuple[str, Call]] = [
    ("BAD_REQUEST", lambda stores: stores.tracking.log_param(stores.run, Param("k", None))),
    (
        "BAD_REQUEST",
        lambda stores: stores.tracking.log_batch(stores.run, [], [Param("k", None)], []),
    ),
    (
        "BAD_REQUEST",
        lambda stores: stores.tracking.create_logged_model(
            "0", "x", params=[LoggedModelParameter("k", None)]
        ),
    ),
    (
        "BAD_REQUEST",
        lambda stores: stores.tracking.log_logged_model_params(
            stores.model, [LoggedModelParameter("k", None)]
        ),
    ),
    (
        "BAD_REQUEST",
        lambda stores: stores.tracking.set_logged_model_tags(
            stores.model, [LoggedModelTag("k", None)]
        ),
    ),
    (
        "INVALID_PARAMETER_VALUE",
        lambda stores: stores.tracking.set_tag(stores.run, RunTag("k", None)),
    ),
    (
        "INVALID_PARAMETER_VALUE",
        lambda stores: stores.tracking.create_run("0", "ann", 1, [RunTag("k", None)], "r"),
    ),
    (
        "INVALID_PARAMETER_VALUE",
        lambda stores: stores.tracking.set_experiment_tag("0", ExperimentTag("k", None)),
    ),
    (
        "INVALID_PARAMETER_VALUE",
        lambda stores: stores.registry.set_registered_model_tag(
            "reg", RegisteredModelTag("k", None)
        ),
    ),
    (
        "INVALID_PARAMETER_VALUE",
        lambda stores: stores.tracking.log_inputs(
            stores.run, [DatasetInput(Dataset("n", "d", "t", "s"), [InputTag("k", None)])]
        ),
    ),
]


@pytest.mark.parametrize("number", range(len(NO_VALUES)))
def test_none_is_not_stored_as_text(stores: Stores, number: int) -> None:
    wanted, call = NO_VALUES[number]
    code, _ = _code_of(call, stores)
    assert code == wanted
    run = stores.tracking.get_run(stores.run)
    assert run.data.params == {} and run.data.tags == {"mlflow.runName": "r"}


RESERVED: list[Call] = [
    lambda stores: stores.tracking.set_experiment_tag("0", ExperimentTag(LOCATION, "/elsewhere")),
    lambda stores: stores.tracking.delete_experiment_tag("0", LOCATION),
    lambda stores: stores.tracking.create_experiment(
        "new", tags=[ExperimentTag(LOCATION, "/elsewhere")]
    ),
]


@pytest.mark.parametrize("number", range(len(RESERVED)))
def test_the_artifacts_of_existing_runs_cannot_be_moved(stores: Stores, number: int) -> None:
    before = stores.tracking.get_run(stores.run).info.artifact_uri
    code, message = _code_of(RESERVED[number], stores)
    assert code == "INVALID_PARAMETER_VALUE" and "reserved" in message
    assert stores.tracking.get_experiment_by_name("new") is None
    assert stores.tracking.get_run(stores.run).info.artifact_uri == before


def test_an_explicit_location_cannot_be_deleted(stores: Stores) -> None:
    number = stores.tracking.create_experiment("elsewhere", "s3://bucket/x")
    code, _ = _code_of(
        lambda stores: stores.tracking.delete_experiment_tag(number, LOCATION), stores
    )
    assert code == "INVALID_PARAMETER_VALUE"
    assert stores.tracking.get_experiment(number).artifact_location == "s3://bucket/x"


def test_an_unknown_view_is_empty(stores: Stores) -> None:
    for view in (None, 99):
        assert stores.tracking.search_experiments(view_type=view) == []  # type: ignore[arg-type]
        assert stores.tracking.search_runs(["0"], "", view) == []


def test_repeated_fields_in_an_order(stores: Stores) -> None:
    found = stores.tracking.search_logged_models(
        ["0"], order_by=[{"field_name": "name"}, {"field_name": "name", "ascending": False}]
    )
    assert len(found) == 1
    for order in (["start_time", "created"], ["created", "attributes.start_time"]):
        code, _ = _code_of(
            lambda stores, order=order: stores.tracking.search_runs(
                ["0"], "", ViewType.ALL, 5, order
            ),  # type: ignore[misc]
            stores,
        )
        assert code == "INTERNAL_ERROR", order


def test_a_hard_deletion_needs_no_earlier_deletion(stores: Stores) -> None:
    stores.tracking._hard_delete_run(stores.run)
    stores.tracking._hard_delete_logged_model(stores.model)
    calls: list[Call] = [
        lambda stores: stores.tracking.get_run(stores.run),
        lambda stores: stores.tracking.get_logged_model(stores.model, allow_deleted=True),
        lambda stores: stores.tracking._hard_delete_run(stores.run),
        lambda stores: stores.tracking._hard_delete_logged_model(stores.model),
    ]
    for call in calls:
        assert _code_of(call, stores)[0] == "RESOURCE_DOES_NOT_EXIST"


def test_a_version_of_a_missing_model_is_not_found(stores: Stores) -> None:
    missing = "m-" + "0" * 32
    code, _ = _code_of(
        lambda stores: stores.registry.create_model_version("reg", "s3://x", model_id=missing),
        stores,
    )
    assert code == "RESOURCE_DOES_NOT_EXIST"


def test_values_at_steps_are_ordered_by_step_time_and_value(stores: Stores) -> None:
    for step, time, value in [(2, 5, 1.0), (1, 9, 2.0), (1, 3, 4.0), (1, 3, 3.0), (7, 1, 0.0)]:
        stores.tracking.log_metric(stores.run, Metric("a", value, time, step))

    def at(steps: list[int], limit: int) -> list[tuple[Any, ...]]:
        found = stores.tracking.get_metric_history_bulk_interval_from_steps(
            stores.run, "a", steps, limit
        )
        return [(point.step, point.timestamp, point.value) for point in found]

    assert at([1, 2, 5], 10) == [(1, 3, 3.0), (1, 3, 4.0), (1, 9, 2.0), (2, 5, 1.0)]
    assert at([1, 7], 2) == [(1, 3, 3.0), (1, 3, 4.0)] and at([], 5) == []


def test_unsupported_artifact_paths_are_rejected(stores: Stores, tmp_path: Path) -> None:
    repository = get_artifact_repository(stores.tracking.get_run(stores.run).info.artifact_uri)
    for name in ("a#b.txt", "a:b.txt"):
        (tmp_path / name).write_text("x")
        with pytest.raises(MlflowException) as refused:
            repository.log_artifact(str(tmp_path / name))
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


# Names of MLflow's own stores that are internal to them.
INTERNAL_TO_SQL = {
    "ARTIFACTS_FOLDER_NAME",
    "DEFAULT_EXPERIMENT_ID",
    "EVALUATION_DATASET_ID_PREFIX",
    "MODELS_FOLDER_NAME",
    "TRACE_FOLDER_NAME",
    "CREATE_MODEL_VERSION_RETRIES",
    "sanitize_metric_value",
    "secret_cache",
}

# Inherited methods that work because they call methods of ours.
INHERITED = {
    "search_runs",
    "log_metric_async",
    "log_param_async",
    "set_tag_async",
    "log_batch_async",
    "end_async_logging",
    "flush_async_logging",
    "shut_down_async_logging",
    "filter_active_experiment_ids",
    "set_model_versions_tags",
    "copy_model_version",
    "supports_workspaces",
    "supports_trace_archival",
    "create_prompt",
    "search_prompts",
    "delete_prompt",
    "set_prompt_tag",
    "delete_prompt_tag",
    "get_prompt",
    "create_prompt_version",
    "get_prompt_version",
    "delete_prompt_version",
    "get_prompt_version_by_alias",
    "set_prompt_alias",
    "delete_prompt_alias",
    "search_prompt_versions",
    "set_prompt_version_tag",
    "delete_prompt_version_tag",
    "link_prompt_version_to_model",
    "link_prompt_version_to_run",
}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(SqlTracking, TrackliteTrackingStore), (SqlRegistry, TrackliteRegistryStore)],
)
def test_all_methods_of_the_sql_store_are_implemented_or_refused(theirs: type, ours: type) -> None:
    public = {name for name in dir(theirs) if not name.startswith("_")}
    missing = {name for name in public if not hasattr(ours, name)}
    assert missing <= INTERNAL_TO_SQL
    inherited = {
        name
        for name in public - missing
        if not any(
            name in vars(base) and base.__module__.startswith("tracklite.") for base in ours.__mro__
        )
    }
    assert inherited <= INHERITED


def test_methods_that_only_sql_declares_are_refused(stores: Stores) -> None:
    tracking = [
        "deprecated_start_trace_v2",
        "deprecated_end_trace_v2",
        "link_traces_to_run",
        "resolve_endpoint_in_scorer",
        "search_entities_by_source",
        "search_entities_by_destination",
    ]
    refusing = [(stores.tracking, name) for name in tracking]
    for store, name in [*refusing, (stores.registry, "link_prompts_to_trace")]:
        with pytest.raises(MlflowException, match="does not keep") as refused:
            getattr(store, name)("x", y=1)
        assert refused.value.error_code == "NOT_IMPLEMENTED"


def test_linking_prompts_to_traces_is_refused(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own implementation would create a database at the default tracking address."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(MlflowException, match="does not keep traces"):
        stores.registry.link_prompts_to_trace([], "tr-1")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_batch_with_a_missing_model_stores_nothing(stores: Stores) -> None:
    run = stores.tracking.create_run("0", "me", 0, [], "batch").info.run_id
    model = stores.tracking.create_logged_model("0", "there", run).model_id
    point = Metric("mine", 1.0, 1000, 0)
    measured = Metric("loss", 0.5, 1000, 0, model_id=model, run_id=run)
    stores.tracking.log_batch(run, [point, measured], [Param("depth", "3")], [])
    before = stores.tracking.get_run(run).to_dictionary()
    wrong = Metric("loss", 0.5, 1000, 1, model_id="m-" + "0" * 32, run_id=run)
    with pytest.raises(MlflowException) as refused:
        metrics = [Metric("mine", 2.0, 1000, 1), measured, wrong]
        stores.tracking.log_batch(run, metrics, [Param("other", "3")], [RunTag("a", "b")])
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert stores.tracking.get_run(run).to_dictionary() == before
    kept = stores.tracking.get_logged_model(model).metrics
    assert [(metric.key, metric.step) for metric in kept or []] == [("loss", 0)]
