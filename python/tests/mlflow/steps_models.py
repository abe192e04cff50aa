"""Steps with logged models."""

from __future__ import annotations

from typing import Any

from differential import Side
from mlflow.entities import LoggedModelParameter, LoggedModelStatus, LoggedModelTag
from operations import KEYS, TEXTS, Operations
from steps import Draw, Step, errors, legal


def _on(ops: Operations, method: str, **others: Any) -> Step:
    model = ops.model()
    return Step("tracking", method, lambda side: {"model_id": side.id(model), **others})


def _on_living(ops: Operations, method: str, **others: Any) -> Step:
    """Makes a step, but only reads deleted models, because SQL changes these."""
    model = ops.model()
    if ops.was_deleted(model):
        return Step(
            "tracking",
            "get_logged_model",
            lambda side: {"model_id": side.id(model), "allow_deleted": True},
        )
    return Step("tracking", method, lambda side: {"model_id": side.id(model), **others})


def create_model(ops: Operations, number: int) -> Step:
    made, experiment = f"model {number}", ops.experiment()
    run = ops.pick([None, ops.run(), "elsewhere/7", 42])
    tags, params = legal(ops.tags(LoggedModelTag)), legal(ops.tags(LoggedModelParameter))
    name, kind = ops.pick(["small", "large", "a/b", ""]), ops.pick([None, "agent", "tree"])
    ops.models.append(made)
    ops.home[made], ops.sources[made] = experiment, run

    def arguments(side: Side) -> dict[str, Any]:
        source = side.ids.get(run, run)
        wanted = {"name": name, "tags": tags, "params": params, "model_type": kind}
        return {"experiment_id": side.id(experiment), "source_run_id": source, **wanted}

    return Step(
        "tracking", "create_logged_model", arguments, made, lambda model: str(model.model_id)
    )


def get_model(ops: Operations, number: int) -> Step:
    return _on(ops, "get_logged_model", allow_deleted=ops.chance(0.5))


def finalize_model(ops: Operations, number: int) -> Step:
    status = ops.pick([LoggedModelStatus.READY, LoggedModelStatus.FAILED])
    return _on_living(ops, "finalize_logged_model", status=status)


def tag_model(ops: Operations, number: int) -> Step:
    return _on_living(ops, "set_logged_model_tags", tags=legal(ops.tags(LoggedModelTag)))


def untag_model(ops: Operations, number: int) -> Step:
    return _on_living(ops, "delete_logged_model_tag", key=ops.pick(KEYS))


def log_model_params(ops: Operations, number: int) -> Step:
    # Only one: SQL drops all of several params if one of them is set already.
    params = [LoggedModelParameter(ops.pick(KEYS), ops.pick(TEXTS))]
    step = _on_living(ops, "log_logged_model_params", params=params)
    same, other = errors("BAD_REQUEST", None), errors("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
    step.allowed["a duplicate param of a logged model"] = lambda theirs, ours: (
        same(theirs, ours) or other(theirs, ours)
    )
    return step


def delete_model(ops: Operations, number: int) -> Step:
    model = ops.model()
    if model in ops.deleted:
        return get_model(ops, number)
    ops.deleted.add(model)
    return Step("tracking", "delete_logged_model", lambda side: {"model_id": side.id(model)})


def purge_model(ops: Operations, number: int) -> Step:
    if not ops.chance(0.3):
        return get_model(ops, number)
    model = ops.model()
    ops.deleted.add(model)
    return Step("tracking", "_hard_delete_logged_model", lambda side: {"model_id": side.id(model)})


def deleted_models(ops: Operations, number: int) -> Step:
    return Step("tracking", "_get_deleted_logged_models", lambda side: {}, order=str)


def log_model_metric(ops: Operations, number: int) -> Step:
    run, model = ops.run(), ops.model()
    if ops.was_deleted(model):
        return get_model(ops, number)
    metric = ops.model_metric(model)
    ops.binding.add(run)

    def arguments(side: Side) -> dict[str, Any]:
        metric._model_id = side.id(model)
        return {"run_id": side.id(run), "metric": metric}

    step = Step("tracking", "log_metric", arguments)
    step.allowed["a metric of a missing logged model"] = errors(
        "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST"
    )
    return step


SEARCH_FAILURES = [
    "`metrics.a > 'x'` of logged models",
    "an unknown attribute in a filter of logged models",
]

ORDERS: list[Any] = [
    None,
    [{"field_name": "metrics.loss"}],
    [{"field_name": "metrics.loss", "ascending": False, "dataset_name": "train"}],
    [{"field_name": "name"}, {"field_name": "creation_time", "ascending": False}],
    [{"field_name": "name"}, {"field_name": "name", "ascending": False}],
    [{"field_name": "model_type", "ascending": False}, {"field_name": "creation_timestamp"}],
    [{"field_name": "nothing"}],
]


def search_models(ops: Operations, number: int) -> Step:
    text, limit, order = ops.model_filter(), ops.pick([None, 1, 2, 100]), ops.pick(ORDERS)
    datasets = ops.pick([None, None, [{"dataset_name": "train"}]])
    several = list(ops.experiments)

    def arguments(side: Side) -> dict[str, Any]:
        ids = [side.id(one) for one in several if side.id(one) != one]
        # SQL refuses its own page token after a search with an empty filter.
        wanted = {"filter_string": side.filled(text) or None, "max_results": limit, "order_by": order}
        return {"experiment_ids": ids, "datasets": datasets, **wanted}

    step = Step("tracking", "search_logged_models", arguments)
    for reason in SEARCH_FAILURES:
        step.allowed[reason] = errors("INTERNAL_ERROR", "INVALID_PARAMETER_VALUE")
    return step


MODEL_STEPS: list[tuple[int, Draw]] = [
    (2, create_model),
    (1, get_model),
    (1, finalize_model),
    (1, tag_model),
    (1, untag_model),
    (1, log_model_params),
    (1, delete_model),
    (1, purge_model),
    (1, deleted_models),
    (2, log_model_metric),
    (4, search_models),
]
