//! The database: one file, opened once in a process however many handles there are.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};
use tracklite::IndexPlace;

use crate::convert::{experiment_id, run_id};
use crate::detach::{builder, delegated, detached};
use crate::entity::{Entity as _, Object, told_list};
use crate::error::invalid_input;
use crate::experiment::Experiment;
use crate::registry::Registry;
use crate::run::Run;

/// An open file of runs.
///
/// Any number of processes may have it open at once. Handles may be used by any thread, and are
/// pickled by path: whoever unpickles one opens the file, if it is not open there yet. A forked
/// child gets a `ForkedError` from the handles of its parent and opens the file anew.
///
/// >>> from tracklite import Database
/// >>> with Database.create(folder / "runs.tracklite") as database:
/// ...     with database.experiment("/Shared/team/churn").start_run("baseline") as run:
/// ...         for step in range(3):
/// ...             run.log({"loss": 1 / (step + 1)}, step=step)
/// >>> database.search_runs(columns=["run_name", "metrics.loss"]).rows()
/// [{'run_name': 'baseline', 'metrics.loss': 0.3333333333333333}]
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Database {
    pub(crate) inner: tracklite::Database,
    read_only: bool,
}

/// Seconds that are a time to wait: not negative, not NaN, not beyond all bounds.
fn seconds(py: Python<'_>, value: f64, what: &str) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| invalid_input(py, &format!("{what} is {value}: it takes a number of seconds")))
}

impl Database {
    fn held(&self, inner: tracklite::Experiment) -> Experiment {
        Experiment { inner, read_only: self.read_only }
    }
}

#[pymethods]
impl Database {
    /// Open the file; with `create`, it is created when there is none.
    ///
    /// A file that is opened `read_only` may lie on read-only media. `sync_interval` is how often
    /// what was logged is synced to the device, in seconds; None: only by `sync` and by finishing
    /// runs. `lock_timeout` is how long a call waits for another process, in seconds. `index` is
    /// the folder of the index, a cache, or ":memory:".
    ///
    /// >>> Database.open(folder / "none.tracklite")
    /// Traceback (most recent call last):
    /// tracklite.exceptions.NotFoundError: ...none.tracklite: there is no such file ...
    #[staticmethod]
    #[pyo3(signature = (path, *, create=false, read_only=false, sync_interval=Some(1.0),
                        lock_timeout=10.0, background=true, index=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
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
        let interval = sync_interval.map(|it| seconds(py, it, "sync_interval")).transpose()?;
        let timeout = seconds(py, lock_timeout, "lock_timeout")?;
        let mut options = builder()
            .create(create)
            .read_only(read_only)
            .sync_interval(interval)
            .lock_timeout(timeout)
            .background(background);
        if let Some(index) = index {
            options = options.index(match index.as_os_str() == ":memory:" {
                true => IndexPlace::InMemory,
                false => IndexPlace::Directory(index),
            });
        }
        let inner = detached(py, || options.open(path))?;
        Ok(Database { inner, read_only })
    }

    /// Open the file, creating it when there is none.
    #[staticmethod]
    fn create(py: Python<'_>, path: PathBuf) -> PyResult<Database> {
        let inner = detached(py, || builder().create(true).open(path))?;
        Ok(Database { inner, read_only: false })
    }

    /// Open the file for reading: nothing is written to it and no lock is taken.
    #[staticmethod]
    fn open_read_only(py: Python<'_>, path: PathBuf) -> PyResult<Database> {
        let inner = detached(py, || builder().read_only(true).open(path))?;
        Ok(Database { inner, read_only: true })
    }

    /// The path by which the file was opened.
    #[getter]
    fn path(&self) -> PathBuf {
        self.inner.path().to_owned()
    }

    /// Whether the file was opened for reading only.
    #[getter]
    fn read_only(&self) -> bool {
        self.read_only
    }

    /// The experiment of this path, such as "/Shared/team/churn"; created when there is none.
    fn experiment(&self, py: Python<'_>, path: &str) -> PyResult<Experiment> {
        Ok(self.held(detached(py, || self.inner.experiment(path))?))
    }

    /// Create the experiment of this path, which must be new.
    fn create_experiment(&self, py: Python<'_>, path: &str) -> PyResult<Experiment> {
        Ok(self.held(detached(py, || self.inner.create_experiment(path))?))
    }

    /// The experiment of this path, deleted or not; None when there is none.
    fn find_experiment(&self, py: Python<'_>, path: &str) -> PyResult<Option<Experiment>> {
        let found = detached(py, || self.inner.find_experiment(path))?;
        Ok(found.map(|inner| self.held(inner)))
    }

    /// The experiment of this number.
    fn experiment_by_id(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<Experiment> {
        let id = experiment_id(id)?;
        Ok(self.held(detached(py, || self.inner.experiment_by_id(id))?))
    }

    /// The experiment that every file has: number 0, named "Default".
    fn default_experiment(&self, py: Python<'_>) -> PyResult<Experiment> {
        Ok(self.held(detached(py, || self.inner.default_experiment())?))
    }

    /// All experiments, deleted ones too, by number.
    fn experiments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.experiments())?)
    }

    /// A handle of the run of this id: to read what is there, and to write when asked to.
    fn run(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<Run> {
        let id = run_id(id)?;
        Ok(Run::new(detached(py, || self.inner.run(id))?, &self.inner, self.read_only))
    }

    /// Go on with a run as its writer: its status becomes RUNNING, and its end is cleared.
    ///
    /// >>> run.finish()
    /// >>> with database.resume_run(run.id) as again:
    /// ...     again.info().status
    /// <RunStatus.RUNNING: 'RUNNING'>
    fn resume_run(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<Run> {
        let id = run_id(id)?;
        Ok(Run::new(detached(py, || self.inner.resume_run(id))?, &self.inner, self.read_only))
    }

    /// The id of the run whose id begins so.
    fn find_run(&self, py: Python<'_>, prefix: &str) -> PyResult<String> {
        Ok(detached(py, || self.inner.find_run(prefix))?.to_string())
    }

    /// Active runs of active experiments, the newest first.
    fn runs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.runs())?)
    }

    /// All runs, deleted ones too, the newest first.
    fn all_runs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.all_runs())?)
    }

    /// Mark a run deleted; it can be restored until `gc`.
    fn delete_run(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = run_id(id)?;
        detached(py, || self.inner.delete_run(id))
    }

    /// Restore a deleted run.
    fn restore_run(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = run_id(id)?;
        detached(py, || self.inner.restore_run(id))
    }

    /// Make everything durable that was logged before the call, by any process.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.sync())
    }

    /// Do at once what the background does once a second: sync, seal, tend to the dead.
    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.tick())
    }

    /// Answer a SQL query over the index: tables `runs`, `params`, `tags`, `metrics` and others.
    ///
    /// >>> database.sql("SELECT name FROM runs").rows
    /// [('baseline',)]
    fn sql<'py>(&self, py: Python<'py>, query: &str) -> PyResult<Object<'py>> {
        detached(py, || self.inner.sql(query))?.told(py)
    }

    /// Facts about the file: sizes, counts, writers, warnings.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.info())?.told(py)
    }

    /// Purge what is deleted for good, and give its space back.
    fn gc<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.gc())?.told(py)
    }

    /// Write what the file holds now to a new file, while others go on writing to this one.
    fn backup(&self, py: Python<'_>, to: PathBuf) -> PyResult<()> {
        detached(py, || self.inner.backup(to))
    }

    /// Rewrite a file that nobody has open without what is purged or empty.
    #[staticmethod]
    fn vacuum(py: Python<'_>, path: PathBuf) -> PyResult<Object<'_>> {
        detached(py, || tracklite::Database::vacuum(path))?.told(py)
    }

    /// Check every checksum of a file, and that what it says fits together.
    ///
    /// >>> Database.verify(database.path).is_sound
    /// True
    #[staticmethod]
    fn verify(py: Python<'_>, path: PathBuf) -> PyResult<Object<'_>> {
        detached(py, || tracklite::Database::verify(path))?.told(py)
    }

    /// Write all that is still good in a damaged file to a new one.
    #[staticmethod]
    fn salvage(py: Python<'_>, path: PathBuf, out: PathBuf) -> PyResult<Object<'_>> {
        detached(py, || tracklite::Database::salvage(path, out))?.told(py)
    }

    /// The registered models of the file.
    fn registry(&self) -> Registry {
        Registry { inner: self.inner.registry() }
    }

    /// Sync what was logged. The file itself is left when the last handle of it is dropped.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.read_only {
            true => Ok(()),
            false => detached(py, || self.inner.sync()),
        }
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
        self.close(py)
    }

    /// By its path: the copy opens the file again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Object<'py>, (PathBuf,))> {
        let class: Bound<'py, PyType> = slf.get_type();
        let database = slf.get();
        let open = if database.read_only { "open_read_only" } else { "open" };
        Ok((class.getattr(open)?, (absolute(&database.inner),)))
    }

    fn __repr__(&self) -> String {
        format!("Database({:?})", self.inner.path().display().to_string())
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "database_html", ())
    }
}

/// The path of the file for another process, which may be in another folder.
pub(crate) fn absolute(database: &tracklite::Database) -> PathBuf {
    let path = database.path();
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Opens the file of a handle that was unpickled, as the handle was opened.
pub(crate) fn reopened(path: PathBuf, read_only: bool) -> tracklite::Result<tracklite::Database> {
    builder().read_only(read_only).open(path)
}
