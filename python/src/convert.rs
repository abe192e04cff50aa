//! Converters from Python values to the engine's. Errors name the argument that does not fit.

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString};
use tracklite::endpoint::EndpointPrincipal;
use tracklite::logged_model::Signature;
use tracklite::{ExperimentId, LoggedModelId, RunId, Step, Timestamp};

use crate::detach::delegated;
use crate::error::{invalid_input, python_error};

/// Converts a float, an int, or a value with `item` (arrays and tensors of one element) or
/// `__float__`. `what` names it in errors.
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
            Err(invalid_input(py, &format!("{what} is too large for a metric")))
        }
        Err(error) => {
            let kind = value.get_type().name()?;
            let wrong = PyTypeError::new_err(format!("{what} must be a number, not {kind}"));
            wrong.set_cause(py, Some(error));
            Err(wrong)
        }
    }
}

/// Converts a step. `None` is the step after the last one.
pub(crate) fn step(value: Option<&Bound<'_, PyAny>>) -> PyResult<Step> {
    match value {
        None => Ok(Step::NEXT),
        Some(value) => Ok(Step::from(whole(value, "step")?)),
    }
}

/// Converts a 64-bit integer: an int, or a value with `__index__`.
pub(crate) fn whole(value: &Bound<'_, PyAny>, what: &str) -> PyResult<i64> {
    let py = value.py();
    value.extract::<i64>().map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(py) {
            return invalid_input(py, &format!("{what} does not fit in 64 bits"));
        }
        PyTypeError::new_err(format!("{what} must be a whole number, not {}", shown(value)))
    })
}

/// Converts a time: nanoseconds since 1970, or a `datetime` with its time zone.
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

/// Converts the value of a param or a tag to text, as `str` does.
pub(crate) fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_cow()?.into_owned());
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(String::from(if truth.is_true() { "True" } else { "False" }));
    }
    Ok(value.str()?.to_cow()?.into_owned())
}

/// Converts a mapping to pairs of texts. `what` names it in errors.
pub(crate) fn texts(mapping: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<(String, String)>> {
    entries(mapping, what, |_, value| text(value))
}

/// Converts a mapping whose keys are texts to pairs, with values converted by `read`.
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

/// Converts the key of an entry, which must be a `str`.
pub(crate) fn key_of(key: &Bound<'_, PyAny>, what: &str) -> PyResult<String> {
    match key.cast::<PyString>() {
        Ok(key) => Ok(key.to_cow()?.into_owned()),
        Err(_) => {
            Err(PyTypeError::new_err(format!("the keys of {what} must be str, not {}", shown(key))))
        }
    }
}

/// Converts a run ID: 32 hexadecimal digits, or an object with such an `id`.
pub(crate) fn run_id(value: &Bound<'_, PyAny>) -> PyResult<RunId> {
    parsed(value, "a run or its id")
}

/// Converts a run, or its ID, or another text in its place, to text.
pub(crate) fn run_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = value.py();
    let id = value.getattr_opt(intern!(py, "id"))?.unwrap_or_else(|| value.clone());
    match id.cast::<PyString>() {
        Ok(text) => Ok(text.to_cow()?.into_owned()),
        Err(_) => {
            let kind = value.get_type().name()?;
            Err(PyTypeError::new_err(format!("expected a run or its id, not {kind}")))
        }
    }
}

/// Converts an iterable of runs or their IDs. A single one is a list of one.
pub(crate) fn run_ids(value: &Bound<'_, PyAny>) -> PyResult<Vec<RunId>> {
    if value.is_instance_of::<PyString>() || value.hasattr(intern!(value.py(), "id"))? {
        return Ok(vec![run_id(value)?]);
    }
    value.try_iter()?.map(|each| run_id(&each?)).collect()
}

/// Converts a logged model's ID: `m-` and 32 hexadecimal digits, or an object with such an `id`.
pub(crate) fn logged_model_id(value: &Bound<'_, PyAny>) -> PyResult<LoggedModelId> {
    parsed(value, "a logged model or its id")
}

fn parsed<T: std::str::FromStr<Err = tracklite::Error>>(
    value: &Bound<'_, PyAny>,
    what: &str,
) -> PyResult<T> {
    let py = value.py();
    let id = value.getattr_opt(intern!(py, "id"))?.unwrap_or_else(|| value.clone());
    let Ok(text) = id.cast::<PyString>() else {
        let kind = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("expected {what}, not {kind}")));
    };
    text.to_cow()?.parse().map_err(|error| python_error(py, &error))
}

/// Converts an experiment ID: a number, its digits, or an object with such an `id`.
pub(crate) fn experiment_id(value: &Bound<'_, PyAny>) -> PyResult<ExperimentId> {
    let py = value.py();
    let id = value.getattr_opt(intern!(py, "id"))?.unwrap_or_else(|| value.clone());
    let number = match id.cast::<PyString>() {
        Ok(text) => text.to_cow()?.parse::<u64>().ok(),
        Err(_) => id.extract::<u64>().ok(),
    };
    let number = number.ok_or_else(|| {
        PyTypeError::new_err(format!("expected an experiment or its id, not {}", shown(value)))
    })?;
    Ok(ExperimentId::new(number))
}

/// Converts a value of a fixed list, such as a status: a text, or an enum of texts.
pub(crate) fn choice<T: std::str::FromStr<Err = tracklite::Error>>(
    py: Python<'_>,
    text: &str,
) -> PyResult<T> {
    text.parse().map_err(|error| python_error(py, &error))
}

/// Converts a view: active, deleted or all.
pub(crate) fn view(py: Python<'_>, text: &str) -> PyResult<tracklite::View> {
    match text {
        "active" => Ok(tracklite::View::ActiveOnly),
        "deleted" => Ok(tracklite::View::DeletedOnly),
        "all" => Ok(tracklite::View::All),
        _ => {
            let message = format!("view is {text:?}: expected \"active\", \"deleted\" or \"all\"");
            Err(invalid_input(py, &message))
        }
    }
}

/// Converts a list of texts. A single text is a list of one.
pub(crate) fn text_list(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(vec![text.to_cow()?.into_owned()]),
        Err(_) => value.extract(),
    }
}

/// Converts params of nested dicts, dataclasses and namespaces to pairs, their keys joined by dots.
pub(crate) fn flat_params(params: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let flat = delegated(params, "_params", "flat", ())?;
    texts(&flat, "params")
}

/// Converts an optional mapping of tags to pairs.
pub(crate) fn tag_pairs(tags: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(String, String)>> {
    tags.map_or(Ok(Vec::new()), |tags| texts(tags, "tags"))
}

/// Converts an iterable of experiments or their IDs. A single one is a list of one.
pub(crate) fn experiment_ids(value: &Bound<'_, PyAny>) -> PyResult<Vec<ExperimentId>> {
    match experiment_id(value) {
        Ok(id) => Ok(vec![id]),
        Err(_) if !value.is_instance_of::<PyString>() => {
            value.try_iter()?.map(|each| experiment_id(&each?)).collect()
        }
        Err(error) => Err(error),
    }
}

/// Converts a value to JSON, unless it is already text.
pub(crate) fn json(value: &Bound<'_, PyAny>) -> PyResult<String> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_cow()?.into_owned()),
        Err(_) => value.py().import("json")?.call_method1("dumps", (value,))?.extract(),
    }
}

/// The prefixes of names that are not those of users.
const GROUP: &str = "group:";
const SERVICE: &str = "service:";
/// The group of all users, which needs no prefix.
const EVERYBODY: &str = "users";

/// Returns the name of the owner of a right, as [`grants`] reads it.
pub(crate) fn grantee(principal: &EndpointPrincipal) -> String {
    match principal {
        EndpointPrincipal::User(name) => name.clone(),
        EndpointPrincipal::Group(name) if name == EVERYBODY => name.clone(),
        EndpointPrincipal::Group(name) => format!("{GROUP}{name}"),
        EndpointPrincipal::Service(name) => format!("{SERVICE}{name}"),
    }
}

/// Converts grants: levels by the names of users, of groups, and of services.
pub(crate) fn grants<L: std::str::FromStr<Err = tracklite::Error>>(
    grants: &Bound<'_, PyAny>,
) -> PyResult<Vec<(EndpointPrincipal, L)>> {
    let py = grants.py();
    let pairs = texts(grants, "grants")?.into_iter().map(|(name, level)| {
        let without = |prefix: &str| name.strip_prefix(prefix).map(str::to_owned);
        let principal = match (without(GROUP), without(SERVICE)) {
            (Some(group), _) => EndpointPrincipal::Group(group),
            (_, Some(service)) => EndpointPrincipal::Service(service),
            _ if name == EVERYBODY => EndpointPrincipal::Group(name),
            _ => EndpointPrincipal::User(name),
        };
        Ok((principal, choice(py, &level)?))
    });
    pairs.collect()
}

/// Converts a model signature from MLflow's JSON.
pub(crate) fn signature(py: Python<'_>, json: &str) -> PyResult<Signature> {
    Signature::parse(json).map_err(|error| python_error(py, &error))
}

/// Returns the `repr` of a value for a message.
fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| String::from("this value"), |text| text.to_string())
}
