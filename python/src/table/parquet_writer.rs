//! Writing Parquet, one row group for each batch. Lists and structs are not supported.
//!
//! This uses the column writers of the crate `parquet` directly. Its Arrow writer would take seven
//! times as long to compile.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::basic::{
    Compression, LogicalType, Repetition, TimeUnit as ParquetUnit, Type, ZstdLevel,
};
use parquet::data_type as column;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type as SchemaType, TypePtr};

const MILLISECONDS_PER_DAY: i64 = 86_400_000;
/// The bytes of a decimal of 128 bits.
const DECIMAL_BYTES: i32 = 16;

/// Writes batches with the same schema as a file.
pub(crate) fn write_parquet(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let types = schema.fields().iter().map(|field| column_type(field).map(Arc::new));
    let types: Vec<TypePtr> = types.collect::<Result<_>>()?;
    let root = SchemaType::group_type_builder("schema").with_fields(types).build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("tracklite ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(root), Arc::new(properties))?;
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        let mut group = writer.next_row_group()?;
        for array in batch.columns() {
            let Some(mut column) = group.next_column()? else { break };
            write_column(&mut column, array.as_ref())?;
            column.close()?;
        }
        group.close()?;
    }
    writer.into_inner()
}

/// Returns the type in Parquet of an Arrow column.
fn column_type(field: &Field) -> Result<SchemaType> {
    let integer = |physical, bits, signed| (physical, Some(LogicalType::integer(bits, signed)));
    let (physical, logical) = match stored(field.data_type()) {
        DataType::Null => (Type::INT32, Some(LogicalType::Unknown)),
        DataType::Boolean => (Type::BOOLEAN, None),
        DataType::Int8 => integer(Type::INT32, 8, true),
        DataType::Int16 => integer(Type::INT32, 16, true),
        DataType::Int32 => (Type::INT32, None),
        DataType::Int64 => (Type::INT64, None),
        DataType::UInt8 => integer(Type::INT32, 8, false),
        DataType::UInt16 => integer(Type::INT32, 16, false),
        DataType::UInt32 => integer(Type::INT32, 32, false),
        DataType::UInt64 => integer(Type::INT64, 64, false),
        DataType::Float16 | DataType::Float32 => (Type::FLOAT, None),
        DataType::Float64 => (Type::DOUBLE, None),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            (Type::BYTE_ARRAY, Some(LogicalType::String))
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => (Type::BYTE_ARRAY, None),
        DataType::FixedSizeBinary(_) => (Type::BYTE_ARRAY, None),
        DataType::Date32 | DataType::Date64 => (Type::INT32, Some(LogicalType::Date)),
        DataType::Time32(_) => (Type::INT32, Some(LogicalType::time(false, ParquetUnit::MILLIS))),
        DataType::Time64(unit) => {
            (Type::INT64, Some(LogicalType::time(false, parquet_unit(*unit))))
        }
        DataType::Timestamp(unit, zone) => {
            let is_instant = zone.is_some();
            (Type::INT64, Some(LogicalType::timestamp(is_instant, parquet_unit(*unit))))
        }
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) = (i32::from(*precision), i32::from(*scale));
            let decimal = Some(LogicalType::decimal(scale, precision));
            let builder =
                SchemaType::primitive_type_builder(field.name(), Type::FIXED_LEN_BYTE_ARRAY);
            let builder = builder.with_length(DECIMAL_BYTES).with_logical_type(decimal);
            let builder = builder.with_precision(precision).with_scale(scale);
            return builder.with_repetition(Repetition::OPTIONAL).build();
        }
        other => return Err(unsupported(field.name(), other)),
    };
    let builder = SchemaType::primitive_type_builder(field.name(), physical);
    builder.with_logical_type(logical).with_repetition(Repetition::OPTIONAL).build()
}

/// Returns the type in which a column is stored: for a dictionary of texts, text.
fn stored(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, values) if is_text(values) => values,
        other => other,
    }
}

/// Returns the unit in which times are stored. Parquet has no seconds.
fn parquet_unit(unit: TimeUnit) -> ParquetUnit {
    match unit {
        TimeUnit::Second | TimeUnit::Millisecond => ParquetUnit::MILLIS,
        TimeUnit::Microsecond => ParquetUnit::MICROS,
        TimeUnit::Nanosecond => ParquetUnit::NANOS,
    }
}

fn unsupported(name: &str, kind: &DataType) -> ParquetError {
    ParquetError::NYI(format!("column {name:?} has the type {kind}, which cannot be written"))
}

fn write_column(writer: &mut SerializedColumnWriter<'_>, array: &dyn Array) -> Result<()> {
    match array.data_type() {
        DataType::Null => write::<column::Int32Type>(writer, &vec![None; array.len()]),
        DataType::Boolean => {
            write::<column::BoolType>(writer, &array.as_boolean().iter().collect::<Vec<_>>())
        }
        DataType::Dictionary(_, values) if is_text(values) => {
            write::<column::ByteArrayType>(writer, &dictionary_texts(array))
        }
        kind if is_text(kind) => write::<column::ByteArrayType>(writer, &texts(array)),
        DataType::Binary => write_bytes(writer, array.as_binary::<i32>().iter()),
        DataType::LargeBinary => write_bytes(writer, array.as_binary::<i64>().iter()),
        DataType::BinaryView => write_bytes(writer, array.as_binary_view().iter()),
        DataType::FixedSizeBinary(_) => write_bytes(writer, array.as_fixed_size_binary().iter()),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => write_floats(writer, array),
        DataType::Decimal128(..) => {
            let decimals = array.as_primitive::<Decimal128Type>().iter();
            let bytes = |decimal: i128| FixedLenByteArray::from(decimal.to_be_bytes().to_vec());
            let decimals: Vec<_> = decimals.map(|decimal| decimal.map(bytes)).collect();
            write::<column::FixedLenByteArrayType>(writer, &decimals)
        }
        _ => write_integers(writer, array),
    }
}

fn write_floats(writer: &mut SerializedColumnWriter<'_>, array: &dyn Array) -> Result<()> {
    match array.data_type() {
        DataType::Float64 => {
            write::<column::DoubleType>(writer, &mapped::<Float64Type, _>(array, |value| value))
        }
        DataType::Float32 => {
            write::<column::FloatType>(writer, &mapped::<Float32Type, _>(array, |value| value))
        }
        _ => write::<column::FloatType>(writer, &mapped::<Float16Type, _>(array, f32::from)),
    }
}

fn write_integers(writer: &mut SerializedColumnWriter<'_>, array: &dyn Array) -> Result<()> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let narrow = match array.data_type() {
        DataType::Int8 => mapped::<Int8Type, _>(array, i32::from),
        DataType::Int16 => mapped::<Int16Type, _>(array, i32::from),
        DataType::Int32 => mapped::<Int32Type, _>(array, |value| value),
        DataType::UInt8 => mapped::<UInt8Type, _>(array, i32::from),
        DataType::UInt16 => mapped::<UInt16Type, _>(array, i32::from),
        DataType::UInt32 => mapped::<UInt32Type, _>(array, u32::cast_signed),
        DataType::Date32 => mapped::<Date32Type, _>(array, |days| days),
        DataType::Date64 => mapped::<Date64Type, _>(array, days),
        DataType::Time32(Second) => mapped::<Time32SecondType, _>(array, |time| time * 1000),
        DataType::Time32(_) => mapped::<Time32MillisecondType, _>(array, |time| time),
        _ => Vec::new(),
    };
    let wide = match array.data_type() {
        DataType::Int64 => mapped::<Int64Type, _>(array, |value| value),
        DataType::UInt64 => mapped::<UInt64Type, _>(array, u64::cast_signed),
        DataType::Time64(Microsecond) => mapped::<Time64MicrosecondType, _>(array, |time| time),
        DataType::Time64(_) => mapped::<Time64NanosecondType, _>(array, |time| time),
        DataType::Timestamp(Second, _) => {
            mapped::<TimestampSecondType, _>(array, |time| time.saturating_mul(1000))
        }
        DataType::Timestamp(Millisecond, _) => {
            mapped::<TimestampMillisecondType, _>(array, |time| time)
        }
        DataType::Timestamp(Microsecond, _) => {
            mapped::<TimestampMicrosecondType, _>(array, |time| time)
        }
        DataType::Timestamp(Nanosecond, _) => {
            mapped::<TimestampNanosecondType, _>(array, |time| time)
        }
        _ if narrow.len() == array.len() => return write::<column::Int32Type>(writer, &narrow),
        other => return Err(unsupported("", other)),
    };
    write::<column::Int64Type>(writer, &wide)
}

/// Converts milliseconds since 1970 to days.
fn days(milliseconds: i64) -> i32 {
    i32::try_from(milliseconds.div_euclid(MILLISECONDS_PER_DAY)).unwrap_or(i32::MAX)
}

fn mapped<A: ArrowPrimitiveType, T>(
    array: &dyn Array,
    convert: impl Fn(A::Native) -> T,
) -> Vec<Option<T>> {
    array.as_primitive::<A>().iter().map(|value| value.map(&convert)).collect()
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn texts(array: &dyn Array) -> Vec<Option<ByteArray>> {
    match array.data_type() {
        DataType::Utf8 => {
            array.as_string::<i32>().iter().map(|text| text.map(Into::into)).collect()
        }
        DataType::LargeUtf8 => {
            array.as_string::<i64>().iter().map(|text| text.map(Into::into)).collect()
        }
        _ => array.as_string_view().iter().map(|text| text.map(Into::into)).collect(),
    }
}

fn dictionary_texts(array: &dyn Array) -> Vec<Option<ByteArray>> {
    let dictionary = array.as_any_dictionary();
    let values = texts(dictionary.values().as_ref());
    let keys = dictionary.normalized_keys().into_iter().enumerate();
    keys.map(|(row, key)| match array.is_valid(row) {
        true => values.get(key).cloned().flatten(),
        false => None,
    })
    .collect()
}

fn write_bytes<'a>(
    writer: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<&'a [u8]>>,
) -> Result<()> {
    let values: Vec<_> = values.map(|value| value.map(ByteArray::from)).collect();
    write::<column::ByteArrayType>(writer, &values)
}

/// Writes the values, and a level for each row: 1 for a value, 0 for none.
fn write<T: column::DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[Option<T::T>],
) -> Result<()> {
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.iter().flatten().cloned().collect();
    writer.typed::<T>().write_batch(&values, Some(&levels), None).map(drop)
}
