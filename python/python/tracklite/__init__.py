"""Embedded experiment tracking: runs, metrics and models in one crash-proof file, no server.

>>> import tracklite
>>> with tracklite.run(folder / "runs.tracklite", "churn", params={"rate": 0.1}) as run:
...     for step in range(3):
...         run.log({"loss": 1 / (step + 1)}, step=step)
>>> run.history("loss").values
Column([1.0, 0.5, 0.3333333333333333])
"""

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

from tracklite._simple import finish, init, log, run
from tracklite._tracklite import (
    Artifacts,
    Column,
    Database,
    Endpoints,
    Experiment,
    History,
    Jobs,
    LineageGraph,
    LoggedModel,
    Metric,
    MetricRow,
    ModelVersion,
    RegisteredModel,
    Registry,
    Run,
    StoredTable,
    Table,
)
from tracklite.exceptions import TrackliteError

if TYPE_CHECKING:
    from tracklite._ui import WebPage
    from tracklite.entities import (
        ArtifactInfo,
        Band,
        Bands,
        Capture,
        Changes,
        CodeDiff,
        CronFires,
        Curve,
        Curves,
        DatabaseInfo,
        Dataset,
        EndpointConfig,
        EndpointInfo,
        ExperimentInfo,
        Importance,
        JobAttempt,
        JobInfo,
        JobRunInfo,
        KeySummary,
        Lifecycle,
        LineageEdge,
        LineageNode,
        LoggedModelInfo,
        LoggedModelStatus,
        MetricPoint,
        MetricStatistics,
        ModelStage,
        ModelVersionInfo,
        ModelVersionStatus,
        PackageDiff,
        Page,
        RegisteredModelInfo,
        RunGroup,
        RunGroups,
        RunHealth,
        RunInfo,
        RunRecord,
        RunStatus,
        SavedView,
        ServedEntity,
        ServedModel,
        Smoothing,
        Spread,
    )


__all__ = [
    "ArtifactInfo",
    "Artifacts",
    "Band",
    "Bands",
    "Capture",
    "Changes",
    "CodeDiff",
    "Column",
    "CronFires",
    "Curve",
    "Curves",
    "Database",
    "DatabaseInfo",
    "Dataset",
    "EndpointConfig",
    "EndpointInfo",
    "Endpoints",
    "Experiment",
    "ExperimentInfo",
    "History",
    "Importance",
    "JobAttempt",
    "JobInfo",
    "JobRunInfo",
    "Jobs",
    "KeySummary",
    "Lifecycle",
    "LineageEdge",
    "LineageGraph",
    "LineageNode",
    "LoggedModel",
    "LoggedModelInfo",
    "LoggedModelStatus",
    "Metric",
    "MetricPoint",
    "MetricRow",
    "MetricStatistics",
    "ModelStage",
    "ModelVersion",
    "ModelVersionInfo",
    "ModelVersionStatus",
    "PackageDiff",
    "Page",
    "RegisteredModel",
    "RegisteredModelInfo",
    "Registry",
    "Run",
    "RunGroup",
    "RunGroups",
    "RunHealth",
    "RunInfo",
    "RunRecord",
    "RunStatus",
    "SavedView",
    "ServedEntity",
    "ServedModel",
    "Smoothing",
    "Spread",
    "StoredTable",
    "Table",
    "TrackliteError",
    "WebPage",
    "finish",
    "init",
    "log",
    "run",
]


def __getattr__(name: str) -> Any:
    """Imports the entities on first use, because most programs do not need them."""
    if name in __all__:
        module = importlib.import_module(f"tracklite.{'_ui' if name == 'WebPage' else 'entities'}")
        with contextlib.suppress(AttributeError):
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
