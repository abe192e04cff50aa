//! Runs: finding them, reading them, and ending them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};
use tracklite::{RunId, RunStatus};

use crate::convert::{choice, run_id, run_ids};
use crate::database::Database;
use crate::detach::delegated;
use crate::entity::{self, Entity as _, Object, to_list};
use crate::error::is_invalid_state;
use crate::known::Known;
use crate::session::Handle;

/// A handle to a run, for writing and reading it.
///
/// As a context manager, it finishes the run at the end of the block: FINISHED, KILLED after
/// Ctrl-C, or FAILED after another exception, whose traceback becomes the tag
/// `tracklite.exception`. Threads may share a handle. A pickled handle holds path and ID.
///
/// >>> with database.default_experiment().start_run("mine") as run:
/// ...     run.log_params({"depth": 3, "rate": 0.1})
/// ...     run.log({"loss": 0.7, "accuracy": 0.5}, step=0)
/// ...     run.log_metric("loss", 0.4)
/// >>> run.info().status
/// <RunStatus.FINISHED: 'FINISHED'>
/// >>> run.statistics("loss").min
/// 0.4
#[pyclass(frozen, module = "tracklite", weakref)]
pub(crate) struct Run {
    pub(crate) handle: Handle<tracklite::Run>,
    pub(crate) known: Known,
    database: Handle<tracklite::Database>,
    id: RunId,
    experiment_id: u64,
    /// Captures until the run is finished.
    capturing: Handle<Option<tracklite::capture::Capturing>>,
}

impl Run {
    pub(crate) fn new(
        py: Python<'_>,
        run: tracklite::Run,
        database: &Handle<tracklite::Database>,
    ) -> PyResult<Run> {
        let (id, experiment_id) = (run.id(), run.experiment_id().get());
        let handle = database.derive(py, run)?;
        let known = Known::new(py, &handle)?;
        let capturing = database.derive(py, None)?;
        Ok(Run { handle, known, database: database.clone(), id, experiment_id, capturing })
    }

    /// Keeps capturing until the run is finished, in place of an earlier capture.
    pub(crate) fn keep_capturing(
        &self,
        py: Python<'_>,
        capturing: tracklite::capture::Capturing,
    ) -> PyResult<()> {
        let earlier = self.capturing.with(py, |slot| slot.replace(capturing))?;
        py.detach(|| drop(earlier));
        Ok(())
    }

    /// Finishes the run, and stops capturing.
    fn end(&self, py: Python<'_>, status: RunStatus) -> PyResult<()> {
        let capturing = self.capturing.with(py, Option::take)?;
        self.handle.call(py, |run| {
            drop(capturing);
            run.clone().finish_as(status)
        })
    }

    /// Finishes the run at the end of a block, unless the block finished or deleted it.
    fn end_of_block(&self, py: Python<'_>, status: RunStatus) -> PyResult<()> {
        self.handle.with(py, |_| ())?;
        match self.end(py, status) {
            Err(error) if is_invalid_state(py, &error) => Ok(()),
            ended => ended,
        }
    }
}

#[pymethods]
impl Database {
    /// Returns a handle to the run with this ID, for reading and writing it.
    fn run(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<Run> {
        let id = run_id(id)?;
        Run::new(py, self.handle.call(py, |database| database.run(id))?, &self.handle)
    }

    /// Continues a run as its writer: sets its status to RUNNING and clears its end time.
    ///
    /// >>> run.finish()
    /// >>> with database.resume_run(run.id) as again:
    /// ...     again.info().status
    /// <RunStatus.RUNNING: 'RUNNING'>
    fn resume_run(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<Run> {
        let id = run_id(id)?;
        Run::new(py, self.handle.call(py, |database| database.resume_run(id))?, &self.handle)
    }

    /// Returns a handle to the only run whose ID begins with `prefix`.
    ///
    /// >>> database.run_by_prefix(run.id[:8]) == run
    /// True
    fn run_by_prefix(&self, py: Python<'_>, prefix: &str) -> PyResult<Run> {
        let run = self.handle.call(py, |database| database.run_by_prefix(prefix))?;
        Run::new(py, run, &self.handle)
    }

    /// Returns the active runs of active experiments, newest first.
    fn runs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::Database::runs)?)
    }

    /// Returns all runs, newest first, including deleted ones.
    fn all_runs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::Database::all_runs)?)
    }

    /// Returns the health of each of these runs: whether its process lives and logs.
    ///
    /// A dead process is noticed at once, by the lock that the kernel releases when it ends. On a
    /// network file system no process counts as dead.
    ///
    /// >>> database.run_health(run)
    /// [<RunHealth.RUNNING: 'running'>]
    fn run_health<'py>(
        &self,
        py: Python<'py>,
        runs: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let runs = run_ids(runs)?;
        to_list(py, &self.handle.call(py, |database| database.run_health(&runs))?)
    }

    /// Marks a run deleted, until `restore_run` or `gc`.
    fn delete_run(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = run_id(id)?;
        self.handle.call(py, |database| database.delete_run(id))
    }

    /// Restores a deleted run.
    fn restore_run(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = run_id(id)?;
        self.handle.call(py, |database| database.restore_run(id))
    }
}

#[pymethods]
impl Run {
    /// The ID of the run: 32 hexadecimal digits.
    #[getter]
    fn id(&self) -> String {
        self.id.to_string()
    }

    /// The ID of its experiment.
    #[getter]
    fn experiment_id(&self) -> u64 {
        self.experiment_id
    }

    /// The database of the run. Closing it closes this handle.
    #[getter]
    fn database(&self) -> Database {
        Database { handle: self.database.clone() }
    }

    /// The name, as it is in the file now.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        self.handle.call(py, tracklite::Run::name)
    }

    /// Returns name, status, times and lifecycle, as they are in the file now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::Run::info)?.to_python(py)
    }

    /// Returns the run with its params, tags and the latest point of each metric.
    fn record<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::Run::record)?.to_python(py)
    }

    /// Returns the latest point of a metric. None if it was never logged.
    fn latest<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Object<'py>>> {
        let found = self.handle.call(py, |run| run.latest(key))?;
        found.map(|point| point.to_python(py)).transpose()
    }

    /// Returns count, extremes, mean and latest point of a metric. None if it was never logged.
    fn statistics<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Object<'py>>> {
        let found = self.handle.call(py, |run| run.statistics(key))?;
        found.map(|statistics| statistics.to_python(py)).transpose()
    }

    /// Returns the params by key.
    fn params(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        self.handle.call(py, tracklite::Run::params)
    }

    /// Returns the tags by key.
    fn tags(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        self.handle.call(py, tracklite::Run::tags)
    }

    /// Returns the latest point of each metric by key.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entity::points(py, &self.handle.call(py, tracklite::Run::metrics)?)
    }

    /// Returns whether the run is RUNNING and a process that writes it still has the file open.
    fn is_alive(&self, py: Python<'_>) -> PyResult<bool> {
        self.handle.call(py, tracklite::Run::is_alive)
    }

    /// Returns the IDs of the runs nested directly in this one.
    fn children(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let children = self.handle.call(py, tracklite::Run::children)?;
        Ok(children.iter().map(ToString::to_string).collect())
    }

    /// Finishes the run: sets the status and the end time, and syncs, so that the run survives a
    /// power cut.
    ///
    /// This handle takes no more writes. `Database.run` returns another one.
    #[pyo3(signature = (status="FINISHED"))]
    fn finish(&self, py: Python<'_>, status: &str) -> PyResult<()> {
        self.end(py, choice(py, status)?)
    }

    /// Restores the run after it was deleted.
    fn restore(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::Run::restore)
    }

    /// Marks the run deleted, until `restore` or `gc`.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::Run::delete)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (exception_type, exception, traceback, /))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        exception_type: Option<&Bound<'_, PyAny>>,
        exception: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, run) = (slf.py(), slf.get());
        let _ = (exception_type, traceback);
        let Some(exception) = exception else {
            return run.end_of_block(py, RunStatus::Finished);
        };
        let is_killed = exception.is_instance_of::<PyKeyboardInterrupt>();
        // The caller must see the exception of the block, so errors of ours are only reported.
        let tagged = delegated(slf.as_any(), "_failure", "set_exception_tag", (exception,));
        let status = if is_killed { RunStatus::Killed } else { RunStatus::Failed };
        let ended = run.end_of_block(py, status);
        for error in [tagged.err(), ended.err()].into_iter().flatten() {
            error.write_unraisable(py, Some(slf));
        }
        Ok(())
    }

    /// Pickles path and ID. The copy opens the file again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Object<'py>, (PathBuf, bool, String))> {
        let class: Bound<'py, PyType> = slf.get_type();
        let session = slf.get().handle.session();
        let place = (session.absolute_path(), session.read_only, slf.get().id());
        Ok((class.getattr("_reopen")?, place))
    }

    #[staticmethod]
    fn _reopen(
        py: Python<'_>,
        path: PathBuf,
        read_only: bool,
        id: &Bound<'_, PyAny>,
    ) -> PyResult<Run> {
        let id = run_id(id)?;
        let database = Handle::reopen(py, path, read_only)?;
        Run::new(py, database.call(py, |database| database.run(id))?, &database)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Run>().is_ok_and(|other| other.get().id == self.id)
    }

    fn __hash__(&self) -> u64 {
        // The ID is random bits already.
        self.id.to_bits() as u64
    }

    fn __repr__(&self) -> String {
        format!("Run({:?})", self.id())
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "run_html", ())
    }
}
