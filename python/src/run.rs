//! Runs: what a training program logs to, and what others read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};
use tracklite::{Batch, RunStatus, RunUpdate};

use crate::convert::{entries, instant, number, run_id, text, texts, word};
use crate::database::{absolute, reopened};
use crate::detach::{delegated, detached};
use crate::entity::{self, Entity as _, Object};
use crate::error::is_invalid_state;
use crate::history::History;
use crate::known::Known;
use crate::metric::{Metric, MetricRow, log_one, log_row, place, point};

/// A run: the handle through which it is written and read.
///
/// As a context manager it is finished at the end of the block: FINISHED, KILLED by Ctrl-C, or
/// FAILED by another exception, whose traceback is then its tag `tracklite.exception`. Handles may
/// be used by any thread and are pickled by path and id.
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
    pub(crate) inner: tracklite::Run,
    pub(crate) database: tracklite::Database,
    pub(crate) read_only: bool,
    known: Known,
    /// What goes on being captured, until the run is finished.
    capturing: Mutex<Option<tracklite::Capturing>>,
}

impl Run {
    pub(crate) fn new(
        inner: tracklite::Run,
        database: &tracklite::Database,
        read_only: bool,
    ) -> Run {
        let (database, known, capturing) = (database.clone(), Known::default(), Mutex::default());
        Run { inner, database, read_only, known, capturing }
    }

    /// Goes on capturing until the run is finished, instead of what was captured before.
    pub(crate) fn keep(&self, capturing: tracklite::Capturing) {
        let before = self.kept().replace(capturing);
        drop(before);
    }

    fn kept(&self) -> MutexGuard<'_, Option<tracklite::Capturing>> {
        self.capturing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the run, and what is captured of it.
    fn end(&self, py: Python<'_>, status: RunStatus) -> PyResult<()> {
        let (run, capturing) = (self.inner.clone(), self.kept().take());
        detached(py, || {
            drop(capturing);
            run.finish_as(status)
        })
    }

    /// The same at the end of a block: a run that was finished or deleted within it stays as it is.
    fn end_of_block(&self, py: Python<'_>, status: RunStatus) -> PyResult<()> {
        match self.end(py, status) {
            Err(error) if is_invalid_state(py, &error) => Ok(()),
            ended => ended,
        }
    }
}

/// Params of nested dicts, dataclasses and namespaces as texts, their keys joined by dots.
pub(crate) fn flat_params(params: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let flat = delegated(params, "_params", "flat", ())?;
    texts(&flat, "params")
}

#[pymethods]
impl Run {
    /// The id of the run: 32 hexadecimal digits.
    #[getter]
    fn id(&self) -> String {
        self.inner.id().to_string()
    }

    /// The number of the experiment that holds it.
    #[getter]
    fn experiment_id(&self) -> u64 {
        self.inner.experiment_id().get()
    }

    /// The name, as it is in the file now.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || self.inner.name())
    }

    /// Name, status, times and place, as they are in the file now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.info())?.told(py)
    }

    /// The run with its params, tags and the latest point of each metric.
    fn record<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.record())?.told(py)
    }

    /// Log one value of a metric, now; without a step at the step after the last.
    ///
    /// When this returns, the point survives the death of the process by any means. Numbers of
    /// numpy and torch are taken as they are.
    ///
    /// >>> run.log_metric("loss", 0.5, step=10)
    /// >>> run.log_metric("loss", 0.4)
    /// >>> run.latest("loss").step
    /// 11
    #[pyo3(signature = (key, value, step=None, *, time=None))]
    fn log_metric(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let key = key.to_cow()?;
        let (value, place) = (number(value, &key)?, place(step, time)?);
        self.known.with_metric(py, &self.inner, &key, |metric| log_one(metric, value, place))
    }

    /// Log several metrics at one step, now: all of them or, if the process dies, none.
    ///
    /// The keys of dicts within it are joined by `/`.
    ///
    /// >>> run.log({"loss": 0.5, "validation": {"loss": 0.6}}, step=3)
    /// >>> sorted(run.metrics())
    /// ['loss', 'validation/loss']
    #[pyo3(signature = (metrics, step=None, *, time=None))]
    fn log(
        &self,
        py: Python<'_>,
        metrics: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let Some((keys, values)) = plain_row(metrics)? else {
            let flat = delegated(metrics, "_params", "flat_metrics", ())?;
            return self.log(py, &flat, step, time);
        };
        let place = place(step, time)?;
        self.known.with_row(py, &self.inner, &keys, |row| log_row(row, &values, place))
    }

    /// A handle for logging one metric.
    fn metric(&self, py: Python<'_>, key: &str) -> PyResult<Metric> {
        let inner = detached(py, || self.inner.metric(key))?;
        Ok(Metric { inner, key: key.to_owned() })
    }

    /// A handle for logging several metrics at one step, in the order of the keys.
    fn metric_row(&self, py: Python<'_>, keys: Vec<String>) -> PyResult<MetricRow> {
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let inner = detached(py, || self.inner.metric_row(&names))?;
        Ok(MetricRow { inner, keys })
    }

    /// Set a param. The same value again does nothing; another value is an `InvalidInputError`.
    fn log_param(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        detached(py, || self.inner.log_param(key, value))
    }

    /// Set params, all or none: a dict, a dataclass or a namespace, nested as it may be.
    ///
    /// >>> import argparse
    /// >>> run.log_params(argparse.Namespace(depth=3, optimizer={"name": "adam", "rate": 0.1}))
    /// >>> run.params()
    /// {'depth': '3', 'optimizer.name': 'adam', 'optimizer.rate': '0.1'}
    fn log_params(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<()> {
        let params = flat_params(params)?;
        detached(py, || self.inner.log_params(params))
    }

    /// Set a tag, whatever it was before.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        detached(py, || self.inner.set_tag(key, value))
    }

    /// Set tags, all or none.
    fn set_tags(&self, py: Python<'_>, tags: &Bound<'_, PyAny>) -> PyResult<()> {
        let tags = texts(tags, "tags")?;
        detached(py, || self.inner.set_tags(tags))
    }

    /// Delete a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        detached(py, || self.inner.delete_tag(key))
    }

    /// Log metrics at one step, params and tags as one: all of them or, whatever happens, none.
    ///
    /// >>> run.log_batch(metrics={"loss": 0.5}, params={"depth": 3}, tags={"stage": "warm-up"})
    #[pyo3(signature = (*, metrics=None, params=None, tags=None, step=None, time=None))]
    fn log_batch(
        &self,
        py: Python<'_>,
        metrics: Option<&Bound<'_, PyAny>>,
        params: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        step: Option<&Bound<'_, PyAny>>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let mut batch = Batch::new();
        if let Some(metrics) = metrics {
            for (key, value) in entries(metrics, "metrics", |key, value| number(value, key))? {
                batch.point(&key, point(value, step, time)?);
            }
        }
        for (key, value) in params.map(flat_params).transpose()?.unwrap_or_default() {
            batch.param(&key, value);
        }
        for (key, value) in tags.map(|it| texts(it, "tags")).transpose()?.unwrap_or_default() {
            batch.tag(&key, value);
        }
        detached(py, || self.inner.log_batch(&batch))
    }

    /// Rename the run.
    fn set_name(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        detached(py, || self.inner.set_name(name))
    }

    /// Set the status; one that ends the run sets the end time too, any other clears it.
    fn set_status(&self, py: Python<'_>, status: &str) -> PyResult<()> {
        let status: RunStatus = word(py, status)?;
        detached(py, || self.inner.set_status(status))
    }

    /// Set name, status and end time, those that are given, as one.
    #[pyo3(signature = (*, name=None, status=None, ended=None))]
    fn update(
        &self,
        py: Python<'_>,
        name: Option<&str>,
        status: Option<&str>,
        ended: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let mut update = RunUpdate::new();
        if let Some(name) = name {
            update = update.name(name);
        }
        if let Some(status) = status {
            update = update.status(word(py, status)?);
        }
        if let Some(ended) = ended {
            update = update.ended(instant(ended, "ended")?);
        }
        detached(py, || self.inner.update(update))
    }

    /// All points of a metric, ordered by time, step and value; none for a key never logged.
    fn history(&self, py: Python<'_>, key: &str) -> PyResult<History> {
        let points = detached(py, || self.inner.history(key))?;
        History::new(py, key.to_owned(), points)
    }

    /// The latest point of a metric; None for a key never logged.
    fn latest<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Object<'py>>> {
        let found = detached(py, || self.inner.latest(key))?;
        found.map(|point| point.told(py)).transpose()
    }

    /// What a metric amounts to; None for a key never logged.
    fn statistics<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Object<'py>>> {
        let found = detached(py, || self.inner.statistics(key))?;
        found.map(|statistics| statistics.told(py)).transpose()
    }

    /// The params by key.
    fn params(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        detached(py, || self.inner.params())
    }

    /// The tags by key.
    fn tags(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        detached(py, || self.inner.tags())
    }

    /// The latest point of each metric by key.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entity::points(py, &detached(py, || self.inner.metrics())?)
    }

    /// Whether the run is RUNNING and a process that writes it still has the file open.
    fn is_alive(&self, py: Python<'_>) -> PyResult<bool> {
        detached(py, || self.inner.is_alive())
    }

    /// The ids of the runs that are nested directly in this one.
    fn children(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let children = detached(py, || self.inner.children())?;
        Ok(children.iter().map(ToString::to_string).collect())
    }

    /// End the run: FINISHED, FAILED or KILLED, end time now, and a sync, so that all of it
    /// survives a power cut. The handle takes no more writes; `Database.run` gives another.
    #[pyo3(signature = (status="FINISHED"))]
    fn finish(&self, py: Python<'_>, status: &str) -> PyResult<()> {
        self.end(py, word(py, status)?)
    }

    /// Mark the run deleted; it can be restored until `gc`.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        let run = self.inner.clone();
        detached(py, || run.delete())
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
        // The exception of the block is what the caller must see, not one of ours.
        let told = delegated(slf.as_any(), "_failure", "tell", (exception,));
        let status = if is_killed { RunStatus::Killed } else { RunStatus::Failed };
        let ended = run.end_of_block(py, status);
        for error in [told.err(), ended.err()].into_iter().flatten() {
            error.write_unraisable(py, Some(slf));
        }
        Ok(())
    }

    /// By path and id: the copy opens the file again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Object<'py>, (PathBuf, bool, String))> {
        let class: Bound<'py, PyType> = slf.get_type();
        let run = slf.get();
        let place = (absolute(&run.database), run.read_only, run.id());
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
        let open = || {
            let database = reopened(path, read_only)?;
            Ok((database.run(id)?, database))
        };
        let (run, database) = detached(py, open)?;
        Ok(Run::new(run, &database, read_only))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Run>().is_ok_and(|other| other.get().inner.id() == self.inner.id())
    }

    fn __hash__(&self) -> u64 {
        // The digits are random bits already.
        self.inner.id().to_bits() as u64
    }

    fn __repr__(&self) -> String {
        format!("Run({:?})", self.id())
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "run_html", ())
    }

    /// Draw metrics with matplotlib, which must be installed: onto `axes`, or onto new ones,
    /// which are given back.
    #[pyo3(signature = (*keys, axes=None))]
    fn plot<'py>(
        slf: &Bound<'py, Self>,
        keys: Vec<String>,
        axes: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "plot", (keys, axes))
    }
}

/// The keys and values of a dict whose values are all numbers.
type PlainRow<'py> = (Vec<Bound<'py, PyString>>, Vec<f64>);

/// The row of a dict of numbers; `None` for what must be made flat first.
fn plain_row<'py>(metrics: &Bound<'py, PyAny>) -> PyResult<Option<PlainRow<'py>>> {
    let Ok(dict) = metrics.cast_exact::<PyDict>() else { return Ok(None) };
    let (mut keys, mut values) = (Vec::with_capacity(dict.len()), Vec::with_capacity(dict.len()));
    for (key, value) in dict.iter() {
        let Ok(key) = key.cast_into::<PyString>() else { return Ok(None) };
        match value.cast::<pyo3::types::PyFloat>() {
            Ok(value) => values.push(value.value()),
            Err(_) if value.is_instance_of::<PyDict>() => return Ok(None),
            Err(_) => values.push(number(&value, &key.to_cow()?)?),
        }
        keys.push(key);
    }
    Ok(Some((keys, values)))
}
