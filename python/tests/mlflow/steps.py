"""One step of both stores: an operation with its arguments, for each store in its own ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from differential import Side
from mlflow.entities import (
    ExperimentTag,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Param,
    RunStatus,
    RunTag,
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from operations import (
    ALIASES,
    EXPERIMENTS,
    KEYS,
    MODELS,
    STAGES,
    TEXTS,
    VIEWS,
    Operations,
)


@dataclass
class Step:
    """A call: of which store, which method, with what; and the name of what it makes."""

    target: str
    method: str
    arguments: Callable[[Side], dict[str, Any]]
    makes: str | None = None
    id_of: Callable[[Any], str] = field(default=str)
    allowed: Callable[[Any, Any], bool] = field(default=lambda theirs, ours: False)

    def run(self, side: Side) -> Any:
        answer = side.call(self.target, self.method, **self.arguments(side))
        failed = isinstance(answer, tuple) and answer[:1] == ("error",)
        if self.makes and not failed:
            side.note(self.makes, self.id_of(answer))
        return side.name(answer) if isinstance(answer, str) else side.told(answer)


def is_error(answer: Any, code: str | None = None) -> bool:
    """Whether an answer is an error, of this code."""
    is_any = isinstance(answer, (tuple, list)) and list(answer[:1]) == ["error"]
    return is_any and (code is None or answer[1] == code)


# With something there to begin with, more of what follows means something.
FIRST: list[tuple[str, str]] = [
    *[("experiment", "create")] * 2,
    *[("run", "create")] * 3,
    *[("model", "create")] * 2,
    *[("registry", "create")] * 3,
    *[("registry", "version")] * 3,
    *[("run", "batch")] * 3,
]


def draw(ops: Operations, number: int) -> Step:
    """The next step."""
    if number < len(FIRST):
        group_name, ops.forced = FIRST[number]
        made = GROUPS[group_name](ops, number)
        ops.forced = None
        return made
    (group,) = ops.random.choices(list(GROUPS.values()), [4, 14, 5, 8])
    return group(ops, number)


def page(ops: Operations) -> int:
    return int(ops.pick([0, 60_000] if ops.chance(0.03) else [1, 2, 5, 1000]))


def experiment_step(ops: Operations, number: int) -> Step:
    name, experiment = ops.pick(EXPERIMENTS), ops.experiment()
    tags, key, value = distinct(ops.tags(ExperimentTag)), ops.key(), ops.pick(TEXTS)

    def of(**others: Any) -> Callable[[Side], dict[str, Any]]:
        return lambda side: {"experiment_id": side.id(experiment), **others}

    names = ["create", "get", "name", "delete", "restore", "rename", "tag", "untag"]
    match ops.kind(names + ["search"] * 4):
        case "create":
            made = f"experiment {number}"
            ops.experiments.append(made)
            return Step(
                "tracking", "create_experiment", lambda side: {"name": name, "tags": tags}, made
            )
        case "get":
            return Step("tracking", "get_experiment", of())
        case "name":
            return Step(
                "tracking", "get_experiment_by_name", lambda side: {"experiment_name": name}
            )
        case "delete" if experiment != "default":
            ops.deleted.add(experiment)
            return Step("tracking", "delete_experiment", of())
        case "restore":
            return Step("tracking", "restore_experiment", of())
        case "rename":
            return Step("tracking", "rename_experiment", of(new_name=name), allowed=renamed)
        case "tag":
            return Step("tracking", "set_experiment_tag", of(tag=ExperimentTag(key, value)))
        case "untag":
            return Step("tracking", "delete_experiment_tag", of(key=ops.pick(KEYS)))
    text, order, most, view = (
        ops.experiment_filter(),
        ops.experiment_order(),
        page(ops),
        ops.pick(VIEWS),
    )
    return Step(
        "tracking",
        "search_experiments",
        lambda side: {
            "filter_string": text,
            "order_by": order,
            "max_results": most,
            "view_type": view,
        },
    )


def renamed(theirs: Any, ours: Any) -> bool:
    """SQL tells a clash of names as a failure of its own."""
    return is_error(theirs, "BAD_REQUEST") and is_error(ours, "RESOURCE_ALREADY_EXISTS")


def run_step(ops: Operations, number: int) -> Step:
    run, experiment = ops.run(), ops.experiment()
    tags, params = ops.tags(RunTag), ops.tags(Param)
    metrics = [ops.metric() for _ in range(ops.random.randrange(4))]
    metric, key, value = ops.metric(), ops.key(), ops.pick(TEXTS)

    def of(**others: Any) -> Callable[[Side], dict[str, Any]]:
        return lambda side: {"run_id": side.id(run), **others}

    names = ["create"] * 3 + ["get"] * 2 + ["update", "delete", "restore", "metric", "param", "tag"]
    names += ["untag", "batch", "batch", "batch", "inputs", "outputs", "history", "bulk", "sample"]
    match ops.kind(names + ["search"] * 8 + ["datasets"]):
        case "create":
            made = f"run {number}"
            ops.runs.append(made)
            start, name, user = (
                ops.later(),
                ops.pick(["one", "two", "a_b"]),
                ops.pick(["ann", "bob"]),
            )
            return Step(
                "tracking",
                "create_run",
                lambda side: {
                    "experiment_id": side.id(experiment),
                    "user_id": user,
                    "start_time": start,
                    "tags": list({tag.key: tag for tag in tags if tag.key in KEYS}.values()),
                    "run_name": name,
                },
                made,
                lambda run: str(run.info.run_id),
            )
        case "get":
            return Step("tracking", "get_run", of())
        case "update":
            status = ops.pick([None, *RunStatus.all_status()])
            end = ops.pick([None, ops.later()])
            name = ops.pick([None, "", "three"])
            return Step(
                "tracking",
                "update_run_info",
                of(run_status=status, end_time=end, run_name=name),
            )
        case "delete":
            return Step("tracking", "delete_run", of())
        case "restore":
            return Step("tracking", "restore_run", of())
        case "metric":
            return Step("tracking", "log_metric", of(metric=metric))
        case "param":
            return Step("tracking", "log_param", of(param=Param(key, value)))
        case "tag":
            key = ops.pick([key, "mlflow.runName"])
            value = value or "named"
            return Step("tracking", "set_tag", of(tag=RunTag(key, value)))
        case "untag":
            return Step("tracking", "delete_tag", of(key=ops.pick([*KEYS, "mlflow.runName"])))
        case "batch":
            return Step("tracking", "log_batch", of(metrics=metrics, params=params, tags=tags))
        case "inputs":
            datasets = [ops.dataset() for _ in range(ops.random.randrange(3))]
            models = [LoggedModelInput("m-" + "1" * 32)] if ops.chance(0.2) else None
            return Step("tracking", "log_inputs", of(datasets=datasets, models=models))
        case "outputs":
            # The same one again is an allowed difference, which would go on from there.
            models = [LoggedModelOutput(f"m-{number:032x}", number)]
            return Step("tracking", "log_outputs", of(models=models))
        case "history":
            most = ops.pick([None, 1, 2])
            return Step(
                "tracking", "get_metric_history", of(metric_key=ops.pick(KEYS), max_results=most)
            )
        case "bulk":
            several, most, wanted = ops.runs[-3:], ops.pick([1, 3, 100]), ops.pick(KEYS)
            return Step(
                "tracking",
                "get_metric_history_bulk",
                lambda side: {
                    # One run alone: several are ordered by ids, which differ.
                    "run_ids": [side.id(several[0])],
                    "metric_key": wanted,
                    "max_results": most,
                },
            )
        case "sample":
            several, most, wanted = ops.runs[-3:], ops.pick([1, 2, 3, 7]), ops.pick(KEYS)
            first, last = ops.pick([(None, None), (0, 1), (-1, 2)])
            return Step(
                "tracking",
                "get_metric_history_bulk_interval",
                lambda side: {
                    "run_ids": [side.id(one) for one in several],
                    "metric_key": wanted,
                    "max_results": most,
                    "start_step": first,
                    "end_step": last,
                },
            )
        case "datasets":
            return Step(
                "tracking",
                "_search_datasets",
                lambda side: {"experiment_ids": [side.id(one) for one in ops.experiments]},
            )
    text, order, most, view = ops.run_filter(), ops.run_order(), page(ops), ops.pick(VIEWS)
    several = list(ops.experiments)
    return Step(
        "tracking",
        "search_runs",
        lambda side: {
            "experiment_ids": [side.id(one) for one in several if side.id(one) != one],
            "filter_string": text,
            "run_view_type": view,
            "max_results": most,
            "order_by": order,
        },
    )


def model_step(ops: Operations, number: int) -> Step:
    model, experiment, run = ops.model(), ops.experiment(), ops.pick([None, ops.run()])
    tags, params = ops.tags(LoggedModelTag), ops.tags(LoggedModelParameter)
    tags, params = distinct(tags), distinct(params)

    def of(**others: Any) -> Callable[[Side], dict[str, Any]]:
        return lambda side: {"model_id": side.id(model), **others}

    names = ["create", "create", "get", "finalize", "tags", "untag", "delete", "metric", "metric"]
    match ops.kind(names + ["search"] * 4):
        case "create":
            made = f"model {number}"
            ops.models.append(made)
            ops.home[made] = experiment
            name, kind = ops.pick(["small", "large", "a/b"]), ops.pick([None, "agent", "tree"])
            return Step(
                "tracking",
                "create_logged_model",
                lambda side: {
                    "experiment_id": side.id(experiment),
                    "name": name,
                    "source_run_id": None,
                    "tags": tags,
                    "params": params,
                    "model_type": kind,
                },
                made,
                lambda model: str(model.model_id),
            )
        case "get":
            return Step("tracking", "get_logged_model", of(allow_deleted=ops.chance(0.5)))
        case "finalize" | "tags" | "untag" | "metric" if ops.was_deleted(model):
            return Step("tracking", "get_logged_model", of(allow_deleted=True))
        case "finalize":
            status = ops.pick([LoggedModelStatus.READY, LoggedModelStatus.FAILED])
            return Step("tracking", "finalize_logged_model", of(status=status))
        case "tags":
            return Step("tracking", "set_logged_model_tags", of(tags=tags))
        case "untag":
            return Step("tracking", "delete_logged_model_tag", of(key=ops.pick(KEYS)))
        case "delete" if model not in ops.deleted:
            ops.deleted.add(model)
            return Step("tracking", "delete_logged_model", of())
        case "metric" if run is not None:
            metric = ops.metric()
            metric._key = ops.pick(["loss", "Loss"])
            metric._dataset_name, metric._dataset_digest = ops.pick(
                [(None, None), ("train", "d1"), ("test", "d2")]
            )
            return Step(
                "tracking",
                "log_metric",
                lambda side: {"run_id": side.id(run), "metric": with_model(metric, side.id(model))},
                allowed=lambda theirs, ours: is_error(ours) and is_error(theirs),
            )
    text, most = ops.model_filter(), ops.pick([None, 1, 2, 100])
    order = ops.pick(
        [
            None,
            [{"field_name": "metrics.loss"}],
            [{"field_name": "metrics.loss", "ascending": False, "dataset_name": "train"}],
            [{"field_name": "name"}, {"field_name": "creation_time", "ascending": False}],
        ]
    )
    datasets = ops.pick([None, None, [{"dataset_name": "train"}]])
    several = list(ops.experiments)
    return Step(
        "tracking",
        "search_logged_models",
        lambda side: {
            "experiment_ids": [side.id(one) for one in several if side.id(one) != one],
            "filter_string": text,
            "max_results": most,
            "order_by": order,
            "datasets": datasets,
        },
        allowed=lambda theirs, ours: (
            is_error(theirs, "INTERNAL_ERROR") and is_error(ours, "INVALID_PARAMETER_VALUE")
        ),
    )


def with_model(metric: Any, model_id: str) -> Any:
    metric._model_id = model_id
    return metric


def distinct(items: list[Any]) -> list[Any]:
    """Items with legal keys, each once: others break constraints of SQL's."""
    return list({item.key: item for item in items if item.key in KEYS}.values())


def registry_step(ops: Operations, number: int) -> Step:
    name, version = ops.pick(MODELS), ops.pick([1, 2, 3, "1", 9])
    key, value = ops.key(), ops.pick(TEXTS)
    registered_tags, version_tags = ops.tags(RegisteredModelTag), ops.tags(ModelVersionTag)

    def of(**others: Any) -> Callable[[Side], dict[str, Any]]:
        return lambda side: {"name": name, **others}

    names = ["create", "get", "describe", "rename", "delete", "latest", "tag", "untag"]
    names += ["version"] * 5 + ["get version", "describe version", "stage", "delete version"]
    names += ["tag version", "untag version", "alias", "alias", "unalias", "by alias", "download"]
    match ops.kind(names + ["search", "search versions"] * 4):
        case "create":
            return step("create_registered_model", of(tags=registered_tags, description=value))
        case "get":
            return step("get_registered_model", of())
        case "describe":
            return step("update_registered_model", of(description=value))
        case "rename":
            return step("rename_registered_model", of(new_name=ops.pick([*MODELS, "a/b"])))
        case "delete":
            return step("delete_registered_model", of())
        case "latest":
            stages = ops.pick([None, [ops.pick(STAGES)], ["nowhere"]])
            return step("get_latest_versions", of(stages=stages), is_unordered=True)
        case "tag":
            return step("set_registered_model_tag", of(tag=RegisteredModelTag(key, value)))
        case "untag":
            return step("delete_registered_model_tag", of(key=ops.pick(KEYS)))
        case "version":
            run, source = ops.pick([None, "f" * 32]), ops.pick(["s3://a", "/b", "x"])
            described = ops.pick([None, "x"])
            return step(
                "create_model_version",
                lambda side: {
                    "name": name,
                    "source": source,
                    "run_id": run,
                    "tags": version_tags,
                    "description": described,
                },
            )
        case "get version":
            return step("get_model_version", of(version=version))
        case "describe version":
            return step("update_model_version", of(version=version, description=value))
        case "stage":
            stage, archive = ops.pick([*STAGES, "nowhere"]), ops.chance(0.4)
            return step(
                "transition_model_version_stage",
                of(version=int(version), stage=stage, archive_existing_versions=archive),
            )
        case "delete version":
            return step("delete_model_version", of(version=version))
        case "tag version":
            return step(
                "set_model_version_tag", of(version=version, tag=ModelVersionTag(key, value))
            )
        case "untag version":
            return step("delete_model_version_tag", of(version=version, key=ops.pick(KEYS)))
        case "alias":
            alias = ops.pick([*ALIASES, "latest", "v1", "a b"])
            return step("set_registered_model_alias", of(alias=alias, version=version))
        case "unalias":
            return step("delete_registered_model_alias", of(alias=ops.pick(ALIASES)))
        case "by alias":
            return step("get_model_version_by_alias", of(alias=ops.pick([*ALIASES, "latest"])))
        case "download":
            return step("get_model_version_download_uri", of(version=version))
        case "search":
            text, order = ops.registered_filter(), ops.ordered(["name", "timestamp"])
            most = ops.pick([1, 2, 100])
            return step(
                "search_registered_models",
                lambda side: {"filter_string": text, "order_by": order, "max_results": most},
            )
    text, most = ops.version_filter(), ops.pick([1, 2, 100])
    order = ops.ordered(["name", "version_number", "creation_timestamp"])
    return step(
        "search_model_versions",
        lambda side: {"filter_string": text, "order_by": order, "max_results": most},
    )


def step(
    method: str,
    arguments: Callable[[Side], dict[str, Any]],
    *,
    is_unordered: bool = False,
    allowed: Callable[[Any, Any], bool] | None = None,
) -> Step:
    def same_items(theirs: Any, ours: Any) -> bool:
        if not (isinstance(theirs, list) and isinstance(ours, list)):
            return False
        return sorted(theirs, key=str) == sorted(ours, key=str)

    if is_unordered:
        allowed = same_items
    return Step("registry", method, arguments, allowed=allowed or (lambda theirs, ours: False))


GROUPS = {
    "experiment": experiment_step,
    "run": run_step,
    "model": model_step,
    "registry": registry_step,
}
