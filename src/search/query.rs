//! The typed query: conditions that are already checked, ready for an evaluator.

use std::cmp::Ordering;

use super::like::{self, Case};

/// A conjunction of conditions. Without conditions, everything matches.
///
/// `N` is the type of numeric fields, `T` that of text fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter<N, T> {
    /// The conditions in the order written.
    pub conditions: Vec<Condition<N, T>>,
}

impl<N, T> Default for Filter<N, T> {
    /// Returns the filter that matches everything.
    fn default() -> Self {
        Filter { conditions: Vec::new() }
    }
}

/// A test of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition<N, T> {
    /// A test of a numeric field.
    Number(N, NumberTest),
    /// A test of a text field.
    Text(T, TextTest),
}

impl<N, T> Condition<N, T> {
    /// Returns the number of values in the condition's list, or 0 if it has no list.
    #[must_use]
    pub fn listed(&self) -> usize {
        match self {
            Condition::Number(_, NumberTest::In(list) | NumberTest::NotIn(list)) => list.len(),
            Condition::Text(_, TextTest::In(list) | TextTest::NotIn(list)) => list.as_slice().len(),
            _ => 0,
        }
    }
}

/// A test of a number.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberTest {
    /// `= x`
    Equal(f64),
    /// `!= x`. NaN matches.
    NotEqual(f64),
    /// `< x`
    Less(f64),
    /// `<= x`
    LessOrEqual(f64),
    /// `> x`
    Greater(f64),
    /// `>= x`
    GreaterOrEqual(f64),
    /// `IN (x, y)`
    In(Vec<f64>),
    /// `NOT IN (x, y)`
    NotIn(Vec<f64>),
}

impl NumberTest {
    /// Returns whether a field with this value matches. A missing value (`None`) never matches.
    #[must_use]
    pub fn matches(&self, value: Option<f64>) -> bool {
        value.is_some_and(|value| self.matches_number(value))
    }

    /// Returns whether this number matches.
    #[must_use]
    pub fn matches_number(&self, value: f64) -> bool {
        match self {
            NumberTest::Equal(other) => value == *other,
            NumberTest::NotEqual(other) => value != *other,
            NumberTest::Less(other) => value < *other,
            NumberTest::LessOrEqual(other) => value <= *other,
            NumberTest::Greater(other) => value > *other,
            NumberTest::GreaterOrEqual(other) => value >= *other,
            NumberTest::In(list) => list.contains(&value),
            NumberTest::NotIn(list) => !list.contains(&value),
        }
    }
}

/// A test of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// `= 'x'`, case-sensitive.
    Equal(String),
    /// `!= 'x'`
    NotEqual(String),
    /// `LIKE 'x'`, case-sensitive.
    Like(String),
    /// `ILIKE 'x'`, where ASCII letters match in either case.
    ILike(String),
    /// `IN ('x', 'y')`
    In(TextList),
    /// `NOT IN ('x', 'y')`
    NotIn(TextList),
    /// `IS NULL`: the text is missing.
    IsNull,
    /// `IS NOT NULL`: the text exists, even if empty.
    IsNotNull,
}

impl TextTest {
    /// Returns whether a field with this value matches. A missing value (`None`) matches only `IS
    /// NULL`.
    #[must_use]
    pub fn matches(&self, value: Option<&str>) -> bool {
        match value {
            Some(value) => self.matches_text(value),
            None => *self == TextTest::IsNull,
        }
    }

    /// Returns whether this text matches.
    #[must_use]
    pub fn matches_text(&self, value: &str) -> bool {
        match self {
            TextTest::Equal(other) => value == other,
            TextTest::NotEqual(other) => value != other,
            TextTest::Like(pattern) => like::matches(pattern, value, Case::Sensitive),
            TextTest::ILike(pattern) => like::matches(pattern, value, Case::AsciiInsensitive),
            TextTest::In(list) => list.contains(value),
            TextTest::NotIn(list) => !list.contains(value),
            TextTest::IsNull => false,
            TextTest::IsNotNull => true,
        }
    }
}

/// The strings of an `IN` list, sorted and without duplicates for binary search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextList(Vec<String>);

impl TextList {
    /// Creates a list of these strings.
    #[must_use]
    pub fn new(mut texts: Vec<String>) -> Self {
        texts.sort_unstable();
        texts.dedup();
        TextList(texts)
    }

    /// Returns the strings, sorted by their bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Returns whether the list contains this string.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.0.binary_search_by(|item| item.as_str().cmp(text)).is_ok()
    }
}

/// A numeric or text field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field<N, T> {
    /// A numeric field.
    Number(N),
    /// A text field.
    Text(T),
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `ASC`, smallest first.
    Ascending,
    /// `DESC`, largest first.
    Descending,
}

impl Direction {
    /// Returns the ordering of two existing values in this direction.
    #[must_use]
    pub fn apply(self, ordering: Ordering) -> Ordering {
        match self {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        }
    }

    /// Compares two numbers. 0.0 and -0.0 are equal.
    ///
    /// In both directions, NaN comes after all other numbers, and missing values come last.
    #[must_use]
    pub fn compare_numbers(self, left: Option<f64>, right: Option<f64>) -> Ordering {
        match (left, right) {
            (Some(left), Some(right)) => match left.partial_cmp(&right) {
                Some(ordering) => self.apply(ordering),
                None => left.is_nan().cmp(&right.is_nan()),
            },
            _ => left.is_none().cmp(&right.is_none()),
        }
    }

    /// Compares two texts by their bytes. In both directions, missing values come last.
    #[must_use]
    pub fn compare_texts(self, left: Option<&str>, right: Option<&str>) -> Ordering {
        match (left, right) {
            (Some(left), Some(right)) => self.apply(left.as_bytes().cmp(right.as_bytes())),
            _ => left.is_none().cmp(&right.is_none()),
        }
    }
}

/// One field of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey<N, T> {
    /// The field.
    pub field: Field<N, T>,
    /// The direction.
    pub direction: Direction,
}

/// An order by several keys. Each key breaks the ties of the ones before it.
///
/// A parsed order ends in unique keys, so that it is total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order<N, T> {
    /// The keys, the most significant first.
    pub keys: Vec<SortKey<N, T>>,
}
