//! Params, tags, name and status of a run, and batches of all of these.

use pyo3::prelude::*;
use tracklite::{Batch, MetricPoint, RunStatus, RunUpdate, Timestamp};

use crate::convert::{
    choice, entries, flat_params, instant, number, tag_pairs, text, texts, whole,
};
use crate::run::Run;

#[pymethods]
impl Run {
    /// Sets a param. Setting the same value again does nothing.
    ///
    /// Raises `InvalidInputError` if the param has another value.
    fn log_param(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        self.handle.call(py, |run| run.log_param(key, value))
    }

    /// Sets params, all or none, from a dict, a dataclass or a namespace, which may be nested.
    ///
    /// >>> import argparse
    /// >>> run.log_params(argparse.Namespace(depth=3, optimizer={"name": "adam", "rate": 0.1}))
    /// >>> run.params()
    /// {'depth': '3', 'optimizer.name': 'adam', 'optimizer.rate': '0.1'}
    fn log_params(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<()> {
        let params = flat_params(params)?;
        self.handle.call(py, |run| run.log_params(params))
    }

    /// Sets a tag. Replaces an earlier value.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        self.handle.call(py, |run| run.set_tag(key, value))
    }

    /// Sets tags, all or none.
    fn set_tags(&self, py: Python<'_>, tags: &Bound<'_, PyAny>) -> PyResult<()> {
        let tags = texts(tags, "tags")?;
        self.handle.call(py, |run| run.set_tags(tags))
    }

    /// Deletes a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.handle.call(py, |run| run.delete_tag(key))
    }

    /// Logs metrics at one step, params and tags in one write: all of them or none.
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
        for (key, value) in tag_pairs(tags)? {
            batch.tag(&key, value);
        }
        self.handle.call(py, |run| run.log_batch(&batch))
    }

    /// Renames the run.
    fn set_name(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.handle.call(py, |run| run.set_name(name))
    }

    /// Sets the status. FINISHED, FAILED and KILLED also set the end time, others clear it.
    fn set_status(&self, py: Python<'_>, status: &str) -> PyResult<()> {
        let status: RunStatus = choice(py, status)?;
        self.handle.call(py, |run| run.set_status(status))
    }

    /// Sets name, status and end time in one write. Omitted ones keep their value.
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
            update = update.status(choice(py, status)?);
        }
        if let Some(ended) = ended {
            update = update.ended(instant(ended, "ended")?);
        }
        self.handle.call(py, |run| run.update(update))
    }
}

/// Makes a point of a batch. Its default step is 0, its default time is now.
fn point(
    value: f64,
    step: Option<&Bound<'_, PyAny>>,
    time: Option<&Bound<'_, PyAny>>,
) -> PyResult<MetricPoint> {
    let step = step.map_or(Ok(0), |step| whole(step, "step"))?;
    let time = time.map_or_else(|| Ok(Timestamp::now()), |time| instant(time, "time"))?;
    Ok(MetricPoint { step, time, value })
}
