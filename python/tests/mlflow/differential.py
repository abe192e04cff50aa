"""Two stores side by side: MLflow's own on SQLite and ours, told the same and asked the same.

Ids and times differ between the two, so both are told in common words: what a store made is named
by the step that made it, and a time that a store took from its clock by the step it falls into.
"""

from __future__ import annotations

import math
import re
import shutil
import time
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import (
    DatasetInput,
    Experiment,
    LoggedModel,
    Metric,
    Run,
    RunInfo,
)
from mlflow.entities.dataset_summary import _DatasetSummary
from mlflow.entities.metric import MetricWithRunId
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlRegistry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as SqlTracking

from tracklite.mlflow.registry_store import TrackliteRegistryStore
from tracklite.mlflow.tracking_store import TrackliteTrackingStore

GREATEST = 1.7976931348623157e308


class Clock:
    """Which step was under way at a time; steps are apart by more than the clock's grain."""

    def __init__(self) -> None:
        self.starts: list[float] = []

    def begin(self) -> None:
        time.sleep(0.002)
        self.starts.append(math.floor(time.time() * 1000))

    def step_of(self, milliseconds: int | None) -> str | None:
        if milliseconds is None:
            return None
        if milliseconds < self.starts[0]:
            return "before"
        step = sum(start <= milliseconds for start in self.starts)
        return f"step {step}"


class Side:
    """One of the two stores, and the names of what it made."""

    def __init__(self, uri: str, tracking: Any, registry: Any, *roots: str) -> None:
        self.uri, self.tracking, self.registry, self.roots = uri, tracking, registry, roots
        self.clock = Clock()
        # What the last error said.
        self.message = ""
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def note(self, name: str, made: str) -> None:
        self.ids[name] = made
        self.names[made] = name

    def id(self, name: str) -> str:
        """The id of what is so named; what is named nothing known is an id by itself."""
        return self.ids.get(name, name)

    def filled(self, text: str) -> str:
        """A text in which names in double angles stand for ids."""
        return re.sub("<<(.*?)>>", lambda found: self.id(found[1]), text)

    def name(self, made: str | None) -> str | None:
        return None if made is None else self.names.get(str(made), str(made))

    def address(self, text: str | None) -> str | None:
        """An address with the root and ids in common words."""
        if text is None:
            return None
        for root in self.roots:
            text = text.replace(root, "<root>")
        return re.sub(r"(m-)?[0-9a-f]{32}", lambda found: str(self.name(found[0])), text)

    def call(self, target: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """What a method answers, or its error, in common words."""
        store = self.tracking if target == "tracking" else self.registry
        self.clock.begin()
        # The SQL registry asks that address for logged models.
        mlflow.set_tracking_uri(self.uri)
        try:
            answer = getattr(store, method)(*args, **kwargs)
        except MlflowException as error:
            self.message = str(error)
            return ("error", error.error_code)
        return answer

    def in_common_words(self, value: Any) -> Any:
        """An answer in common words."""
        if isinstance(value, PagedList):
            return ([self.in_common_words(item) for item in value], value.token is not None)
        if isinstance(value, str):
            return self.address(self.name(value))
        if isinstance(value, (list, tuple)):
            return [self.in_common_words(item) for item in value]
        for kind, tell in TELLERS.items():
            if isinstance(value, kind):
                return tell(self, value)
        return value


def number(value: float) -> Any:
    """A number that compares with itself; infinity as SQL has it."""
    if math.isnan(value):
        return "NaN"
    return max(-GREATEST, min(GREATEST, value))


def tell_metric(side: Side, it: Metric) -> Any:
    return (it.key, number(it.value), it.timestamp, it.step)


def tell_metric_of_run(side: Side, it: MetricWithRunId) -> Any:
    return (side.name(it.run_id), *tell_metric(side, it))


def tell_model_metric(side: Side, it: Metric) -> Any:
    value = 0.0 if math.isnan(it.value) else number(it.value)
    dataset = (it.dataset_name, it.dataset_digest)
    return (it.key, value, it.timestamp, it.step, side.name(it.run_id), dataset)


def tell_experiment(side: Side, it: Experiment) -> Any:
    return {
        "id": side.name(it.experiment_id),
        "name": it.name,
        "location": side.address(it.artifact_location),
        "stage": it.lifecycle_stage,
        "tags": dict(sorted(it.tags.items())),
        "created": side.clock.step_of(it.creation_time),
        "updated": side.clock.step_of(it.last_update_time),
        "workspace": it.workspace,
    }


def tell_info(side: Side, it: RunInfo) -> Any:
    return {
        "id": side.name(it.run_id),
        "name": it.run_name,
        "experiment": side.name(it.experiment_id),
        "user": it.user_id,
        "status": it.status,
        "start": it.start_time,
        "end": it.end_time,
        "stage": it.lifecycle_stage,
        "artifacts": side.address(it.artifact_uri),
    }


def tell_dataset(side: Side, it: DatasetInput) -> Any:
    return (dict(it.dataset), sorted((tag.key, tag.value) for tag in it.tags))


def tell_run(side: Side, it: Run) -> Any:
    inputs, outputs = it.inputs, it.outputs
    return {
        "info": tell_info(side, it.info),
        "metrics": sorted(tell_metric(side, metric) for metric in it.data._metric_objs),
        "params": dict(sorted(it.data.params.items())),
        "tags": dict(sorted(it.data.tags.items())),
        "datasets": sorted(
            (tell_dataset(side, dataset) for dataset in inputs.dataset_inputs), key=str
        ),
        "given": sorted(str(side.name(model.model_id)) for model in inputs.model_inputs or ()),
        "made": sorted(
            (str(side.name(model.model_id)), model.step)
            for model in (outputs.model_outputs if outputs else ())
        ),
    }


def tell_model(side: Side, it: LoggedModel) -> Any:
    return {
        "id": side.name(it.model_id),
        "experiment": side.name(it.experiment_id),
        "name": it.name,
        "location": side.address(it.artifact_location),
        "created": side.clock.step_of(it.creation_timestamp),
        "updated": side.clock.step_of(it.last_updated_timestamp),
        "type": it.model_type,
        "run": side.name(it.source_run_id),
        "status": str(it.status),
        "message": it.status_message,
        "tags": dict(sorted(it.tags.items())),
        "params": dict(sorted(it.params.items())),
        "metrics": sorted(
            (tell_model_metric(side, metric) for metric in it.metrics or ()), key=str
        ),
    }


def tell_version(side: Side, it: ModelVersion) -> Any:
    return {
        "name": it.name,
        "version": int(it.version),
        "created": side.clock.step_of(it.creation_timestamp),
        "updated": side.clock.step_of(it.last_updated_timestamp),
        "description": it.description,
        "user": it.user_id,
        "stage": it.current_stage,
        "source": side.address(it.source),
        "run": side.name(it.run_id),
        "status": it.status,
        "message": it.status_message,
        "tags": dict(sorted(it.tags.items())),
        "link": it.run_link,
        "aliases": sorted(it.aliases),
        "model": side.name(it.model_id),
        "params": it.params,
        "metrics": it.metrics,
        "workspace": it.workspace,
    }


def tell_registered(side: Side, it: RegisteredModel) -> Any:
    return {
        "name": it.name,
        "created": side.clock.step_of(it.creation_timestamp),
        "updated": side.clock.step_of(it.last_updated_timestamp),
        "description": it.description,
        "latest": sorted((tell_version(side, one) for one in it.latest_versions), key=str),
        "tags": dict(sorted(it.tags.items())),
        "aliases": dict(sorted((alias, int(one)) for alias, one in it.aliases.items())),
    }


def tell_summary(side: Side, it: _DatasetSummary) -> Any:
    return (side.name(it.experiment_id), it.name, it.digest, it.context)


# A kind before what it is a kind of.
TELLERS: dict[type, Any] = {
    MetricWithRunId: tell_metric_of_run,
    Metric: tell_metric,
    Experiment: tell_experiment,
    RunInfo: tell_info,
    Run: tell_run,
    LoggedModel: tell_model,
    ModelVersion: tell_version,
    RegisteredModel: tell_registered,
    _DatasetSummary: tell_summary,
}


class Pair:
    """Both stores, empty."""

    def __init__(self, folder: Path, template: Path) -> None:
        folder.mkdir(parents=True)
        database = folder / "mlflow.db"
        shutil.copy(template, database)
        sql = f"sqlite:///{database}"
        root = f"{folder}/artifacts"
        stores = SqlTracking(sql, root), SqlRegistry(sql)
        self.theirs = Side(sql, *stores, root, str(template.parent))
        own = f"tracklite://{folder}/runs.tracklite"
        stores = TrackliteTrackingStore(own), TrackliteRegistryStore(own)
        self.ours = Side(own, *stores, own)
        for side in self.sides:
            side.clock.begin()
            side.note("default", "0")

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.theirs, self.ours
