//! Conversion of Python sequences to columns.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, NullArray, StringArray,
    TimestampNanosecondArray,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use crate::convert::instant;

/// A typed column.
pub(crate) type Column = ArrayRef;

/// The type of a column of Python values, the narrowest that fits all of them.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Empty,
    Boolean,
    Integer,
    Float,
    Text,
    Bytes,
    Time,
}

impl Kind {
    fn of(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Kind> {
        Ok(match value {
            value if value.is_none() => Kind::Empty,
            value if value.is_instance_of::<PyBool>() => Kind::Boolean,
            value if value.is_instance_of::<PyInt>() => Kind::Integer,
            value if value.is_instance_of::<PyFloat>() => Kind::Float,
            value if value.is_instance_of::<PyString>() => Kind::Text,
            value if value.is_instance_of::<PyBytes>() => Kind::Bytes,
            value if value.hasattr("tzinfo")? && value.hasattr("astimezone")? => Kind::Time,
            value => {
                let kind = value.get_type().name()?;
                let message = format!(
                    "column {name:?} has a value of type {kind}, which no table \
                                       can store"
                );
                return Err(PyTypeError::new_err(message));
            }
        })
    }

    fn joined(self, other: Kind, name: &str) -> PyResult<Kind> {
        match (self, other) {
            (Kind::Empty, other) => Ok(other),
            (one, Kind::Empty) => Ok(one),
            (one, other) if one == other => Ok(one),
            (Kind::Integer, Kind::Float) | (Kind::Float, Kind::Integer) => Ok(Kind::Float),
            _ => {
                let message = format!("column {name:?} mixes values of different types");
                Err(PyTypeError::new_err(message))
            }
        }
    }
}

/// Converts a sequence of bools, numbers, texts, bytes, times or None to a column.
pub(crate) fn column(name: &str, values: &Bound<'_, PyAny>) -> PyResult<Column> {
    let values = values.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let kind = values
        .iter()
        .try_fold(Kind::Empty, |kind, value| kind.joined(Kind::of(value, name)?, name))?;
    Ok(match kind {
        Kind::Empty => Arc::new(NullArray::new(values.len())),
        Kind::Boolean => Arc::new(BooleanArray::from(extracted::<bool>(&values)?)),
        Kind::Integer => Arc::new(Int64Array::from(extracted::<i64>(&values)?)),
        Kind::Float => Arc::new(Float64Array::from(extracted::<f64>(&values)?)),
        Kind::Text => Arc::new(StringArray::from(extracted::<String>(&values)?)),
        Kind::Bytes => {
            let bytes = extracted::<Vec<u8>>(&values)?;
            Arc::new(bytes.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
        Kind::Time => {
            let time = |value: &Bound<'_, PyAny>| match value.is_none() {
                true => Ok(None),
                false => instant(value, name).map(|time| Some(time.as_nanos())),
            };
            let times = values.iter().map(time).collect::<PyResult<Vec<_>>>()?;
            Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))
        }
    })
}

fn extracted<'py, T>(values: &[Bound<'py, PyAny>]) -> PyResult<Vec<Option<T>>>
where
    T: for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>,
{
    values.iter().map(|value| value.extract::<Option<T>>().map_err(Into::into)).collect()
}
