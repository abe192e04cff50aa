//! Tables as polars data frames.

#[cfg(feature = "parquet")]
mod artifacts;
mod frames;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Float64Chunked, Int64Chunked, IntoColumn as _,
    IntoSeries as _, NewChunkedArray as _, PlSmallStr, PolarsError, PolarsResult, Scalar,
    StringChunked, TimeUnit, TimeZone,
};

use crate::entity::table::{self, Table, Texts, Values};
use crate::error::{Error, ErrorKind, Result};

/// Converts a table. Numbers and times without nulls are not copied.
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
