//! Searching: runs, experiments and datasets of a database, page by page.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use tracklite::{ExperimentSearch, RunSearch};

use crate::convert::{experiment_id, text_list, view};
use crate::database::Database;
use crate::detach::detached;
use crate::entity::told_list;

/// What a search of runs is given, as Python gives it.
pub(crate) struct RunQuery<'a, 'py> {
    pub(crate) filter: &'a str,
    pub(crate) order_by: Option<&'a Bound<'py, PyAny>>,
    pub(crate) experiments: Option<&'a Bound<'py, PyAny>>,
    pub(crate) view: &'a str,
    pub(crate) max_results: Option<usize>,
}

impl RunQuery<'_, '_> {
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
