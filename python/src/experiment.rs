//! Experiments: named by a path, they hold runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use crate::capture::Wanted;
use crate::convert::{instant, run_id, text, texts};
use crate::database::{absolute, reopened};
use crate::detach::detached;
use crate::entity::{Entity as _, Object, told_list};
use crate::run::Run;

/// A handle of an experiment.
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
    pub(crate) inner: tracklite::Experiment,
    pub(crate) read_only: bool,
}

#[pymethods]
impl Experiment {
    /// The number that stays when the experiment is renamed.
    #[getter]
    fn id(&self) -> u64 {
        self.inner.id().get()
    }

    /// Path, lifecycle, times and tags, as they are in the file now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.info())?.told(py)
    }

    /// The tags by key.
    fn tags(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        detached(py, || self.inner.tags())
    }

    /// Start a run; without a name it gets one such as "quiet-heron-417".
    ///
    /// As a context manager the run is finished at the end of the block: FINISHED, or FAILED by an
    /// exception, whose traceback is then its tag `tracklite.exception`.
    ///
    /// `parent` is the run that it is nested in; `started` is when it started, if not now.
    /// `capture` is what is captured of its surroundings: a `Capture`, or True for everything.
    ///
    /// >>> with database.default_experiment().start_run(tags={"stage": "try"}) as run:
    /// ...     run.tags()["stage"]
    /// 'try'
    #[pyo3(signature = (name="", *, parent=None, params=None, tags=None, user=None, started=None,
                        capture=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn start_run<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        parent: Option<&Bound<'_, PyAny>>,
        params: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        user: Option<&str>,
        started: Option<&Bound<'_, PyAny>>,
        capture: Option<Wanted<'_>>,
    ) -> PyResult<Bound<'py, Run>> {
        let mut builder = self.inner.new_run().name(name);
        if let Some(parent) = parent {
            builder = builder.parent(run_id(parent)?);
        }
        if let Some(params) = params {
            builder = builder.params(crate::run::flat_params(params)?);
        }
        if let Some(tags) = tags {
            builder = builder.tags(texts(tags, "tags")?);
        }
        if let Some(user) = user {
            builder = builder.user(user);
        }
        if let Some(started) = started {
            builder = builder.started(instant(started, "started")?);
        }
        let capture = capture.map(|it| it.prepared(py)).transpose()?;
        let run = detached(py, || builder.start())?;
        let run = Bound::new(py, Run::new(run, self.inner.database(), self.read_only))?;
        capture.flatten().map_or(Ok(()), |capture| capture.start(&run))?;
        Ok(run)
    }

    /// Its active runs, the newest first.
    fn runs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.runs())?)
    }

    /// All datasets of its runs with what they were used for.
    fn datasets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.datasets())?)
    }

    /// Give it another path.
    fn rename(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        detached(py, || self.inner.rename(path))
    }

    /// Mark it and all its runs deleted, until `restore` or `gc`.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.delete())
    }

    /// Restore it and all its runs.
    fn restore(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.restore())
    }

    /// Set a tag, whatever it was before.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        detached(py, || self.inner.set_tag(key, value))
    }

    /// Delete a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        detached(py, || self.inner.delete_tag(key))
    }

    /// By path and number: the copy opens the file again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Object<'py>, (PathBuf, bool, u64))> {
        let class: Bound<'py, PyType> = slf.get_type();
        let Experiment { inner, read_only } = slf.get();
        let place = (absolute(inner.database()), *read_only, inner.id().get());
        Ok((class.getattr("_reopen")?, place))
    }

    #[staticmethod]
    fn _reopen(py: Python<'_>, path: PathBuf, read_only: bool, id: u64) -> PyResult<Experiment> {
        let id = tracklite::ExperimentId::new(id);
        let inner = detached(py, || reopened(path, read_only)?.experiment_by_id(id))?;
        Ok(Experiment { inner, read_only })
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let same = |other: &Experiment| {
            other.inner.id() == self.inner.id()
                && other.inner.database().path() == self.inner.database().path()
        };
        other.cast::<Experiment>().is_ok_and(|other| same(other.get()))
    }

    fn __hash__(&self) -> u64 {
        self.inner.id().get()
    }

    fn __repr__(&self) -> String {
        format!("Experiment({})", self.inner.id())
    }
}
