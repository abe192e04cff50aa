//! Searching: runs, experiments and histories of a database as tables.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use tracklite::{ExperimentSearch, RunSearch};

use crate::convert::{experiment_id, run_ids, text_list, view};
use crate::database::Database;
use crate::detach::detached;
use crate::entity::told_list;
use crate::frame::Frame;

/// What a search of runs is given, as Python gives it.
struct RunQuery<'a, 'py> {
    filter: &'a str,
    order_by: Option<&'a Bound<'py, PyAny>>,
    experiments: Option<&'a Bound<'py, PyAny>>,
    view: &'a str,
    max_results: Option<usize>,
}

impl RunQuery<'_, '_> {
    fn search(&self, py: Python<'_>) -> PyResult<RunSearch> {
        let mut search = RunSearch::new().filter(self.filter).view(view(py, self.view)?);
        for field in self.order_by.map(text_list).transpose()?.unwrap_or_default() {
            search = search.order_by(field);
        }
        if let Some(experiments) = self.experiments {
            search = search.experiments(experiment_ids(experiments)?);
        }
        if let Some(count) = self.max_results {
            search = search.max_results(count);
        }
        Ok(search)
    }
}

/// Experiments or their numbers; one by itself is a list of one.
pub(crate) fn experiment_ids(value: &Bound<'_, PyAny>) -> PyResult<Vec<tracklite::ExperimentId>> {
    match experiment_id(value) {
        Ok(id) => Ok(vec![id]),
        Err(_) if !value.is_instance_of::<PyString>() => {
            value.try_iter()?.map(|each| experiment_id(&each?)).collect()
        }
        Err(error) => Err(error),
    }
}

#[pymethods]
impl Database {
    /// The runs that a search finds, as a table with a row for each.
    ///
    /// `filter` and `order_by` are in MLflow's language; `experiments` are experiments or their
    /// numbers, all when it is None; `view` is "active", "deleted" or "all"; `columns` are names
    /// such as "run_id", "metrics.loss" or "params.*", the usual ones when it is None.
    ///
    /// >>> run.log_metric("loss", 0.25)
    /// >>> found = database.search_runs("metrics.loss < 0.5", order_by="metrics.loss DESC")
    /// >>> found["metrics.loss"]
    /// [0.25]
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, view="active",
                        max_results=None, columns=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn search_runs(
        &self,
        py: Python<'_>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
        columns: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Frame> {
        let query = RunQuery { filter, order_by, experiments, view, max_results };
        let mut search = query.search(py)?;
        if let Some(columns) = columns {
            search = search.columns(text_list(columns)?);
        }
        let frame = detached(py, || self.inner.search_runs_frame(&search))?;
        Ok(Frame { frame })
    }

    /// One page of the runs that a search finds, as values, and what asks for the next page: give
    /// it as `page_token`; None after the last page.
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, view="active",
                        max_results=None, page_token=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn search_runs_page<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<(Bound<'py, PyList>, Option<String>)> {
        let query = RunQuery { filter, order_by, experiments, view, max_results };
        let search = query.search(py)?.page_token(page_token.unwrap_or_default());
        let page = detached(py, || self.inner.search_runs(&search))?;
        Ok((told_list(py, &page.items)?, page.next_page_token))
    }

    /// One page of the experiments that a search finds, and what asks for the next page.
    #[pyo3(signature = (filter="", *, order_by=None, view="active", max_results=None,
                        page_token=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn search_experiments<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<(Bound<'py, PyList>, Option<String>)> {
        let mut search = ExperimentSearch::new().filter(filter);
        search = search.view(crate::convert::view(py, view)?);
        search = search.page_token(page_token.unwrap_or_default());
        for field in order_by.map(text_list).transpose()?.unwrap_or_default() {
            search = search.order_by(field);
        }
        if let Some(count) = max_results {
            search = search.max_results(count);
        }
        let page = detached(py, || self.inner.search_experiments(&search))?;
        Ok((told_list(py, &page.items)?, page.next_page_token))
    }

    /// What differs between these runs: a row for each, and the columns that are not the same.
    fn compare_runs(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        Ok(Frame { frame: detached(py, || self.inner.comparison_frame(&runs))? })
    }

    /// All points of these metrics of these runs: `run_id, key, step, timestamp, value`; of all
    /// metrics when `keys` is None. With `wide`, a row for each step and a column for each key.
    ///
    /// >>> run.log({"loss": 0.5, "accuracy": 0.75}, step=0)
    /// >>> database.histories(run, wide=True).columns
    /// ['run_id', 'step', 'timestamp', 'accuracy', 'loss']
    #[pyo3(signature = (runs, keys=None, *, wide=false))]
    fn histories(
        &self,
        py: Python<'_>,
        runs: &Bound<'_, PyAny>,
        keys: Option<&Bound<'_, PyAny>>,
        wide: bool,
    ) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        let keys = keys.map(text_list).transpose()?.unwrap_or_default();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let frame = detached(py, || match wide {
            true => self.inner.wide_history_frame(&runs, &keys),
            false => self.inner.history_frame(&runs, &keys),
        })?;
        Ok(Frame { frame })
    }

    /// The params of these runs: `run_id, key, value`.
    fn params_of(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        Ok(Frame { frame: detached(py, || self.inner.params_frame(&runs))? })
    }

    /// The tags of these runs: `run_id, key, value`.
    fn tags_of(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        Ok(Frame { frame: detached(py, || self.inner.tags_frame(&runs))? })
    }

    /// The datasets that these runs were given, run by run.
    fn datasets_of(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        Ok(Frame { frame: detached(py, || self.inner.datasets_frame(&runs))? })
    }

    /// The datasets of these experiments with what they were used for.
    fn search_datasets<'py>(
        &self,
        py: Python<'py>,
        experiments: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let experiments = experiment_ids(experiments)?;
        told_list(py, &detached(py, || self.inner.search_datasets(&experiments))?)
    }
}
