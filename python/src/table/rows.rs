//! Conversion of Arrow's columns to the engine's.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use tracklite::table::{Bytes, Column, ColumnType, Lists, Texts, Values};

use super::Table;

/// Converts a table of Arrow's columns to one of the engine.
pub(crate) fn to_engine(table: &Table) -> PyResult<tracklite::table::Table> {
    let mut rows = tracklite::table::Table::new();
    for (at, field) in table.schema.fields().iter().enumerate() {
        let parts = table.batches.iter().map(RecordBatch::columns);
        let parts: Vec<&ArrayRef> = parts.filter_map(|columns| columns.get(at)).collect();
        let column = converted(field.name(), field.data_type(), &parts)?;
        let added = rows.add_column(field.name().clone(), column);
        added.map_err(|error| PyValueError::new_err(error.to_string()))?;
    }
    Ok(rows)
}

/// Returns the type that a stored table has for a column of Arrow's.
pub(crate) fn stored_type(name: &str, kind: &DataType) -> PyResult<ColumnType> {
    Ok(match kind {
        DataType::Boolean => ColumnType::Boolean,
        DataType::Int8 => ColumnType::Byte,
        DataType::Int16 | DataType::UInt8 => ColumnType::Short,
        DataType::Int32 | DataType::UInt16 => ColumnType::Int,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => ColumnType::Long,
        DataType::Float16 | DataType::Float32 => ColumnType::Float,
        DataType::Float64 => ColumnType::Double,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnType::String,
        DataType::Dictionary(_, values) => stored_type(name, values)?,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => ColumnType::Binary,
        DataType::Date32 => ColumnType::Date,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            match stored_type(name, field.data_type())? {
                ColumnType::Float => ColumnType::FloatArray,
                ColumnType::Double => ColumnType::DoubleArray,
                item if item.integers().is_some() => ColumnType::LongArray,
                _ => return Err(unsupported(name, kind)),
            }
        }
        _ => return Err(unsupported(name, kind)),
    })
}

fn unsupported(name: &str, kind: &DataType) -> PyErr {
    PyTypeError::new_err(format!("column {name:?} of type {kind} cannot be stored: convert it"))
}

fn converted(name: &str, kind: &DataType, parts: &[&ArrayRef]) -> PyResult<Column> {
    if let DataType::Null = kind {
        let rows: usize = parts.iter().map(Array::len).sum();
        return Ok(std::iter::repeat_n(None::<f64>, rows).collect::<Values<f64>>().into());
    }
    let mut column = Column::empty(stored_type(name, kind)?);
    for part in parts {
        append(name, part, &mut column)?;
    }
    Ok(column)
}

fn append(name: &str, part: &ArrayRef, to: &mut Column) -> PyResult<()> {
    match (to, part.data_type()) {
        (to, DataType::Dictionary(..)) => {
            let dictionary = part.as_any_dictionary();
            let mut values = empty_like(to);
            append(name, dictionary.values(), &mut values)?;
            let keys = dictionary.normalized_keys();
            for (row, key) in keys.into_iter().enumerate() {
                push_from(to, &values, dictionary.is_valid(row).then_some(key));
            }
        }
        (Column::Bool(to), _) => part.as_boolean().iter().for_each(|value| to.push(value)),
        (Column::Integer(to), kind) => integers(name, part, kind, to)?,
        (Column::Float(to), kind) => floats(part, kind, to),
        (Column::Time(to), DataType::Timestamp(unit, _)) => times(name, part, *unit, to)?,
        (Column::Date(to), _) => {
            part.as_primitive::<Date32Type>().iter().for_each(|day| to.push(day));
        }
        (Column::Text(to), kind) => texts(part, kind, to),
        (Column::Bytes(to), kind) => bytes(part, kind, to),
        (to @ (Column::Integers(_) | Column::Floats(_)), _) => lists(name, part, to)?,
        (_, kind) => return Err(unsupported(name, kind)),
    }
    Ok(())
}

fn empty_like(column: &Column) -> Column {
    match column {
        Column::Text(_) => Column::empty(ColumnType::String),
        Column::Bytes(_) => Column::empty(ColumnType::Binary),
        Column::Float(_) => Column::empty(ColumnType::Double),
        Column::Bool(_) => Column::empty(ColumnType::Boolean),
        Column::Date(_) => Column::empty(ColumnType::Date),
        Column::Time(_) => Column::empty(ColumnType::Timestamp),
        _ => Column::empty(ColumnType::Long),
    }
}

/// Adds the value of a row of the values of a dictionary, or a null.
fn push_from(to: &mut Column, values: &Column, row: Option<usize>) {
    match (to, values) {
        (Column::Text(to), Column::Text(from)) => to.push(row.and_then(|row| from.get(row))),
        (Column::Bytes(to), Column::Bytes(from)) => to.push(row.and_then(|row| from.get(row))),
        (Column::Integer(to), Column::Integer(from)) | (Column::Time(to), Column::Time(from)) => {
            to.push(row.and_then(|row| from.get(row)));
        }
        (Column::Float(to), Column::Float(from)) => to.push(row.and_then(|row| from.get(row))),
        (Column::Bool(to), Column::Bool(from)) => to.push(row.and_then(|row| from.get(row))),
        (Column::Date(to), Column::Date(from)) => to.push(row.and_then(|row| from.get(row))),
        _ => {}
    }
}

fn integers(name: &str, part: &ArrayRef, kind: &DataType, to: &mut Values<i64>) -> PyResult<()> {
    fn add<T: ArrowPrimitiveType<Native: Into<i64>>>(part: &ArrayRef, to: &mut Values<i64>) {
        part.as_primitive::<T>().iter().for_each(|value| to.push(value.map(Into::into)));
    }
    match kind {
        DataType::Int8 => add::<Int8Type>(part, to),
        DataType::Int16 => add::<Int16Type>(part, to),
        DataType::Int32 => add::<Int32Type>(part, to),
        DataType::Int64 => add::<Int64Type>(part, to),
        DataType::UInt8 => add::<UInt8Type>(part, to),
        DataType::UInt16 => add::<UInt16Type>(part, to),
        DataType::UInt32 => add::<UInt32Type>(part, to),
        _ => {
            for value in part.as_primitive::<UInt64Type>() {
                let value = value.map(i64::try_from).transpose();
                to.push(value.map_err(|_| {
                    PyValueError::new_err(format!("column {name:?} has a number above 2^63 - 1"))
                })?);
            }
        }
    }
    Ok(())
}

fn floats(part: &ArrayRef, kind: &DataType, to: &mut Values<f64>) {
    match kind {
        DataType::Float32 => {
            let values = part.as_primitive::<Float32Type>().iter();
            values.for_each(|value| to.push(value.map(f64::from)));
        }
        DataType::Float16 => {
            let values = part.as_primitive::<arrow_array::types::Float16Type>().iter();
            values.for_each(|value| to.push(value.map(f64::from)));
        }
        _ => part.as_primitive::<Float64Type>().iter().for_each(|value| to.push(value)),
    }
}

fn times(name: &str, part: &ArrayRef, unit: TimeUnit, to: &mut Values<i64>) -> PyResult<()> {
    fn all<T: ArrowPrimitiveType<Native = i64>>(part: &ArrayRef) -> Vec<Option<i64>> {
        part.as_primitive::<T>().iter().collect()
    }
    let (values, nanos) = match unit {
        TimeUnit::Second => (all::<TimestampSecondType>(part), 1_000_000_000),
        TimeUnit::Millisecond => (all::<TimestampMillisecondType>(part), 1_000_000),
        TimeUnit::Microsecond => (all::<TimestampMicrosecondType>(part), 1000),
        TimeUnit::Nanosecond => (all::<TimestampNanosecondType>(part), 1),
    };
    for value in values {
        let Some(value) = value else {
            to.push(None);
            continue;
        };
        let time = value.checked_mul(nanos).ok_or_else(|| {
            let message = format!("column {name:?} has a time out of range: expected 1677 to 2262");
            PyValueError::new_err(message)
        })?;
        to.push(Some(time));
    }
    Ok(())
}

fn texts(part: &ArrayRef, kind: &DataType, to: &mut Texts) {
    match kind {
        DataType::LargeUtf8 => part.as_string::<i64>().iter().for_each(|text| to.push(text)),
        DataType::Utf8View => part.as_string_view().iter().for_each(|text| to.push(text)),
        _ => part.as_string::<i32>().iter().for_each(|text| to.push(text)),
    }
}

fn bytes(part: &ArrayRef, kind: &DataType, to: &mut Bytes) {
    match kind {
        DataType::LargeBinary => part.as_binary::<i64>().iter().for_each(|bytes| to.push(bytes)),
        DataType::BinaryView => part.as_binary_view().iter().for_each(|bytes| to.push(bytes)),
        _ => part.as_binary::<i32>().iter().for_each(|bytes| to.push(bytes)),
    }
}

fn lists(name: &str, part: &ArrayRef, to: &mut Column) -> PyResult<()> {
    for row in 0..part.len() {
        let items = part.is_valid(row).then(|| match part.data_type() {
            DataType::LargeList(_) => part.as_list::<i64>().value(row),
            DataType::FixedSizeList(..) => part.as_fixed_size_list().value(row),
            _ => part.as_list::<i32>().value(row),
        });
        match (&mut *to, items) {
            (Column::Integers(to), None) => to.push(None),
            (Column::Floats(to), None) => to.push(None),
            (Column::Integers(to), Some(items)) => {
                let mut values = Values::new();
                integers(name, &items, items.data_type(), &mut values)?;
                push_list(name, to, &values)?;
            }
            (Column::Floats(to), Some(items)) => {
                let mut values = Values::new();
                floats(&items, items.data_type(), &mut values);
                push_list(name, to, &values)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn push_list<T: Copy>(name: &str, to: &mut Lists<T>, items: &Values<T>) -> PyResult<()> {
    if items.null_count() > 0 {
        let message =
            format!("column {name:?} has a list with a null: only whole lists may be null");
        return Err(PyValueError::new_err(message));
    }
    to.push(Some(items.values()));
    Ok(())
}
