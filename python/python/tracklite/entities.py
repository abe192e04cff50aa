"""What is told of things in a file: plain frozen values, as they were when they were read.

A value does not change when the file does; ask again for what is there now.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class RunStatus(str, enum.Enum):
    """How far a run has come. It is what was written last, not an observation."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    __str__ = str.__str__


class Lifecycle(str, enum.Enum):
    """Whether something is deleted; what is can be restored until `gc` purges it."""

    ACTIVE = "active"
    DELETED = "deleted"

    __str__ = str.__str__


class LoggedModelStatus(str, enum.Enum):
    """How far a logged model has come."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    __str__ = str.__str__


class ModelVersionStatus(str, enum.Enum):
    """How far a version of a model has come."""

    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    FAILED_REGISTRATION = "FAILED_REGISTRATION"
    READY = "READY"

    __str__ = str.__str__


class ModelStage(str, enum.Enum):
    """The stage of a version: what MLflow had before aliases."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"

    __str__ = str.__str__


@dataclass(frozen=True, slots=True)
class Capture:
    """What is captured of a run's surroundings; each has a switch.

    `git`: commit, branch, and a patch of what is not committed. `command`: the command line.
    `exceptions`: one that nobody catches fails the run. `system_metrics`: seconds between looks at
    the load of the machine; None: never.
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
    """One logged value of a metric; the time is in nanoseconds since 1970."""

    step: int
    time: int
    value: float


@dataclass(frozen=True, slots=True)
class MetricStatistics:
    """What a metric amounts to; of values that are no number only the count is told."""

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
    """A dataset as a run used it, identified in its experiment by name and digest."""

    name: str
    digest: str
    source_type: str = "local"
    source: str = "unknown"
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A dataset that a run was given, and tags that say what for."""

    dataset: Dataset
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a run was given: datasets, and ids of logged models, in the order of logging."""

    datasets: list[DatasetInput]
    models: list[str]


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A model that a run has made, and at which step."""

    model: str
    step: int


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset of an experiment and one use that runs made of it."""

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
        """The id of the run."""
        return self.info.id


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """A file or a folder among artifacts, as a listing tells it."""

    path: str
    is_folder: bool
    size: int | None
    media_type: str | None
    digest: str | None
    uri: str | None
    written: datetime


@dataclass(frozen=True, slots=True)
class LoggedModelMetric:
    """A value that was measured of a logged model; the time is in nanoseconds since 1970."""

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
    """The answer to a query in SQL."""

    columns: list[str]
    rows: list[tuple[int | float | str | bytes | None, ...]]


@dataclass(frozen=True, slots=True)
class WriterInfo:
    """A process that has the file open for writing, or had."""

    process: int
    host: str
    opened: datetime
    alive: bool


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """Facts about a file: sizes in bytes, counts, writers, and what somebody should look at."""

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
    """What `gc` removed, and the bytes that it gave back."""

    runs: int
    experiments: int
    logged_models: int
    freed_bytes: int


@dataclass(frozen=True, slots=True)
class VacuumReport:
    """The length of a file before and after its vacuum, in bytes."""

    before_bytes: int
    after_bytes: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One place where the bytes of a file contradict themselves."""

    place: str
    offset: int
    wanted: str
    got: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was looked at in a file, and each damage found."""

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
    """What could be saved of a damaged file, and what is lost."""

    runs: int
    points: int
    frames: int
    lost: list[str]


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """One step of a lineage: what was there before, what came of it, and how."""

    from_kind: str
    from_: str
    kind: str
    to_kind: str
    to: str


def _instant(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _nanoseconds(instant: object, what: str) -> int:
    if not isinstance(instant, datetime):
        kind = type(instant).__name__
        raise TypeError(f"{what} must be a datetime or nanoseconds since 1970, not {kind}")
    if instant.tzinfo is None:
        instant = instant.astimezone()
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def _datasets(datasets: list[tuple[tuple[str | None, ...], dict[str, str]]]) -> list[DatasetInput]:
    return [DatasetInput(Dataset(*facts), tags) for facts, tags in datasets]  # type: ignore[arg-type]
