//! Experiments, which are named by a path and hold runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use crate::convert::{experiment_id, text};
use crate::database::Database;
use crate::entity::{Entity as _, Object, to_list};
use crate::session::Handle;

/// A handle to an experiment.
///
/// >>> experiment = database.experiment("/Shared/team/churn")
/// >>> experiment.set_tag("owner", "research")
/// >>> with experiment.start_run("sweep", params={"depth": 3}) as parent:
/// ...     for seed in range(3):
/// ...         with experiment.start_run(parent=parent, params={"seed": seed}):
/// ...             pass
/// >>> len(experiment.runs())
/// 4
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Experiment {
    pub(crate) handle: Handle<tracklite::Experiment>,
    pub(crate) database: Handle<tracklite::Database>,
    id: u64,
}

impl Experiment {
    fn get(
        py: Python<'_>,
        database: &Handle<tracklite::Database>,
        get: impl FnOnce(&tracklite::Database) -> tracklite::Result<tracklite::Experiment> + Send,
    ) -> PyResult<Experiment> {
        let experiment = database.call(py, get)?;
        let id = experiment.id().get();
        Ok(Experiment { handle: database.derive(py, experiment)?, database: database.clone(), id })
    }
}

#[pymethods]
impl Database {
    /// Returns the experiment with this path, and creates it if it does not exist.
    ///
    /// Any text is a path. Slashes make folders, as in "/Shared/team/churn".
    fn experiment(&self, py: Python<'_>, path: &str) -> PyResult<Experiment> {
        Experiment::get(py, &self.handle, |database| database.experiment(path))
    }

    /// Creates an experiment. Raises `AlreadyExistsError` if the path is taken.
    fn create_experiment(&self, py: Python<'_>, path: &str) -> PyResult<Experiment> {
        Experiment::get(py, &self.handle, |database| database.create_experiment(path))
    }

    /// Returns the experiment with this path, deleted or not. None if there is none.
    fn find_experiment(&self, py: Python<'_>, path: &str) -> PyResult<Option<Experiment>> {
        let found = self.handle.call(py, |database| database.find_experiment(path))?;
        found.map(|found| Experiment::get(py, &self.handle, |_| Ok(found))).transpose()
    }

    /// Returns the experiment with this ID.
    fn experiment_by_id(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<Experiment> {
        let id = experiment_id(id)?;
        Experiment::get(py, &self.handle, |database| database.experiment_by_id(id))
    }

    /// Returns the experiment that every file has: ID 0, named "Default".
    fn default_experiment(&self, py: Python<'_>) -> PyResult<Experiment> {
        Experiment::get(py, &self.handle, tracklite::Database::default_experiment)
    }

    /// Returns all experiments by ID, including deleted ones.
    fn experiments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::Database::experiments)?)
    }
}

#[pymethods]
impl Experiment {
    /// The ID, which does not change when the experiment is renamed.
    #[getter]
    fn id(&self) -> u64 {
        self.id
    }

    /// Returns path, lifecycle, times and tags, as they are in the file now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::Experiment::info)?.to_python(py)
    }

    /// Returns the tags by key.
    fn tags(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        self.handle.call(py, tracklite::Experiment::tags)
    }

    /// Returns its active runs, newest first.
    fn runs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::Experiment::runs)?)
    }

    /// Returns all datasets of its runs, with the context of each use.
    fn datasets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::Experiment::datasets)?)
    }

    /// Changes the path.
    fn rename(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        self.handle.call(py, |experiment| experiment.rename(path))
    }

    /// Marks the experiment and all its runs deleted, until `restore` or `gc`.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::Experiment::delete)
    }

    /// Restores the experiment and all its runs.
    fn restore(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::Experiment::restore)
    }

    /// Sets a tag. Replaces an earlier value.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        self.handle.call(py, |experiment| experiment.set_tag(key, value))
    }

    /// Deletes a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.handle.call(py, |experiment| experiment.delete_tag(key))
    }

    /// Pickles path and ID. The copy opens the file again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Object<'py>, (PathBuf, bool, u64))> {
        let class: Bound<'py, PyType> = slf.get_type();
        let session = slf.get().handle.session();
        let place = (session.absolute_path(), session.read_only, slf.get().id);
        Ok((class.getattr("_reopen")?, place))
    }

    #[staticmethod]
    fn _reopen(py: Python<'_>, path: PathBuf, read_only: bool, id: u64) -> PyResult<Experiment> {
        let id = tracklite::ExperimentId::new(id);
        let database = Handle::reopen(py, path, read_only)?;
        Experiment::get(py, &database, |database| database.experiment_by_id(id))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let is_same = |other: &Experiment| {
            other.id == self.id && other.handle.session().path == self.handle.session().path
        };
        other.cast::<Experiment>().is_ok_and(|other| is_same(other.get()))
    }

    fn __hash__(&self) -> u64 {
        self.id
    }

    fn __repr__(&self) -> String {
        format!("Experiment({})", self.id)
    }
}
