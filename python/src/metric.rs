//! Handles for logging one metric, or a row of several, without looking anything up.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tracklite::{MetricPoint, Timestamp};

use crate::convert::{instant, number, step};
use crate::detach::detached;
use crate::error::{invalid_input, python_error};

/// Logs one metric of a run. Any thread may use it.
///
/// >>> loss = run.metric("loss")
/// >>> loss.log(0.9)
/// >>> loss.log(0.7)
/// >>> run.history("loss").steps.tolist()
/// [0, 1]
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Metric {
    pub(crate) inner: tracklite::Metric,
    /// The key of the metric.
    #[pyo3(get)]
    pub(crate) key: String,
}

#[pymethods]
impl Metric {
    /// Log a value at a step; without one at the step after the last.
    ///
    /// `time` is a `datetime` or nanoseconds since 1970; now when it is None.
    #[pyo3(signature = (value, step=None, *, time=None))]
    fn log(
        &self,
        py: Python<'_>,
        value: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let value = number(value, &self.key)?;
        let logged = log_one(&self.inner, value, place(step, time)?);
        logged.map_err(|error| python_error(py, &error))
    }

    /// Log many points: values, and a step for each or none at all. Arrays of numpy are read as
    /// they lie, other sequences one by one.
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
        let columns = [("steps", steps), ("times", times)];
        let [steps, times] = columns.map(|(name, column)| optional_integers(column, name));
        let (steps, times) = (steps?, times?);
        for (name, column) in [("steps", &steps), ("times", &times)] {
            if column.as_ref().is_some_and(|column| column.len() != values.len()) {
                let message = format!("{name} and values must be of the same length");
                return Err(invalid_input(py, &message));
            }
        }
        detached(py, || log_all(&self.inner, &values, steps.as_deref(), times.as_deref()))
    }

    fn __repr__(&self) -> String {
        format!("Metric({:?})", self.key)
    }
}

/// A step, and a time when one is given.
pub(crate) type Place = (tracklite::Step, Option<Timestamp>);

/// Where a point is to be logged, as Python says it.
#[inline]
pub(crate) fn place(
    at: Option<&Bound<'_, PyAny>>,
    time: Option<&Bound<'_, PyAny>>,
) -> PyResult<Place> {
    Ok((step(at)?, time.map(|time| instant(time, "time")).transpose()?))
}

/// Logs one point.
#[inline]
pub(crate) fn log_one(
    metric: &tracklite::Metric,
    value: f64,
    (step, time): Place,
) -> tracklite::Result<()> {
    match time {
        None => metric.log(value, step),
        Some(time) => metric.log_at(value, step, time),
    }
}

fn log_all(
    metric: &tracklite::Metric,
    values: &[f64],
    steps: Option<&[i64]>,
    times: Option<&[i64]>,
) -> tracklite::Result<()> {
    let now = Timestamp::now();
    for (number, value) in values.iter().enumerate() {
        let step = tracklite::Step::from(steps.and_then(|steps| steps.get(number)).copied());
        let time = times.and_then(|times| times.get(number)).copied();
        metric.log_at(*value, step, time.map_or(now, Timestamp::from_nanos))?;
    }
    Ok(())
}

/// The numbers of a sequence, or of an array that can tell its bytes.
pub(crate) fn floats(values: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    if let Some(bytes) = array_bytes(values, "float64")? {
        let numbers = bytes.as_bytes().as_chunks::<8>().0;
        return Ok(numbers.iter().map(|it| f64::from_le_bytes(*it)).collect());
    }
    values.try_iter()?.map(|value| number(&value?, "values")).collect()
}

fn optional_integers(values: Option<&Bound<'_, PyAny>>, what: &str) -> PyResult<Option<Vec<i64>>> {
    let Some(values) = values else { return Ok(None) };
    if let Some(bytes) = array_bytes(values, "int64")? {
        let numbers = bytes.as_bytes().as_chunks::<8>().0;
        return Ok(Some(numbers.iter().map(|it| i64::from_le_bytes(*it)).collect()));
    }
    let whole = |value: PyResult<Bound<'_, PyAny>>| crate::convert::whole(&value?, what);
    values.try_iter()?.map(whole).collect::<PyResult<Vec<_>>>().map(Some)
}

/// The bytes of a flat array of numbers, as this type, in little-endian order; `None` for what is
/// no array.
fn array_bytes<'py>(
    values: &Bound<'py, PyAny>,
    kind: &str,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let py = values.py();
    if !values.hasattr("__array_interface__")? || !values.hasattr("tobytes")? {
        return Ok(None);
    }
    let told = values.getattr("dtype")?.getattr("name")?.extract::<String>()?;
    let fits = match kind {
        "float64" => ["float", "int", "uint"].iter().any(|known| told.starts_with(known)),
        _ => ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "datetime64[ns]"]
            .contains(&told.as_str()),
    };
    if !fits || values.getattr("ndim")?.extract::<usize>()? != 1 {
        let message = format!("an array of {told} does not fit: a flat one of {kind} is due");
        return Err(invalid_input(py, &message));
    }
    let wanted = if kind == "float64" { "<f8" } else { "<i8" };
    let bytes = values.call_method1("astype", (wanted,))?.call_method0("tobytes")?;
    Ok(Some(bytes.cast_into::<PyBytes>()?))
}

/// Logs several metrics of a run at one step, all or none.
///
/// >>> row = run.metric_row(["loss", "accuracy"])
/// >>> row.log([0.5, 0.9], step=0)
/// >>> run.latest("accuracy").value
/// 0.9
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct MetricRow {
    pub(crate) inner: tracklite::MetricRow,
    /// The keys of the metrics, in the order of the values.
    #[pyo3(get)]
    pub(crate) keys: Vec<String>,
}

#[pymethods]
impl MetricRow {
    /// Log a value for each metric, in the order of the keys.
    #[pyo3(signature = (values, step=None, *, time=None))]
    fn log(
        &self,
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let logged = log_row(&self.inner, &floats(values)?, place(step, time)?);
        logged.map_err(|error| python_error(py, &error))
    }

    fn __repr__(&self) -> String {
        format!("MetricRow({:?})", self.keys)
    }
}

/// Logs one row.
#[inline]
pub(crate) fn log_row(
    row: &tracklite::MetricRow,
    values: &[f64],
    (step, time): Place,
) -> tracklite::Result<()> {
    match time {
        None => row.log(values, step),
        Some(time) => row.log_at(values, step, time),
    }
}

/// A point with a step and a time of its own.
pub(crate) fn point(
    value: f64,
    at: Option<&Bound<'_, PyAny>>,
    time: Option<&Bound<'_, PyAny>>,
) -> PyResult<MetricPoint> {
    let step = at.map_or(Ok(0), |at| crate::convert::whole(at, "step"))?;
    let time = time.map_or_else(|| Ok(Timestamp::now()), |time| instant(time, "time"))?;
    Ok(MetricPoint { step, time, value })
}
