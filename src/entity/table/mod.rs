//! Tables in memory: named columns of values of one type.
//!
//! The buffers are those of Apache Arrow, so that other libraries take them over without copying.

mod bytes;
mod lists;
mod take;
mod texts;
mod validity;
mod values;
mod write;

use crate::entity::ColumnType;
use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};

pub use self::bytes::Bytes;
pub use self::lists::{List, Lists};
pub(crate) use self::take::NO_ROW;
pub use self::texts::Texts;
pub use self::values::Values;

/// A table in memory: named columns of equal length.
///
/// ```
/// use tracklite::table::Table;
/// use tracklite::table::{Column, Texts, Value, Values};
///
/// let names: Texts = [Some("one"), None].into_iter().collect();
/// let mut table = Table::new();
/// table.add_column("name", names)?;
/// table.add_column("loss", Values::from(vec![0.5, 0.25]))?;
/// assert_eq!((table.len(), table.width()), (2, 2));
/// for row in table.rows() {
///     println!("{:?}", row.values().collect::<Vec<Value>>());
/// }
/// if let Some(Column::Float(losses)) = table.column("loss") {
///     assert_eq!(losses.values(), [0.5, 0.25]);
/// }
/// # Ok::<(), tracklite::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Table {
    names: Vec<String>,
    columns: Vec<Column>,
}

/// A column of a [`Table`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Column {
    /// Texts in UTF-8.
    Text(Texts),
    /// Integers.
    Integer(Values<i64>),
    /// Numbers; NaN and infinities are values, not nulls.
    Float(Values<f64>),
    /// Truths.
    Bool(Values<bool>),
    /// Instants, in nanoseconds since 1970 in UTC.
    Time(Values<i64>),
    /// Days since 1970.
    Date(Values<i32>),
    /// Byte strings.
    Bytes(Bytes),
    /// Lists of integers.
    Integers(Lists<i64>),
    /// Lists of numbers.
    Floats(Lists<f64>),
}

/// A value of a [`Table`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// No value.
    Null,
    /// A text.
    Text(&'a str),
    /// An integer.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A truth.
    Bool(bool),
    /// An instant.
    Time(Timestamp),
    /// Days since 1970.
    Date(i32),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list of numbers.
    List(List<'a>),
}

/// Equality in which a NaN equals a NaN, and nothing else is unusual.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Text(left), Value::Text(right)) => left == right,
            (Value::Integer(left), Value::Integer(right)) => left == right,
            (Value::Float(left), Value::Float(right)) => {
                left == right || (left.is_nan() && right.is_nan())
            }
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Time(left), Value::Time(right)) => left == right,
            (Value::Date(left), Value::Date(right)) => left == right,
            (Value::Bytes(left), Value::Bytes(right)) => left == right,
            (Value::List(left), Value::List(right)) => {
                left.len() == right.len() && left.items().eq(right.items())
            }
            _ => false,
        }
    }
}

impl Column {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Column::Text(texts) => texts.len(),
            Column::Integer(values) | Column::Time(values) => values.len(),
            Column::Float(values) => values.len(),
            Column::Bool(values) => values.len(),
            Column::Date(values) => values.len(),
            Column::Bytes(values) => values.len(),
            Column::Integers(lists) => lists.len(),
            Column::Floats(lists) => lists.len(),
        }
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of nulls.
    #[must_use]
    pub fn null_count(&self) -> usize {
        match self {
            Column::Text(texts) => texts.null_count(),
            Column::Integer(values) | Column::Time(values) => values.null_count(),
            Column::Float(values) => values.null_count(),
            Column::Bool(values) => values.null_count(),
            Column::Date(values) => values.null_count(),
            Column::Bytes(values) => values.null_count(),
            Column::Integers(lists) => lists.null_count(),
            Column::Floats(lists) => lists.null_count(),
        }
    }

    /// Returns the value of a row; [`Value::Null`] too if there is no such row.
    #[must_use]
    pub fn value(&self, row: usize) -> Value<'_> {
        let value = match self {
            Column::Text(texts) => texts.get(row).map(Value::Text),
            Column::Integer(values) => values.get(row).map(Value::Integer),
            Column::Float(values) => values.get(row).map(Value::Float),
            Column::Bool(values) => values.get(row).map(Value::Bool),
            Column::Time(values) => {
                values.get(row).map(|nanos| Value::Time(Timestamp::from_nanos(nanos)))
            }
            Column::Date(values) => values.get(row).map(Value::Date),
            Column::Bytes(values) => values.get(row).map(Value::Bytes),
            Column::Integers(lists) => {
                lists.get(row).map(|items| Value::List(List::Integers(items)))
            }
            Column::Floats(lists) => lists.get(row).map(|items| Value::List(List::Floats(items))),
        };
        value.unwrap_or(Value::Null)
    }

    /// Iterates over the values from the first row to the last.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        (0..self.len()).map(|row| self.value(row))
    }
}

impl Column {
    /// Creates an empty column for values of a type.
    #[must_use]
    pub fn empty(kind: ColumnType) -> Column {
        match kind {
            ColumnType::Boolean => Column::Bool(Values::new()),
            ColumnType::Byte | ColumnType::Short | ColumnType::Int | ColumnType::Long => {
                Column::Integer(Values::new())
            }
            ColumnType::Float | ColumnType::Double => Column::Float(Values::new()),
            ColumnType::String => Column::Text(Texts::new()),
            ColumnType::Binary => Column::Bytes(Bytes::new()),
            ColumnType::Date => Column::Date(Values::new()),
            ColumnType::Timestamp => Column::Time(Values::new()),
            ColumnType::LongArray => Column::Integers(Lists::new()),
            ColumnType::FloatArray | ColumnType::DoubleArray => Column::Floats(Lists::new()),
        }
    }

    /// Adds a null.
    pub(crate) fn push_null(&mut self) {
        match self {
            Column::Text(to) => to.push(None),
            Column::Integer(to) | Column::Time(to) => to.push(None),
            Column::Float(to) => to.push(None),
            Column::Bool(to) => to.push(None),
            Column::Date(to) => to.push(None),
            Column::Bytes(to) => to.push(None),
            Column::Integers(to) => to.push(None),
            Column::Floats(to) => to.push(None),
        }
    }
}

impl From<Texts> for Column {
    fn from(texts: Texts) -> Self {
        Column::Text(texts)
    }
}

impl From<Values<i64>> for Column {
    fn from(values: Values<i64>) -> Self {
        Column::Integer(values)
    }
}

impl From<Values<f64>> for Column {
    fn from(values: Values<f64>) -> Self {
        Column::Float(values)
    }
}

impl From<Values<bool>> for Column {
    fn from(values: Values<bool>) -> Self {
        Column::Bool(values)
    }
}

impl Table {
    /// Creates a table without columns.
    #[must_use]
    pub fn new() -> Self {
        Table::default()
    }

    /// Adds a column behind the others.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is a column of this name, or if the length differs
    ///   from that of the other columns.
    pub fn add_column(&mut self, name: impl Into<String>, column: impl Into<Column>) -> Result<()> {
        let (name, column) = (name.into(), column.into());
        let message = if self.names.contains(&name) {
            format!("duplicate column {name:?}")
        } else if !self.columns.is_empty() && column.len() != self.len() {
            let (found, expected) = (column.len(), self.len());
            format!("column {name:?} has {found} rows, the table has {expected}")
        } else {
            self.names.push(name);
            self.columns.push(column);
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Returns the names of the columns, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.names.iter().position(|known| known == name).and_then(|at| self.columns.get(at))
    }

    /// Iterates over the columns with their names.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &Column)> {
        self.names.iter().map(String::as_str).zip(&self.columns)
    }

    /// Takes the table apart into its columns with their names.
    pub fn into_columns(self) -> impl ExactSizeIterator<Item = (String, Column)> {
        self.names.into_iter().zip(self.columns)
    }

    /// Iterates over the rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> + DoubleEndedIterator {
        (0..self.len()).map(|row| Row { table: self, row })
    }

    /// Removes the columns for which `keep` returns false.
    pub fn retain_columns(&mut self, mut keep: impl FnMut(&str, &Column) -> bool) {
        let columns = std::mem::take(self).into_columns();
        let kept = columns.filter(|(name, column)| keep(name, column));
        (self.names, self.columns) = kept.unzip();
    }
}

/// A row of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    table: &'a Table,
    row: usize,
}

impl<'a> Row<'a> {
    /// Returns the value in the column of a name, or `None` if there is no such column.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.table.column(name).map(|column| column.value(self.row))
    }

    /// Iterates over the values in the order of the columns.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'a>> + use<'a> {
        let row = self.row;
        self.table.columns.iter().map(move |column| column.value(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_each_name_once_and_one_length() {
        let mut table = Table::new();
        assert_eq!((table.len(), table.width()), (0, 0));
        table.add_column("a", Values::from(vec![1_i64, 2])).unwrap();
        let duplicate = table.add_column("a", Values::from(vec![1.0, 2.0])).unwrap_err();
        assert_eq!(duplicate.to_string(), "duplicate column \"a\"");
        let short = table.add_column("b", Values::from(vec![true])).unwrap_err();
        assert_eq!(short.to_string(), "column \"b\" has 1 rows, the table has 2");
        table.add_column("b", Column::Time(Values::from(vec![1, 2]))).unwrap();
        let rows: Vec<Vec<Value>> = table.rows().map(|row| row.values().collect()).collect();
        let time = |nanos| Value::Time(Timestamp::from_nanos(nanos));
        assert_eq!(rows, [[Value::Integer(1), time(1)], [Value::Integer(2), time(2)]]);
        assert_eq!(table.rows().next_back().unwrap().get("b"), Some(time(2)));
        table.retain_columns(|name, _| name == "b");
        assert_eq!(table.names(), ["b"]);
        assert!(table.column("a").is_none());
    }

    #[test]
    fn nulls_are_apart_from_values() {
        let column: Column =
            [Some(f64::NAN), None, Some(0.0)].into_iter().collect::<Values<_>>().into();
        let wanted = [Value::Float(f64::NAN), Value::Null, Value::Float(0.0)];
        assert!(column.values().eq(wanted));
        assert_eq!((column.len(), column.null_count()), (3, 1));
        let Column::Float(values) = column else { panic!("a column of numbers") };
        let (values, validity) = values.into_parts();
        assert_eq!((values.len(), validity), (3, Some(vec![0b101])));
    }

    #[test]
    fn repeated_texts_are_stored_once_and_read_in_every_row() {
        let rows = [Some("a"), Some("bc"), Some("bc"), Some("bc"), None, None, Some(""), Some("d")];
        let plain: Texts = rows.into_iter().collect();
        let mut repeated = Texts::new();
        repeated.push(Some("a"));
        repeated.push_repeated(Some("bc"), 3);
        repeated.push_repeated(Some("never"), 0);
        repeated.push_repeated(None, 2);
        repeated.push_display(&"");
        repeated.push(Some("d"));
        assert_eq!(repeated.stretches().len(), 5);
        for texts in [&plain, &repeated] {
            assert_eq!((texts.len(), texts.null_count()), (8, 2));
            assert!(texts.iter().eq(rows));
            assert!((0..8).map(|row| texts.get(row)).eq(rows));
            assert_eq!(texts.get(8), None);
        }
        assert_eq!(repeated.into_parts(), plain.clone().into_parts());
        let (bytes, offsets, validity) = plain.into_parts();
        assert_eq!(bytes, b"abcbcbcd");
        assert_eq!(offsets, [0, 1, 3, 5, 7, 7, 7, 7, 8]);
        assert_eq!(validity, Some(vec![0b1100_1111]));
    }
}
