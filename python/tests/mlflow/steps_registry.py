"""Steps with registered models and versions, and the random choice among all steps."""

from __future__ import annotations

from typing import Any

from differential import Side
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from operations import ALIASES, KEYS, MODELS, STAGES, TEXTS, Operations
from steps import Draw, Step, errors, many_mistakes, page, page_token
from steps_experiments import EXPERIMENT_STEPS, create_experiment
from steps_models import MODEL_STEPS, create_model
from steps_runs import RUN_STEPS, create_run, log_batch


# Runs that exist nowhere. SQL keeps any text, and the digits of a number.
OTHER_RUNS: list[Any] = ["elsewhere/7", " ", 42]


def _on(ops: Operations, method: str, **others: Any) -> Step:
    name = ops.pick(MODELS)
    return Step("registry", method, lambda side: {"name": name, **others})


def _on_version(ops: Operations, method: str, **others: Any) -> Step:
    return _on(ops, method, version=ops.pick([1, 2, 3, "1", 9]), **others)


def create_registered(ops: Operations, number: int) -> Step:
    tags = ops.tags(RegisteredModelTag)
    return _on(ops, "create_registered_model", tags=tags, description=ops.pick(TEXTS))


def get_registered(ops: Operations, number: int) -> Step:
    return _on(ops, "get_registered_model")


def describe_registered(ops: Operations, number: int) -> Step:
    return _on(ops, "update_registered_model", description=ops.pick(TEXTS))


def rename_registered(ops: Operations, number: int) -> Step:
    return _on(ops, "rename_registered_model", new_name=ops.pick([*MODELS, "a/b"]))


def delete_registered(ops: Operations, number: int) -> Step:
    return _on(ops, "delete_registered_model")


def latest_versions(ops: Operations, number: int) -> Step:
    stages = ops.pick([None, [ops.pick(STAGES)], ["nowhere"]])
    step = _on(ops, "get_latest_versions", stages=stages)
    step.order = str
    return step


def tag_registered(ops: Operations, number: int) -> Step:
    tag = RegisteredModelTag(ops.key(), ops.pick(TEXTS))
    return _on(ops, "set_registered_model_tag", tag=tag)


def untag_registered(ops: Operations, number: int) -> Step:
    return _on(ops, "delete_registered_model_tag", key=ops.pick(KEYS))


def create_version(ops: Operations, number: int) -> Step:
    """Creates a version of a source outside of the file, with any text as its run."""
    name, source = ops.pick(MODELS), ops.pick(["s3://a", "/b", "x"])
    tags = ops.tags(ModelVersionTag)
    run, link = ops.pick([None, ops.run(), ops.run(), *OTHER_RUNS]), ops.pick([None, "http://r"])
    model, described = ops.pick([None, None, ops.living_model()]), ops.pick([None, "x"])

    def arguments(side: Side) -> dict[str, Any]:
        wanted = {"source": source, "tags": tags, "description": described, "run_link": link}
        ids = {"run_id": side.ids.get(run, run), "model_id": side.ids.get(model or "")}
        return {"name": name, **wanted, **ids}

    return Step("registry", "create_model_version", arguments)


def create_version_inside(ops: Operations, number: int) -> Step:
    """Creates a version of a run, a logged model or a version. The run avoids a difference."""
    name, run, model = ops.pick(MODELS), ops.run(), ops.living_model()
    if model is None:
        return create_version(ops, number)
    version = f"models:/{ops.pick(MODELS)}/{ops.pick([1, 2, 9])}"
    of_run = ops.pick([f"runs:/<<{run}>>/model", "runs:/nowhere/model", f"runs:/{'5' * 32}"])
    source = ops.pick([version, f"models:/<<{model}>>", of_run])

    def arguments(side: Side) -> dict[str, Any]:
        address = side.filled(source) if model in side.ids else "s3://a"
        return {"name": name, "source": address, "run_id": side.id(run)}

    step = Step("registry", "create_model_version", arguments)
    step.allowed["a source that does not exist"] = errors(
        "INTERNAL_ERROR", "RESOURCE_DOES_NOT_EXIST"
    )
    return step


def get_version(ops: Operations, number: int) -> Step:
    return _on_version(ops, "get_model_version")


def describe_version(ops: Operations, number: int) -> Step:
    return _on_version(ops, "update_model_version", description=ops.pick(TEXTS))


def transition_stage(ops: Operations, number: int) -> Step:
    stage, archive = ops.pick([*STAGES, "nowhere"]), ops.chance(0.4)
    wanted = {"stage": stage, "archive_existing_versions": archive}
    return _on_version(ops, "transition_model_version_stage", **wanted)


def delete_version(ops: Operations, number: int) -> Step:
    return _on_version(ops, "delete_model_version")


def tag_version(ops: Operations, number: int) -> Step:
    tag = ModelVersionTag(ops.key(), ops.pick(TEXTS))
    return _on_version(ops, "set_model_version_tag", tag=tag)


def untag_version(ops: Operations, number: int) -> Step:
    return _on_version(ops, "delete_model_version_tag", key=ops.pick(KEYS))


def set_alias(ops: Operations, number: int) -> Step:
    alias = ops.pick([*ALIASES, "latest", "v1", "a b"])
    return _on_version(ops, "set_registered_model_alias", alias=alias)


def delete_alias(ops: Operations, number: int) -> Step:
    return _on(ops, "delete_registered_model_alias", alias=ops.pick(ALIASES))


def version_by_alias(ops: Operations, number: int) -> Step:
    return _on(ops, "get_model_version_by_alias", alias=ops.pick([*ALIASES, "latest"]))


def download_address(ops: Operations, number: int) -> Step:
    step = _on_version(ops, "get_model_version_download_uri")
    step.allowed["the download URI of a version"] = lambda theirs, ours: (
        isinstance(theirs, str) and isinstance(ours, str) and ours.startswith("<root>/")
    )
    return step


def search_registered(ops: Operations, number: int) -> Step:
    order = ops.ordered(["name", "timestamp", "last_updated_timestamp"])
    return _search(ops, "search_registered_models", ops.registered_filter(), order)


def search_versions(ops: Operations, number: int) -> Step:
    order = ops.ordered(["name", "version_number", "creation_timestamp"])
    return _search(ops, "search_model_versions", ops.version_filter(), order)


def _search(ops: Operations, method: str, text: str, order: list[str]) -> Step:
    limit, token = ops.pick([1, 2, 100]), page_token(ops)

    def arguments(side: Side) -> dict[str, Any]:
        wanted = {"filter_string": side.filled(text), "order_by": order, **token}
        return {"max_results": limit, **wanted}

    step = Step("registry", method, arguments)
    step.allowed["a filter or order with several mistakes"] = many_mistakes
    return step


REGISTRY_STEPS: list[tuple[int, Draw]] = [
    (1, create_registered),
    (1, get_registered),
    (1, describe_registered),
    (1, rename_registered),
    (1, delete_registered),
    (1, latest_versions),
    (1, tag_registered),
    (1, untag_registered),
    (4, create_version),
    (2, create_version_inside),
    (1, get_version),
    (1, describe_version),
    (1, transition_stage),
    (1, delete_version),
    (1, tag_version),
    (1, untag_version),
    (2, set_alias),
    (1, delete_alias),
    (1, version_by_alias),
    (2, download_address),
    (4, search_registered),
    (4, search_versions),
]

GROUPS = [(4, EXPERIMENT_STEPS), (14, RUN_STEPS), (6, MODEL_STEPS), (8, REGISTRY_STEPS)]

# The first steps make things for the following ones to use.
FIRST: list[Draw] = [
    *[create_experiment] * 2,
    *[create_run] * 3,
    *[create_model] * 2,
    *[create_registered] * 3,
    *[create_version] * 3,
    *[log_batch] * 3,
]


def draw(ops: Operations, number: int) -> Step:
    """Draws the next step."""
    if number < len(FIRST):
        return FIRST[number](ops, number)
    (group,) = ops.random.choices([steps for _, steps in GROUPS], [part for part, _ in GROUPS])
    (step,) = ops.random.choices([step for _, step in group], [part for part, _ in group])
    return step(ops, number)
