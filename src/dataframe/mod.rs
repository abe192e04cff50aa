//! Query results as polars data frames.

mod compare;
mod history;
mod lineage;
mod runs;
mod values;

use polars::prelude::{
    Column, DataFrame, Int64Chunked, IntoColumn as _, IntoSeries as _, NamedFrom as _, PlSmallStr,
    PolarsError, Scalar, Series, StringChunked, TimeUnit, TimeZone,
};

use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};

pub(crate) use self::compare::only_what_differs;
pub(crate) use self::history::{HistoryRows, long_history, wide_history};
pub(crate) use self::lineage::lineage;
pub(crate) use self::runs::runs;
pub(crate) use self::values::{datasets, params, tags};

/// Returns a data frame of columns with the same length.
fn frame(columns: Vec<Column>) -> Result<DataFrame> {
    DataFrame::new_infer_height(columns).map_err(polars_error)
}

fn polars_error(source: PolarsError) -> Error {
    Error::new(ErrorKind::InvalidInput, "cannot build the data frame").with_source(source)
}

fn texts<T: AsRef<str>>(name: &str, texts: impl Iterator<Item = Option<T>>) -> Column {
    let texts: StringChunked = texts.collect();
    texts.with_name(name.into()).into_column()
}

fn numbers(name: &str, numbers: Vec<f64>) -> Column {
    Series::new(name.into(), numbers).into_column()
}

/// Returns a column of UTC times from nanoseconds since 1970.
fn instants(name: &str, nanos: Vec<i64>) -> Column {
    let nanos = Int64Chunked::from_vec(name.into(), nanos);
    nanos.into_datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC)).into_series().into_column()
}

fn optional_instants(name: &str, times: impl Iterator<Item = Option<Timestamp>>) -> Column {
    let nanos: Int64Chunked = times.map(|time| time.map(Timestamp::as_nanos)).collect();
    let times = nanos.into_datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC)).into_series();
    times.with_name(name.into()).into_column()
}

/// Returns a column with the same text in every row.
fn repeated(name: &str, text: &str, rows: usize) -> Column {
    Column::new_scalar(name.into(), Scalar::from(PlSmallStr::from_str(text)), rows)
}
