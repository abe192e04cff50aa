//! Conversion of the engine's tables to Arrow. Numbers and texts are not copied.

use std::sync::Arc;

use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, LargeBinaryArray,
    LargeListArray, LargeStringArray, NullArray, TimestampNanosecondArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field};
use tracklite::table::{Column, Texts};

/// Converts a column.
pub(super) fn converted(column: Column) -> Result<ArrayRef, ArrowError> {
    Ok(match column {
        Column::Text(texts) => Arc::new(strings(texts)?),
        Column::Integer(values) => {
            let (values, validity) = values.into_parts();
            let nulls = nulls(validity, values.len());
            Arc::new(Int64Array::try_new(ScalarBuffer::from(values), nulls)?)
        }
        Column::Float(values) => {
            let (values, validity) = values.into_parts();
            let nulls = nulls(validity, values.len());
            Arc::new(Float64Array::try_new(ScalarBuffer::from(values), nulls)?)
        }
        Column::Time(values) => {
            let (values, validity) = values.into_parts();
            let nulls = nulls(validity, values.len());
            let times = TimestampNanosecondArray::try_new(ScalarBuffer::from(values), nulls)?;
            Arc::new(times.with_timezone("UTC"))
        }
        Column::Bool(values) => Arc::new(values.iter().collect::<BooleanArray>()),
        Column::Date(values) => {
            let (values, validity) = values.into_parts();
            let nulls = nulls(validity, values.len());
            Arc::new(Date32Array::try_new(ScalarBuffer::from(values), nulls)?)
        }
        Column::Bytes(values) => {
            let (bytes, offsets, validity) = values.into_parts();
            let nulls = nulls(validity, offsets.len().saturating_sub(1));
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            Arc::new(LargeBinaryArray::try_new(offsets, Buffer::from_vec(bytes), nulls)?)
        }
        Column::Integers(lists) => {
            let (items, offsets, validity) = lists.into_parts();
            let items = Arc::new(Int64Array::from(items));
            Arc::new(large_list(items, offsets, validity)?)
        }
        Column::Floats(lists) => {
            let (items, offsets, validity) = lists.into_parts();
            let items = Arc::new(Float64Array::from(items));
            Arc::new(large_list(items, offsets, validity)?)
        }
        // The crate may gain a type before this list does.
        other => Arc::new(NullArray::new(other.len())),
    })
}

fn large_list(
    items: ArrayRef,
    offsets: Vec<i64>,
    validity: Option<Vec<u8>>,
) -> Result<LargeListArray, ArrowError> {
    let field = Arc::new(Field::new("item", items.data_type().clone(), false));
    let nulls = nulls(validity, offsets.len().saturating_sub(1));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    LargeListArray::try_new(field, offsets, items, nulls)
}

fn strings(texts: Texts) -> Result<LargeStringArray, ArrowError> {
    let (bytes, offsets, validity) = texts.into_parts();
    let nulls = nulls(validity, offsets.len().saturating_sub(1));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    LargeStringArray::try_new(offsets, Buffer::from_vec(bytes), nulls)
}

/// Converts a bitmap of the rows that have a value.
fn nulls(validity: Option<Vec<u8>>, length: usize) -> Option<NullBuffer> {
    validity.map(|bits| NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(bits), 0, length)))
}
