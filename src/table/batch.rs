//! Rows to write: checked against the columns of their table.

use std::cmp::Ordering;

use crate::entity::table::{Column, Lists, Table, Values};
use crate::entity::wording::invalid;
use crate::entity::{ColumnType, TableColumn, TableInfo};
use crate::error::{Error, Result};
use crate::table::keys::Keys;

/// The nanoseconds of a microsecond, the unit of stored times.
const MICROSECOND: i64 = 1000;
/// The largest integer up to which each integer is a number of 64 bits.
const EXACT_MAX: u64 = 1 << 53;

/// Columns of a table with checked values, in the order of the table.
#[derive(Debug)]
pub(crate) struct RowBatch {
    pub(crate) columns: Vec<(TableColumn, Column)>,
    pub(crate) rows: usize,
}

impl RowBatch {
    /// Checks that each column is one of the table's and has values of its type.
    pub(crate) fn new(info: &TableInfo, table: &Table) -> Result<RowBatch> {
        if let Some(name) = table.names().iter().find(|name| info.state.column(name).is_none()) {
            let known: Vec<&str> = info.state.columns.iter().map(|column| &*column.name).collect();
            return Err(invalid(format!(
                "table {:?} has no column {name:?}: it has {}; add the column first",
                info.name,
                shortened(&known)
            )));
        }
        let given =
            info.state.columns.iter().filter_map(|column| {
                table.column(&column.name).map(|values| (column.clone(), values))
            });
        let columns = given.map(|(column, values)| {
            let values = converted(&info.name, &column, values)?;
            Ok((column, values))
        });
        Ok(RowBatch { columns: columns.collect::<Result<_>>()?, rows: table.len() })
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        let mut columns = self.columns.iter();
        columns.find(|(column, _)| column.name == name).map(|(_, values)| values)
    }

    /// Returns the keys of the rows. Fails if a key column is missing or has a null.
    pub(crate) fn keys(&self, info: &TableInfo) -> Result<Keys> {
        let columns = info.state.primary_key.iter().map(|name| self.full_column(info, name));
        let columns: Vec<&Column> = columns.collect::<Result<_>>()?;
        Ok(Keys::of(&columns, self.rows))
    }

    /// Returns a column that must be given for each row.
    pub(crate) fn full_column(&self, info: &TableInfo, name: &str) -> Result<&Column> {
        let Some(column) = self.column(name) else {
            return Err(invalid(format!(
                "the rows for table {:?} lack column {name:?}, which identifies them",
                info.name
            )));
        };
        match column.null_count() {
            0 => Ok(column),
            nulls => Err(invalid(format!(
                "column {name:?} of table {:?} identifies rows and must not be null: {nulls} rows \
                 have no value",
                info.name
            ))),
        }
    }

    /// Returns the batch with its rows in this order.
    pub(crate) fn ordered(self, order: &[u32]) -> RowBatch {
        let take = |(column, values): (TableColumn, Column)| (column, values.take(order));
        RowBatch { columns: self.columns.into_iter().map(take).collect(), rows: order.len() }
    }
}

/// Returns the order of rows by key and time, where two rows must not be equal.
pub(crate) fn sorted(info: &TableInfo, keys: &Keys, times: Option<&Times>) -> Result<Vec<u32>> {
    let rows = u32::try_from(keys.len()).ok().filter(|rows| *rows < u32::MAX);
    let rows = rows.ok_or_else(|| invalid("a write has at most 4,294,967,294 rows".to_owned()))?;
    let mut order: Vec<u32> = (0..rows).collect();
    let compare = |left: u32, right: u32| {
        let (left, right) = (left as usize, right as usize);
        let times =
            || times.map_or(Ordering::Equal, |times| times.get(left).cmp(&times.get(right)));
        keys.compare(left, keys, right).then_with(times)
    };
    if !order.is_sorted_by(|left, right| compare(*left, *right) == Ordering::Less) {
        order.sort_by(|left, right| compare(*left, *right));
    }
    let twice = order.windows(2).find(|pair| compare(pair[0], pair[1]) == Ordering::Equal);
    match twice {
        None => Ok(order),
        Some(pair) => {
            let (first, second) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
            let key = keys.describe(first as usize);
            let what = if times.is_some() { "key and time" } else { "key" };
            Err(invalid(format!(
                "rows {first} and {second} for table {:?} have the same {what} ({key}): keep one \
                 of them",
                info.name
            )))
        }
    }
}

/// The times of rows as numbers: nanoseconds, or days for dates.
#[derive(Debug)]
pub(crate) enum Times {
    Nanos(Values<i64>),
    Days(Values<i32>),
}

impl Times {
    /// Returns the times of a column of times or dates.
    pub(crate) fn of(column: &Column) -> Option<Times> {
        match column {
            Column::Time(values) => Some(Times::Nanos(values.clone())),
            Column::Date(values) => Some(Times::Days(values.clone())),
            _ => None,
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        match self {
            Times::Nanos(values) => values.get(row),
            Times::Days(values) => values.get(row).map(i64::from),
        }
    }
}

/// Converts a column to the type that the table has for it.
fn converted(table: &str, column: &TableColumn, values: &Column) -> Result<Column> {
    let is_null = values.null_count() == values.len();
    Ok(match (column.kind, values) {
        (kind, Column::Integer(values)) if kind.integers().is_some() => {
            let (min, max) = kind.integers().unwrap_or_default();
            let outside = values.iter().flatten().find(|value| *value < min || *value > max);
            if let Some(value) = outside {
                return Err(out_of_range(table, column, &value.to_string()));
            }
            Column::Integer(values.clone())
        }
        (ColumnType::Float | ColumnType::Double, Column::Integer(values)) => {
            Column::Float(exact_floats(table, column, values)?)
        }
        (ColumnType::Double, Column::Float(values)) => Column::Float(values.clone()),
        (ColumnType::Float, Column::Float(values)) => {
            Column::Float(values.iter().map(|value| value.map(rounded)).collect())
        }
        (ColumnType::Boolean, Column::Bool(_))
        | (ColumnType::String, Column::Text(_))
        | (ColumnType::Binary, Column::Bytes(_))
        | (ColumnType::Date, Column::Date(_))
        | (ColumnType::LongArray, Column::Integers(_))
        | (ColumnType::DoubleArray, Column::Floats(_)) => values.clone(),
        (ColumnType::Timestamp, Column::Time(times)) => {
            let floor = |nanos: i64| nanos.saturating_sub(nanos.rem_euclid(MICROSECOND));
            Column::Time(times.iter().map(|nanos| nanos.map(floor)).collect())
        }
        (ColumnType::FloatArray, Column::Floats(lists)) => {
            let round = |items: &[f64]| items.iter().copied().map(rounded).collect::<Vec<f64>>();
            Column::Floats(lists.iter().map(|items| items.map(round)).collect())
        }
        (ColumnType::FloatArray | ColumnType::DoubleArray, Column::Integers(lists)) => {
            let floats =
                |items: &[i64]| items.iter().map(|item| *item as f64).collect::<Vec<f64>>();
            Column::Floats(lists.iter().map(|items| items.map(floats)).collect::<Lists<f64>>())
        }
        (kind, values) if is_null => Column::empty(kind).take(&vec![u32::MAX; values.len()]),
        (_, values) => return Err(other_type(table, column, values)),
    })
}

/// Rounds to a number of 32 bits.
fn rounded(value: f64) -> f64 {
    f64::from(value as f32)
}

fn exact_floats(table: &str, column: &TableColumn, values: &Values<i64>) -> Result<Values<f64>> {
    let inexact = values.iter().flatten().find(|value| value.unsigned_abs() > EXACT_MAX);
    match inexact {
        Some(value) => Err(out_of_range(table, column, &value.to_string())),
        None => Ok(values.iter().map(|value| value.map(|value| value as f64)).collect()),
    }
}

#[cold]
fn out_of_range(table: &str, column: &TableColumn, value: &str) -> Error {
    let TableColumn { name, kind, .. } = column;
    invalid(format!(
        "column {name:?} of table {table:?} has the type {kind}, which cannot hold {value}"
    ))
}

#[cold]
fn other_type(table: &str, column: &TableColumn, values: &Column) -> Error {
    let TableColumn { name, kind, .. } = column;
    let hint = match (kind, values) {
        (ColumnType::Timestamp, Column::Date(_)) | (ColumnType::Date, Column::Time(_)) => {
            "; a date is not a timestamp: convert it, and choose the time zone yourself"
        }
        (ColumnType::Timestamp, Column::Text(_)) => "; parse the texts to times first",
        _ => "",
    };
    let found = type_name(values);
    invalid(format!("column {name:?} of table {table:?} has the type {kind}, found {found}{hint}"))
}

/// Returns the word for the values of a column in memory.
pub(crate) fn type_name(values: &Column) -> &'static str {
    match values {
        Column::Text(_) => "texts",
        Column::Integer(_) => "integers",
        Column::Float(_) => "numbers with fractions",
        Column::Bool(_) => "booleans",
        Column::Time(_) => "timestamps",
        Column::Date(_) => "dates",
        Column::Bytes(_) => "bytes",
        Column::Integers(_) => "lists of integers",
        Column::Floats(_) => "lists of numbers",
    }
}

fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect::<Vec<_>>();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}
