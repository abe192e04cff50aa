//! Experiments, for the plug-in.

use pyo3::prelude::*;
use tracklite::{Database, Experiment, ExperimentId, ExperimentSearch, Result};

use super::file::Store;
use super::values::{ExperimentValue, PageValue, experiment_value};
use crate::detach::detached;

/// The experiments of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreExperiments {
    database: Database,
}

#[pymethods]
impl StoreExperiments {
    #[new]
    fn new(store: &Store) -> Self {
        StoreExperiments { database: store.database.clone() }
    }

    /// Creates an experiment with these tags, and returns its ID.
    fn create(&self, py: Python<'_>, name: &str, tags: Vec<(String, String)>) -> PyResult<u64> {
        detached(py, || Ok(self.database.create_experiment_with(name, tags)?.id().get()))
    }

    /// Creates an experiment whose artifacts are at `root` and its ID, and returns the ID.
    fn create_below(
        &self,
        py: Python<'_>,
        name: &str,
        root: &str,
        tags: Vec<(String, String)>,
    ) -> PyResult<u64> {
        detached(py, || Ok(self.database.create_experiment_below(name, root, tags)?.id().get()))
    }

    /// Moves the artifacts of the unused default experiment to `root` and its ID.
    fn place_default(&self, py: Python<'_>, root: &str) -> PyResult<()> {
        detached(py, || self.database.place_default_experiment(root))
    }

    /// Returns the experiment with this ID.
    fn get(&self, py: Python<'_>, id: u64) -> PyResult<ExperimentValue> {
        detached(py, || self.experiment(id)?.info().map(experiment_value))
    }

    /// Returns the experiment with this name, deleted or not, or None.
    fn find(&self, py: Python<'_>, name: &str) -> PyResult<Option<ExperimentValue>> {
        let find = || {
            let found = self.database.find_experiment(name)?;
            found.map(|experiment| experiment.info().map(experiment_value)).transpose()
        };
        detached(py, find)
    }

    /// Searches experiments. Returns one page.
    fn search(
        &self,
        py: Python<'_>,
        filter: &str,
        view: &str,
        max_results: usize,
        order: Vec<String>,
        token: &str,
    ) -> PyResult<PageValue<ExperimentValue>> {
        let search = || {
            let search = ExperimentSearch::new()
                .filter(filter)
                .view(super::file::view(view)?)
                .max_results(max_results)
                .page_token(token);
            let search = order.into_iter().fold(search, ExperimentSearch::order_by);
            let page = self.database.search_experiments(&search)?;
            Ok((page.items.into_iter().map(experiment_value).collect(), page.next_page_token))
        };
        detached(py, search)
    }

    /// Renames the experiment.
    fn rename(&self, py: Python<'_>, id: u64, name: &str) -> PyResult<()> {
        detached(py, || self.experiment(id)?.rename(name))
    }

    /// Marks the experiment and its runs deleted.
    fn delete(&self, py: Python<'_>, id: u64) -> PyResult<()> {
        detached(py, || self.experiment(id)?.delete())
    }

    /// Restores the experiment and its runs.
    fn restore(&self, py: Python<'_>, id: u64) -> PyResult<()> {
        detached(py, || self.experiment(id)?.restore())
    }

    /// Sets a tag.
    fn set_tag(&self, py: Python<'_>, id: u64, key: &str, value: &str) -> PyResult<()> {
        detached(py, || self.experiment(id)?.set_tag(key, value))
    }

    /// Deletes a tag.
    fn delete_tag(&self, py: Python<'_>, id: u64, key: &str) -> PyResult<()> {
        detached(py, || self.experiment(id)?.delete_tag(key))
    }
}

impl StoreExperiments {
    fn experiment(&self, id: u64) -> Result<Experiment> {
        self.database.experiment_by_id(ExperimentId::new(id))
    }
}
