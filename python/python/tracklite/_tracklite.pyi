import builtins
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, SupportsFloat, SupportsIndex, TypeAlias, final

from tracklite._ui import WebPage
from tracklite.entities import (
    ArtifactInfo,
    Bands,
    Capture,
    Changes,
    CodeDiff,
    CronFires,
    Curves,
    DatabaseInfo,
    Dataset,
    DatasetSummary,
    EndpointInfo,
    ExperimentInfo,
    GcReport,
    Importance,
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
    ModelOutput,
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
    RunInputs,
    RunRecord,
    RunStatus,
    SalvageReport,
    SavedView,
    ServedModel,
    Smoothing,
    SqlTable,
    VacuumReport,
    VerifyReport,
)

class _Scalar(Protocol):
    def item(self) -> Any: ...

_Path: TypeAlias = str | PathLike[str]
_Number: TypeAlias = SupportsFloat | SupportsIndex | _Scalar
_Instant: TypeAlias = int | datetime
_RunId: TypeAlias = str | Run | RunInfo | RunRecord
_ModelId: TypeAlias = str | LoggedModel | LoggedModelInfo
_ExperimentId: TypeAlias = int | str | Experiment | ExperimentInfo
_ExperimentIds: TypeAlias = _ExperimentId | Iterable[_ExperimentId]
_RunIds: TypeAlias = _RunId | Iterable[_RunId]
_Texts: TypeAlias = str | Sequence[str]
_View: TypeAlias = Lifecycle | Literal["active", "deleted", "all"]
_Direction: TypeAlias = Literal["both", "upstream", "downstream"]
_BandKind: TypeAlias = Literal[
    "deviation", "standard_error", "confidence", "extremes", "quartiles"
]
_Status: TypeAlias = (
    RunStatus | Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
)
_FinalStatus: TypeAlias = RunStatus | Literal["FINISHED", "FAILED", "KILLED"]
_ModelStatus: TypeAlias = LoggedModelStatus | Literal["PENDING", "READY", "FAILED"]
_VersionStatus: TypeAlias = (
    ModelVersionStatus | Literal["PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY"]
)
_Model: TypeAlias = str | ServedModel
_Models: TypeAlias = _Model | Iterable[_Model]
_Job: TypeAlias = int | str | JobInfo
_JobRun: TypeAlias = int | JobRunInfo
_Settings: TypeAlias = str | Mapping[str, Any]
_EndpointLevel: TypeAlias = Literal["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"]
_JobLevel: TypeAlias = Literal["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"]
_DaylightSaving: TypeAlias = Literal["once", "quartz"]
_Stage: TypeAlias = ModelStage | Literal["None", "Staging", "Production", "Archived"]

def to_table(table: Any) -> Table:
    """Converts a dict of columns, or an object with Arrow's PyCapsule interface, to a table."""

def to_parquet(table: Table) -> bytes:
    """Converts a table to the bytes of a Parquet file.

    Raises `NotImplementedError` for nested columns.
    """

def from_parquet(bytes: bytes) -> Table:
    """Converts the bytes of a Parquet file to a table.

    Raises `NotImplementedError` for nested columns.
    """

def artifact_owner(path: str) -> tuple[str, str, int, str] | None:
    """Splits a path below an artifact root, such as `3/RUN/artifacts/a.txt`.

    Returns the kind of the owner (`run`, `model` or `version`), its id, the number of the version
    or 0, and the path below the owner. Returns None if the path names no owner.
    """

def run_command(arguments: Sequence[str]) -> int:
    """Runs the command line program with these arguments, the first of which is its name.

    Returns the exit code.
    """

def error_kinds() -> list[str]:
    """Returns the names of all error kinds of the engine."""

@final
class Artifacts:
    """The files of a run or of a logged model. Paths are relative, with `/` between their parts.

    >>> artifacts = run.artifacts()
    >>> artifacts.log_text("the best so far", "model/notes.txt")
    >>> artifacts.read("model/notes.txt")
    b'the best so far'
    >>> [info.path for info in artifacts.list()]
    ['model']
    """

    def log_file(
        self,
        file: _Path,
        path: str | None = None,
        *,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Logs a file as the artifact `path`, by default under its own name.

        Calls `progress` with the number of bytes read so far.
        """
    def log_folder(
        self, folder: _Path, path: str = "", *, progress: Callable[[int], object] | None = None
    ) -> None:
        """Logs all files in a folder and its subfolders, below `path`."""
    def log_bytes(self, bytes: bytes | bytearray, path: str) -> None:
        """Logs bytes as the artifact `path`."""
    def log_text(self, text: str, path: str) -> None:
        """Logs a text as the artifact `path`."""
    def log_dict(self, value: Any, path: str) -> None:
        """Logs a dict, or another JSON value, as the artifact `path`.

        Writes YAML if the path ends in `.yaml`, which requires PyYAML.
        """
    def log_table(self, table: Any, path: str) -> None:
        """Logs a table as the artifact `path`, which ends in `.parquet`, `.csv` or `.json`.

        `table` is a dict of columns, a `Table`, or a table of polars, pandas, pyarrow or another
        Arrow producer.

        >>> run.artifacts().log_table({"x": [1, 2], "word": ["a", "b"]}, "eval.csv")
        >>> run.artifacts().read("eval.csv").decode().split()
        ['x,word', '1,a', '2,b']
        """
    def read_table(self, path: str) -> Table:
        """Reads a table from a Parquet, CSV or JSON file. Nested columns are not supported.

        In CSV files, columns of integers and of floats become numbers, and empty fields None.

        >>> run.log_table({"x": [1, 2], "word": ["a", "b"]}, "eval.parquet")
        >>> run.artifacts().read_table("eval.parquet").rows()
        [{'x': 1, 'word': 'a'}, {'x': 2, 'word': 'b'}]
        """
    def log_figure(self, figure: Any, path: str) -> None:
        """Logs a figure of matplotlib or plotly as the artifact `path`, such as "loss.png"."""
    def log_image(self, image: Any, key: str, step: int = 0) -> str:
        """Logs an image of a series at a step. Returns its path.

        `image` is encoded bytes, a PIL image, or an array of pixels, which requires PIL.
        """
    def log_reference(
        self, uri: str, path: str, *, size: int | None = None, digest: str | None = None
    ) -> None:
        """Logs a reference to a file outside of the database as the artifact `path`."""
    def list(self, folder: str = "") -> builtins.list[ArtifactInfo]:
        """Returns the files and folders directly in a folder, by path."""
    def list_all(self) -> builtins.list[ArtifactInfo]:
        """Returns all files in all folders, by path."""
    def info(self, path: str) -> ArtifactInfo:
        """Returns size, type, digest and time of a file."""
    def open(self, path: str) -> io.BufferedReader:
        """Opens a file for reading. Returns a binary file like `open(path, "rb")`, which can seek.

        Reads and checks the file in chunks of at most 1 MiB, so that large files need little
        memory. Wrap it in `io.TextIOWrapper` to read text.

        >>> run.log_text("one two three", "notes.txt")
        >>> with run.artifacts().open("notes.txt") as file:
        ...     file.seek(4)
        ...     file.read(3)
        4
        b'two'
        """
    def read(self, path: str) -> bytes:
        """Returns all bytes of a file, and checks them."""
    def download(self, path: str, folder: _Path) -> Path:
        """Copies a file, or a folder with its content, to a local folder. Returns the local path.
        """
    def delete(self, path: str) -> None:
        """Deletes a file, or a folder with its content."""
@final
class Column:
    """A sequence of numbers that numpy reads without copying.

    >>> run.log_metric("loss", 0.5, step=7)
    >>> steps = run.history("loss").steps
    >>> len(steps), steps[0], list(steps)
    (1, 7, [7])
    """

    def __len__(self) -> int: ...
    def __getitem__(self, key: int, /) -> int | float: ...
    def __iter__(self) -> Iterator[float]: ...
    def tolist(self) -> list[float]:
        """Returns the numbers as a list."""
    def to_numpy(self) -> Any:
        """Returns a read-only numpy array that shares the memory of the numbers. Requires numpy."""
    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The read-only memory of the numbers, by numpy's array protocol."""
@final
class Database:
    """An open file of runs.

    Any number of processes may have the file open at once. Threads may share a handle. A pickled
    handle holds the path, and unpickling opens the file. The handles of a parent process raise
    `ForkedError` in a forked child, which must open the file itself.

    >>> from tracklite import Database
    >>> with Database.create(folder / "runs.tracklite") as database:
    ...     with database.experiment("/Shared/team/churn").start_run("baseline") as run:
    ...         for step in range(3):
    ...             run.log({"loss": 1 / (step + 1)}, step=step)
    ...     database.runs_table(columns=["run_name", "metrics.loss"]).rows()
    [{'run_name': 'baseline', 'metrics.loss': 0.3333333333333333}]
    """

    @staticmethod
    def open(
        path: _Path,
        *,
        create: bool = False,
        read_only: bool = False,
        sync_interval: float | None = ...,
        lock_timeout: float = 10.0,
        background: bool = True,
        index: _Path | None = None,
    ) -> Database:
        """Opens a file. With `create`, creates it if it does not exist.

        `read_only` also opens files on read-only media. `sync_interval` is the number of seconds
        between syncs to the device. With None, only `sync` and finishing a run sync.
        `lock_timeout` is how many seconds a call waits for another process. `background=False`
        leaves syncing and sealing to `tick`. `index` is the folder for the index, a cache, or
        ":memory:".

        >>> Database.open(folder / "none.tracklite")
        Traceback (most recent call last):
        tracklite.exceptions.NotFoundError: ...none.tracklite: there is no such file ...
        """
    @staticmethod
    def create(path: _Path) -> Database:
        """Opens a file, and creates it if it does not exist."""
    @staticmethod
    def open_read_only(path: _Path) -> Database:
        """Opens a file for reading only. Nothing is written to it and no lock is taken."""
    @property
    def path(self) -> Path:
        """The path with which the file was opened."""
    @property
    def read_only(self) -> bool:
        """Whether the file was opened for reading only."""
    @property
    def closed(self) -> bool:
        """Whether the database was closed."""
    def experiment(self, path: str) -> Experiment:
        """Returns the experiment with this path, and creates it if it does not exist.

        Any text is a path. Slashes make folders, as in "/Shared/team/churn".
        """
    def create_experiment(self, path: str) -> Experiment:
        """Creates an experiment. Raises `AlreadyExistsError` if the path is taken."""
    def find_experiment(self, path: str) -> Experiment | None:
        """Returns the experiment with this path, deleted or not. None if there is none."""
    def experiment_by_id(self, id: _ExperimentId) -> Experiment:
        """Returns the experiment with this ID."""
    def default_experiment(self) -> Experiment:
        """Returns the experiment that every file has: ID 0, named "Default"."""
    def experiments(self) -> list[ExperimentInfo]:
        """Returns all experiments by ID, including deleted ones."""
    def run(self, id: _RunId) -> Run:
        """Returns a handle to the run with this ID, for reading and writing it."""
    def resume_run(self, id: _RunId) -> Run:
        """Continues a run as its writer: sets its status to RUNNING and clears its end time.

        >>> run.finish()
        >>> with database.resume_run(run.id) as again:
        ...     again.info().status
        <RunStatus.RUNNING: 'RUNNING'>
        """
    def run_by_prefix(self, prefix: str) -> Run:
        """Returns a handle to the only run whose ID begins with `prefix`.

        >>> database.run_by_prefix(run.id[:8]) == run
        True
        """
    def runs(self) -> list[RunRecord]:
        """Returns the active runs of active experiments, newest first."""
    def all_runs(self) -> list[RunRecord]:
        """Returns all runs, newest first, including deleted ones."""
    def run_health(self, runs: _RunIds) -> list[RunHealth]:
        """Returns the health of each of these runs: whether its process lives and logs.

        A dead process is noticed at once, by the lock that the kernel releases when it ends. On a
        network file system no process counts as dead.

        >>> database.run_health(run)
        [<RunHealth.RUNNING: 'running'>]
        """
    def code_diff(self, before: _RunId, after: _RunId) -> CodeDiff:
        """Returns the difference between the code of two runs: their commits, and their patches of
        uncommitted changes line by line.

        >>> other = experiment.start_run()
        >>> other.log_text("+rate = 0.2", "git/dirty.patch")
        >>> diff = database.code_diff(run, other)
        >>> diff.has_patch, diff.hunks[0].lines
        ((False, True), [('added', '+rate = 0.2')])
        """
    def package_diff(self, before: _RunId, after: _RunId) -> PackageDiff | None:
        """Returns the difference between the packages of two runs. None if one has no list of them.

        >>> other = experiment.start_run()
        >>> run.log_text("numpy==2.1.0", "requirements.txt")
        >>> other.log_text("numpy==2.2.0", "requirements.txt")
        >>> database.package_diff(run, other).changed
        [('numpy', '2.1.0', '2.2.0')]
        """
    def importance(
        self,
        objective: str,
        filter: str = "",
        *,
        log: bool = False,
        exclude: _Texts | None = None,
        dependence: str | None = None,
        experiments: _ExperimentIds | None = None,
        view: _View = "active",
    ) -> Importance:
        """Returns how much each param matters for a metric, over the runs that a search finds.

        `objective` is a field such as "metrics.loss" or "best.loss". With `log`, its logarithm
        counts. `exclude` names params to leave out. With `dependence`, the answer also has the mean
        objective for values of that param. Needs at least 20 runs with a finite value. The other
        arguments are those of `search_runs`.

        >>> for at in range(40):
        ...     with experiment.start_run(params={"rate": at % 10, "seed": at * 7 % 40}) as run:
        ...         run.log_metric("loss", at % 10)
        >>> found = database.importance("metrics.loss")
        >>> found.runs, found.params[0].key
        (40, 'rate')
        """
    def create_folder(self, path: str) -> None:
        """Creates a folder, and those above it. Does nothing if it exists.

        Folders above experiments need not be created.

        >>> database.create_folder("/Shared/plans")
        >>> database.folders()
        ['/Shared', '/Shared/plans']
        """
    def delete_folder(self, path: str) -> None:
        """Deletes an empty folder that was created."""
    def folders(self) -> list[str]:
        """Returns the folders that were created, sorted."""
    def delete_run(self, id: _RunId) -> None:
        """Marks a run deleted, until `restore_run` or `gc`."""
    def restore_run(self, id: _RunId) -> None:
        """Restores a deleted run."""
    def sync(self) -> None:
        """Makes everything durable that any process logged before the call."""
    def tick(self) -> None:
        """Does the background work of one second now: syncs, seals, and recovers dead writers."""
    def changes(self, since: str | None = None) -> Changes:
        """Returns which areas of the file any process has changed since an earlier call.

        `since` is the `cursor` of that call. Without one, everything counts as changed. A program
        that shows the file calls this a few times a second, and reads again what has changed.

        Raises `InvalidInputError` if the cursor belongs to another file, or to a state that this
        file does not have, for example because it was vacuumed.

        >>> run.log_metric("loss", 0.5)
        >>> seen = database.changes().cursor
        >>> database.changes(seen).any()
        False
        >>> run.log_metric("loss", 0.4)
        >>> changes = database.changes(seen)
        >>> changes.points, changes.runs
        (True, False)
        """
    def ui(self, open: str | None = None, *, height: int = 720) -> WebPage:
        """Serves the web page of the file. A notebook shows it, and a program prints its address.

        `open` is the place of the page to begin with, such as "runs?f=metrics.loss < 0.1".
        `height` is that of the frame in a notebook, in pixels.

        The server is another process, which only this machine reaches. It ends with this process,
        or when the page is closed. Further calls for the same file use the same server. The address
        ends with a token, which permits everything that the database permits: do not share it.
        """
    def sql(self, query: str) -> SqlTable:
        """Runs a read-only SQL query over the index: tables `runs`, `params`, `tags`, `metrics` and
        others.

        >>> database.sql("SELECT name FROM runs").rows
        [('baseline',)]
        """
    def info(self) -> DatabaseInfo:
        """Returns facts about the file: sizes, counts, writers, warnings."""
    def gc(self) -> GcReport:
        """Purges everything deleted and frees its space. Purged runs cannot be restored."""
    def backup(self, to: _Path) -> None:
        """Copies the file as it is now to a new file, while other processes keep writing."""
    @staticmethod
    def vacuum(path: _Path) -> VacuumReport:
        """Rewrites a file without its purged and empty parts. Nobody may have the file open.

        >>> database.close()
        >>> report = Database.vacuum(database.path)
        >>> report.after_bytes <= report.before_bytes
        True
        """
    @staticmethod
    def verify(path: _Path) -> VerifyReport:
        """Checks every checksum of a file, and that its records are consistent.

        >>> Database.verify(database.path).is_sound
        True
        """
    @staticmethod
    def salvage(path: _Path, out: _Path) -> SalvageReport:
        """Copies everything readable in a damaged file to a new file."""
    def registry(self) -> Registry:
        """Returns the registry of models."""
    def endpoints(self) -> Endpoints:
        """Returns the endpoints of the file."""
    def jobs(self) -> Jobs:
        """Returns the jobs of the file."""
    def close(self) -> None:
        """Syncs and closes the file. Runs that are not finished keep their status.

        The database and all handles made from it raise `InvalidStateError` afterwards. Other
        openings of the same file are not affected. Closing twice is allowed.

        >>> database.close()
        >>> run.log_metric("loss", 0.5)
        Traceback (most recent call last):
        tracklite.exceptions.InvalidStateError: ...the database is closed: open the file again
        """
    def runs_table(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        experiments: _ExperimentIds | None = None,
        view: _View = "active",
        max_results: int | None = None,
        columns: _Texts | None = None,
    ) -> Table:
        """Searches runs, and returns a table with a row for each run found.

        The arguments are those of `search_runs`. `columns` are names such as "run_id",
        "metrics.loss" or "params.*", None for the default ones.

        >>> run.log_metric("loss", 0.25)
        >>> found = database.runs_table("metrics.loss < 0.5", order_by="metrics.loss DESC")
        >>> found["metrics.loss"]
        [0.25]
        """
    def search_runs(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        experiments: _ExperimentIds | None = None,
        view: _View = "active",
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[RunRecord]:
        """Searches runs. Returns one page of `RunRecord`.

        `filter` and `order_by` are in MLflow's search language. `experiments` are experiments or
        their IDs, None for all. `view` is "active", "deleted" or "all". `page_token` is the
        `next_page_token` of the page before.

        >>> run.log_metric("loss", 0.25)
        >>> page = database.search_runs("metrics.loss < 0.5", order_by="metrics.loss DESC")
        >>> [record.info.name for record in page.items], page.next_page_token
        (['baseline'], None)
        """
    def iter_runs(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        experiments: _ExperimentIds | None = None,
        view: _View = "active",
    ) -> Iterator[RunRecord]:
        """Iterates over all runs that a search finds. Reads them page by page.

        >>> [record.id for record in database.iter_runs("status = 'RUNNING'")] == [run.id]
        True
        """
    def search_experiments(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        view: _View = "active",
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[ExperimentInfo]:
        """Searches experiments. Returns one page of `ExperimentInfo`."""
    def iter_experiments(
        self, filter: str = "", *, order_by: _Texts | None = None, view: _View = "active"
    ) -> Iterator[ExperimentInfo]:
        """Iterates over all experiments that a search finds. Reads them page by page."""
    def search_logged_models(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        experiments: _ExperimentIds | None = None,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[LoggedModelInfo]:
        """Searches logged models. Returns one page of `LoggedModelInfo`.

        `order_by` are fields, each ascending unless " DESC" follows.
        """
    def iter_logged_models(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        experiments: _ExperimentIds | None = None,
    ) -> Iterator[LoggedModelInfo]:
        """Iterates over all logged models that a search finds. Reads them page by page."""
    def search_datasets(
        self, experiments: _ExperimentIds
    ) -> list[DatasetSummary]:
        """Returns the datasets of these experiments, with the context of each use."""
    def logged_model(self, id: _ModelId) -> LoggedModel:
        """Returns a handle to the logged model with this ID."""
    def comparison_table(self, runs: _RunIds) -> Table:
        """Compares runs. Returns a row for each run, and only the columns that differ."""
    def history_table(
        self, runs: _RunIds, keys: _Texts | None = None, *, wide: bool = False
    ) -> Table:
        """Returns all points of these metrics of these runs: `run_id, key, step, timestamp, value`.

        `keys` are metrics, None for all. With `wide`, returns a row for each step and a column for
        each key.

        >>> run.log({"loss": 0.5, "accuracy": 0.75}, step=0)
        >>> database.history_table(run, wide=True).columns
        ['run_id', 'step', 'timestamp', 'accuracy', 'loss']
        """
    def params_table(self, runs: _RunIds) -> Table:
        """Returns the params of these runs: `run_id, key, value`."""
    def tags_table(self, runs: _RunIds) -> Table:
        """Returns the tags of these runs: `run_id, key, value`."""
    def datasets_table(self, runs: _RunIds) -> Table:
        """Returns the input datasets of these runs."""
    def lineage(
        self, node: _RunId | _ModelId, *, direction: _Direction = "both"
    ) -> LineageGraph:
        """Returns what a run, a model or a version was made from, and what was made from it.

        `node` is a handle, an ID, "models:/name/1", "models:/name@alias", "tables:/name" or
        "endpoints:/name". `direction` is "both", "upstream" or "downstream".
        """
    def lineage_table(
        self, node: _RunId | _ModelId, *, direction: _Direction = "both"
    ) -> Table:
        """Returns the edges of `lineage`: `from_kind, from, from_name, kind, to_kind, to, to_name`.
        """
    def __enter__(self) -> Database: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def _repr_html_(self) -> str: ...
    def curves(
        self,
        runs: _RunIds,
        keys: _Texts,
        *,
        columns: int = 1000,
        axis: str = "step",
        range: tuple[float, float] | None = None,
        smoothing: Smoothing | float | None = None,
    ) -> Curves:
        """Returns the curves of metrics of runs: key by key, each with the runs in order.

        A row of a curve is a column of a chart that is `columns` pixels wide. It has the extremes
        and the mean of all its points, never of a sample. Few points are rows of their own. A
        metric without points in the range has no curve. Points of live runs are included.

        `axis` is "step", "time" (milliseconds since 1970), "relative" (seconds since the start of
        the run) or another metric, such as "metrics.epoch". `range` is a part of the axis, None for
        all. `smoothing` is a `Smoothing`, or the weight of `Smoothing.average`. The answer is a
        sequence of `Curve`, and a table of all rows.

        >>> for step in range(10_000):
        ...     run.log_metric("loss", 9.0 if step == 5_000 else 1.0, step)
        >>> curves = database.curves(run, "loss", columns=100)
        >>> curves[0].points, len(curves[0].places), max(curves[0].max_values)
        (10000, 100, 9.0)
        >>> curves.to_polars()["max_value"].max()
        9.0
        """
    def bands(
        self,
        groups: Iterable[_RunIds | RunGroup],
        keys: _Texts,
        *,
        kind: _BandKind = "deviation",
        columns: int = 1000,
        axis: str = "step",
        range: tuple[float, float] | None = None,
        smoothing: Smoothing | float | None = None,
    ) -> Bands:
        """Returns the bands of metrics over groups of runs: key by key, each with all groups.

        A group is an iterable of runs, or a group of `group_runs`. Every run of a group counts. A
        run has a value between its first and its last point, and between two points it is
        interpolated linearly. A group without points has no band.

        `kind` is the width of the band: "deviation" (one standard deviation to both sides),
        "standard_error", "confidence" (95 %), "extremes" or "quartiles". The other arguments are
        those of `curves`. The answer is a sequence of `Band`, and a table of all rows.

        >>> seeds = [experiment.start_run() for _ in range(3)]
        >>> for seed, loss in zip(seeds, [1.0, 2.0, 6.0]):
        ...     seed.log_metric("loss", loss, 0)
        >>> band = database.bands([seeds], "loss", kind="extremes")[0]
        >>> band.means[0], band.lows[0], band.highs[0], band.runs[0]
        (3.0, 1.0, 6.0, 3)
        """
    def run_keys(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        experiments: _ExperimentIds | None = None,
        view: _View = "active",
        max_results: int | None = None,
    ) -> list[KeySummary]:
        """Returns all keys of the runs that a search finds: params, then metrics, then tags.

        They are `KeySummary`, each kind by key. The arguments are those of `search_runs`.

        >>> for rate in (0.1, 0.01):
        ...     run = experiment.start_run(params={"rate": rate})
        >>> key = database.run_keys()[0]
        >>> key.key, key.runs, key.distinct, key.range
        ('rate', 2, 2, (0.01, 0.1))
        """
    def params_but_seeds(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        experiments: _ExperimentIds | None = None,
        view: _View = "active",
        max_results: int | None = None,
    ) -> list[str]:
        """Returns the params by which repetitions of a configuration are grouped.

        They are those that differ between the runs that a search finds, without seeds, as fields
        such as "params.rate".
        """
    def group_runs(
        self,
        filter: str = "",
        *,
        keys: _Texts | None = None,
        columns: _Texts | None = None,
        order_by: _Texts | None = None,
        experiments: _ExperimentIds | None = None,
        view: _View = "active",
        max_results: int | None = None,
    ) -> RunGroups:
        """Groups all runs that a search finds by the values of `keys`, and summarises `columns`.

        Both are columns of `runs_table`. Without `keys`, groups by `params_but_seeds`. Every run of
        a group counts, never a sample. The answer is a sequence of `RunGroup`, and a table of them.

        >>> for rate, seed, loss in [(0.1, 0, 1.0), (0.1, 1, 3.0), (0.2, 0, 5.0)]:
        ...     with experiment.start_run(params={"rate": rate, "seed": seed}) as run:
        ...         run.log_metric("loss", loss)
        >>> found = database.group_runs("metrics.loss > 0", columns="metrics.loss",
        ...                             order_by="metrics.loss")
        >>> [(group.values, group.columns["metrics.loss"].mean) for group in found]
        [({'params.rate': '0.1'}, 2.0), ({'params.rate': '0.2'}, 5.0)]
        >>> found.to_table().columns[:4]
        ['params.rate', 'runs', 'metrics.loss.mean', 'metrics.loss.deviation']
        """
    def views(self) -> list[SavedView]:
        """Returns all views as `SavedView`, ordered by name."""
    def view(self, name: str) -> SavedView:
        """Returns the view with this name."""
    def save_view(
        self,
        name: str,
        state: str | Mapping[str, Any],
        *,
        expects: int = 0,
        user: str | None = None,
    ) -> SavedView:
        """Saves a view atomically if its revision is still `expects`. Creates it with 0.

        `state` is a dict, or JSON of an object as text. The author is `user`, by default the user
        of this process. Raises `ConflictError` if the view has another revision by now, or exists
        although `expects` is 0. The change is durable when the call returns.

        >>> first = database.save_view("best runs", {"o": "metrics.loss"})
        >>> second = database.save_view("best runs", {"o": "metrics.auc"}, expects=first.revision)
        >>> database.view("best runs") == second, second.state
        (True, '{"o": "metrics.auc"}')
        >>> database.save_view("best runs", {}, expects=first.revision)
        Traceback (most recent call last):
        tracklite.exceptions.ConflictError: ...view "best runs" is not as expected: ...
        """
    def delete_view(self, name: str, *, expects: int, user: str | None = None) -> None:
        """Deletes a view permanently if its revision is still `expects`.

        The change is that of `user`, by default the user of this process. Raises `ConflictError` if
        the view has another revision by now.
        """
    def create_table(
        self,
        name: str,
        columns: Mapping[str, str] | Any,
        *,
        primary_key: Sequence[str] = ...,
        timestamp: str | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> StoredTable:
        """Creates a table `catalog.schema.table`.

        `columns` is a dict of types by name, or rows whose columns have the types. The types are
        those of Spark: boolean, tinyint, smallint, int, bigint, float, double, string, binary,
        date, timestamp, and array<bigint>, array<float>, array<double>. Rows are not written.
        """
    def table(self, name: str) -> StoredTable:
        """Returns the table of this name."""
    def table_names(self, prefix: str = "") -> list[str]:
        """Returns the names of all tables that begin with `prefix`, in order."""
    def join_features(
        self,
        rows: Any,
        lookups: Sequence[Mapping[str, Any]],
        *,
        prefer_given: bool = False,
        known_at: str | datetime | int | None = None,
    ) -> dict[str, Any]:
        """Adds features to rows: for each row the values with its key, as of its time.

        Each lookup is a dict with `table` and `keys` (columns of the rows), and if wanted
        `features`, `rename` (new names by feature), `time` (a column of the rows), `lookback`
        (seconds), `defaults` (values by feature) and `version`. Returns a dict with `table`,
        `versions` (those of the tables that were read) and `misses` (rows without a match).

        A row with a time gets the newest values up to its time. With `known_at`, a time or the name
        of a column of times, writes after that time are ignored. With `prefer_given`, a column of
        the rows replaces a feature of the same name.

        >>> users = database.create_table(
        ...     "ml.features.spend", {"user": "bigint", "spend": "double"}, primary_key=["user"])
        >>> users.merge({"user": [1, 2], "spend": [0.5, 9.0]})
        1
        >>> lookup = {"table": "ml.features.spend", "keys": ["id"], "defaults": {"spend": 0.0}}
        >>> joined = database.join_features({"id": [2, 3]}, [lookup])
        >>> joined["table"].rows(), joined["misses"]
        ([{'id': 2, 'spend': 9.0}, {'id': 3, 'spend': 0.0}], [1])
        """
@final
class Endpoints:
    """The endpoints of a file: names under which a server answers requests with models.

    The file states what to serve, and `tracklite serve` serves it. A change makes a configuration
    that is pending until a server has loaded its models. Each change is durable when the call
    returns.

    >>> churn = database.registry().create_model("churn")
    >>> first = churn.create_version("s3://models/churn/1")
    >>> churn.set_alias("champion", first.version)
    >>> endpoints = database.endpoints()
    >>> endpoint = endpoints.create("churn-predictor", "models:/churn@champion")
    >>> endpoint.pending.models[0].version, endpoint.active
    (1, None)
    """

    def list(self) -> builtins.list[EndpointInfo]:
        """Returns all endpoints as `EndpointInfo`, ordered by name."""
    def get(self, name: str) -> EndpointInfo:
        """Returns the endpoint with this name."""
    def create(
        self,
        name: str,
        models: _Models,
        *,
        routes: Mapping[str, int] | None = None,
        timeout: float | None = None,
        waiting: int | None = None,
        workers: int | None = None,
        idle: float | None = None,
        description: str | None = None,
        tags: Mapping[str, object] | None = None,
        grants: Mapping[str, _EndpointLevel] | None = None,
        capture: str | None = None,
        sample: int = 100,
        durable: bool = False,
    ) -> EndpointInfo:
        """Creates an endpoint.

        `models` is an address such as "models:/churn@champion", a `ServedModel`, or several of
        them. `routes` has the percentage of the requests for each name of a model. `timeout` is the
        most seconds of a request, `waiting` how many requests may wait, `workers` the number of
        processes, and `idle` after how many seconds a model ends that may scale to zero. The other
        arguments are those of `set`.

        >>> churn = database.registry().create_model("churn")
        >>> versions = [churn.create_version(f"s3://models/churn/{n}").version for n in (1, 2)]
        >>> models = [tracklite.ServedModel(f"models:/churn/{n}", name=f"v{n}") for n in versions]
        >>> made = database.endpoints().create("churn", models, routes={"v1": 90, "v2": 10})
        >>> [(model.name, model.percent) for model in made.pending.models]
        [('v1', 90), ('v2', 10)]
        """
    def update(
        self,
        name: str,
        models: _Models,
        *,
        routes: Mapping[str, int] | None = None,
        timeout: float | None = None,
        waiting: int | None = None,
        workers: int | None = None,
        idle: float | None = None,
        expects: int | None = None,
    ) -> EndpointInfo:
        """Begins to replace what an endpoint serves. The active models answer until a server has
        loaded the new ones.

        The arguments are those of `create`. With `expects`, the endpoint must still have this
        revision. Raises `ConflictError` if it has another one, or if another update is pending.
        """
    def set(
        self,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, object] | None = None,
        grants: Mapping[str, _EndpointLevel] | None = None,
        capture: str | None = None,
        sample: int = 100,
        durable: bool = False,
        expects: int | None = None,
    ) -> EndpointInfo:
        """Changes settings that hold at once, beside what is served. Those that are None stay.

        A tag of None is removed. `grants` replaces the levels by the names of users, such as
        "CAN_QUERY"; "users" means all of them, and other groups and services have the prefixes
        "group:" and "service:". `capture` is where requests and answers are written:
        "catalog.schema" or "catalog.schema.prefix"; an empty one ends it. `sample` is the
        percentage that is written. With `durable`, an answer waits until its row is synced.
        """
    def delete(self, name: str, *, expects: int | None = None) -> None:
        """Deletes an endpoint permanently. With `expects`, it must still have this revision."""
    def requests(
        self,
        name: str,
        *,
        from_time: _Instant | None = None,
        until: _Instant | None = None,
        labels: str | None = None,
        legacy: bool = False,
    ) -> Table:
        """Returns the requests to an endpoint and their answers, in the order in which they were
        written.

        `from_time` and `until` are the first and the last time of a request. `labels` is a stored
        table whose key is the id of a request, for example with what turned out to be true. With
        `legacy`, the columns are those of Databricks's earlier tables.
        """
@final
class Jobs:
    """The jobs of a file: tasks with a schedule, and all their runs.

    `tracklite serve` and `tracklite jobs daemon` run them. A job is named by its id, by its name,
    or by a `JobInfo`. Each change is durable when the call returns.

    >>> jobs = database.jobs()
    >>> job = jobs.create({
    ...     "name": "retrain",
    ...     "tasks": [{"task_key": "train", "command_task": {"command": ["python", "train.py"]}}],
    ...     "schedule": {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "UTC"},
    ... })
    >>> run = jobs.run_now("retrain", {"rate": "0.1"})
    >>> run.number, run.result, jobs.pause(job).paused
    (1, None, True)
    """

    def list(self) -> builtins.list[JobInfo]:
        """Returns all jobs as `JobInfo`, newest first."""
    def get(self, job: _Job) -> JobInfo:
        """Returns a job."""
    def create(
        self, settings: _Settings, *, grants: Mapping[str, _JobLevel] | None = None
    ) -> JobInfo:
        """Creates a job.

        `settings` is a dict, or JSON of an object as text, in the words of Databricks. `grants` has
        the levels of users by their names, such as "CAN_MANAGE_RUN"; "users" means all of them, and
        other groups and services have the prefixes "group:" and "service:".
        """
    def update(
        self, job: _Job, changes: _Settings, *, removed: Sequence[str] = ...
    ) -> JobInfo:
        """Replaces the members of the settings that `changes` has, and removes those in `removed`.

        Tasks are merged by their keys. A task is removed by its place, `tasks/KEY`.

        >>> jobs = database.jobs()
        >>> task = {"task_key": "hello", "command_task": {"command": ["echo", "hello"]}}
        >>> job = jobs.create({"name": "greet", "tasks": [task], "timeout_seconds": 60})
        >>> changed = jobs.update(job, {"name": "greet all"}, removed=["timeout_seconds"])
        >>> changed.name, "timeout_seconds" in changed.settings
        ('greet all', False)
        """
    def reset(self, job: _Job, settings: _Settings) -> JobInfo:
        """Replaces all settings of a job."""
    def set_grants(self, job: _Job, grants: Mapping[str, _JobLevel]) -> JobInfo:
        """Replaces the levels of users by their names, as `create` has them."""
    def delete(self, job: _Job) -> None:
        """Deletes a job permanently. Its runs stay."""
    def pause(self, job: _Job) -> JobInfo:
        """Pauses the schedule or trigger of a job."""
    def resume(self, job: _Job) -> JobInfo:
        """Lets the schedule or trigger of a job continue. Fires while it was paused are not made up
        for.
        """
    def run_now(
        self,
        job: _Job,
        parameters: Mapping[str, object] | None = None,
        *,
        token: str | None = None,
    ) -> JobRunInfo:
        """Creates a run, which the next free server or daemon runs.

        `parameters` are those of the job by name. A repeated call with the same `token` returns the
        first run.
        """
    def cancel(self, run: _JobRun) -> None:
        """Asks a run to end early. Its runner ends the processes; then its result is "CANCELED"."""
    def cancel_all(self, job: _Job) -> None:
        """Asks all active runs of a job to end early."""
    def runs(
        self,
        job: _Job | None = None,
        *,
        active: bool | None = None,
        offset: int = 0,
        max_results: int = 100,
    ) -> builtins.list[JobRunInfo]:
        """Returns runs as `JobRunInfo`, newest first: of one job, or of all.

        With `active`, only those that have not ended, or only those that have. `offset` leaves the
        first ones out.
        """
    def run(self, run: _JobRun) -> JobRunInfo:
        """Returns a run with its attempts, by its id or a `JobRunInfo`."""
    def output(self, run: _JobRun) -> dict[str, str]:
        """Returns what the tasks of a run have printed: texts by the keys of the tasks.

        The text of a task is that of its last attempt. A task that has printed nothing, or has not
        ended, has none.
        """
    def delete_run(self, run: _JobRun) -> None:
        """Deletes an ended run permanently."""
    @staticmethod
    def explain(
        expression: str,
        zone: str = "UTC",
        *,
        after: _Instant | None = None,
        count: int = 5,
        daylight_saving: _DaylightSaving = "once",
    ) -> CronFires:
        """Explains a Quartz cron expression. Returns it in words, with its next fires.

        `zone` is a name of the IANA database or of Java. `after` is the time after which fires are
        returned, by default now. With `daylight_saving="once"`, each time of day fires once, also
        when clocks change. With "quartz", it fires like Quartz, which may lose fires.

        >>> from datetime import datetime, timezone
        >>> after = datetime(2027, 1, 1, tzinfo=timezone.utc)
        >>> found = database.jobs().explain("0 0 6 * * ?", "America/New_York", after=after, count=1)
        >>> found.text, [fire.isoformat() for fire in found.fires]
        ('at 06:00 every day (America/New_York)', ['2027-01-01T11:00:00+00:00'])
        """
@final
class Experiment:
    """A handle to an experiment.

    >>> experiment = database.experiment("/Shared/team/churn")
    >>> experiment.set_tag("owner", "research")
    >>> with experiment.start_run("sweep", params={"depth": 3}) as parent:
    ...     for seed in range(3):
    ...         with experiment.start_run(parent=parent, params={"seed": seed}):
    ...             pass
    >>> len(experiment.runs())
    4
    """

    @property
    def id(self) -> int:
        """The ID, which does not change when the experiment is renamed."""
    def info(self) -> ExperimentInfo:
        """Returns path, lifecycle, times and tags, as they are in the file now."""
    def tags(self) -> dict[str, str]:
        """Returns the tags by key."""
    def start_run(
        self,
        name: str = "",
        *,
        parent: _RunId | None = None,
        params: Any = None,
        tags: Mapping[str, object] | None = None,
        user: str | None = None,
        started: _Instant | None = None,
        capture: bool | Capture | None = None,
    ) -> Run:
        """Starts a run. Without a name, it gets a generated one such as "quiet-heron-417".

        As a context manager, the run is finished at the end of the block: FINISHED, or FAILED
        after an exception, whose traceback becomes the tag `tracklite.exception`.

        `parent` is the run in which it is nested. `started` is its start time, by default now.
        `capture` selects what is recorded about the environment: a `Capture`, or True for
        everything.

        >>> with database.default_experiment().start_run(tags={"stage": "try"}) as run:
        ...     run.tags()["stage"]
        'try'
        """
    def create_logged_model(
        self,
        name: str = "",
        *,
        model_type: str | None = None,
        source_run: _RunId | None = None,
        params: Any = None,
        tags: Mapping[str, object] | None = None,
        signature: str | None = None,
        input_example: str | None = None,
    ) -> LoggedModel:
        """Creates a logged model. Its files are its artifacts.

        `source_run` is a run, its ID, or any text that names one elsewhere.
        """
    def runs(self) -> list[RunRecord]:
        """Returns its active runs, newest first."""
    def datasets(self) -> list[DatasetSummary]:
        """Returns all datasets of its runs, with the context of each use."""
    def rename(self, path: str) -> None:
        """Changes the path."""
    def delete(self) -> None:
        """Marks the experiment and all its runs deleted, until `restore` or `gc`."""
    def restore(self) -> None:
        """Restores the experiment and all its runs."""
    def set_tag(self, key: str, value: object) -> None:
        """Sets a tag. Replaces an earlier value."""
    def delete_tag(self, key: str) -> None:
        """Deletes a tag."""
    @staticmethod
    def _reopen(path: _Path, read_only: bool, id: int) -> Experiment: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class StoredTable:
    """A handle to a stored table: rows of typed columns, with versions.

    With a primary key, `merge` inserts rows and replaces those with the same key. Without one,
    `append` keeps each row. Rows come from polars, pandas, pyarrow, or a dict of columns. Each
    write is a version, visible whole or not at all, and durable when the call returns.

    >>> users = database.create_table(
    ...     "ml.features.users", {"user": "bigint", "spend": "double"}, primary_key=["user"])
    >>> users.merge({"user": [1, 2], "spend": [0.5, 9.0]})
    1
    >>> users.merge({"user": [2], "spend": [7.5]})
    2
    >>> users.read().rows()
    [{'user': 1, 'spend': 0.5}, {'user': 2, 'spend': 7.5}]
    >>> users.read(version=1)["spend"]
    [0.5, 9.0]
    """

    @property
    def id(self) -> str:
        """The id of the table, which stays when it is renamed."""
    def info(self) -> dict[str, Any]:
        """Returns a dict that describes the table.

        It has name, columns (types by name), primary_key, timestamp, description, owner, tags,
        version, and creation_time in nanoseconds since 1970.
        """
    def append(self, rows: Any) -> int:
        """Adds rows to a table without a key. Returns the version."""
    def merge(self, rows: Any) -> int:
        """Inserts rows, or replaces those with the same key and timestamp. Returns the version.

        Columns that are not given keep their values.
        """
    def overwrite(self, rows: Any) -> int:
        """Replaces all rows. Returns the version. Earlier versions stay readable."""
    def delete(self, keys: Any) -> int:
        """Deletes rows by key, and by timestamp if that is given. Returns the version."""
    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        version: int | None = None,
        known_at: datetime | int | None = None,
    ) -> Table:
        """Reads rows: by key and timestamp, or in the order of the writes without a key.

        `version` reads the rows as they were after that write, `known_at` as they were at a time.
        """
    def writes(self) -> list[dict[str, Any]]:
        """Returns all writes as dicts: version, time (nanoseconds since 1970), user, mode and rows.
        """
    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets tags. A value of None removes the tag."""
    def rename(self, name: str) -> None:
        """Renames the table. Its rows, versions and tags stay."""
    def compact(self) -> None:
        """Merges the files of the table, so that reads are faster. Answers do not change."""
    def remove_history(self, before: int) -> None:
        """Removes everything that only versions before this one show. They cannot be read any more.
        """
    def drop(self) -> None:
        """Drops the table with all its rows."""
@final
class Table:
    """A table that polars, pandas, pyarrow and DuckDB read directly.

    It has Arrow's PyCapsule interface, which `polars.DataFrame(table)`, `pyarrow.table(table)` and
    `duckdb.sql("FROM table")` use. `to_polars`, `to_pandas` and `to_arrow` are shortcuts.

    >>> run.log_param("depth", 3)
    >>> table = database.runs_table(columns=["run_name", "params.depth"])
    >>> table.shape
    (1, 2)
    >>> table.rows()
    [{'run_name': 'baseline', 'params.depth': '3'}]
    """

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and of columns."""
    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
    def __len__(self) -> int: ...
    def __getitem__(self, key: str, /) -> list[Any]: ...
    def rows(self) -> list[dict[str, Any]]:
        """Returns the rows as dicts, without any other package.

        Times are in nanoseconds since 1970.
        """
    def to_polars(self) -> Any:
        """Returns a `polars.DataFrame`. Requires polars."""
    def to_arrow(self) -> Any:
        """Returns a `pyarrow.Table`. Requires pyarrow."""
    def to_pandas(self) -> Any:
        """Returns a `pandas.DataFrame`. Requires pandas and pyarrow."""
    def __arrow_c_schema__(self) -> Any:
        """Exports the names and types of the columns by Arrow's PyCapsule interface."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """Exports the table by Arrow's PyCapsule interface."""
    def _repr_html_(self) -> str: ...

@final
class History:
    """The points of a metric as three columns, ordered by time, step and value.

    >>> for step in range(3):
    ...     run.log_metric("loss", 1 / (step + 1), step)
    >>> history = run.history("loss")
    >>> history.values
    Column([1.0, 0.5, 0.3333333333333333])
    >>> history.to_numpy()["value"].mean().round(2).item()
    0.61
    """

    @property
    def key(self) -> str:
        """The key of the metric."""
    @property
    def steps(self) -> Column:
        """The step of each point."""
    @property
    def timestamps(self) -> Column:
        """The time of each point, in nanoseconds since 1970."""
    @property
    def values(self) -> Column:
        """The value of each point, bit for bit as logged."""
    def __len__(self) -> int: ...
    def __getitem__(self, key: int, /) -> MetricPoint: ...
    def to_table(self) -> Table:
        """Returns the points as a table of `step`, `timestamp` and `value`."""
    def to_numpy(self) -> dict[str, Any]:
        """Returns a dict of numpy arrays `step`, `timestamp` and `value`, which share the memory of
        the points. Requires numpy.
        """
    def to_polars(self) -> Any:
        """Returns the points as a `polars.DataFrame`. Requires polars."""
    def to_pandas(self) -> Any:
        """Returns the points as a `pandas.DataFrame`. Requires pandas and pyarrow."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """Exports the points by Arrow's PyCapsule interface."""
    def _repr_html_(self) -> str: ...

@final
class LineageGraph:
    """Runs, models, versions and datasets, and how each was made from the others.

    >>> model = experiment.create_logged_model("forest", source_run=run)
    >>> run.log_model_output(model)
    >>> graph = database.lineage(model)
    >>> [(edge.source.kind, edge.kind, edge.target.name) for edge in graph.edges]
    [('run', 'output', 'forest')]
    """

    @property
    def nodes(self) -> list[LineageNode]:
        """The nodes, ordered by kind, as `LineageNode`."""
    @property
    def edges(self) -> list[LineageEdge]:
        """The edges from source to target, as `LineageEdge`."""
    def mermaid(self) -> str:
        """Returns the graph as a Mermaid flowchart, which Markdown pages render.

        >>> run.log_model_output(experiment.create_logged_model("forest"))
        >>> print(database.lineage(run).mermaid())
        flowchart LR
            n0["run: baseline"]
            n1["logged model: forest"]
            n0 -->|output| n1
        <BLANKLINE>
        """
    def dot(self) -> str:
        """Returns the graph in DOT, the language of Graphviz."""
    def _repr_markdown_(self) -> str: ...

@final
class LoggedModel:
    """A handle to a logged model.

    >>> model = experiment.create_logged_model("forest", params={"trees": 100}, source_run=run)
    >>> model.artifacts().log_bytes(b"...", "model.bin")
    >>> model.log_metric("accuracy", 0.93)
    >>> model.set_status("READY")
    >>> model.info().params
    {'trees': '100'}
    """

    @property
    def id(self) -> str:
        """The ID: `m-` and 32 hexadecimal digits."""
    def info(self) -> LoggedModelInfo:
        """Returns everything that the file has about the model now."""
    def artifacts(self) -> Artifacts:
        """Returns the files of the model."""
    def set_status(self, status: _ModelStatus, *, message: str | None = None) -> None:
        """Sets the status: "PENDING", "READY" or "FAILED"."""
    def log_params(self, params: Any) -> None:
        """Sets params, all or none."""
    def set_tag(self, key: str, value: object) -> None:
        """Sets a tag. Replaces an earlier value."""
    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Sets tags, all or none."""
    def delete_tag(self, key: str) -> None:
        """Deletes a tag."""
    def log_metric(
        self,
        key: str,
        value: _Number,
        step: int = 0,
        *,
        time: _Instant | None = None,
        run: _RunId | None = None,
        dataset: tuple[str, str] | None = None,
    ) -> None:
        """Logs a measured value.

        `run` is the run that measured it, `dataset` the name and digest of the dataset used.
        """
    def set_signature(self, signature: str, *, input_example: str | None = None) -> None:
        """Sets the signature, in MLflow's JSON, and an example of the input, in JSON."""
    def delete(self) -> None:
        """Marks the model deleted, until `restore` or `gc`."""
    def restore(self) -> None:
        """Restores a deleted model."""
@final
class Metric:
    """Logs one metric of a run. Threads may share it.

    >>> loss = run.metric("loss")
    >>> loss.log(0.9)
    >>> loss.log(0.7)
    >>> run.history("loss").steps.tolist()
    [0, 1]
    """

    @property
    def key(self) -> str:
        """The key of the metric."""
    def log(
        self, value: _Number, step: SupportsIndex | None = None, *, time: _Instant | None = None
    ) -> None:
        """Logs a value at a step. Without a step, at the step after the last.

        `time` is a `datetime` or nanoseconds since 1970. None is now.
        """
    def log_points(
        self,
        values: Iterable[_Number],
        steps: Iterable[SupportsIndex] | None = None,
        *,
        times: Iterable[SupportsIndex] | None = None,
    ) -> None:
        """Logs many points: values, with a step for each or without steps.

        Copies numpy arrays as a whole, and other sequences value by value.

        >>> run.metric("loss").log_points([0.9, 0.7, 0.6], steps=[0, 10, 20])
        >>> run.history("loss").steps.tolist()
        [0, 10, 20]
        """
@final
class MetricRow:
    """Logs several metrics of a run at one step, all or none.

    >>> row = run.metric_row(["loss", "accuracy"])
    >>> row.log([0.5, 0.9], step=0)
    >>> run.latest("accuracy").value
    0.9
    """

    @property
    def keys(self) -> list[str]:
        """The keys of the metrics, in the order of the values."""
    def log(
        self,
        values: Iterable[_Number],
        step: SupportsIndex | None = None,
        *,
        time: _Instant | None = None,
    ) -> None:
        """Logs a value for each metric, in the order of the keys."""
@final
class ModelVersion:
    """A handle to one version of a registered model."""

    @property
    def version(self) -> int:
        """The number, from 1."""
    def info(self) -> ModelVersionInfo:
        """Returns everything that the file has about the version now."""
    def set_description(self, text: str | None) -> None:
        """Sets the description. None clears it."""
    def set_status(
        self, status: _VersionStatus, *, message: str | None = None
    ) -> None:
        """Sets the status: "PENDING_REGISTRATION", "FAILED_REGISTRATION" or "READY"."""
    def transition_stage(self, stage: _Stage, *, archive_existing: bool = False) -> None:
        """Moves the version to a stage. `archive_existing` archives the others in that stage."""
    def set_tag(self, key: str, value: object) -> None:
        """Sets a tag. Replaces an earlier value."""
    def delete_tag(self, key: str) -> None:
        """Deletes a tag."""
    def delete(self) -> None:
        """Deletes the version. This cannot be undone."""
    def copy_to(self, name: str) -> ModelVersion:
        """Copies the version to another registered model. Creates that model if it does not exist.
        """
@final
class RegisteredModel:
    """A handle to a registered model, which stays valid when the model is renamed."""

    @property
    def name(self) -> str:
        """The name, as it is in the file now."""
    def info(self) -> RegisteredModelInfo:
        """Returns everything that the file has about the model now."""
    def rename(self, name: str) -> None:
        """Renames the model."""
    def set_description(self, text: str | None) -> None:
        """Sets the description. None clears it."""
    def delete(self) -> None:
        """Deletes the model with all its versions. This cannot be undone."""
    def set_tag(self, key: str, value: object) -> None:
        """Sets a tag. Replaces an earlier value."""
    def delete_tag(self, key: str) -> None:
        """Deletes a tag."""
    def create_version(
        self,
        source: str,
        *,
        run: _RunId | None = None,
        run_link: str | None = None,
        logged_model: _ModelId | None = None,
        description: str | None = None,
        tags: Mapping[str, object] | None = None,
        user: str | None = None,
        status: _VersionStatus | None = None,
        signature: str | None = None,
    ) -> ModelVersion:
        """Creates the next version.

        `source` is where its files are: the address of a logged model, such as "models:/m-...",
        of the artifacts of a run, or of any other place. `run` is a run, its ID, or any text that
        names one elsewhere.
        """
    def version(self, version: int | str) -> ModelVersion:
        """Returns a version: by its number or, if `version` is a `str`, by an alias."""
    def versions(self) -> list[ModelVersionInfo]:
        """Returns all versions by number."""
    def set_alias(self, alias: str, version: int, *, expected: int | None = None) -> None:
        """Points an alias to a version.

        With `expected`, moves the alias only if it points to that version (0 for no version), and
        raises `ConflictError` otherwise.
        """
    def delete_alias(self, alias: str) -> None:
        """Deletes an alias."""
@final
class Registry:
    """The registered models of a file.

    >>> registry = database.registry()
    >>> churn = registry.create_model("churn")
    >>> first = churn.create_version("s3://models/churn/1")
    >>> churn.set_alias("champion", first.version)
    >>> registry.resolve("models:/churn@champion")
    's3://models/churn/1'
    """

    @property
    def mode(self) -> Literal["plain", "unity-catalog"]:
        """The mode: "plain", or "unity-catalog" where names have three levels."""
    def with_current(self, catalog: str, schema: str) -> Registry:
        """Returns the registry with a current catalog and schema, which complete shorter names."""
    def use_unity_catalog(self) -> None:
        """Switches to names with exactly three levels. This cannot be undone."""
    def create_catalog(self, name: str) -> None:
        """Creates a catalog, the first level of names."""
    def catalogs(self) -> list[str]:
        """Returns the names of the catalogs, sorted.

        >>> registry = database.registry()
        >>> registry.create_catalog("team")
        >>> registry.create_schema("team", "risk")
        >>> registry.rename_catalog("team", "bank")
        >>> "bank" in registry.catalogs(), registry.schemas("bank")
        (True, ['risk'])
        """
    def schemas(self, catalog: str) -> list[str]:
        """Returns the names of the schemas of a catalog, sorted."""
    def rename_catalog(self, catalog: str, name: str) -> None:
        """Renames a catalog, with all models, volumes and tables in it."""
    def rename_schema(self, catalog: str, schema: str, name: str) -> None:
        """Renames a schema, with all models, volumes and tables in it."""
    def set_catalog_owner(self, catalog: str, owner: str) -> None:
        """Makes a user the owner of a catalog."""
    def set_schema_owner(self, catalog: str, schema: str, owner: str) -> None:
        """Makes a user the owner of a schema."""
    def drop_catalog(self, name: str) -> None:
        """Deletes an empty catalog."""
    def drop_schema(self, catalog: str, name: str) -> None:
        """Deletes an empty schema."""
    def create_schema(self, catalog: str, name: str) -> None:
        """Creates a schema in a catalog, the second level of names."""
    def create_model(
        self,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> RegisteredModel:
        """Registers a model, a name for versions."""
    def model(self, name: str) -> RegisteredModel:
        """Returns a handle to the model with this name."""
    def version(self, name: str, version: int | str) -> ModelVersion:
        """Returns a version of the model with this name: by its number or, if `version` is a `str`,
        by an alias.
        """
    def resolve(self, uri: str) -> str:
        """Returns where the files of a model are, for an address such as "models:/churn@champion".
        """
    def search_models(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[RegisteredModelInfo]:
        """Searches registered models. Returns one page of `RegisteredModelInfo`."""
    def iter_models(
        self, filter: str = "", *, order_by: _Texts | None = None
    ) -> Iterator[RegisteredModelInfo]:
        """Iterates over all registered models that a search finds. Reads them page by page."""
    def search_versions(
        self,
        filter: str = "",
        *,
        order_by: _Texts | None = None,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[ModelVersionInfo]:
        """Searches the versions of all models. Returns one page of `ModelVersionInfo`."""
    def iter_versions(
        self, filter: str = "", *, order_by: _Texts | None = None
    ) -> Iterator[ModelVersionInfo]:
        """Iterates over all versions that a search finds. Reads them page by page."""
@final
class Run:
    """A handle to a run, for writing and reading it.

    As a context manager, it finishes the run at the end of the block: FINISHED, KILLED after
    Ctrl-C, or FAILED after another exception, whose traceback becomes the tag
    `tracklite.exception`. Threads may share a handle. A pickled handle holds path and ID.

    >>> with database.default_experiment().start_run("mine") as run:
    ...     run.log_params({"depth": 3, "rate": 0.1})
    ...     run.log({"loss": 0.7, "accuracy": 0.5}, step=0)
    ...     run.log_metric("loss", 0.4)
    >>> run.info().status
    <RunStatus.FINISHED: 'FINISHED'>
    >>> run.statistics("loss").min
    0.4
    """

    @property
    def id(self) -> str:
        """The ID of the run: 32 hexadecimal digits."""
    @property
    def experiment_id(self) -> int:
        """The ID of its experiment."""
    @property
    def database(self) -> Database:
        """The database of the run. Closing it closes this handle."""
    @property
    def name(self) -> str:
        """The name, as it is in the file now."""
    def info(self) -> RunInfo:
        """Returns name, status, times and lifecycle, as they are in the file now."""
    def record(self) -> RunRecord:
        """Returns the run with its params, tags and the latest point of each metric."""
    def log_metric(
        self,
        key: str,
        value: _Number,
        step: SupportsIndex | None = None,
        *,
        time: _Instant | None = None,
    ) -> None:
        """Logs one value of a metric, now. Without a step, at the step after the last.

        When this returns, the point survives any death of the process. Accepts numbers of numpy
        and torch.

        >>> run.log_metric("loss", 0.5, step=10)
        >>> run.log_metric("loss", 0.4)
        >>> run.latest("loss").step
        11
        """
    def log(
        self,
        metrics: Mapping[str, Any],
        step: SupportsIndex | None = None,
        *,
        time: _Instant | None = None,
    ) -> None:
        """Logs several metrics at one step, now. If the process dies, all of them are kept or none.

        Joins the keys of nested dicts by `/`.

        >>> run.log({"loss": 0.5, "validation": {"loss": 0.6}}, step=3)
        >>> sorted(run.metrics())
        ['loss', 'validation/loss']
        """
    def metric(self, key: str) -> Metric:
        """Returns a handle for logging one metric."""
    def metric_row(self, keys: Sequence[str]) -> MetricRow:
        """Returns a handle for logging several metrics at one step, in the order of the keys."""
    def log_param(self, key: str, value: object) -> None:
        """Sets a param. Setting the same value again does nothing.

        Raises `InvalidInputError` if the param has another value.
        """
    def log_params(self, params: Any) -> None:
        """Sets params, all or none, from a dict, a dataclass or a namespace, which may be nested.

        >>> import argparse
        >>> run.log_params(argparse.Namespace(depth=3, optimizer={"name": "adam", "rate": 0.1}))
        >>> run.params()
        {'depth': '3', 'optimizer.name': 'adam', 'optimizer.rate': '0.1'}
        """
    def set_tag(self, key: str, value: object) -> None:
        """Sets a tag. Replaces an earlier value."""
    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Sets tags, all or none."""
    def delete_tag(self, key: str) -> None:
        """Deletes a tag."""
    def log_batch(
        self,
        *,
        metrics: Mapping[str, _Number] | None = None,
        params: Any = None,
        tags: Mapping[str, object] | None = None,
        step: SupportsIndex | None = None,
        time: _Instant | None = None,
    ) -> None:
        """Logs metrics at one step, params and tags in one write: all of them or none.

        >>> run.log_batch(metrics={"loss": 0.5}, params={"depth": 3}, tags={"stage": "warm-up"})
        """
    def set_name(self, name: str) -> None:
        """Renames the run."""
    def set_status(self, status: _Status) -> None:
        """Sets the status. FINISHED, FAILED and KILLED also set the end time, others clear it."""
    def update(
        self,
        *,
        name: str | None = None,
        status: _Status | None = None,
        ended: _Instant | None = None,
    ) -> None:
        """Sets name, status and end time in one write. Omitted ones keep their value."""
    def history(self, key: str) -> History:
        """Returns all points of a metric, ordered by time, step and value. Empty if it was never
        logged.
        """
    def latest(self, key: str) -> MetricPoint | None:
        """Returns the latest point of a metric. None if it was never logged."""
    def statistics(self, key: str) -> MetricStatistics | None:
        """Returns count, extremes, mean and latest point of a metric. None if it was never logged.
        """
    def params(self) -> dict[str, str]:
        """Returns the params by key."""
    def tags(self) -> dict[str, str]:
        """Returns the tags by key."""
    def metrics(self) -> dict[str, MetricPoint]:
        """Returns the latest point of each metric by key."""
    def restore(self) -> None:
        """Restores the run after it was deleted."""
    def is_alive(self) -> bool:
        """Returns whether the run is RUNNING and a process that writes it still has the file open.
        """
    def children(self) -> list[str]:
        """Returns the IDs of the runs nested directly in this one."""
    def finish(self, status: _FinalStatus = "FINISHED") -> None:
        """Finishes the run: sets the status and the end time, and syncs, so that the run survives a
        power cut.

        This handle takes no more writes. `Database.run` returns another one.
        """
    def delete(self) -> None:
        """Marks the run deleted, until `restore` or `gc`."""
    def artifacts(self) -> Artifacts:
        """Returns the files of the run."""
    def log_artifact(self, file: _Path, folder: str | None = None) -> None:
        """Logs a file under its own name, in a folder of the artifacts if one is given.

        `Artifacts.log_file` logs it under another name.

        >>> _ = (folder / "weights.bin").write_bytes(b"...")
        >>> run.log_artifact(folder / "weights.bin", "model")
        >>> run.artifacts().read("model/weights.bin")
        b'...'
        """
    def log_artifacts(self, source: _Path, folder: str = "") -> None:
        """Logs all files in a local folder and its subfolders, below a folder of the artifacts."""
    def log_bytes(self, bytes: bytes | bytearray, path: str) -> None:
        """Logs bytes as the artifact `path`."""
    def log_text(self, text: str, path: str) -> None:
        """Logs a text as the artifact `path`."""
    def log_dict(self, value: Any, path: str) -> None:
        """Logs a dict as the artifact `path`. See `Artifacts.log_dict`."""
    def log_table(self, table: Any, path: str) -> None:
        """Logs a table as the artifact `path`. See `Artifacts.log_table`."""
    def log_figure(self, figure: Any, path: str) -> None:
        """Logs a figure as the artifact `path`. See `Artifacts.log_figure`."""
    def log_image(self, image: Any, key: str, step: int = 0) -> str:
        """Logs an image of a series at a step. See `Artifacts.log_image`."""
    def log_dataset(
        self,
        dataset: Dataset,
        *,
        context: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        """Logs a dataset as an input of the run. `context` is its use, such as "train" or "eval".

        >>> from tracklite import Dataset
        >>> run.log_dataset(Dataset("iris", "5f2c", source="/data/iris.csv"), context="train")
        >>> run.inputs().datasets[0].tags
        {'mlflow.data.context': 'train'}
        """
    def log_model_input(self, model: _ModelId) -> None:
        """Logs a model as an input of the run."""
    def log_model_output(self, model: _ModelId, step: int = 0) -> None:
        """Logs a model as an output of the run, at a step."""
    def inputs(self) -> RunInputs:
        """Returns the input datasets and models, in the order of logging."""
    def outputs(self) -> list[ModelOutput]:
        """Returns the output models, in the order of logging."""
    def capture(self, what: bool | Capture | None = None) -> None:
        """Records the environment of the run, as selected by `what`. The default is everything.

        Git, command line, host and user become tags. The load of the machine becomes metrics
        `system/*` until the run is finished.

        >>> from tracklite import Capture
        >>> run.capture(Capture(git=False, system_metrics=None))
        >>> run.tags()["mlflow.source.type"]
        'LOCAL'
        """
    def plot(
        self,
        *keys: str,
        axes: Any = None,
        columns: int = 1000,
        axis: str = "step",
        range: tuple[float, float] | None = None,
        smoothing: Smoothing | float | None = None,
        **options: Any,
    ) -> Any:
        """Draws metrics with matplotlib onto `axes`, or onto new ones, and returns the axes.

        Draws all metrics if no keys are given. `columns`, `axis`, `range` and `smoothing` are those
        of `Database.curves`: the line is the mean of the points in a column of the chart, within a
        band of their extremes. `options` go to `axes.plot`. `plot_text` needs no matplotlib.
        """
    def plot_text(
        self,
        key: str,
        *,
        width: int = 80,
        height: int = 16,
        log_y: bool = False,
        ascii: bool = False,
    ) -> str:
        """Draws a metric over its steps with characters, as the command `tracklite metrics` does.

        `width` is the number of characters in a line, `height` the number of lines of the curve.
        With `log_y`, the axis of values is logarithmic. With `ascii`, draws with ASCII only.

        >>> for step in range(5):
        ...     run.log_metric("loss", step, step)
        >>> print(run.plot_text("loss", width=21, height=5, ascii=True))
             4 +           **
               |        ***
             2 +     ***
               |  ***
             0 +**
               ++--+--+--+--+
          step  0  1  2  3  4
        """
    @staticmethod
    def _reopen(path: _Path, read_only: bool, id: str) -> Run: ...
    def __enter__(self) -> Run: ...
    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def _repr_html_(self) -> str: ...

# The classes below are not part of the public API: the reader under `Artifacts.open`, and the
# native half of the MLflow plug-in. `python/src/store/values.rs` lists the fields of the tuples.

_Pairs: TypeAlias = list[tuple[str, str]]
_Value: TypeAlias = tuple[Any, ...]
_Page: TypeAlias = tuple[list[_Value], str | None]
_Deleted: TypeAlias = tuple[list[str], list[int], list[str]]
_Owner: TypeAlias = tuple[str, str, int]

@final
class ArtifactReader:
    """Reads parts of an artifact. `_files.ArtifactFile` makes a Python file of it."""

    @property
    def length(self) -> int:
        """The length of the artifact in bytes."""
    def read_at(self, position: int, size: int) -> bytes:
        """Returns at most `size` bytes from `position` on. Returns fewer where a chunk ends."""
@final
class Store:
    """An open file, from which the other classes here are created."""

    @staticmethod
    def open(path: str, create: bool) -> Store:
        """Opens a file. With `create`, creates it if it does not exist."""
    @property
    def address(self) -> str:
        """The address of the file: `tracklite://` and its absolute path, escaped."""
    def deleted_before(self, time: int) -> _Deleted:
        """Returns the runs, experiments and logged models that were deleted at this time or before.
        """
    def purge(self, deleted: _Deleted) -> int:
        """Purges those of these that are marked deleted, and returns the number of bytes freed."""
    def sync(self) -> None:
        """Waits until everything logged is durable."""
@final
class StoreExperiments:
    """The experiments of a file."""

    def __new__(cls, store: Store) -> StoreExperiments: ...
    def create_below(self, name: str, root: str, tags: _Pairs) -> int:
        """Creates an experiment whose artifacts are at `root` and its ID, and returns the ID."""
    def place_default(self, root: str) -> None:
        """Moves the artifacts of the unused default experiment to `root` and its ID."""
    def create(self, name: str, tags: _Pairs) -> int:
        """Creates an experiment with these tags, and returns its ID."""
    def get(self, id: int) -> _Value:
        """Returns the experiment with this ID."""
    def find(self, name: str) -> _Value | None:
        """Returns the experiment with this name, deleted or not, or None."""
    def search(
        self, filter: str, view: str, max_results: int, order: list[str], token: str
    ) -> _Page:
        """Searches experiments. Returns one page."""
    def rename(self, id: int, name: str) -> None:
        """Renames the experiment."""
    def delete(self, id: int) -> None:
        """Marks the experiment and its runs deleted."""
    def restore(self, id: int) -> None:
        """Restores the experiment and its runs."""
    def set_tag(self, id: int, key: str, value: str) -> None:
        """Sets a tag."""
    def delete_tag(self, id: int, key: str) -> None:
        """Deletes a tag."""
@final
class StoreRuns:
    """The runs of a file."""

    def __new__(cls, store: Store) -> StoreRuns: ...
    def create(
        self, experiment: int, name: str, user: str, start: int | None, tags: _Pairs
    ) -> _Value:
        """Starts a run. The default start time is now."""
    def get(self, run: str) -> _Value:
        """Returns the run with params, tags, metrics, inputs and outputs."""
    def info(self, run: str) -> _Value:
        """Returns the run without these."""
    def update(
        self, run: str, status: str | None, end: int | None, name: str | None
    ) -> _Value:
        """Changes status, end time and name. Omitted ones stay. Syncs if the run has ended."""
    def delete(self, run: str) -> None:
        """Marks the run deleted."""
    def restore(self, run: str) -> None:
        """Restores the run."""
    def log(
        self,
        run: str,
        metrics: list[tuple[str, float, int, int]],
        params: _Pairs,
        tags: _Pairs,
        measured: list[tuple[str, _Value]],
    ) -> None:
        """Logs metrics, params and tags, and metrics of logged models, all or nothing."""
    def log_metric(self, run: str, key: str, value: float, time: int, step: int) -> None:
        """Logs one value of a metric."""
    def log_param(self, run: str, key: str, value: str) -> None:
        """Sets one param."""
    def delete_tag(self, run: str, key: str) -> None:
        """Deletes a tag."""
    def log_inputs(self, run: str, datasets: list[_Value], models: list[str]) -> None:
        """Logs input datasets and models."""
    def log_outputs(self, run: str, models: list[tuple[str, int]]) -> None:
        """Logs output models and their steps."""
    def search(
        self,
        experiments: list[int],
        filter: str,
        view: str,
        max_results: int | None,
        order: list[str],
        token: str,
        artifact_root: str,
    ) -> _Page:
        """Searches runs. Returns one page, or all of them if `max_results` is None."""
    def datasets(self, experiments: list[int]) -> list[tuple[int, str, str, str | None]]:
        """Returns the input datasets of these experiments: experiment, name, digest, context."""
@final
class StoreHistories:
    """The histories of the metrics of a file."""

    def __new__(cls, store: Store) -> StoreHistories: ...
    def get(
        self, run: str, key: str, offset: int, limit: int | None
    ) -> tuple[list[tuple[float, int, int]], bool]:
        """Returns up to `limit` points of a metric from `offset` on, by time, step and value, and
        whether there are more. Empty for a run that does not exist.
        """
    def bulk(
        self, runs: list[str], key: str, limit: int
    ) -> list[tuple[str, list[tuple[float, int, int]]]]:
        """Returns the points of a metric of several runs, ordered by run ID, up to `limit` in all.
        """
    def sample(
        self, run: str, key: str, limit: int, steps: tuple[int, int] | None
    ) -> list[tuple[float, int, int]]:
        """Returns a sample of up to `limit` points of a metric, by step, time and value.

        It is empty for a run that does not exist.
        """
    def max_step(self, run: str, key: str) -> int | None:
        """Returns the highest step of a metric, or None if it has no points."""
@final
class StoreLoggedModels:
    """The logged models of a file."""

    def __new__(cls, store: Store) -> StoreLoggedModels: ...
    def create(
        self,
        experiment: int,
        name: str | None,
        model_type: str | None,
        source_run: str | None,
        params: _Pairs,
        tags: _Pairs,
    ) -> _Value:
        """Creates a logged model in the state PENDING. The default name is generated."""
    def get(self, id: str, allow_deleted: bool) -> _Value:
        """Returns the logged model. A deleted one only with `allow_deleted`."""
    def finalize(self, id: str, status: str) -> _Value:
        """Sets the final status: `READY` or `FAILED`."""
    def log_params(self, id: str, params: _Pairs) -> None:
        """Sets params. They cannot be changed later."""
    def set_tags(self, id: str, tags: _Pairs) -> None:
        """Sets tags."""
    def delete_tag(self, id: str, key: str) -> None:
        """Deletes a tag."""
    def delete(self, id: str) -> None:
        """Marks the model deleted."""
    def search(
        self,
        experiments: list[int],
        filter: str,
        datasets: list[tuple[str, str | None]],
        max_results: int,
        order: list[tuple[str, bool, tuple[str, str | None] | None]],
        token: str,
        artifact_root: str,
    ) -> _Page:
        """Searches logged models. Returns one page."""
@final
class StoreRegistry:
    """The registered models of a file."""

    def __new__(cls, store: Store) -> StoreRegistry: ...
    def create(self, name: str, description: str | None, tags: _Pairs) -> _Value:
        """Creates a registered model."""
    def get(self, name: str) -> _Value:
        """Returns the registered model."""
    def describe(self, name: str, description: str | None) -> _Value:
        """Sets or clears the description."""
    def rename(self, name: str, new_name: str) -> _Value:
        """Renames the model."""
    def delete(self, name: str) -> None:
        """Deletes the model with all its versions."""
    def set_tag(self, name: str, key: str, value: str) -> None:
        """Sets a tag."""
    def delete_tag(self, name: str, key: str) -> None:
        """Deletes a tag, if it exists."""
    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Points an alias to a version."""
    def delete_alias(self, name: str, alias: str) -> None:
        """Deletes an alias, if it exists."""
    def latest_versions(self, name: str, stages: list[str]) -> list[_Value]:
        """Returns the highest version in each of these stages. Without stages, in all of them."""
    def search(self, filter: str, max_results: int, order: list[str], token: str) -> _Page:
        """Searches registered models. Returns one page."""
    def search_versions(
        self, filter: str, max_results: int, order: list[str], token: str
    ) -> _Page:
        """Searches versions. Returns one page."""
@final
class StoreVersions:
    """The versions of the registered models of a file."""

    def __new__(cls, store: Store) -> StoreVersions: ...
    def create(
        self,
        name: str,
        source: str,
        files: str,
        run: str | None,
        run_link: str | None,
        logged_model: str | None,
        description: str | None,
        tags: _Pairs,
    ) -> _Value:
        """Creates a version from `source`. `files` is the same place as an address in this file."""
    def get(self, name: str, version: int) -> _Value:
        """Returns the version with this number."""
    def by_alias(self, name: str, alias: str) -> _Value:
        """Returns the version to which an alias points."""
    def describe(self, name: str, version: int, description: str | None) -> _Value:
        """Sets or clears the description."""
    def transition(self, name: str, version: int, stage: str, archive: bool) -> _Value:
        """Moves the version to a stage. `archive` archives the others in that stage."""
    def delete(self, name: str, version: int) -> None:
        """Deletes the version."""
    def set_tag(self, name: str, version: int, key: str, value: str) -> None:
        """Sets a tag."""
    def delete_tag(self, name: str, version: int, key: str) -> None:
        """Deletes a tag, if it exists."""
    def location(self, name: str, version: int) -> tuple[str | None, str]:
        """Returns the place of its files: the ID of its model if it has files of its own, and the
        address of its source, in the engine's form if that is in this file.
        """
@final
class StoreWebhooks:
    """The webhooks of a file."""

    def __new__(cls, store: Store) -> StoreWebhooks: ...
    def create(
        self,
        name: str,
        url: str,
        events: list[str],
        description: str | None,
        secret: str | None,
        status: str,
    ) -> _Value:
        """Creates a webhook."""
    def get(self, id: str) -> _Value:
        """Returns the webhook."""
    def check(self, id: str) -> None:
        """Raises the error for a webhook that does not exist."""
    def list(self, event: str | None, max_results: int, token: str) -> _Page:
        """Lists webhooks, the newest first. With an event, only those that wait for it. Returns one
        page.
        """
    def update(
        self,
        id: str,
        name: str | None,
        url: str | None,
        events: builtins.list[str] | None,
        description: str | None,
        secret: str | None,
        status: str | None,
    ) -> _Value:
        """Changes the fields that are not None."""
    def delete(self, id: str) -> None:
        """Deletes the webhook."""
@final
class StoreArtifacts:
    """The artifacts of a file."""

    def __new__(cls, store: Store) -> StoreArtifacts: ...
    def log_file(self, owner: _Owner, file: str, path: str) -> None:
        """Logs a local file as the artifact `path`."""
    def log_folder(self, owner: _Owner, folder: str, path: str) -> None:
        """Logs the content of a local folder below `path`, which may be empty."""
    def list(self, owner: _Owner, folder: str) -> builtins.list[tuple[str, bool, int | None]]:
        """Lists the files and folders directly in a folder. Empty for a file or a missing path."""
    def download_file(self, owner: _Owner, path: str, to: str) -> None:
        """Copies one file to a local path, whose folder exists."""
    def download(self, owner: _Owner, path: str, folder: str) -> str:
        """Copies a file or the content of a folder to a local folder."""
    def delete(self, owner: _Owner, path: str) -> None:
        """Deletes a file, or a folder with its content. An empty path deletes everything."""
