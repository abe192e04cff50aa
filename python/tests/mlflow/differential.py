"""Two stores side by side, MLflow's own on SQLite and ours, called with the same arguments.

IDs and times differ between the two, so answers are normalized before they are compared. A thing
that a store made is named by the step that made it. A time from the clock of a store is named by
the step in which it falls.
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

from texts import Failure, stable

from tracklite.mlflow.registry_store import TrackliteRegistryStore
from tracklite.mlflow.tracking_store import TrackliteTrackingStore

# An experiment's ID in an error text.
NUMBERED = r"(\b(?:Experiment with id=|experiment with id |The experiment ))(\d+)\b"

FLOAT_MAX = 1.7976931348623157e308


class Clock:
    """Maps times to steps. Steps are further apart than the resolution of the clock."""

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
    """One of the two stores, with the names of the things it made."""

    def __init__(self, uri: str, tracking: Any, registry: Any, *roots: str) -> None:
        self.uri, self.tracking, self.registry, self.roots = uri, tracking, registry, roots
        self.clock = Clock()
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def note(self, name: str, made: str) -> None:
        self.ids[name] = made
        self.names[made] = name

    def id(self, name: str) -> str:
        """Returns the ID for a name. An unknown name is returned as it is."""
        return self.ids.get(name, name)

    def filled(self, text: str) -> str:
        """Replaces names in double angle brackets by IDs."""
        return re.sub("<<(.*?)>>", lambda found: self.id(found[1]), text)

    def name(self, made: str | None) -> str | None:
        return None if made is None else self.names.get(str(made), str(made))

    def address(self, text: str | None) -> str | None:
        """Normalizes the root and the IDs in an address."""
        if text is None:
            return None
        for root in self.roots:
            text = text.replace(root, "<root>")
        return re.sub(r"(m-)?[0-9a-f]{32}", lambda found: str(self.name(found[0])), text)

    def named(self, text: str) -> str:
        """Replaces roots and IDs in an error text by names."""

        def named(found: re.Match[str]) -> str:
            return f"{found[1]}{self.name(found[2])}"

        return re.sub(NUMBERED, named, str(self.address(text)))

    def call(self, target: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Calls a method, and returns its answer or its error."""
        store = self.tracking if target == "tracking" else self.registry
        self.clock.begin()
        # The SQL registry looks up logged models at this address.
        mlflow.set_tracking_uri(self.uri)
        try:
            answer = getattr(store, method)(*args, **kwargs)
        except MlflowException as error:
            return Failure(error.error_code, stable(self.named(str(error))))
        return answer

    def normalized(self, value: Any) -> Any:
        """Normalizes an answer."""
        if isinstance(value, PagedList):
            return ([self.normalized(item) for item in value], value.token is not None)
        if isinstance(value, str):
            return self.address(self.name(value))
        if isinstance(value, (list, tuple)):
            return [self.normalized(item) for item in value]
        for kind, normalize in NORMALIZERS.items():
            if isinstance(value, kind):
                return normalize(self, value)
        return value


def number(value: float) -> Any:
    """Returns a number that equals itself, with infinity as SQL stores it."""
    if math.isnan(value):
        return "NaN"
    return max(-FLOAT_MAX, min(FLOAT_MAX, value))


def normal_metric(side: Side, metric: Metric) -> Any:
    return (metric.key, number(metric.value), metric.timestamp, metric.step)


def normal_metric_of_run(side: Side, metric: MetricWithRunId) -> Any:
    return (side.name(metric.run_id), *normal_metric(side, metric))


def normal_model_metric(side: Side, metric: Metric) -> Any:
    value = 0.0 if math.isnan(metric.value) else number(metric.value)
    dataset = (metric.dataset_name, metric.dataset_digest)
    return (metric.key, value, metric.timestamp, metric.step, side.name(metric.run_id), dataset)


def normal_experiment(side: Side, experiment: Experiment) -> Any:
    return {
        "id": side.name(experiment.experiment_id),
        "name": experiment.name,
        "location": side.address(experiment.artifact_location),
        "stage": experiment.lifecycle_stage,
        "tags": dict(sorted(experiment.tags.items())),
        "created": side.clock.step_of(experiment.creation_time),
        "updated": side.clock.step_of(experiment.last_update_time),
        "workspace": experiment.workspace,
    }


def normal_info(side: Side, info: RunInfo) -> Any:
    return {
        "id": side.name(info.run_id),
        "name": info.run_name,
        "experiment": side.name(info.experiment_id),
        "user": info.user_id,
        "status": info.status,
        "start": info.start_time,
        "end": info.end_time,
        "stage": info.lifecycle_stage,
        "artifacts": side.address(info.artifact_uri),
    }


def normal_dataset(side: Side, given: DatasetInput) -> Any:
    return (dict(given.dataset), sorted((tag.key, tag.value) for tag in given.tags))


def normal_run(side: Side, run: Run) -> Any:
    inputs, outputs = run.inputs, run.outputs
    return {
        "info": normal_info(side, run.info),
        "metrics": sorted(normal_metric(side, metric) for metric in run.data._metric_objs),
        "params": dict(sorted(run.data.params.items())),
        "tags": dict(sorted(run.data.tags.items())),
        "datasets": sorted(
            (normal_dataset(side, dataset) for dataset in inputs.dataset_inputs), key=str
        ),
        "given": sorted(str(side.name(model.model_id)) for model in inputs.model_inputs or ()),
        "made": sorted(
            (str(side.name(model.model_id)), model.step)
            for model in (outputs.model_outputs if outputs else ())
        ),
    }


def normal_model(side: Side, model: LoggedModel) -> Any:
    return {
        "id": side.name(model.model_id),
        "experiment": side.name(model.experiment_id),
        "name": model.name,
        "location": side.address(model.artifact_location),
        "created": side.clock.step_of(model.creation_timestamp),
        "updated": side.clock.step_of(model.last_updated_timestamp),
        "type": model.model_type,
        "run": side.name(model.source_run_id),
        "status": str(model.status),
        "message": model.status_message,
        "tags": dict(sorted(model.tags.items())),
        "params": dict(sorted(model.params.items())),
        "metrics": sorted(
            (normal_model_metric(side, metric) for metric in model.metrics or ()), key=str
        ),
    }


def normal_version(side: Side, version: ModelVersion) -> Any:
    return {
        "name": version.name,
        "version": int(version.version),
        "created": side.clock.step_of(version.creation_timestamp),
        "updated": side.clock.step_of(version.last_updated_timestamp),
        "description": version.description,
        "user": version.user_id,
        "stage": version.current_stage,
        "source": side.address(version.source),
        "run": side.name(version.run_id),
        "status": version.status,
        "message": version.status_message,
        "tags": dict(sorted(version.tags.items())),
        "link": version.run_link,
        "aliases": sorted(version.aliases),
        "model": side.name(version.model_id),
        "params": version.params,
        "metrics": version.metrics,
        "workspace": version.workspace,
    }


def normal_registered(side: Side, model: RegisteredModel) -> Any:
    return {
        "name": model.name,
        "created": side.clock.step_of(model.creation_timestamp),
        "updated": side.clock.step_of(model.last_updated_timestamp),
        "description": model.description,
        "latest": sorted((normal_version(side, one) for one in model.latest_versions), key=str),
        "tags": dict(sorted(model.tags.items())),
        "aliases": dict(sorted((alias, int(one)) for alias, one in model.aliases.items())),
    }


def normal_summary(side: Side, summary: _DatasetSummary) -> Any:
    return (side.name(summary.experiment_id), summary.name, summary.digest, summary.context)


# Subclasses come before their base classes.
NORMALIZERS: dict[type, Any] = {
    MetricWithRunId: normal_metric_of_run,
    Metric: normal_metric,
    Experiment: normal_experiment,
    RunInfo: normal_info,
    Run: normal_run,
    LoggedModel: normal_model,
    ModelVersion: normal_version,
    RegisteredModel: normal_registered,
    _DatasetSummary: normal_summary,
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
