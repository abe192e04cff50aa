//! The database: one file, opened once in a process however many handles it has.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyType;
use tracklite::{ChangeCursor, IndexPlace};

use crate::convert::choice;
use crate::detach::{builder, delegated, detached};
use crate::entity::{Entity as _, Object};
use crate::error::invalid_input;
use crate::session::{Handle, Session};

/// An open file of runs.
///
/// Any number of processes may have the file open at once. Threads may share a handle. A pickled
/// handle holds the path, and unpickling opens the file. The handles of a parent process raise
/// `ForkedError` in a forked child, which must open the file itself.
///
/// >>> from tracklite import Database
/// >>> with Database.create(folder / "runs.tracklite") as database:
/// ...     with database.experiment("/Shared/team/churn").start_run("baseline") as run:
/// ...         for step in range(3):
/// ...             run.log({"loss": 1 / (step + 1)}, step=step)
/// ...     database.runs_table(columns=["run_name", "metrics.loss"]).rows()
/// [{'run_name': 'baseline', 'metrics.loss': 0.3333333333333333}]
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Database {
    pub(crate) handle: Handle<tracklite::Database>,
}

impl Database {
    fn open_with(
        py: Python<'_>,
        options: tracklite::DatabaseBuilder,
        path: PathBuf,
        read_only: bool,
    ) -> PyResult<Database> {
        let database = detached(py, || options.read_only(read_only).open(path))?;
        Ok(Database { handle: Session::start(py, database, read_only)? })
    }
}

#[pymethods]
impl Database {
    /// Opens a file. With `create`, creates it if it does not exist.
    ///
    /// `read_only` also opens files on read-only media. `sync_interval` is the number of seconds
    /// between syncs to the device. With None, only `sync` and finishing a run sync.
    /// `lock_timeout` is how many seconds a call waits for another process. `background=False`
    /// leaves syncing and sealing to `tick`. `index` is the folder for the index, a cache, or
    /// ":memory:".
    ///
    /// >>> Database.open(folder / "none.tracklite")
    /// Traceback (most recent call last):
    /// tracklite.exceptions.NotFoundError: ...none.tracklite: there is no such file ...
    #[staticmethod]
    #[pyo3(signature = (path, *, create=false, read_only=false, sync_interval=Some(1.0),
                        lock_timeout=10.0, background=true, index=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        create: bool,
        read_only: bool,
        sync_interval: Option<f64>,
        lock_timeout: f64,
        background: bool,
        index: Option<PathBuf>,
    ) -> PyResult<Database> {
        let interval =
            sync_interval.map(|value| seconds(py, value, "sync_interval")).transpose()?;
        let timeout = seconds(py, lock_timeout, "lock_timeout")?;
        let mut options = builder()
            .create(create)
            .sync_interval(interval)
            .lock_timeout(timeout)
            .background(background);
        if let Some(index) = index {
            options = options.index(match index.as_os_str() == ":memory:" {
                true => IndexPlace::InMemory,
                false => IndexPlace::Directory(index),
            });
        }
        Database::open_with(py, options, path, read_only)
    }

    /// Opens a file, and creates it if it does not exist.
    #[staticmethod]
    fn create(py: Python<'_>, path: PathBuf) -> PyResult<Database> {
        Database::open_with(py, builder().create(true), path, false)
    }

    /// Opens a file for reading only. Nothing is written to it and no lock is taken.
    #[staticmethod]
    fn open_read_only(py: Python<'_>, path: PathBuf) -> PyResult<Database> {
        Database::open_with(py, builder(), path, true)
    }

    /// The path with which the file was opened.
    #[getter]
    fn path(&self) -> PathBuf {
        self.handle.session().path.clone()
    }

    /// Whether the file was opened for reading only.
    #[getter]
    fn read_only(&self) -> bool {
        self.handle.session().read_only
    }

    /// Whether the database was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.handle.session().is_closed()
    }

    /// Makes everything durable that any process logged before the call.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::Database::sync)
    }

    /// Does the background work of one second now: syncs, seals, and recovers dead writers.
    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::Database::tick)
    }

    /// Returns which areas of the file any process has changed since an earlier call.
    ///
    /// `since` is the `cursor` of that call. Without one, everything counts as changed. A program
    /// that shows the file calls this a few times a second, and reads again what has changed.
    ///
    /// Raises `InvalidInputError` if the cursor belongs to another file, or to a state that this
    /// file does not have, for example because it was vacuumed.
    ///
    /// >>> run.log_metric("loss", 0.5)
    /// >>> seen = database.changes().cursor
    /// >>> database.changes(seen).any()
    /// False
    /// >>> run.log_metric("loss", 0.4)
    /// >>> changes = database.changes(seen)
    /// >>> changes.points, changes.runs
    /// (True, False)
    #[pyo3(signature = (since=None))]
    fn changes<'py>(&self, py: Python<'py>, since: Option<&str>) -> PyResult<Object<'py>> {
        let since = since.map(|since| choice::<ChangeCursor>(py, since)).transpose()?;
        self.handle.call(py, |database| database.changes(since.as_ref()))?.to_python(py)
    }

    /// Serves the web page of the file. A notebook shows it, and a program prints its address.
    ///
    /// `open` is the place of the page to begin with, such as "runs?f=metrics.loss < 0.1".
    /// `height` is that of the frame in a notebook, in pixels.
    ///
    /// The server is another process, which only this machine reaches. It ends with this process,
    /// or when the page is closed. Further calls for the same file use the same server. The address
    /// ends with a token, which permits everything that the database permits: do not share it.
    #[pyo3(signature = (open=None, *, height=720))]
    fn ui<'py>(slf: &Bound<'py, Self>, open: Option<&str>, height: u32) -> PyResult<Object<'py>> {
        slf.get().handle.with(slf.py(), |_| ())?;
        let place = slf.get().handle.session().absolute_path();
        delegated(slf.as_any(), "_ui", "show", (place, open, height))
    }

    /// Runs a read-only SQL query over the index: tables `runs`, `params`, `tags`, `metrics` and
    /// others.
    ///
    /// >>> database.sql("SELECT name FROM runs").rows
    /// [('baseline',)]
    fn sql<'py>(&self, py: Python<'py>, query: &str) -> PyResult<Object<'py>> {
        self.handle.call(py, |database| database.sql(query))?.to_python(py)
    }

    /// Returns facts about the file: sizes, counts, writers, warnings.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::Database::info)?.to_python(py)
    }

    /// Purges everything deleted and frees its space. Purged runs cannot be restored.
    fn gc<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::Database::gc)?.to_python(py)
    }

    /// Copies the file as it is now to a new file, while other processes keep writing.
    fn backup(&self, py: Python<'_>, to: PathBuf) -> PyResult<()> {
        self.handle.call(py, |database| database.backup(to))
    }

    /// Rewrites a file without its purged and empty parts. Nobody may have the file open.
    ///
    /// >>> database.close()
    /// >>> report = Database.vacuum(database.path)
    /// >>> report.after_bytes <= report.before_bytes
    /// True
    #[staticmethod]
    fn vacuum(py: Python<'_>, path: PathBuf) -> PyResult<Object<'_>> {
        detached(py, || tracklite::Database::vacuum(path))?.to_python(py)
    }

    /// Checks every checksum of a file, and that its records are consistent.
    ///
    /// >>> Database.verify(database.path).is_sound
    /// True
    #[staticmethod]
    fn verify(py: Python<'_>, path: PathBuf) -> PyResult<Object<'_>> {
        detached(py, || tracklite::Database::verify(path))?.to_python(py)
    }

    /// Copies everything readable in a damaged file to a new file.
    #[staticmethod]
    fn salvage(py: Python<'_>, path: PathBuf, out: PathBuf) -> PyResult<Object<'_>> {
        detached(py, || tracklite::Database::salvage(path, out))?.to_python(py)
    }

    /// Syncs and closes the file. Runs that are not finished keep their status.
    ///
    /// The database and all handles made from it raise `InvalidStateError` afterwards. Other
    /// openings of the same file are not affected. Closing twice is allowed.
    ///
    /// >>> database.close()
    /// >>> run.log_metric("loss", 0.5)
    /// Traceback (most recent call last):
    /// tracklite.exceptions.InvalidStateError: ...the database is closed: open the file again
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.close(py)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (exception_type, exception, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exception_type: Option<&Bound<'_, PyAny>>,
        exception: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (exception_type, exception, traceback);
        self.handle.close(py)
    }

    /// Pickles the path. The copy opens the file again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Object<'py>, (PathBuf,))> {
        let class: Bound<'py, PyType> = slf.get_type();
        let session = slf.get().handle.session();
        let open = if session.read_only { "open_read_only" } else { "open" };
        Ok((class.getattr(open)?, (session.absolute_path(),)))
    }

    fn __repr__(&self) -> String {
        format!("Database({:?})", self.path().display().to_string())
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "database_html", ())
    }
}

/// Converts a number of seconds, which must be finite and not negative.
fn seconds(py: Python<'_>, value: f64, what: &str) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| invalid_input(py, &format!("{what} is {value}: expected a number of seconds")))
}
