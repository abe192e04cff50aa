//! Conversion of columns to Python values.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use pyo3::conversion::IntoPyObjectExt as _;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// The number of days from the first of January of the year 1 to 1970, as `date.toordinal` counts.
const DAYS_BEFORE_1970: i32 = 719_163;

/// Converts the parts of a column to one list. Times become nanoseconds since 1970.
pub(super) fn to_list<'a, 'py>(
    py: Python<'py>,
    parts: impl Iterator<Item = &'a ArrayRef>,
) -> PyResult<Bound<'py, PyList>> {
    let mut values = Vec::new();
    for part in parts {
        append(py, part, &mut values)?;
    }
    PyList::new(py, values)
}

type Values<'py> = Vec<Bound<'py, PyAny>>;

fn append<'py>(py: Python<'py>, array: &ArrayRef, to: &mut Values<'py>) -> PyResult<()> {
    match array.data_type() {
        DataType::Null => add(py, vec![None::<bool>; array.len()], to),
        DataType::Boolean => add(py, array.as_boolean().iter(), to),
        DataType::Int8 => add(py, array.as_primitive::<Int8Type>().iter(), to),
        DataType::Int16 => add(py, array.as_primitive::<Int16Type>().iter(), to),
        DataType::Int32 => add(py, array.as_primitive::<Int32Type>().iter(), to),
        DataType::Int64 => add(py, array.as_primitive::<Int64Type>().iter(), to),
        DataType::UInt8 => add(py, array.as_primitive::<UInt8Type>().iter(), to),
        DataType::UInt16 => add(py, array.as_primitive::<UInt16Type>().iter(), to),
        DataType::UInt32 => add(py, array.as_primitive::<UInt32Type>().iter(), to),
        DataType::UInt64 => add(py, array.as_primitive::<UInt64Type>().iter(), to),
        DataType::Float32 => add(py, array.as_primitive::<Float32Type>().iter(), to),
        DataType::Float64 => add(py, array.as_primitive::<Float64Type>().iter(), to),
        DataType::Utf8 => add(py, array.as_string::<i32>().iter(), to),
        DataType::LargeUtf8 => add(py, array.as_string::<i64>().iter(), to),
        DataType::Utf8View => add(py, array.as_string_view().iter(), to),
        DataType::Binary => add(py, array.as_binary::<i32>().iter(), to),
        DataType::LargeBinary => add(py, array.as_binary::<i64>().iter(), to),
        DataType::BinaryView => add(py, array.as_binary_view().iter(), to),
        DataType::Date32 => dates(py, array, to),
        DataType::Timestamp(unit, _) => add(py, times(array, *unit), to),
        other => {
            let message = format!("a column of type {other} has no Python values: use to_polars");
            Err(PyTypeError::new_err(message))
        }
    }
}

fn add<'py, T: IntoPyObject<'py>>(
    py: Python<'py>,
    values: impl IntoIterator<Item = Option<T>>,
    to: &mut Values<'py>,
) -> PyResult<()> {
    for value in values {
        to.push(value.into_bound_py_any(py)?);
    }
    Ok(())
}

fn times(array: &ArrayRef, unit: TimeUnit) -> Vec<Option<i64>> {
    fn scaled<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, by: i64) -> Vec<Option<i64>> {
        let times = array.as_primitive::<T>().iter();
        times.map(|time| time.map(|time| time.saturating_mul(by))).collect()
    }
    match unit {
        TimeUnit::Second => scaled::<TimestampSecondType>(array, 1_000_000_000),
        TimeUnit::Millisecond => scaled::<TimestampMillisecondType>(array, 1_000_000),
        TimeUnit::Microsecond => scaled::<TimestampMicrosecondType>(array, 1000),
        TimeUnit::Nanosecond => scaled::<TimestampNanosecondType>(array, 1),
    }
}

fn dates<'py>(py: Python<'py>, array: &ArrayRef, to: &mut Values<'py>) -> PyResult<()> {
    let from_ordinal = py.import("datetime")?.getattr("date")?.getattr("fromordinal")?;
    for days in array.as_primitive::<Date32Type>() {
        to.push(match days {
            Some(days) => from_ordinal.call1((days.saturating_add(DAYS_BEFORE_1970),))?,
            None => py.None().into_bound(py),
        });
    }
    Ok(())
}
