//! Tables as polars data frames.

#[cfg(feature = "parquet")]
mod artifacts;
mod frames;

use polars::prelude::{
    BinaryChunked, BooleanChunked, Column, DataFrame, DataType, Float64Chunked, Float64Type,
    Int64Chunked, Int64Type, IntoColumn as _, IntoSeries as _, ListBuilderTrait as _,
    ListPrimitiveChunkedBuilder, NewChunkedArray as _, PlSmallStr, PolarsError, PolarsResult,
    Scalar, StringChunked, TimeUnit, TimeZone,
};

use crate::entity::table::{self, Table, Texts, Values};
use crate::error::{Error, ErrorKind, Result};

/// The milliseconds of a day.
const MILLIS_OF_DAY: i64 = 24 * 60 * 60 * 1000;

/// Converts a table. Numbers and times without nulls are not copied. A date is its midnight.
///
/// # Errors
///
/// - [`ErrorKind::InvalidInput`] if polars refuses the columns.
impl TryFrom<Table> for DataFrame {
    type Error = Error;

    fn try_from(table: Table) -> Result<Self> {
        let columns = table.into_columns().map(|(name, column)| polars_column(&name, column));
        let columns = columns.collect::<PolarsResult<_>>();
        columns.and_then(DataFrame::new_infer_height).map_err(polars_error)
    }
}

fn polars_error(source: PolarsError) -> Error {
    Error::new(ErrorKind::InvalidInput, "cannot make a data frame of the table").with_source(source)
}

fn polars_column(name: &str, column: table::Column) -> PolarsResult<Column> {
    let name = PlSmallStr::from_str(name);
    Ok(match column {
        table::Column::Text(texts) => return text_column(name, &texts),
        table::Column::Integer(values) => integers(name, values).into_column(),
        table::Column::Float(values) => match values.null_count() {
            0 => Float64Chunked::from_vec(name, values.into_parts().0).into_column(),
            _ => Float64Chunked::from_iter_options(name, values.iter()).into_column(),
        },
        table::Column::Bool(values) => {
            BooleanChunked::from_iter_options(name, values.iter()).into_column()
        }
        table::Column::Time(values) => integers(name, values)
            .into_datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC))
            .into_series()
            .into_column(),
        // This build of polars has no dates: a day is its midnight.
        table::Column::Date(values) => {
            let millis = |day: Option<i32>| day.map(|day| i64::from(day) * MILLIS_OF_DAY);
            Int64Chunked::from_iter_options(name, values.iter().map(millis))
                .into_datetime(TimeUnit::Milliseconds, None)
                .into_series()
                .into_column()
        }
        table::Column::Bytes(bytes) => {
            BinaryChunked::from_iter_options(name, bytes.iter()).into_column()
        }
        table::Column::Integers(lists) => {
            let rows = lists.len();
            let mut builder =
                ListPrimitiveChunkedBuilder::<Int64Type>::new(name, rows, rows, DataType::Int64);
            lists.iter().for_each(|items| builder.append_opt_slice(items));
            builder.finish().into_column()
        }
        table::Column::Floats(lists) => {
            let rows = lists.len();
            let mut builder = ListPrimitiveChunkedBuilder::<Float64Type>::new(
                name,
                rows,
                rows,
                DataType::Float64,
            );
            lists.iter().for_each(|items| builder.append_opt_slice(items));
            builder.finish().into_column()
        }
    })
}

fn integers(name: PlSmallStr, values: Values<i64>) -> Int64Chunked {
    match values.null_count() {
        0 => Int64Chunked::from_vec(name, values.into_parts().0),
        _ => Int64Chunked::from_iter_options(name, values.iter()),
    }
}

/// Rows that share a text beyond this number on average are made text by text, not row by row.
const MANY_ROWS: usize = 1000;

/// One text in all rows becomes a scalar column, which takes no memory for the rows.
fn text_column(name: PlSmallStr, texts: &Texts) -> PolarsResult<Column> {
    let stretches = texts.stretches();
    if stretches.len() == texts.len() {
        let texts = stretches.map(|(text, _)| text);
        return Ok(StringChunked::from_iter_options(name, texts).into_column());
    }
    if texts.len() / stretches.len() < MANY_ROWS {
        return Ok(StringChunked::from_iter_options(name, texts.iter()).into_column());
    }
    let mut whole: Option<Column> = None;
    for (text, rows) in stretches {
        let scalar = match text {
            Some(text) => Scalar::from(PlSmallStr::from_str(text)),
            None => Scalar::null(DataType::String),
        };
        let stretch = Column::new_scalar(name.clone(), scalar, rows);
        match &mut whole {
            Some(whole) => {
                whole.append(&stretch)?;
            }
            None => whole = Some(stretch),
        }
    }
    Ok(whole.map_or_else(|| Column::new_empty(name, &DataType::String), |whole| whole.rechunk()))
}
