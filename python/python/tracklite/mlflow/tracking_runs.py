"""Runs in the tracking store: creating, changing, logging and searching."""

from __future__ import annotations

from typing import Any

from mlflow.entities import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunInfo,
    RunStatus,
    RunTag,
)
from mlflow.entities.dataset_summary import _DatasetSummary
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.validation import (
    _validate_batch_log_data,
    _validate_batch_log_limits,
    _validate_dataset_inputs,
    _validate_metric,
    _validate_param,
    _validate_param_keys_unique,
    _validate_run_id,
    _validate_tag,
)

from tracklite.mlflow.arguments import (
    count_of,
    experiment_number,
    experiment_numbers,
    tag_pairs,
    valued_pairs,
    whole_number,
)
from tracklite.mlflow.errors import translated, wrong_argument
from tracklite.mlflow.tracking_base import TrackingBase
from tracklite.mlflow.tracking_experiments import VIEWS, view_word


class TrackingRuns(TrackingBase):
    """The methods for runs."""

    @translated
    def create_run(
        self,
        experiment_id: str,
        user_id: str | None,
        start_time: int | None,
        tags: list[RunTag] | None,
        run_name: str | None,
    ) -> Run:
        """Starts a run."""
        # An empty name counts as none.
        kept = [tag for tag in tags or () if tag.key != MLFLOW_RUN_NAME or tag.value]
        start = None if start_time is None else whole_number("start_time", start_time)
        value = self._present_file.runs.create(
            experiment_number(experiment_id),
            run_name or "",
            user_id or "",
            start,
            tag_pairs(kept),
        )
        return self._run(value)

    @translated
    def get_run(self, run_id: str) -> Run:
        """Returns a run with its data, inputs and outputs."""
        return self._run(self._file.runs.get(run_id))

    @translated
    def update_run_info(
        self,
        run_id: str,
        run_status: int | None,
        end_time: int | None,
        run_name: str | None,
    ) -> RunInfo:
        """Changes status, end time and name. None keeps a value."""
        status = None if run_status is None else RunStatus.to_string(run_status)
        end = None if end_time is None else whole_number("end_time", end_time)
        value = self._present_file.runs.update(run_id, status, end, run_name or None)
        return self._info(value)

    @translated
    def delete_run(self, run_id: str) -> None:
        """Marks a run deleted."""
        self._file.runs.delete(run_id)

    @translated
    def restore_run(self, run_id: str) -> None:
        """Restores a run."""
        self._file.runs.restore(run_id)

    @translated
    def _hard_delete_run(self, run_id: str) -> None:
        self._file.runs.delete(run_id)
        self._file.store.purge(([run_id], [], []))

    @translated
    def _get_deleted_runs(self, older_than: int = 0) -> list[str]:
        runs: list[str] = self._file.store.deleted_before(get_current_time_millis() - older_than)[0]
        return runs

    @translated
    def log_metric(self, run_id: str, metric: Metric) -> None:
        """Logs one value of a metric."""
        _validate_metric(metric.key, metric.value, metric.timestamp, metric.step)
        if metric.model_id is not None:
            self._log(run_id, [metric], [], [])
        else:
            self._file.runs.log_metric(run_id, *_metric_value(metric))

    @translated
    def log_param(self, run_id: str, param: Param) -> None:
        """Sets a param. It cannot be changed later."""
        param = _validate_param(param.key, param.value)
        ((key, text),) = valued_pairs("param", [param])
        self._file.runs.log_param(run_id, key, text)

    @translated
    def set_tag(self, run_id: str, tag: RunTag) -> None:
        """Sets a tag."""
        self._log(run_id, [], [], [_validate_tag(tag.key, tag.value)])

    @translated
    def delete_tag(self, run_id: str, key: str) -> None:
        """Deletes a tag. The tag must exist."""
        self._file.runs.delete_tag(run_id, key)

    @translated
    def log_batch(
        self,
        run_id: str,
        metrics: list[Metric],
        params: list[Param],
        tags: list[RunTag],
    ) -> None:
        """Logs metrics, params and tags, all or nothing."""
        _validate_run_id(run_id)
        metrics, params, tags = _validate_batch_log_data(metrics, params, tags)
        _validate_batch_log_limits(metrics, params, tags)
        _validate_param_keys_unique(params)
        self._log(run_id, metrics, params, tags)

    def _log(
        self, run_id: str, metrics: list[Metric], params: list[Param], tags: list[RunTag]
    ) -> None:
        values = [_metric_value(metric) for metric in metrics]
        texts = valued_pairs("param", params)
        # An empty name changes nothing, as in an update of the run.
        tags = [tag for tag in tags if tag.key != MLFLOW_RUN_NAME or tag.value]
        measured = _measured(run_id, metrics)
        self._file.runs.log(run_id, values, texts, tag_pairs(tags), measured)

    @translated
    def log_inputs(
        self,
        run_id: str,
        datasets: list[DatasetInput] | None = None,
        models: list[LoggedModelInput] | None = None,
    ) -> None:
        """Logs input datasets and models."""
        _validate_run_id(run_id)
        if datasets is not None:
            if not isinstance(datasets, list):
                raise wrong_argument(
                    f"Argument 'datasets' should be a list, got '{type(datasets)}'"
                )
            _validate_dataset_inputs(datasets)
        values = [_dataset_value(dataset) for dataset in datasets or ()]
        given = [model.model_id for model in models or ()]
        self._file.runs.log_inputs(run_id, values, given)

    @translated
    def log_outputs(self, run_id: str, models: list[LoggedModelOutput]) -> None:
        """Logs output models."""
        made = [(model.model_id, model.step) for model in models]
        self._file.runs.log_outputs(run_id, made)

    @translated
    def _search_runs(
        self,
        experiment_ids: list[str],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: list[str] | None,
        page_token: str | None,
    ) -> tuple[list[Run], str | None]:
        found, token = self._file.runs.search(
            experiment_numbers(experiment_ids),
            filter_string or "",
            view_word(run_view_type),
            None if max_results is None else count_of(max_results),
            order_by or [],
            page_token or "",
            self._root.text,
        )
        if run_view_type not in VIEWS:
            return [], None
        return [self._run(value, with_model_inputs=False) for value in found], token

    @translated
    def _search_datasets(self, experiment_ids: list[str]) -> list[_DatasetSummary]:
        return [
            _DatasetSummary(experiment_id=str(number), name=name, digest=digest, context=context)
            for number, name, digest, context in self._file.runs.datasets(
                experiment_numbers(experiment_ids)
            )
        ]


def _metric_value(metric: Metric) -> tuple[str, float, int, int]:
    """Converts a metric for the engine. Drops fractions of a millisecond or step."""
    time, step = whole_number("timestamp", metric.timestamp), whole_number("step", metric.step or 0)
    try:
        return metric.key, float(metric.value), time, step
    except OverflowError as error:
        raise wrong_argument(f"The value of {metric.key!r} is too large for a float") from error


def _dataset_value(given: DatasetInput) -> tuple[Any, ...]:
    dataset = given.dataset
    if dataset is None:
        raise MlflowException(
            "Dataset input must have a dataset associated with it.", INTERNAL_ERROR
        )
    return (
        dataset.name,
        dataset.digest,
        dataset.source_type,
        dataset.source,
        dataset.schema,
        dataset.profile,
        tag_pairs(given.tags),
    )


def _measured(run_id: str, metrics: list[Metric]) -> list[tuple[str, tuple[Any, ...]]]:
    """Returns the metrics of logged models, by model ID."""
    measured = []
    for metric in metrics:
        if metric.model_id is None:
            continue
        dataset = None
        if metric.dataset_name is not None and metric.dataset_digest is not None:
            dataset = (metric.dataset_name, metric.dataset_digest)
        measured.append((str(metric.model_id), (*_metric_value(metric), run_id, dataset)))
    return measured
