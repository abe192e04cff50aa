//! Runs, for the plug-in: what is logged to them and told of them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use tracklite::{
    Batch, Database, DatasetInput, Error, ErrorKind, ExperimentId, MetricPoint, Result, Run,
    RunInfo, RunSearch, RunStatus, RunUpdate,
};

use super::logged_models::logged_model_metric;
use super::values::{
    DatasetValue, MetricValue, ModelMetricValue, PageValue, RunInfoValue, RunValue, dataset_input,
    logged_model_id, run_id, run_info_value, run_value,
};
use super::{Store, milliseconds, view};
use crate::detach::detached;

/// How many runs are held at hand, so that the next value is logged without asking the index.
const HELD_MAX: usize = 64;

/// Experiment, name, digest and context of a dataset that a run was given.
type FoundDataset = (u64, String, String, Option<String>);

/// The runs of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreRuns {
    database: Database,
    /// The runs written to last, the latest at the end.
    held: Mutex<VecDeque<Run>>,
}

#[pymethods]
impl StoreRuns {
    #[new]
    fn new(store: &Store) -> Self {
        StoreRuns { database: store.database.clone(), held: Mutex::default() }
    }

    /// Start a run; without a start it is now.
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
            self.hold(&run);
            run.record().map(run_value)
        };
        detached(py, create)
    }

    /// The run with all that is told of it.
    fn get(&self, py: Python<'_>, run: &str) -> PyResult<RunValue> {
        detached(py, || self.run(run)?.record().map(run_value))
    }

    /// The run itself.
    fn info(&self, py: Python<'_>, run: &str) -> PyResult<RunInfoValue> {
        detached(py, || self.run(run)?.info().map(run_info_value))
    }

    /// Change status, end and name, those that are given; an end of a run is synced.
    fn update(
        &self,
        py: Python<'_>,
        run: &str,
        status: Option<&str>,
        end: Option<i64>,
        name: Option<&str>,
    ) -> PyResult<RunInfoValue> {
        let update = || {
            let run = self.run(run)?;
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

    /// Mark the run deleted.
    fn delete(&self, py: Python<'_>, run: &str) -> PyResult<()> {
        detached(py, || self.database.delete_run(run_id(run)?))
    }

    /// Take that back.
    fn restore(&self, py: Python<'_>, run: &str) -> PyResult<()> {
        detached(py, || self.database.restore_run(run_id(run)?))
    }

    /// Log metrics, params and tags, and what was measured of logged models, all or nothing.
    fn log(
        &self,
        py: Python<'_>,
        run: &str,
        metrics: Vec<MetricValue>,
        params: Vec<(String, String)>,
        tags: Vec<(String, String)>,
        measured: Vec<(String, ModelMetricValue)>,
    ) -> PyResult<()> {
        let log = || {
            let run = self.run(run)?;
            if !measured.is_empty() {
                // MLflow looks at the run first.
                check_active(&run)?;
            }
            let mut batch = Batch::new();
            for (model, metric) in measured {
                batch.logged_model_metric(logged_model_id(&model)?, logged_model_metric(metric)?);
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
                return check_active(&run);
            }
            run.log_batch(&batch)
        };
        detached(py, log)
    }

    /// Log one value of a metric.
    fn log_metric(
        &self,
        py: Python<'_>,
        run: &str,
        key: &str,
        value: f64,
        time: i64,
        step: i64,
    ) -> PyResult<()> {
        let log = || self.run(run)?.metric(key)?.log_at(value, step, milliseconds(time)?);
        detached(py, log)
    }

    /// The params that are set.
    fn params(&self, py: Python<'_>, run: &str) -> PyResult<super::values::Texts> {
        detached(py, || self.run(run)?.params())
    }

    /// Delete a tag.
    fn delete_tag(&self, py: Python<'_>, run: &str, key: &str) -> PyResult<()> {
        detached(py, || self.run(run)?.delete_tag(key))
    }

    /// Log the datasets and models that the run was given.
    fn log_inputs(
        &self,
        py: Python<'_>,
        run: &str,
        datasets: Vec<DatasetValue>,
        models: Vec<String>,
    ) -> PyResult<()> {
        let log = || {
            let run = self.run(run)?;
            check_active(&run)?;
            let datasets: Vec<DatasetInput> = datasets.into_iter().map(dataset_input).collect();
            let models: Vec<&str> = models.iter().map(String::as_str).collect();
            run.log_inputs(&datasets, &models)
        };
        detached(py, log)
    }

    /// Log the models that the run has made, and their steps.
    fn log_outputs(&self, py: Python<'_>, run: &str, models: Vec<(String, i64)>) -> PyResult<()> {
        detached(py, || {
            let run = self.run(run)?;
            check_active(&run)?;
            run.log_outputs(models)
        })
    }

    /// A page of the runs that a filter finds, in an order; all of them without a number.
    #[expect(clippy::too_many_arguments, reason = "a search of MLflow's has as many")]
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
                .view(self::view(view)?)
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

    /// The datasets that runs of these experiments were given: experiment, name, digest, context.
    fn datasets(&self, py: Python<'_>, experiments: Vec<u64>) -> PyResult<Vec<FoundDataset>> {
        let experiments: Vec<ExperimentId> =
            experiments.into_iter().map(ExperimentId::new).collect();
        let found = detached(py, || self.database.search_datasets(&experiments))?;
        let found = found.into_iter();
        Ok(found.map(|it| (it.experiment.get(), it.name, it.digest, it.context)).collect())
    }
}

impl StoreRuns {
    fn run(&self, id: &str) -> Result<Run> {
        let id = run_id(id)?;
        let known = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.iter().rev().find(|run| run.id() == id).cloned()
        };
        match known {
            Some(run) => Ok(run),
            None => {
                let run = self.database.run(id)?;
                self.hold(&run);
                Ok(run)
            }
        }
    }

    fn hold(&self, run: &Run) {
        let oldest = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if held.iter().any(|known| known.id() == run.id()) {
                return;
            }
            held.push_back(run.clone());
            if held.len() > HELD_MAX { held.pop_front() } else { None }
        };
        // Outside of the lock, as it takes another.
        drop(oldest);
    }

    fn all_pages(&self, search: &RunSearch) -> Result<Vec<tracklite::RunRecord>> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let search = search.clone().max_results(tracklite::PAGE_RESULTS_MAX);
            let page = self.database.search_runs(&search.page_token(&token))?;
            all.extend(page.items);
            match page.next_page_token {
                Some(next) => token = next,
                None => return Ok(all),
            }
        }
    }
}

/// A deleted run takes nothing, also when there is nothing to log.
fn check_active(run: &Run) -> Result<()> {
    let info: RunInfo = run.info()?;
    match info.lifecycle {
        tracklite::Lifecycle::Active => Ok(()),
        tracklite::Lifecycle::Deleted => {
            let message = format!("run {} is deleted: restore it first", info.id);
            Err(Error::new(ErrorKind::InvalidState, message))
        }
    }
}
