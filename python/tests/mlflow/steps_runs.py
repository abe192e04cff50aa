"""Steps with runs."""

from __future__ import annotations

from typing import Any

from differential import Side
from mlflow.entities import LoggedModelInput, LoggedModelOutput, Param, RunStatus, RunTag
from mlflow.models import Model
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from operations import KEYS, TEXTS, VIEWS, Operations
from steps import Draw, Step, errors, known, legal, many_mistakes, page, page_token


def _on(ops: Operations, method: str, **others: Any) -> Step:
    run = ops.run()
    return Step("tracking", method, lambda side: {"run_id": side.id(run), **others})


def create_run(ops: Operations, number: int) -> Step:
    experiment, made = ops.experiment(), f"run {number}"
    start, user, tags = ops.later(), ops.pick(["ann", "bob"]), legal(ops.tags(RunTag))
    name = ops.pick(["one", "two", "a_b", None, ""])
    tagged = ops.pick([None, None, None, "one", "tagged"])
    if tagged:
        tags.append(RunTag(MLFLOW_RUN_NAME, tagged))
    ops.runs.append(made)
    ops.home[made] = experiment

    def arguments(side: Side) -> dict[str, Any]:
        wanted = {"user_id": user, "start_time": start, "tags": tags, "run_name": name}
        return {"experiment_id": side.id(experiment), **wanted}

    step = Step("tracking", "create_run", arguments, made, lambda run: str(run.info.run_id))
    if not name and not tagged:
        # Each side generates another random name.
        step.then = ("update_run_info", lambda side: _rename(side.id(made), "three"))
    return step


def _rename(run_id: str, name: str) -> dict[str, Any]:
    return {"run_id": run_id, "run_status": None, "end_time": None, "run_name": name}


def get_run(ops: Operations, number: int) -> Step:
    return _on(ops, "get_run")


def update_run(ops: Operations, number: int) -> Step:
    status, end = ops.pick([None, *RunStatus.all_status()]), ops.pick([None, ops.later()])
    name = ops.pick([None, "", "three"])
    return _on(ops, "update_run_info", run_status=status, end_time=end, run_name=name)


def delete_run(ops: Operations, number: int) -> Step:
    return _away(ops, "delete_run")


def _away(ops: Operations, method: str) -> Step:
    run = ops.run()
    if method == "_hard_delete_run" and run in ops.binding:
        # The two stores differ in what they delete with it.
        method = "delete_run"
    ops.deleted.add(run)
    return Step("tracking", method, lambda side: {"run_id": side.id(run)})


def restore_run(ops: Operations, number: int) -> Step:
    return _on(ops, "restore_run")


def purge_run(ops: Operations, number: int) -> Step:
    return _away(ops, "_hard_delete_run") if ops.chance(0.3) else get_run(ops, number)


def deleted_runs(ops: Operations, number: int) -> Step:
    return Step("tracking", "_get_deleted_runs", lambda side: {}, order=str)


def log_metric(ops: Operations, number: int) -> Step:
    return _on(ops, "log_metric", metric=ops.metric())


def log_param(ops: Operations, number: int) -> Step:
    return _on(ops, "log_param", param=Param(ops.key(), ops.pick(TEXTS)))


def set_tag(ops: Operations, number: int) -> Step:
    return _on(ops, "set_tag", tag=RunTag(ops.pick([ops.key(), MLFLOW_RUN_NAME]), ops.pick(TEXTS)))


def delete_tag(ops: Operations, number: int) -> Step:
    return _on(ops, "delete_tag", key=ops.pick([*KEYS, MLFLOW_RUN_NAME]))


def log_batch(ops: Operations, number: int) -> Step:
    metrics = [ops.metric() for _ in range(ops.random.randrange(4))]
    params, tags = ops.tags(Param), ops.tags(RunTag)
    return _on(ops, "log_batch", metrics=metrics, params=params, tags=tags)


def log_batch_of_model(ops: Operations, number: int) -> Step:
    run, model = ops.run(), ops.living_model()
    if model is None:
        return log_batch(ops, number)
    metrics = [ops.model_metric(model) for _ in range(1 + ops.random.randrange(3))]
    ops.binding.add(run)

    def arguments(side: Side) -> dict[str, Any]:
        for metric in metrics:
            metric._model_id = side.ids.get(model)
        return {"run_id": side.id(run), "metrics": metrics, "params": [], "tags": []}

    return Step("tracking", "log_batch", arguments)


def log_inputs(ops: Operations, number: int) -> Step:
    run, datasets = ops.run(), [ops.dataset() for _ in range(ops.random.randrange(3))]
    ops.binding.add(run)
    model = ops.pick([None, None, "m-" + "1" * 32, *ops.models[-1:]])

    def arguments(side: Side) -> dict[str, Any]:
        models = [LoggedModelInput(side.id(model))] if model else None
        return {"run_id": side.id(run), "datasets": datasets, "models": models}

    return Step("tracking", "log_inputs", arguments)


def log_outputs(ops: Operations, number: int) -> Step:
    # Each model has one step, because SQL keeps only the first step of a model.
    model = ops.random.randrange(4)
    made = LoggedModelOutput(f"m-{model:032x}", model % 2)
    step = _on(ops, "log_outputs", models=[made])
    step.allowed["a duplicate output of a run"] = errors("BAD_REQUEST", None)
    return step


def record_model(ops: Operations, number: int) -> Step:
    model = Model("model", utc_time_created="2026-01-01", model_uuid=f"{number:032x}")
    return _on(ops, "record_logged_model", mlflow_model=model)


def history(ops: Operations, number: int) -> Step:
    limit = ops.pick([None, 1, 2])
    return _on(ops, "get_metric_history", metric_key=ops.pick(KEYS), max_results=limit)


def max_step(ops: Operations, number: int) -> Step:
    return _on(ops, "get_max_step_for_metric", metric_key=ops.pick(KEYS))


def values_at_steps(ops: Operations, number: int) -> Step:
    steps, limit = ops.pick([[0], [-1, 2], [0, 1, 5], []]), ops.pick([1, 2, 100])
    wanted = {"metric_key": ops.pick(KEYS), "steps": steps, "max_results": limit}
    return _on(ops, "get_metric_history_bulk_interval_from_steps", **wanted)


def bulk(ops: Operations, number: int) -> Step:
    # A limit on several runs depends on their IDs, which differ. So only one run is used then.
    limit = ops.pick([1, 3, 1000, 1000])
    runs, key = ops.runs[-3:] if limit == 1000 else ops.runs[-1:], ops.pick(KEYS)

    def arguments(side: Side) -> dict[str, Any]:
        ids = [side.id(one) for one in runs]
        return {"run_ids": ids, "metric_key": key, "max_results": limit}

    # Sorted by run only, because the order within a run matters.
    return Step("tracking", "get_metric_history_bulk", arguments, order=lambda answer: answer[0])


def sample(ops: Operations, number: int) -> Step:
    runs, limit, key = ops.runs[-3:], ops.pick([1, 2, 3, 7]), ops.pick(KEYS)
    first, last = ops.pick([(None, None), (0, 1), (-1, 2), (None, 2)])

    def arguments(side: Side) -> dict[str, Any]:
        wanted = {"max_results": limit, "start_step": first, "end_step": last}
        return {"run_ids": [side.id(one) for one in runs], "metric_key": key, **wanted}

    return Step("tracking", "get_metric_history_bulk_interval", arguments)


def datasets(ops: Operations, number: int) -> Step:
    return Step("tracking", "_search_datasets", lambda side: {"experiment_ids": known(side, ops)})


def search_runs(ops: Operations, number: int) -> Step:
    text, order, limit, view = ops.run_filter(), ops.run_order(), page(ops), ops.pick(VIEWS)
    token, several = page_token(ops), list(ops.experiments)

    def arguments(side: Side) -> dict[str, Any]:
        ids = [side.id(one) for one in several if side.id(one) != one]
        wanted = {"filter_string": side.filled(text), "run_view_type": view, **token}
        return {"experiment_ids": ids, "max_results": limit, "order_by": order, **wanted}

    step = Step("tracking", "search_runs", arguments)
    step.allowed["a filter or order with several mistakes"] = many_mistakes
    return step


RUN_STEPS: list[tuple[int, Draw]] = [
    (3, create_run),
    (2, get_run),
    (1, update_run),
    (1, delete_run),
    (1, restore_run),
    (1, purge_run),
    (1, deleted_runs),
    (1, log_metric),
    (1, log_param),
    (1, set_tag),
    (1, delete_tag),
    (3, log_batch),
    (2, log_batch_of_model),
    (1, log_inputs),
    (1, log_outputs),
    (1, record_model),
    (1, history),
    (1, max_step),
    (1, values_at_steps),
    (1, bulk),
    (1, sample),
    (1, datasets),
    (8, search_runs),
]
