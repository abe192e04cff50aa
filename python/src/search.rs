//! Searches of runs, experiments and datasets, page by page.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tracklite::{ExperimentSearch, RunSearch};

use crate::convert::{experiment_ids, text_list, view};
use crate::database::Database;
use crate::detach::delegated;
use crate::entity::{Object, to_list, to_page};

/// The arguments of a search of runs.
pub(crate) struct RunQuery<'a, 'py> {
    pub(crate) filter: &'a str,
    pub(crate) order_by: Option<&'a Bound<'py, PyAny>>,
    pub(crate) experiments: Option<&'a Bound<'py, PyAny>>,
    pub(crate) view: &'a str,
    pub(crate) max_results: Option<usize>,
}

impl RunQuery<'_, '_> {
    /// Converts the arguments to a search of the engine.
    pub(crate) fn search(&self, py: Python<'_>) -> PyResult<RunSearch> {
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

/// Returns an iterator over all items of a search, which reads the next page when it needs it.
pub(crate) fn iterate<'py>(
    target: &Bound<'py, PyAny>,
    method: &str,
    filter: &str,
    options: &[(&str, Option<&Bound<'py, PyAny>>)],
) -> PyResult<Object<'py>> {
    let arguments = PyDict::new(target.py());
    arguments.set_item("filter", filter)?;
    for (name, value) in options {
        if let Some(value) = value {
            arguments.set_item(name, value)?;
        }
    }
    delegated(target, "_pages", "iterate", (method, arguments))
}

#[pymethods]
impl Database {
    /// Searches runs. Returns one page of `RunRecord`.
    ///
    /// `filter` and `order_by` are in MLflow's search language. `experiments` are experiments or
    /// their IDs, None for all. `view` is "active", "deleted" or "all". `page_token` is the
    /// `next_page_token` of the page before.
    ///
    /// >>> run.log_metric("loss", 0.25)
    /// >>> page = database.search_runs("metrics.loss < 0.5", order_by="metrics.loss DESC")
    /// >>> [record.info.name for record in page.items], page.next_page_token
    /// (['baseline'], None)
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, view="active",
                        max_results=None, page_token=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn search_runs<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<Object<'py>> {
        let query = RunQuery { filter, order_by, experiments, view, max_results };
        let search = query.search(py)?.page_token(page_token.unwrap_or_default());
        let page = self.handle.call(py, |database| database.search_runs(&search))?;
        to_page(py, &page.items, page.next_page_token)
    }

    /// Iterates over all runs that a search finds. Reads them page by page.
    ///
    /// >>> [record.id for record in database.iter_runs("status = 'RUNNING'")] == [run.id]
    /// True
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, view="active"))]
    fn iter_runs<'py>(
        slf: &Bound<'py, Self>,
        filter: &str,
        order_by: Option<&Bound<'py, PyAny>>,
        experiments: Option<&Bound<'py, PyAny>>,
        view: &str,
    ) -> PyResult<Object<'py>> {
        let view = view.into_pyobject(slf.py())?;
        let options =
            [("order_by", order_by), ("experiments", experiments), ("view", Some(view.as_any()))];
        iterate(slf.as_any(), "search_runs", filter, &options)
    }

    /// Searches experiments. Returns one page of `ExperimentInfo`.
    #[pyo3(signature = (filter="", *, order_by=None, view="active", max_results=None,
                        page_token=None))]
    fn search_experiments<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<Object<'py>> {
        let mut search = ExperimentSearch::new().filter(filter);
        search = search.view(crate::convert::view(py, view)?);
        search = search.page_token(page_token.unwrap_or_default());
        for field in order_by.map(text_list).transpose()?.unwrap_or_default() {
            search = search.order_by(field);
        }
        if let Some(count) = max_results {
            search = search.max_results(count);
        }
        let page = self.handle.call(py, |database| database.search_experiments(&search))?;
        to_page(py, &page.items, page.next_page_token)
    }

    /// Iterates over all experiments that a search finds. Reads them page by page.
    #[pyo3(signature = (filter="", *, order_by=None, view="active"))]
    fn iter_experiments<'py>(
        slf: &Bound<'py, Self>,
        filter: &str,
        order_by: Option<&Bound<'py, PyAny>>,
        view: &str,
    ) -> PyResult<Object<'py>> {
        let view = view.into_pyobject(slf.py())?;
        let options = [("order_by", order_by), ("view", Some(view.as_any()))];
        iterate(slf.as_any(), "search_experiments", filter, &options)
    }

    /// Returns the datasets of these experiments, with the context of each use.
    fn search_datasets<'py>(
        &self,
        py: Python<'py>,
        experiments: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let experiments = experiment_ids(experiments)?;
        to_list(py, &self.handle.call(py, |database| database.search_datasets(&experiments))?)
    }
}
