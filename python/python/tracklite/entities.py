"""Frozen values that describe the content of a file at the time of reading.

They do not change when the file changes. Read again to see changes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

from tracklite._results import (
    Band,
    Bands,
    CodeDiff,
    Curve,
    Curves,
    Dependence,
    Hunk,
    Importance,
    PackageDiff,
    ParamImportance,
    RunGroup,
    RunGroups,
    Smoothing,
    Spread,
)
from tracklite._services import (
    CronFires,
    EndpointConfig,
    EndpointInfo,
    JobAttempt,
    JobInfo,
    JobRunInfo,
    ServedEntity,
    ServedModel,
)

__all__ = [
    "ArtifactInfo",
    "Band",
    "Bands",
    "Capture",
    "Changes",
    "CodeDiff",
    "CronFires",
    "Curve",
    "Curves",
    "Damage",
    "DatabaseInfo",
    "Dataset",
    "DatasetInput",
    "DatasetSummary",
    "Dependence",
    "EndpointConfig",
    "EndpointInfo",
    "ExperimentInfo",
    "GcReport",
    "Hunk",
    "Importance",
    "JobAttempt",
    "JobInfo",
    "JobRunInfo",
    "KeySummary",
    "Lifecycle",
    "LineageEdge",
    "LineageNode",
    "LoggedModelInfo",
    "LoggedModelMetric",
    "LoggedModelStatus",
    "MetricPoint",
    "MetricStatistics",
    "ModelOutput",
    "ModelStage",
    "ModelVersionInfo",
    "ModelVersionStatus",
    "PackageDiff",
    "Page",
    "ParamImportance",
    "RegisteredModelInfo",
    "RunGroup",
    "RunGroups",
    "RunHealth",
    "RunInfo",
    "RunInputs",
    "RunRecord",
    "RunStatus",
    "SalvageReport",
    "SavedView",
    "ServedEntity",
    "ServedModel",
    "Smoothing",
    "Spread",
    "SqlTable",
    "VacuumReport",
    "VerifyReport",
    "WriterInfo",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class RunStatus(str, enum.Enum):
    """The status of a run as it was last written. `Run.is_alive` checks the process."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    __str__ = str.__str__


class RunHealth(str, enum.Enum):
    """Whether a run is still being logged.

    SILENT is a running one that logged no point for ten times its usual interval, and for a minute.
    DEAD has not ended, but no process that logged it has the file open.
    """

    SCHEDULED = "scheduled"
    RUNNING = "running"
    SILENT = "silent"
    DEAD = "dead"
    FINISHED = "finished"
    FAILED = "failed"
    KILLED = "killed"

    __str__ = str.__str__


class Lifecycle(str, enum.Enum):
    """Active, or deleted and restorable until `gc` purges it."""

    ACTIVE = "active"
    DELETED = "deleted"

    __str__ = str.__str__


class LoggedModelStatus(str, enum.Enum):
    """The status of a logged model."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    __str__ = str.__str__


class ModelVersionStatus(str, enum.Enum):
    """The status of a version of a model."""

    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    FAILED_REGISTRATION = "FAILED_REGISTRATION"
    READY = "READY"

    __str__ = str.__str__


class ModelStage(str, enum.Enum):
    """The stage of a version, which MLflow replaced by aliases."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"

    __str__ = str.__str__


@dataclass(frozen=True, slots=True)
class Capture:
    """Selects what a run records about its environment.

    `git` records the commit, the branch and a patch of uncommitted changes. `command` records the
    command line. `exceptions` fails the run after an uncaught exception. `system_metrics` is the
    number of seconds between samples of the machine's load, None for no samples.
    """

    git: bool = True
    command: bool = True
    host: bool = True
    user: bool = True
    exceptions: bool = True
    system_metrics: float | None = 10.0


@dataclass(frozen=True, slots=True)
class ExperimentInfo:
    """An experiment as it was read from the file."""

    id: int
    path: str
    lifecycle: Lifecycle
    created: datetime
    updated: datetime
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One logged value of a metric. The time is in nanoseconds since 1970."""

    step: int
    time: int
    value: float


@dataclass(frozen=True, slots=True)
class MetricStatistics:
    """Statistics of a metric. NaN values are only counted."""

    count: int
    nan_count: int
    first_step: int
    last_step: int
    min: float
    max: float
    sum: float
    mean: float
    latest: MetricPoint


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset used by a run, identified in its experiment by name and digest."""

    name: str
    digest: str
    source_type: str = "local"
    source: str = "unknown"
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """An input dataset of a run, with tags for its use."""

    dataset: Dataset
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The inputs of a run: datasets, and IDs of logged models, in the order of logging."""

    datasets: list[DatasetInput]
    models: list[str]


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """An output model of a run, and its step."""

    model: str
    step: int


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset of an experiment, and one context in which runs used it."""

    experiment: int
    name: str
    digest: str
    context: str | None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run without its params, tags and metrics."""

    id: str
    experiment: int
    name: str
    parent: str | None
    user: str
    status: RunStatus
    started: datetime
    ended: datetime | None
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with params, tags, the latest point of each metric, inputs and outputs."""

    info: RunInfo
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, MetricPoint]
    datasets: list[DatasetInput]
    model_inputs: list[str]
    model_outputs: list[ModelOutput]

    @property
    def id(self) -> str:
        """The ID of the run."""
        return self.info.id


@dataclass(frozen=True, slots=True)
class KeySummary:
    """A key of some runs, and its values. The value of a metric is its latest.

    `runs` is the number of runs that have it. `distinct` values are counted up to DISTINCT_MAX.
    `is_constant` is whether all runs have it, with the same value. `range` has the smallest and the
    largest value if all are numbers.
    """

    DISTINCT_MAX: ClassVar[int] = 1001

    kind: Literal["param", "metric", "tag"]
    key: str
    runs: int
    distinct: int
    is_constant: bool
    range: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class SavedView:
    """A saved view as it was read from the file.

    `state` is JSON of an object, exactly as it was saved. `author` saved this revision.
    """

    name: str
    state: str
    author: str
    revision: int
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """The areas of a file that changed after a cursor.

    `cursor` is the state now, for the next call. `runs` includes experiments, logged models and
    artifacts. `points` may be true without new points after points were sealed. `writers` is whether
    a writer opened or closed the file, or died.
    """

    cursor: str
    runs: bool
    registry: bool
    points: bool
    writers: bool

    def any(self) -> bool:
        """Returns whether anything changed."""
        return self.runs or self.registry or self.points or self.writers


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """A file or a folder of the artifacts."""

    path: str
    is_folder: bool
    size: int | None
    media_type: str | None
    digest: str | None
    uri: str | None
    written: datetime


@dataclass(frozen=True, slots=True)
class LoggedModelMetric:
    """A measured value of a logged model. The time is in nanoseconds since 1970."""

    key: str
    value: float
    step: int
    time: int
    run: str | None
    dataset: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class LoggedModelInfo:
    """A logged model as it was read from the file."""

    id: str
    experiment: int
    name: str
    model_type: str | None
    source_run: str | None
    status: LoggedModelStatus
    status_message: str | None
    created: datetime
    updated: datetime
    lifecycle: Lifecycle
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[LoggedModelMetric]
    signature: str | None
    input_example: str | None


@dataclass(frozen=True, slots=True)
class ModelVersionInfo:
    """A version of a registered model as it was read from the file."""

    name: str
    version: int
    created: datetime
    updated: datetime
    description: str | None
    user: str
    stage: ModelStage
    source: str
    location: str
    run: str | None
    run_link: str | None
    logged_model: str | None
    status: ModelVersionStatus
    status_message: str | None
    signature: str | None
    digest: str | None
    tags: dict[str, str]
    aliases: list[str]


@dataclass(frozen=True, slots=True)
class RegisteredModelInfo:
    """A registered model as it was read from the file."""

    name: str
    description: str | None
    created: datetime
    updated: datetime
    tags: dict[str, str]
    aliases: dict[str, int]
    latest_versions: list[ModelVersionInfo]


@dataclass(frozen=True, slots=True)
class SqlTable:
    """The result of a SQL query."""

    columns: list[str]
    rows: list[tuple[int | float | str | bytes | None, ...]]


@dataclass(frozen=True, slots=True)
class WriterInfo:
    """A process that has, or had, the file open for writing."""

    process: int
    host: str
    opened: datetime
    alive: bool


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """Facts about a file: sizes in bytes, counts, writers and warnings."""

    path: Path
    file_id: str
    format_version: int
    created: datetime
    file_bytes: int
    allocated_bytes: int
    experiments: int
    runs: int
    points: int
    unsealed_bytes: int
    chain_bytes: int
    writers: list[WriterInfo]
    index_path: Path | None
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class GcReport:
    """The numbers of things that `gc` purged, and the bytes it freed."""

    runs: int
    experiments: int
    logged_models: int
    freed_bytes: int


@dataclass(frozen=True, slots=True)
class VacuumReport:
    """The length of a file before and after the vacuum, in bytes."""

    before_bytes: int
    after_bytes: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged place of a file."""

    place: str
    offset: int
    wanted: str
    got: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The number of things checked in a file, and each damage found."""

    frames: int
    runs: int
    points: int
    blocks: int
    artifacts: int
    chunks: int
    damages: list[Damage]
    notes: list[str]

    @property
    def is_sound(self) -> bool:
        """Whether there is no damage."""
        return not self.damages


@dataclass(frozen=True, slots=True)
class SalvageReport:
    """What was saved from a damaged file, and what is lost."""

    runs: int
    points: int
    frames: int
    lost: list[str]


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A thing in a lineage.

    `kind` is "table", "dataset", "run", "logged model", "model version", "alias" or "endpoint".
    """

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """A step of a lineage: the target was made from the source.

    `kind` is "input", "output", "registered", "copied" or "named".
    """

    source: LineageNode
    kind: str
    target: LineageNode


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of search results, in order. Iterating it iterates over `items`.

    `next_page_token` is the `page_token` of the search for the next page, None on the last page.
    """

    items: list[Item]
    next_page_token: str | None

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def _instant(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _nanoseconds(instant: object, what: str) -> int:
    if not isinstance(instant, datetime):
        kind = type(instant).__name__
        raise TypeError(f"{what} must be a datetime or nanoseconds since 1970, not {kind}")
    if instant.tzinfo is None:
        instant = instant.astimezone()
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000
