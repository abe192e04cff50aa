//! Runs, for the plug-in: writing, reading and searching them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use tracklite::inputs::{DatasetInput, DatasetSummary};
use tracklite::{
    Batch, Database, ExperimentId, LoggedModelId, MetricPoint, Result, Run, RunId, RunSearch,
    RunStatus, RunUpdate,
};

use super::file::{Store, milliseconds};
use super::logged_models::logged_model_metric;
use super::values::{
    DatasetValue, MetricValue, ModelMetricValue, PageValue, RunInfoValue, RunValue, dataset_input,
    run_info_value, run_text, run_value,
};
use crate::detach::detached;

/// The maximum number of cached handles. Logging to a cached run needs no index lookup.
const CACHED_MAX: usize = 64;

/// Experiment, name, digest and context of an input dataset.
type FoundDataset = (u64, String, String, Option<String>);

/// The runs of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreRuns {
    database: Database,
    /// The handles used last, the latest at the end.
    cache: Mutex<VecDeque<Run>>,
}

#[pymethods]
impl StoreRuns {
    #[new]
    fn new(store: &Store) -> Self {
        StoreRuns { database: store.database.clone(), cache: Mutex::default() }
    }

    /// Starts a run. The default start time is now.
    fn create(
        &self,
        py: Python<'_>,
        experiment: u64,
        name: &str,
        user: &str,
        start: Option<i64>,
        tags: Vec<(String, String)>,
    ) -> PyResult<RunValue> {
        let create = || {
            let experiment = self.database.experiment_by_id(ExperimentId::new(experiment))?;
            let mut run = experiment.new_run().name(name).user(user).tags(tags);
            if let Some(start) = start {
                run = run.started(milliseconds(start)?);
            }
            let run = run.start()?;
            self.cache(&run);
            run.record().map(run_value)
        };
        detached(py, create)
    }

    /// Returns the run with params, tags, metrics, inputs and outputs.
    fn get(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
    ) -> PyResult<RunValue> {
        detached(py, || self.run(&run)?.record().map(run_value))
    }

    /// Returns the run without these.
    fn info(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
    ) -> PyResult<RunInfoValue> {
        detached(py, || self.run(&run)?.info().map(run_info_value))
    }

    /// Changes status, end time and name. Omitted ones stay. Syncs if the run has ended.
    fn update(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        status: Option<&str>,
        end: Option<i64>,
        name: Option<&str>,
    ) -> PyResult<RunInfoValue> {
        let update = || {
            let run = self.run(&run)?;
            let mut update = RunUpdate::new().keep_end();
            let status = status.map(str::parse::<RunStatus>).transpose()?;
            if let Some(status) = status {
                update = update.status(status);
            }
            if let Some(end) = end {
                update = update.ended(milliseconds(end)?);
            }
            if let Some(name) = name {
                update = update.name(name);
            }
            run.update(update)?;
            if status.is_some_and(RunStatus::is_terminated) {
                self.database.sync()?;
            }
            run.info().map(run_info_value)
        };
        detached(py, update)
    }

    /// Marks the run deleted.
    fn delete(&self, py: Python<'_>, #[pyo3(from_py_with = run_text)] run: String) -> PyResult<()> {
        detached(py, || self.database.delete_run(RunId::lookup(&run)?))
    }

    /// Restores the run.
    fn restore(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
    ) -> PyResult<()> {
        detached(py, || self.database.restore_run(RunId::lookup(&run)?))
    }

    /// Logs metrics, params and tags, and metrics of logged models, all or nothing.
    fn log(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        metrics: Vec<MetricValue>,
        params: Vec<(String, String)>,
        tags: Vec<(String, String)>,
        measured: Vec<(String, ModelMetricValue)>,
    ) -> PyResult<()> {
        let log = || {
            let run = self.run(&run)?;
            if !measured.is_empty() {
                // MLflow checks the run first.
                run.check_active()?;
            }
            let mut batch = Batch::new();
            for (model, metric) in measured {
                batch.logged_model_metric(
                    LoggedModelId::lookup(&model)?,
                    logged_model_metric(metric)?,
                );
            }
            for (key, value, time, step) in &metrics {
                let point = MetricPoint { step: *step, time: milliseconds(*time)?, value: *value };
                batch.point(key, point);
            }
            for (key, value) in &params {
                batch.param(key, value);
            }
            for (key, value) in &tags {
                batch.tag(key, value);
            }
            if batch.is_empty() {
                return run.check_active();
            }
            run.log_batch(&batch)
        };
        detached(py, log)
    }

    /// Logs one value of a metric.
    fn log_metric(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        key: &str,
        value: f64,
        time: i64,
        step: i64,
    ) -> PyResult<()> {
        let log = || self.run(&run)?.metric(key)?.log_at(value, step, milliseconds(time)?);
        detached(py, log)
    }

    /// Sets one param.
    fn log_param(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        key: &str,
        value: &str,
    ) -> PyResult<()> {
        detached(py, || self.run(&run)?.log_param(key, value))
    }

    /// Deletes a tag.
    fn delete_tag(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        key: &str,
    ) -> PyResult<()> {
        detached(py, || self.run(&run)?.delete_tag(key))
    }

    /// Logs input datasets and models.
    fn log_inputs(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        datasets: Vec<DatasetValue>,
        models: Vec<String>,
    ) -> PyResult<()> {
        let log = || {
            let run = self.run(&run)?;
            run.check_active()?;
            let datasets: Vec<DatasetInput> = datasets.into_iter().map(dataset_input).collect();
            let models: Vec<&str> = models.iter().map(String::as_str).collect();
            run.log_inputs(&datasets, &models)
        };
        detached(py, log)
    }

    /// Logs output models and their steps.
    fn log_outputs(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        models: Vec<(String, i64)>,
    ) -> PyResult<()> {
        detached(py, || {
            let run = self.run(&run)?;
            run.check_active()?;
            run.log_outputs(models)
        })
    }

    /// Searches runs. Returns one page, or all of them if `max_results` is None.
    #[expect(clippy::too_many_arguments, reason = "the arguments of MLflow's search")]
    fn search(
        &self,
        py: Python<'_>,
        experiments: Vec<u64>,
        filter: &str,
        view: &str,
        max_results: Option<usize>,
        order: Vec<String>,
        token: &str,
        artifact_root: &str,
    ) -> PyResult<PageValue<RunValue>> {
        let search = || {
            let search = RunSearch::new()
                .experiments(experiments.into_iter().map(ExperimentId::new))
                .filter(filter)
                .view(super::file::view(view)?)
                .page_token(token)
                .artifact_root(artifact_root);
            let search = order.into_iter().fold(search, RunSearch::order_by);
            let (items, token) = match max_results {
                Some(count) => {
                    let page = self.database.search_runs(&search.max_results(count))?;
                    (page.items, page.next_page_token)
                }
                None => (self.all_pages(&search)?, None),
            };
            Ok((items.into_iter().map(run_value).collect(), token))
        };
        detached(py, search)
    }

    /// Returns the input datasets of these experiments: experiment, name, digest, context.
    fn datasets(&self, py: Python<'_>, experiments: Vec<u64>) -> PyResult<Vec<FoundDataset>> {
        let experiments: Vec<ExperimentId> =
            experiments.into_iter().map(ExperimentId::new).collect();
        let found = detached(py, || self.database.search_datasets(&experiments))?;
        let found = found.into_iter();
        let value = |found: DatasetSummary| {
            (found.experiment.get(), found.name, found.digest, found.context)
        };
        Ok(found.map(value).collect())
    }
}

impl StoreRuns {
    fn run(&self, id: &str) -> Result<Run> {
        let id = RunId::lookup(id)?;
        let known = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.iter().rev().find(|run| run.id() == id).cloned()
        };
        match known {
            Some(run) => Ok(run),
            None => {
                let run = self.database.run(id)?;
                self.cache(&run);
                Ok(run)
            }
        }
    }

    fn cache(&self, run: &Run) {
        let oldest = {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if cache.iter().any(|known| known.id() == run.id()) {
                return;
            }
            cache.push_back(run.clone());
            if cache.len() > CACHED_MAX { cache.pop_front() } else { None }
        };
        // After the lock is released, because dropping a run takes another lock.
        drop(oldest);
    }

    fn all_pages(&self, search: &RunSearch) -> Result<Vec<tracklite::RunRecord>> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let search = search.clone().max_results(RunSearch::MAX_RESULTS);
            let page = self.database.search_runs(&search.page_token(&token))?;
            all.extend(page.items);
            match page.next_page_token {
                Some(next) => token = next,
                None => return Ok(all),
            }
        }
    }
}
