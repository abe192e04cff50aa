"""MLflow's tracking store on a tracklite file."""

from __future__ import annotations

from mlflow.exceptions import MlflowException
from mlflow.store.tracking.abstract_store import AbstractStore

from tracklite.exceptions import TrackliteError
from tracklite.mlflow.address import AddressError
from tracklite.mlflow.errors import as_mlflow_error, refuses
from tracklite.mlflow.tracking_experiments import TrackingExperiments
from tracklite.mlflow.tracking_histories import TrackingHistories
from tracklite.mlflow.tracking_models import TrackingModels
from tracklite.mlflow.tracking_runs import TrackingRuns

# Parts of method names. The first match counts.
_LEFT_OUT = {
    "mcp": "servers of tools",
    "trace": "traces",
    "span": "traces",
    "assessment": "assessments of traces",
    "session": "traces",
    "issue": "issues of traces",
    "scorer": "scorers",
    "scoring": "scorers",
    "label_schema": "label schemas",
    "review_queue": "review queues",
    "user_queue": "review queues",
    "gateway": "settings of a gateway",
    "endpoint": "settings of a gateway",
    "secret": "secrets of a gateway",
    "budget": "budgets of a gateway",
    "guardrail": "guardrails of a gateway",
    "dataset": "evaluation datasets",
    "prompt": "links between prompts and traces",
}
_KEPT = {"supports_trace_archival", "log_inputs", "log_outputs"}


# Methods of MLflow's own store that the abstract store does not declare.
_UNDECLARED = {
    "deprecated_start_trace_v2": "traces",
    "deprecated_end_trace_v2": "traces",
    "link_traces_to_run": "traces",
    "resolve_endpoint_in_scorer": "scorers",
    "search_entities_by_source": "links between traces and runs",
    "search_entities_by_destination": "links between traces and runs",
}


@refuses(AbstractStore, _KEPT, _LEFT_OUT, _UNDECLARED)
class TrackliteTrackingStore(
    TrackingExperiments, TrackingRuns, TrackingHistories, TrackingModels, AbstractStore
):
    """Experiments, runs and logged models in one file, at `tracklite:///folder/file`.

    Creates the file if it does not exist. Its folder must exist. Artifact addresses are computed
    from the current path, so a file may be moved with its content. A server started with
    `--artifacts-destination tracklite:///folder/file` serves the artifacts itself.
    """

    def __init__(self, store_uri: str | None = None, artifact_uri: str | None = None) -> None:
        super().__init__()
        if not store_uri:
            raise MlflowException.invalid_parameter_value("The address of a file is missing.")
        try:
            self._open(store_uri, artifact_uri)
        except (TrackliteError, AddressError) as error:
            raise as_mlflow_error(error) from error
