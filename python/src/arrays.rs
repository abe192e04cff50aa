//! Columns of numbers from Python: numpy arrays as a whole, other sequences one by one.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::convert::{number, whole};
use crate::error::invalid_input;

/// Converts a sequence or an array of numbers.
pub(crate) fn floats(values: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    if let Some(bytes) = array_bytes(values, "float64")? {
        let numbers = bytes.as_bytes().as_chunks::<8>().0;
        return Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect());
    }
    values.try_iter()?.map(|value| number(&value?, "values")).collect()
}

/// Converts an optional sequence or array of integers. `what` names it in errors.
pub(crate) fn optional_integers(
    values: Option<&Bound<'_, PyAny>>,
    what: &str,
) -> PyResult<Option<Vec<i64>>> {
    let Some(values) = values else { return Ok(None) };
    if let Some(bytes) = array_bytes(values, "int64")? {
        let numbers = bytes.as_bytes().as_chunks::<8>().0;
        return Ok(Some(numbers.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()));
    }
    let integer = |value: PyResult<Bound<'_, PyAny>>| whole(&value?, what);
    values.try_iter()?.map(integer).collect::<PyResult<Vec<_>>>().map(Some)
}

/// Returns the bytes of a flat numpy array, converted to a type, in little-endian order. `None` if
/// the value is not an array.
fn array_bytes<'py>(
    values: &Bound<'py, PyAny>,
    kind: &str,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let py = values.py();
    if !values.hasattr("__array_interface__")? || !values.hasattr("tobytes")? {
        return Ok(None);
    }
    let found = values.getattr("dtype")?.getattr("name")?.extract::<String>()?;
    let fits = match kind {
        "float64" => ["float", "int", "uint"].iter().any(|known| found.starts_with(known)),
        _ => ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "datetime64[ns]"]
            .contains(&found.as_str()),
    };
    if !fits || values.getattr("ndim")?.extract::<usize>()? != 1 {
        let message = format!("an array of {found} does not fit: expected a flat one of {kind}");
        return Err(invalid_input(py, &message));
    }
    let wanted = if kind == "float64" { "<f8" } else { "<i8" };
    let bytes = values.call_method1("astype", (wanted,))?.call_method0("tobytes")?;
    Ok(Some(bytes.cast_into::<PyBytes>()?))
}
