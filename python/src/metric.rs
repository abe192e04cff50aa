//! Logging metrics: by name, by a handle of one metric, or by a handle of a row.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};
use tracklite::{Step, Timestamp};

use crate::arrays::{floats, optional_integers};
use crate::convert::{instant, number, step};
use crate::detach::{delegated, detached};
use crate::error::{invalid_input, python_error};
use crate::run::Run;
use crate::session::Handle;

/// Logs one metric of a run. Threads may share it.
///
/// >>> loss = run.metric("loss")
/// >>> loss.log(0.9)
/// >>> loss.log(0.7)
/// >>> run.history("loss").steps.tolist()
/// [0, 1]
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Metric {
    handle: Handle<tracklite::Metric>,
    /// The key of the metric.
    #[pyo3(get)]
    key: String,
}

#[pymethods]
impl Metric {
    /// Logs a value at a step. Without a step, at the step after the last.
    ///
    /// `time` is a `datetime` or nanoseconds since 1970. None is now.
    #[pyo3(signature = (value, step=None, *, time=None))]
    fn log(
        &self,
        py: Python<'_>,
        value: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let value = number(value, &self.key)?;
        let logged = log_point(&self.handle.get(py)?, value, place(step, time)?);
        logged.map_err(|error| python_error(py, &error))
    }

    /// Logs many points: values, with a step for each or without steps.
    ///
    /// Copies numpy arrays as a whole, and other sequences value by value.
    ///
    /// >>> run.metric("loss").log_points([0.9, 0.7, 0.6], steps=[0, 10, 20])
    /// >>> run.history("loss").steps.tolist()
    /// [0, 10, 20]
    #[pyo3(signature = (values, steps=None, *, times=None))]
    fn log_points(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        steps: Option<&Bound<'_, PyAny>>,
        times: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let values = floats(values)?;
        let steps = optional_integers(steps, "steps")?;
        let times = optional_integers(times, "times")?;
        for (name, column) in [("steps", &steps), ("times", &times)] {
            if column.as_ref().is_some_and(|column| column.len() != values.len()) {
                let message = format!("{name} and values must have the same length");
                return Err(invalid_input(py, &message));
            }
        }
        let metric = self.handle.get(py)?;
        detached(py, move || log_points(&metric, &values, steps.as_deref(), times.as_deref()))
    }

    fn __repr__(&self) -> String {
        format!("Metric({:?})", self.key)
    }
}

/// Logs several metrics of a run at one step, all or none.
///
/// >>> row = run.metric_row(["loss", "accuracy"])
/// >>> row.log([0.5, 0.9], step=0)
/// >>> run.latest("accuracy").value
/// 0.9
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct MetricRow {
    handle: Handle<tracklite::MetricRow>,
    /// The keys of the metrics, in the order of the values.
    #[pyo3(get)]
    keys: Vec<String>,
}

#[pymethods]
impl MetricRow {
    /// Logs a value for each metric, in the order of the keys.
    #[pyo3(signature = (values, step=None, *, time=None))]
    fn log(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let logged = log_row(&self.handle.get(py)?, &floats(values)?, place(step, time)?);
        logged.map_err(|error| python_error(py, &error))
    }

    fn __repr__(&self) -> String {
        format!("MetricRow({:?})", self.keys)
    }
}

#[pymethods]
impl Run {
    /// Logs one value of a metric, now. Without a step, at the step after the last.
    ///
    /// When this returns, the point survives any death of the process. Accepts numbers of numpy
    /// and torch.
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
        self.known.with_metric(py, &self.handle, &key, |metric| log_point(metric, value, place))
    }

    /// Logs several metrics at one step, now. If the process dies, all of them are kept or none.
    ///
    /// Joins the keys of nested dicts by `/`.
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
        let Some((keys, values)) = flat_row(metrics)? else {
            let flat = delegated(metrics, "_params", "flat_metrics", ())?;
            return self.log(py, &flat, step, time);
        };
        let place = place(step, time)?;
        self.known.with_row(py, &self.handle, &keys, |row| log_row(row, &values, place))
    }

    /// Returns a handle for logging one metric.
    fn metric(&self, py: Python<'_>, key: &str) -> PyResult<Metric> {
        let handle = self.handle.call_derive(py, |run| run.metric(key))?;
        Ok(Metric { handle, key: key.to_owned() })
    }

    /// Returns a handle for logging several metrics at one step, in the order of the keys.
    fn metric_row(&self, py: Python<'_>, keys: Vec<String>) -> PyResult<MetricRow> {
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let handle = self.handle.call_derive(py, |run| run.metric_row(&names))?;
        Ok(MetricRow { handle, keys })
    }
}

/// A step, and a time if one is given.
type Place = (Step, Option<Timestamp>);

#[inline]
fn place(at: Option<&Bound<'_, PyAny>>, time: Option<&Bound<'_, PyAny>>) -> PyResult<Place> {
    Ok((step(at)?, time.map(|time| instant(time, "time")).transpose()?))
}

#[inline]
fn log_point(metric: &tracklite::Metric, value: f64, (step, time): Place) -> tracklite::Result<()> {
    match time {
        None => metric.log(value, step),
        Some(time) => metric.log_at(value, step, time),
    }
}

#[inline]
fn log_row(
    row: &tracklite::MetricRow,
    values: &[f64],
    (step, time): Place,
) -> tracklite::Result<()> {
    match time {
        None => row.log(values, step),
        Some(time) => row.log_at(values, step, time),
    }
}

fn log_points(
    metric: &tracklite::Metric,
    values: &[f64],
    steps: Option<&[i64]>,
    times: Option<&[i64]>,
) -> tracklite::Result<()> {
    let now = Timestamp::now();
    for (number, value) in values.iter().enumerate() {
        let step = Step::from(steps.and_then(|steps| steps.get(number)).copied());
        let time = times.and_then(|times| times.get(number)).copied();
        metric.log_at(*value, step, time.map_or(now, Timestamp::from_nanos))?;
    }
    Ok(())
}

/// The keys and values of a dict whose values are all numbers.
type FlatRow<'py> = (Vec<Bound<'py, PyString>>, Vec<f64>);

/// Returns the keys and values of a dict of numbers. `None` if it must be flattened first.
fn flat_row<'py>(metrics: &Bound<'py, PyAny>) -> PyResult<Option<FlatRow<'py>>> {
    let Ok(dict) = metrics.cast_exact::<PyDict>() else { return Ok(None) };
    let (mut keys, mut values) = (Vec::with_capacity(dict.len()), Vec::with_capacity(dict.len()));
    for (key, value) in dict.iter() {
        let Ok(key) = key.cast_into::<PyString>() else { return Ok(None) };
        match value.cast::<PyFloat>() {
            Ok(value) => values.push(value.value()),
            Err(_) if value.is_instance_of::<PyDict>() => return Ok(None),
            Err(_) => values.push(number(&value, &key.to_cow()?)?),
        }
        keys.push(key);
    }
    Ok(Some((keys, values)))
}
