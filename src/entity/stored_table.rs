//! Stored tables: named rows of typed columns in the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entity::id::Timestamp;
use crate::entity::limits::{check_name, check_text};
use crate::entity::wording::invalid;
use crate::error::{Error, ErrorKind, Result};

/// The maximum number of columns of a table.
const COLUMNS_MAX: usize = 10_000;
/// The maximum characters in the name of a column.
const NAME_MAX: usize = 255;
/// The maximum characters of a comment, and of a value of a tag.
const TEXT_MAX: usize = 4096;
/// The maximum number of tags.
const TAGS_MAX: usize = 100;
/// The mark at the start of the names of columns that only the engine uses.
pub(crate) const HIDDEN: char = '#';

/// The id of a stored table: 128 random bits, displayed as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableId(u128);

impl TableId {
    /// Creates an id from exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        TableId(bits)
    }

    /// Returns the 128 bits of the id.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableId({self})")
    }
}

/// The type of a column of a stored table, by the names of Spark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// An integer of 8 bits.
    Byte,
    /// An integer of 16 bits.
    Short,
    /// An integer of 32 bits.
    Int,
    /// An integer of 64 bits.
    Long,
    /// A number of 32 bits.
    Float,
    /// A number of 64 bits.
    Double,
    /// A text in UTF-8.
    String,
    /// Bytes.
    Binary,
    /// A day.
    Date,
    /// An instant, in microseconds.
    Timestamp,
    /// A list of integers of 64 bits.
    LongArray,
    /// A list of numbers of 32 bits.
    FloatArray,
    /// A list of numbers of 64 bits.
    DoubleArray,
}

impl ColumnType {
    /// All types.
    pub const ALL: [ColumnType; 14] = [
        ColumnType::Boolean,
        ColumnType::Byte,
        ColumnType::Short,
        ColumnType::Int,
        ColumnType::Long,
        ColumnType::Float,
        ColumnType::Double,
        ColumnType::String,
        ColumnType::Binary,
        ColumnType::Date,
        ColumnType::Timestamp,
        ColumnType::LongArray,
        ColumnType::FloatArray,
        ColumnType::DoubleArray,
    ];

    /// Returns the name that Spark's SQL has for the type, such as `bigint` or `array<double>`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ColumnType::Boolean => "boolean",
            ColumnType::Byte => "tinyint",
            ColumnType::Short => "smallint",
            ColumnType::Int => "int",
            ColumnType::Long => "bigint",
            ColumnType::Float => "float",
            ColumnType::Double => "double",
            ColumnType::String => "string",
            ColumnType::Binary => "binary",
            ColumnType::Date => "date",
            ColumnType::Timestamp => "timestamp",
            ColumnType::LongArray => "array<bigint>",
            ColumnType::FloatArray => "array<float>",
            ColumnType::DoubleArray => "array<double>",
        }
    }

    /// Returns the range of the type, if it has integers.
    #[must_use]
    pub fn integers(self) -> Option<(i64, i64)> {
        match self {
            ColumnType::Byte => Some((i8::MIN.into(), i8::MAX.into())),
            ColumnType::Short => Some((i16::MIN.into(), i16::MAX.into())),
            ColumnType::Int => Some((i32::MIN.into(), i32::MAX.into())),
            ColumnType::Long => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }

    /// Returns whether a column of this type may be part of a key. Numbers with fractions and lists
    /// may not, because equality is not safe for them.
    #[must_use]
    pub fn may_be_key(self) -> bool {
        self.integers().is_some()
            || matches!(
                self,
                ColumnType::Boolean
                    | ColumnType::String
                    | ColumnType::Binary
                    | ColumnType::Date
                    | ColumnType::Timestamp
            )
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ColumnType {
    type Err = Error;

    /// Parses the name of [`ColumnType::as_str`], in any case. `long`, `integer`, `short`, `byte`
    /// and `real` are other names of Spark.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such type.
    fn from_str(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        let name = match lower.as_str() {
            "long" => "bigint",
            "integer" => "int",
            "short" => "smallint",
            "byte" => "tinyint",
            "real" => "float",
            "array<long>" => "array<bigint>",
            other => other,
        };
        let found = ColumnType::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| {
            let all: Vec<&str> = ColumnType::ALL.iter().map(|kind| kind.as_str()).collect();
            let all = all.join(", ");
            invalid(format!("unknown type of a column {text:?}: expected one of {all}"))
        })
    }
}

/// A column of a stored table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableColumn {
    /// The name, unique within the table.
    pub name: String,
    /// The type.
    pub kind: ColumnType,
    /// The comment.
    pub comment: Option<String>,
}

/// The changeable part of a stored table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableState {
    /// The columns in order.
    pub columns: Vec<TableColumn>,
    /// The names of the key columns, in order. Empty for a table that keeps each row.
    pub primary_key: Vec<String>,
    /// The name of the column with the time of each row, if the table has one.
    pub timestamp: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The user who owns the table.
    pub owner: String,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
}

impl TableState {
    /// Returns the column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the columns that order the rows: the primary key, then the timestamp.
    pub fn sort_columns(&self) -> impl Iterator<Item = &str> {
        self.primary_key.iter().chain(&self.timestamp).map(String::as_str)
    }

    /// Checks the columns, the key, the texts and the tags.
    pub(crate) fn check(&self) -> Result<()> {
        let found = self.columns.len();
        if found == 0 || found > COLUMNS_MAX {
            let message = format!("a table has 1 to {COLUMNS_MAX} columns, found {found}");
            return Err(invalid(message));
        }
        let mut names = BTreeSet::new();
        for TableColumn { name, comment, .. } in &self.columns {
            check_name("the name of a column", name, NAME_MAX)?;
            check_text("the comment of a column", comment.as_deref().unwrap_or(""), TEXT_MAX)?;
            if name.starts_with(HIDDEN) {
                let message = format!("column {name:?} must not begin with {HIDDEN:?}");
                return Err(invalid(message));
            }
            if !names.insert(name) {
                return Err(invalid(format!("duplicate column {name:?}")));
            }
        }
        self.check_key()?;
        self.check_texts()
    }

    fn check_key(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for name in &self.primary_key {
            let Some(column) = self.column(name) else {
                return Err(invalid(format!("the key column {name:?} is not in the table")));
            };
            if !column.kind.may_be_key() {
                return Err(invalid(format!(
                    "column {name:?} of type {} cannot be part of a key: expected an integer, a \
                     boolean, a string, bytes, a date or a timestamp",
                    column.kind
                )));
            }
            if !seen.insert(name) {
                return Err(invalid(format!("the key has column {name:?} twice")));
            }
        }
        let Some(name) = &self.timestamp else { return Ok(()) };
        if seen.contains(name) {
            let message = format!("column {name:?} is both the timestamp and part of the key");
            return Err(invalid(message));
        }
        match self.column(name).map(|column| column.kind) {
            Some(ColumnType::Timestamp | ColumnType::Date) => Ok(()),
            Some(kind) => Err(invalid(format!(
                "the timestamp column {name:?} has the type {kind}, expected timestamp or date"
            ))),
            None => Err(invalid(format!("the timestamp column {name:?} is not in the table"))),
        }
    }

    fn check_texts(&self) -> Result<()> {
        check_text("the description", self.description.as_deref().unwrap_or(""), TEXT_MAX)?;
        if self.tags.len() > TAGS_MAX {
            let found = self.tags.len();
            let message = format!("the table has {found} tags, at most {TAGS_MAX} are allowed");
            return Err(invalid(message));
        }
        self.tags.iter().try_for_each(|(key, value)| {
            check_name("the key of a tag", key, NAME_MAX)?;
            check_text("the value of a tag", value, TEXT_MAX)
        })
    }

    /// Returns the state as JSON, for the index.
    pub(crate) fn to_json(&self) -> String {
        // Only maps whose keys are not texts fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses the text of [`TableState::to_json`].
    pub(crate) fn from_json(text: &str) -> Result<TableState> {
        serde_json::from_str(text).map_err(|source| {
            Error::new(ErrorKind::Index, "the state of a table is not readable").with_source(source)
        })
    }
}

/// A stored table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableInfo {
    /// The id, which does not change when the table is renamed.
    pub id: TableId,
    /// The full name, `catalog.schema.table`.
    pub name: String,
    /// The user who created it.
    pub creator: String,
    /// The time of its creation.
    pub created: Timestamp,
    /// The user who made the last change of its columns or texts.
    pub author: String,
    /// The time of that change.
    pub updated: Timestamp,
    /// The number of that change.
    pub revision: u64,
    /// The number of the last write of rows. 0 before the first one.
    pub version: u64,
    /// Everything that can change.
    pub state: TableState,
}

impl TableInfo {
    /// Returns the table after a change that `author` makes at `time`.
    pub(crate) fn changed(self, author: &str, time: Timestamp) -> TableInfo {
        let revision = self.revision.saturating_add(1);
        TableInfo { revision, author: author.to_owned(), updated: time, ..self }
    }
}

/// How a write changes the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WriteMode {
    /// Adds rows to a table without a key.
    Append,
    /// Inserts rows, or replaces the written columns of those with the same key and timestamp.
    Merge,
    /// Replaces all rows.
    Overwrite,
    /// Removes rows by key.
    Delete,
}

impl WriteMode {
    /// All modes.
    pub const ALL: [WriteMode; 4] =
        [WriteMode::Append, WriteMode::Merge, WriteMode::Overwrite, WriteMode::Delete];

    /// Returns the name: `append`, `merge`, `overwrite` or `delete`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WriteMode::Append => "append",
            WriteMode::Merge => "merge",
            WriteMode::Overwrite => "overwrite",
            WriteMode::Delete => "delete",
        }
    }
}

impl fmt::Display for WriteMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A write of rows to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableWrite {
    /// The number, from 1. Numbers of a table rise by one.
    pub version: u64,
    /// The time. It rises with the number.
    pub time: Timestamp,
    /// The user.
    pub author: String,
    /// The mode.
    pub mode: WriteMode,
    /// The number of rows.
    pub rows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_reads_back_from_its_name() {
        for kind in ColumnType::ALL {
            assert_eq!(kind.as_str().to_uppercase().parse::<ColumnType>().unwrap(), kind);
        }
        let error = "decimal".parse::<ColumnType>().unwrap_err().to_string();
        assert!(error.contains("\"decimal\"") && error.contains("bigint"), "{error}");
    }

    #[test]
    fn a_table_that_cannot_be_is_refused() {
        let column = |name: &str, kind| TableColumn { name: name.to_owned(), kind, comment: None };
        let state = |columns: &[TableColumn], key: &[&str], timestamp: Option<&str>| TableState {
            columns: columns.to_vec(),
            primary_key: key.iter().map(|&name| name.to_owned()).collect(),
            timestamp: timestamp.map(str::to_owned),
            ..TableState::default()
        };
        let (a, b) = (column("a", ColumnType::Long), column("b", ColumnType::Double));
        let time = column("t", ColumnType::Timestamp);
        let all = [a.clone(), b, time];
        state(&all, &["a"], Some("t")).check().unwrap();
        state(&all, &[], None).check().unwrap();
        for (bad, word) in [
            (state(&[], &[], None), "0"),
            (state(&[a.clone(), a.clone()], &[], None), "duplicate"),
            (state(&[column("#a", ColumnType::Int)], &[], None), "begin"),
            (state(&all, &["c"], None), "not in the table"),
            (state(&all, &["b"], None), "double"),
            (state(&all, &["a", "a"], None), "twice"),
            (state(&all, &["t"], Some("t")), "both"),
            (state(&all, &["a"], Some("b")), "expected timestamp"),
            (state(&all, &["a"], Some("u")), "not in the table"),
        ] {
            let error = bad.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
