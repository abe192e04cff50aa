//! Evaluates queries over rows in memory, one row after the other.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::query::{Condition, Field, Filter, Order, SortKey};

/// The values of one entity, by field.
pub(crate) trait Row {
    /// The numeric fields.
    type Number;
    /// The text fields.
    type Text;

    /// Returns the value of a numeric field, or `None` if it is missing.
    fn number(&self, field: &Self::Number) -> Option<f64>;

    /// Returns the value of a text field, or `None` if it is missing.
    fn text(&self, field: &Self::Text) -> Option<Cow<'_, str>>;
}

impl<N, T> Filter<N, T> {
    /// Returns whether a row meets all conditions.
    pub(crate) fn matches(&self, row: &impl Row<Number = N, Text = T>) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Number(field, test) => test.matches(row.number(field)),
            Condition::Text(field, test) => test.matches(row.text(field).as_deref()),
        })
    }
}

impl<N, T> Order<N, T> {
    /// Compares two rows.
    pub(crate) fn compare<R: Row<Number = N, Text = T>>(&self, left: &R, right: &R) -> Ordering {
        let by_key = self.keys.iter().map(|key| key.compare(left, right));
        by_key.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl<N, T> SortKey<N, T> {
    /// Compares two rows by this key alone.
    pub(crate) fn compare<R: Row<Number = N, Text = T>>(&self, left: &R, right: &R) -> Ordering {
        match &self.field {
            Field::Number(field) => {
                self.direction.compare_numbers(left.number(field), right.number(field))
            }
            Field::Text(field) => {
                let (left, right) = (left.text(field), right.text(field));
                self.direction.compare_texts(left.as_deref(), right.as_deref())
            }
        }
    }
}
