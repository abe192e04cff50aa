//! Rows of SQL queries on the index, for lists that the library has no call for.

use tracklite::{Database, SqlValue};

use crate::failure::Outcome;

/// A row of a query, whose values are read in order.
pub(super) struct Row(std::vec::IntoIter<SqlValue>);

impl Row {
    /// Returns the next value as a text. It is empty if it is missing.
    pub(super) fn text(&mut self) -> String {
        self.maybe_text().unwrap_or_default()
    }

    /// Returns the next value as a text, if it is one.
    pub(super) fn maybe_text(&mut self) -> Option<String> {
        match self.0.next() {
            Some(SqlValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the next value as a whole number, if it is one.
    pub(super) fn maybe_whole(&mut self) -> Option<i64> {
        match self.0.next() {
            Some(SqlValue::Integer(number)) => Some(number),
            _ => None,
        }
    }

    /// Returns the next value as a number of things.
    pub(super) fn count(&mut self) -> u64 {
        self.maybe_whole().and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
    }

    /// Returns the next value as a time in milliseconds.
    pub(super) fn maybe_millis(&mut self) -> Option<i64> {
        self.maybe_whole().map(|nanos| nanos.div_euclid(1_000_000))
    }
}

/// Runs a query. Texts of callers must not be part of it.
pub(super) fn rows(database: &Database, query: &str) -> Outcome<Vec<Row>> {
    Ok(database.sql(query)?.rows.into_iter().map(|row| Row(row.into_iter())).collect())
}
