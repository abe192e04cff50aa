"""Embedded experiment tracking: runs, metrics and models in one crash-proof file, no server.

>>> import tracklite
>>> database = tracklite.Database.create(folder / "runs.tracklite")
>>> with database.experiment("/Shared/team/churn").start_run("baseline") as run:
...     run.log_params({"learning_rate": 0.1})
...     for step in range(3):
...         run.log({"loss": 1 / (step + 1)}, step=step)
>>> run.history("loss").values
Column([1.0, 0.5, 0.3333333333333333])
"""

import contextlib
from typing import TYPE_CHECKING, Any

from tracklite._tracklite import (
    Artifacts,
    Column,
    Database,
    Experiment,
    History,
    LoggedModel,
    Metric,
    MetricRow,
    ModelVersion,
    RegisteredModel,
    Registry,
    Run,
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
        LoggedModelInfo,
        LoggedModelStatus,
        MetricPoint,
        MetricStatistics,
        ModelStage,
        ModelVersionInfo,
        ModelVersionStatus,
        RegisteredModelInfo,
        RunInfo,
        RunRecord,
        RunStatus,
    )

# Not there when the package was built without its feature `frames`.
with contextlib.suppress(ImportError):
    from tracklite._tracklite import Frame

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
    "Frame",
    "History",
    "Lifecycle",
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
    "RegisteredModel",
    "RegisteredModelInfo",
    "Registry",
    "Run",
    "RunInfo",
    "RunRecord",
    "RunStatus",
    "TrackliteError",
]


def __getattr__(name: str) -> Any:
    """Import the entities when one of them is asked for: most programs do without them."""
    if name in __all__:
        from tracklite import entities

        with contextlib.suppress(AttributeError):
            return getattr(entities, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
