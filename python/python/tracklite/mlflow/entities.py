"""Converters from the engine's tuples to MLflow's entities."""

from __future__ import annotations

from typing import Any

from mlflow.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    ExperimentTag,
    InputTag,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunTag,
)
from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)

LOCATION_TAG = "tracklite.artifactLocation"
"""The experiment's tag for an artifact location set by the user. Hidden from MLflow."""


def experiment(value: tuple[Any, ...], location: str) -> Experiment:
    """Converts an experiment."""
    number, name, lifecycle, created, updated, tags = value
    return Experiment(
        experiment_id=str(number),
        name=name,
        artifact_location=location,
        lifecycle_stage=lifecycle,
        tags=[ExperimentTag(key, text) for key, text in tags.items() if key != LOCATION_TAG],
        creation_time=created,
        last_update_time=updated,
    )


def run_info(value: tuple[Any, ...], location: str) -> RunInfo:
    """Converts a run without its data. `location` is the one of its experiment."""
    run_id, experiment_id, name, user, status, start, end, lifecycle = value
    return RunInfo(
        run_id=run_id,
        run_name=name,
        experiment_id=str(experiment_id),
        user_id=user,
        status=status,
        start_time=start,
        end_time=end,
        lifecycle_stage=lifecycle,
        artifact_uri=below(location, run_id, "artifacts"),
    )


def run(value: tuple[Any, ...], location: str, *, with_model_inputs: bool) -> Run:
    """Converts a run with its data, inputs and outputs."""
    info, metrics, params, tags, datasets, models, outputs = value
    data = RunData(
        metrics=[Metric(key, number, time, step) for key, number, time, step in metrics],
        params=[Param(key, text) for key, text in params.items()],
        tags=[RunTag(key, text) for key, text in tags.items()],
    )
    inputs = [dataset_input(dataset) for dataset in datasets]
    given = [LoggedModelInput(model) for model in models] if with_model_inputs else None
    made = [LoggedModelOutput(model, step) for model, step in outputs]
    return Run(
        run_info(info, location),
        data,
        RunInputs(dataset_inputs=inputs, model_inputs=given),
        RunOutputs(made),
    )


def dataset_input(value: tuple[Any, ...]) -> DatasetInput:
    """Converts an input dataset."""
    name, digest, source_type, source, schema, profile, tags = value
    return DatasetInput(
        dataset=Dataset(
            name=name,
            digest=digest,
            source_type=source_type,
            source=source,
            schema=schema,
            profile=profile,
        ),
        tags=[InputTag(key, text) for key, text in tags],
    )


def logged_model(value: tuple[Any, ...], location: str) -> LoggedModel:
    """Converts a logged model. `location` is the one of its experiment."""
    facts, params, tags, metrics = value
    model_id, experiment_id, name, kind, run_id, status, message, created, updated, _ = facts
    return LoggedModel(
        experiment_id=str(experiment_id),
        model_id=model_id,
        name=name,
        artifact_location=below(location, "models", model_id, "artifacts"),
        creation_timestamp=created,
        last_updated_timestamp=updated,
        model_type=kind,
        source_run_id=run_id,
        status=LoggedModelStatus(status),
        status_message=message,
        tags=tags or None,
        params=params or None,
        metrics=[model_metric(model_id, metric) for metric in metrics] or None,
    )


def model_metric(model_id: str, value: tuple[Any, ...]) -> Metric:
    """Converts a metric value of a logged model."""
    key, number, time, step, run_id, dataset = value
    name, digest = dataset or (None, None)
    return Metric(
        key=key,
        value=number,
        timestamp=time,
        step=step,
        model_id=model_id,
        dataset_name=name,
        dataset_digest=digest,
        run_id=run_id,
    )


def version(value: tuple[Any, ...], *, with_aliases: bool) -> ModelVersion:
    """Converts a version of a registered model."""
    facts, tags, aliases = value
    (
        name,
        number,
        created,
        updated,
        description,
        user,
        stage,
        source,
        run_id,
        run_link,
        status,
        message,
    ) = facts
    return ModelVersion(
        name=name,
        version=number,
        creation_timestamp=created,
        last_updated_timestamp=updated,
        description=description,
        user_id=user or None,
        current_stage=stage,
        source=source,
        run_id=run_id,
        status=status,
        status_message=message,
        tags=[ModelVersionTag(key, text) for key, text in tags.items()],
        run_link=run_link,
        aliases=aliases if with_aliases else [],
    )


def registered_model(value: tuple[Any, ...]) -> RegisteredModel:
    """Converts a registered model with the latest version in each stage."""
    name, description, created, updated, tags, aliases, latest = value
    return RegisteredModel(
        name=name,
        creation_timestamp=created,
        last_updated_timestamp=updated,
        description=description,
        latest_versions=[version(each, with_aliases=False) for each in latest],
        tags=[RegisteredModelTag(key, text) for key, text in tags.items()],
        aliases=[RegisteredModelAlias(alias, number) for alias, number in aliases.items()],
    )


def below(location: str, *parts: str) -> str:
    """Appends parts to an address, like MLflow."""
    if "?" in location or ":" not in location:
        from mlflow.utils.uri import append_to_uri_path

        return append_to_uri_path(location, *parts)
    return "/".join((location.rstrip("/"), *parts))
