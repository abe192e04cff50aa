//! Values of Python as the engine takes them; what does not fit is named with its argument.

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString};
use tracklite::{ExperimentId, LoggedModelId, RunId, Step, Timestamp};

use crate::error::{invalid_input, python_error};

/// A number: a float, an int, or what says that it is one by `item` (arrays and tensors of one
/// element) or `__float__`. `what` names it in errors.
pub(crate) fn number(value: &Bound<'_, PyAny>, what: &str) -> PyResult<f64> {
    if let Ok(value) = value.cast::<PyFloat>() {
        return Ok(value.value());
    }
    number_by_protocol(value, what)
}

#[cold]
fn number_by_protocol(value: &Bound<'_, PyAny>, what: &str) -> PyResult<f64> {
    let py = value.py();
    let is_text = value.is_instance_of::<PyString>();
    let scalar = match value.getattr_opt(intern!(py, "item"))? {
        Some(item) if !is_text && !value.is_instance_of::<PyInt>() => item.call0(),
        _ => Ok(value.clone()),
    };
    match scalar.and_then(|scalar| scalar.extract::<f64>()) {
        Ok(number) => Ok(number),
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => {
            Err(invalid_input(py, &format!("{what} is too large an integer for a metric")))
        }
        Err(error) => {
            let kind = value.get_type().name()?;
            let wrong = PyTypeError::new_err(format!("{what} must be a number, not {kind}"));
            wrong.set_cause(py, Some(error));
            Err(wrong)
        }
    }
}

/// A step: a whole number, or `None` for one after the last.
pub(crate) fn step(value: Option<&Bound<'_, PyAny>>) -> PyResult<Step> {
    match value {
        None => Ok(Step::NEXT),
        Some(value) => Ok(Step::from(whole(value, "step")?)),
    }
}

/// A whole number of 64 bits: an int, or what stands for one by `__index__`.
pub(crate) fn whole(value: &Bound<'_, PyAny>, what: &str) -> PyResult<i64> {
    let py = value.py();
    value.extract::<i64>().map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(py) {
            return invalid_input(py, &format!("{what} is out of the range of 64 bits"));
        }
        let told = value.repr().map_or_else(|_| String::from("that"), |told| told.to_string());
        PyTypeError::new_err(format!("{what} must be a whole number, not {told}"))
    })
}

/// An instant: nanoseconds since 1970, or a `datetime` with its time zone.
pub(crate) fn instant(value: &Bound<'_, PyAny>, what: &str) -> PyResult<Timestamp> {
    let py = value.py();
    if value.is_instance_of::<PyInt>() {
        return Ok(Timestamp::from_nanos(whole(value, what)?));
    }
    let nanos = py
        .import(intern!(py, "tracklite.entities"))?
        .call_method1(intern!(py, "_nanoseconds"), (value, what))?;
    Ok(Timestamp::from_nanos(whole(&nanos, what)?))
}

/// The text for the value of a param or a tag: what `str` says of it, and JSON's words for what
/// both know.
pub(crate) fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_cow()?.into_owned());
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(String::from(if truth.is_true() { "True" } else { "False" }));
    }
    Ok(value.str()?.to_cow()?.into_owned())
}

/// The entries of a dict or another mapping of texts; `what` names it in errors.
pub(crate) fn texts(mapping: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<(String, String)>> {
    entries(mapping, what, |_, value| text(value))
}

/// The entries of a mapping whose keys are texts, with values read by `read`.
pub(crate) fn entries<'py, T>(
    mapping: &Bound<'py, PyAny>,
    what: &str,
    read: impl Fn(&str, &Bound<'py, PyAny>) -> PyResult<T>,
) -> PyResult<Vec<(String, T)>> {
    let py = mapping.py();
    let dict = match mapping.cast::<PyDict>() {
        Ok(dict) => dict.clone(),
        Err(_) => {
            let Ok(other) = mapping.cast::<PyMapping>() else {
                let kind = mapping.get_type().name()?;
                return Err(PyTypeError::new_err(format!("{what} must be a dict, not {kind}")));
            };
            let dict = PyDict::new(py);
            dict.update(other)?;
            dict
        }
    };
    let mut entries = Vec::with_capacity(dict.len());
    for (key, value) in dict.iter() {
        let key = key_of(&key, what)?;
        let value = read(&key, &value)?;
        entries.push((key, value));
    }
    Ok(entries)
}

/// The key of an entry, which must be a text.
pub(crate) fn key_of(key: &Bound<'_, PyAny>, what: &str) -> PyResult<String> {
    match key.cast::<PyString>() {
        Ok(key) => Ok(key.to_cow()?.into_owned()),
        Err(_) => {
            let told = key.repr()?;
            Err(PyTypeError::new_err(format!("the keys of {what} must be str, not {told}")))
        }
    }
}

/// A run's id: 32 hex digits, or a run or what is told of one, which has an `id`.
pub(crate) fn run_id(value: &Bound<'_, PyAny>) -> PyResult<RunId> {
    parsed(value, "a run or the id of one")
}

#[cfg(feature = "frames")]
/// A list of runs or their ids; one by itself is a list of one.
pub(crate) fn run_ids(value: &Bound<'_, PyAny>) -> PyResult<Vec<RunId>> {
    if value.is_instance_of::<PyString>() || value.hasattr(intern!(value.py(), "id"))? {
        return Ok(vec![run_id(value)?]);
    }
    value.try_iter()?.map(|each| run_id(&each?)).collect()
}

/// A logged model's id: `m-` and 32 hex digits, or a model, which has an `id`.
pub(crate) fn logged_model_id(value: &Bound<'_, PyAny>) -> PyResult<LoggedModelId> {
    parsed(value, "a logged model or the id of one")
}

fn parsed<T: std::str::FromStr<Err = tracklite::Error>>(
    value: &Bound<'_, PyAny>,
    what: &str,
) -> PyResult<T> {
    let py = value.py();
    let id = value.getattr_opt(intern!(py, "id"))?.unwrap_or_else(|| value.clone());
    let Ok(text) = id.cast::<PyString>() else {
        let kind = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{what} is due, not {kind}")));
    };
    text.to_cow()?.parse().map_err(|error| python_error(py, &error))
}

/// An experiment's id: a number, its digits, or an experiment, which has an `id`.
pub(crate) fn experiment_id(value: &Bound<'_, PyAny>) -> PyResult<ExperimentId> {
    let py = value.py();
    let id = value.getattr_opt(intern!(py, "id"))?.unwrap_or_else(|| value.clone());
    let number = match id.cast::<PyString>() {
        Ok(text) => text.to_cow()?.parse::<u64>().ok(),
        Err(_) => id.extract::<u64>().ok(),
    };
    let number = number.ok_or_else(|| {
        let told = value.repr().map_or_else(|_| String::from("that"), |told| told.to_string());
        PyTypeError::new_err(format!("an experiment or the number of one is due, not {told}"))
    })?;
    Ok(ExperimentId::new(number))
}

/// A word of a fixed list, such as a status: a text, or an enum of texts.
pub(crate) fn word<T: std::str::FromStr<Err = tracklite::Error>>(
    py: Python<'_>,
    text: &str,
) -> PyResult<T> {
    text.parse().map_err(|error| python_error(py, &error))
}

/// Whether active things, deleted ones or both are meant.
pub(crate) fn view(py: Python<'_>, text: &str) -> PyResult<tracklite::View> {
    match text {
        "active" => Ok(tracklite::View::ActiveOnly),
        "deleted" => Ok(tracklite::View::DeletedOnly),
        "all" => Ok(tracklite::View::All),
        _ => {
            let message = format!("view is {text:?}: it takes \"active\", \"deleted\" or \"all\"");
            Err(invalid_input(py, &message))
        }
    }
}

/// A list of texts; a text by itself is a list of one.
pub(crate) fn text_list(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(vec![text.to_cow()?.into_owned()]),
        Err(_) => value.extract(),
    }
}
