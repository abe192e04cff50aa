"""Steps with experiments."""

from __future__ import annotations

from typing import Any

from differential import Side
from mlflow.entities import ExperimentTag
from operations import EXPERIMENTS, KEYS, TEXTS, VIEWS, Operations
from steps import Draw, Step, errors, legal, page, page_token


def _on(ops: Operations, method: str, **others: Any) -> Step:
    experiment = ops.experiment()
    return Step("tracking", method, lambda side: {"experiment_id": side.id(experiment), **others})


def create_experiment(ops: Operations, number: int) -> Step:
    name, tags = ops.pick(EXPERIMENTS), legal(ops.tags(ExperimentTag))
    made, place = f"experiment {number}", ops.pick([None, None, f"s3://own/{number}/", "s3://q?a=b"])
    ops.experiments.append(made)
    wanted = {"name": name, "tags": tags, "artifact_location": place}
    return Step("tracking", "create_experiment", lambda side: dict(wanted), made)


def get_experiment(ops: Operations, number: int) -> Step:
    return _on(ops, "get_experiment")


def experiment_by_name(ops: Operations, number: int) -> Step:
    name = ops.pick(EXPERIMENTS)
    return Step("tracking", "get_experiment_by_name", lambda side: {"experiment_name": name})


def delete_experiment(ops: Operations, number: int) -> Step:
    experiment = ops.experiment()
    ops.deleted.add(experiment)
    return Step(
        "tracking", "delete_experiment", lambda side: {"experiment_id": side.id(experiment)}
    )


def restore_experiment(ops: Operations, number: int) -> Step:
    return _on(ops, "restore_experiment")


def rename_experiment(ops: Operations, number: int) -> Step:
    step = _on(ops, "rename_experiment", new_name=ops.pick(EXPERIMENTS))
    step.allowed["a name conflict when an experiment is renamed"] = errors(
        "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"
    )
    return step


def tag_experiment(ops: Operations, number: int) -> Step:
    return _on(ops, "set_experiment_tag", tag=ExperimentTag(ops.key(), ops.pick(TEXTS)))


def untag_experiment(ops: Operations, number: int) -> Step:
    return _on(ops, "delete_experiment_tag", key=ops.pick(KEYS))


def search_experiments(ops: Operations, number: int) -> Step:
    text, order = ops.experiment_filter(), ops.experiment_order()
    most, view, token = page(ops), ops.pick(VIEWS), page_token(ops)

    def arguments(side: Side) -> dict[str, Any]:
        wanted = {"filter_string": text, "order_by": order}
        return {**wanted, "max_results": most, "view_type": view, **token}

    return Step("tracking", "search_experiments", arguments)


EXPERIMENT_STEPS: list[tuple[int, Draw]] = [
    (1, create_experiment),
    (1, get_experiment),
    (1, experiment_by_name),
    (1, delete_experiment),
    (1, restore_experiment),
    (1, rename_experiment),
    (1, tag_experiment),
    (1, untag_experiment),
    (4, search_experiments),
]
