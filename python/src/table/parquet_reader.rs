//! Reading Parquet into columns. Lists and structs are not supported.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int32Array,
    Int64Array, StringArray, TimestampNanosecondArray, UInt64Array,
};
use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{AsBytes as _, DataType, Int96};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::column::Column;

/// The values of a column of all row groups.
enum Values {
    Booleans(Vec<Option<bool>>),
    Integers(Vec<Option<i32>>),
    Longs(Vec<Option<i64>>),
    Times(Vec<Option<Int96>>),
    Floats(Vec<Option<f32>>),
    Doubles(Vec<Option<f64>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

/// Reads a file into named columns.
pub(crate) fn read_parquet(file: Vec<u8>) -> Result<Vec<(String, Column)>> {
    let reader = SerializedFileReader::new(Bytes::from(file))?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let mut columns: Vec<Option<Values>> = schema.columns().iter().map(|_| None).collect();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        for (number, column) in columns.iter_mut().enumerate() {
            read_column(group.as_ref(), number, schema.column(number).as_ref(), column)?;
        }
    }
    let columns = schema.columns().iter().zip(columns);
    columns.map(|(kind, values)| Ok((kind.name().to_owned(), typed(kind, values)?))).collect()
}

/// Reads a column of a row group, and appends it to the values of the groups before.
fn read_column(
    group: &dyn RowGroupReader,
    number: usize,
    kind: &ColumnDescriptor,
    column: &mut Option<Values>,
) -> Result<()> {
    if kind.max_rep_level() > 0 || kind.path().parts().len() > 1 {
        let name = kind.path().string();
        let message = format!("column {name:?} is nested: read the file with polars or pyarrow");
        return Err(ParquetError::NYI(message));
    }
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(usize::MAX);
    let levels = kind.max_def_level();
    macro_rules! append {
        ($reader:expr, $variant:ident, $convert:expr) => {{
            let read = read_values($reader, rows, levels)?;
            let read = read.into_iter().map(|value| value.map($convert));
            match column {
                Some(Values::$variant(values)) => values.extend(read),
                _ => *column = Some(Values::$variant(read.collect())),
            }
        }};
    }
    match group.get_column_reader(number)? {
        ColumnReader::BoolColumnReader(reader) => append!(reader, Booleans, |value| value),
        ColumnReader::Int32ColumnReader(reader) => append!(reader, Integers, |value| value),
        ColumnReader::Int64ColumnReader(reader) => append!(reader, Longs, |value| value),
        ColumnReader::Int96ColumnReader(reader) => append!(reader, Times, |value| value),
        ColumnReader::FloatColumnReader(reader) => append!(reader, Floats, |value| value),
        ColumnReader::DoubleColumnReader(reader) => append!(reader, Doubles, |value| value),
        ColumnReader::ByteArrayColumnReader(reader) => {
            append!(reader, Bytes, |value| value.as_bytes().to_vec());
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            append!(reader, Bytes, |value| value.as_bytes().to_vec());
        }
    }
    Ok(())
}

/// Reads all values of a column of a row group. A level below the maximum is a missing value.
fn read_values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    max_level: i16,
) -> Result<Vec<Option<T::T>>> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let (records, ..) =
            reader.read_records(rows - read, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::EOF(format!("a column ends after {read} of {rows} rows")));
        }
        read += records;
    }
    if max_level == 0 {
        return Ok(values.into_iter().map(Some).collect());
    }
    let mut values = values.into_iter();
    Ok(levels
        .into_iter()
        .map(|level| if level < max_level { None } else { values.next() })
        .collect())
}

/// Converts the values of a column to its logical type.
fn typed(kind: &ColumnDescriptor, values: Option<Values>) -> Result<ArrayRef> {
    let logical = kind.logical_type_ref();
    Ok(match values.unwrap_or_else(|| no_values(kind)) {
        Values::Booleans(values) => Arc::new(BooleanArray::from(values)),
        Values::Integers(values) => match logical {
            Some(LogicalType::Date) => Arc::new(Date32Array::from(values)),
            Some(LogicalType::Integer(integer)) if !integer.is_signed => {
                let wide = |value: i32| i64::from(value.cast_unsigned());
                Arc::new(values.into_iter().map(|value| value.map(wide)).collect::<Int64Array>())
            }
            _ => Arc::new(Int32Array::from(values)),
        },
        Values::Longs(values) => longs(values, logical, kind.converted_type()),
        Values::Times(values) => {
            let times = values.iter().map(|time| time.as_ref().map(Int96::to_nanos));
            Arc::new(times.collect::<TimestampNanosecondArray>())
        }
        Values::Floats(values) => Arc::new(Float32Array::from(values)),
        Values::Doubles(values) => Arc::new(Float64Array::from(values)),
        Values::Bytes(values) => match logical {
            Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => texts(values)?,
            _ if kind.converted_type() == ConvertedType::UTF8 => texts(values)?,
            Some(LogicalType::Decimal(_)) => return Err(unsupported(kind, "decimal")),
            _ => Arc::new(values.iter().map(Option::as_deref).collect::<BinaryArray>()),
        },
    })
}

fn unsupported(kind: &ColumnDescriptor, what: &str) -> ParquetError {
    let name = kind.name();
    ParquetError::NYI(format!("column {name:?} is a {what}: read the file with polars or pyarrow"))
}

/// Returns the values of a column of a file without rows.
fn no_values(kind: &ColumnDescriptor) -> Values {
    use parquet::basic::Type;
    match kind.physical_type() {
        Type::BOOLEAN => Values::Booleans(Vec::new()),
        Type::INT32 => Values::Integers(Vec::new()),
        Type::INT64 => Values::Longs(Vec::new()),
        Type::INT96 => Values::Times(Vec::new()),
        Type::FLOAT => Values::Floats(Vec::new()),
        Type::DOUBLE => Values::Doubles(Vec::new()),
        Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => Values::Bytes(Vec::new()),
    }
}

fn longs(
    values: Vec<Option<i64>>,
    logical: Option<&LogicalType>,
    converted: ConvertedType,
) -> ArrayRef {
    let times = |unit: TimeUnit, is_instant: bool| -> ArrayRef {
        let scale = match unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1000,
            TimeUnit::NANOS => 1,
        };
        let nanos = values.iter().map(|time| time.map(|time| time.saturating_mul(scale)));
        let times = nanos.collect::<TimestampNanosecondArray>();
        if is_instant { Arc::new(times.with_timezone("UTC")) } else { Arc::new(times) }
    };
    match logical {
        Some(LogicalType::Timestamp(time)) => times(time.unit, time.is_adjusted_to_u_t_c),
        Some(LogicalType::Integer(integer)) if !integer.is_signed => {
            let unsigned = values.iter().map(|value| value.map(i64::cast_unsigned));
            Arc::new(unsigned.collect::<UInt64Array>())
        }
        None if converted == ConvertedType::TIMESTAMP_MILLIS => times(TimeUnit::MILLIS, true),
        None if converted == ConvertedType::TIMESTAMP_MICROS => times(TimeUnit::MICROS, true),
        _ => Arc::new(Int64Array::from(values)),
    }
}

fn texts(values: Vec<Option<Vec<u8>>>) -> Result<ArrayRef> {
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|error| ParquetError::General(error.to_string()))
    };
    let texts = values.into_iter().map(|value| value.map(text).transpose());
    Ok(Arc::new(StringArray::from(texts.collect::<Result<Vec<Option<String>>>>()?)))
}
