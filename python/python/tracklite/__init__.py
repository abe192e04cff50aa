"""Embedded experiment tracking: runs, metrics and models in one crash-proof file, no server.

>>> import tracklite
>>> with tracklite.run(folder / "runs.tracklite", "churn", params={"rate": 0.1}) as run:
...     for step in range(3):
...         run.log({"loss": 1 / (step + 1)}, step=step)
>>> run.history("loss").values
Column([1.0, 0.5, 0.3333333333333333])
"""

import contextlib
from typing import TYPE_CHECKING, Any

from tracklite._simple import finish, init, log, run
from tracklite._tracklite import (
    Artifacts,
    Column,
    Database,
    Experiment,
    History,
    LineageGraph,
    LoggedModel,
    Metric,
    MetricRow,
    ModelVersion,
    RegisteredModel,
    Registry,
    Run,
    Table,
)
from tracklite.exceptions import TrackliteError

if TYPE_CHECKING:
    from tracklite.entities import (
        ArtifactInfo,
        Capture,
        DatabaseInfo,
        Dataset,
        ExperimentInfo,
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
        Page,
        RegisteredModelInfo,
        RunInfo,
        RunRecord,
        RunStatus,
    )


__all__ = [
    "ArtifactInfo",
    "Artifacts",
    "Capture",
    "Column",
    "Database",
    "DatabaseInfo",
    "Dataset",
    "Experiment",
    "ExperimentInfo",
    "History",
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
    "Page",
    "RegisteredModel",
    "RegisteredModelInfo",
    "Registry",
    "Run",
    "RunInfo",
    "RunRecord",
    "RunStatus",
    "Table",
    "TrackliteError",
    "finish",
    "init",
    "log",
    "run",
]


def __getattr__(name: str) -> Any:
    """Imports the entities on first use, because most programs do not need them."""
    if name in __all__:
        from tracklite import entities

        with contextlib.suppress(AttributeError):
            return getattr(entities, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
