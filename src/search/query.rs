//! The typed query: conditions that an evaluator can apply without asking whether they make sense.

use std::cmp::Ordering;

use super::like::{self, Case};

/// All of these conditions hold; none at all holds for everything.
///
/// `N` are the fields whose values are numbers, `T` those whose values are text.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter<N, T> {
    /// The conditions as they were written.
    pub conditions: Vec<Condition<N, T>>,
}

impl<N, T> Default for Filter<N, T> {
    /// The filter that everything passes.
    fn default() -> Self {
        Filter { conditions: Vec::new() }
    }
}

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition<N, T> {
    /// Of a field that holds a number.
    Number(N, NumberTest),
    /// Of a field that holds text.
    Text(T, TextTest),
}

impl<N, T> Condition<N, T> {
    /// How many values its list has; 0 when it has none.
    #[must_use]
    pub fn listed(&self) -> usize {
        match self {
            Condition::Number(_, NumberTest::In(list) | NumberTest::NotIn(list)) => list.len(),
            Condition::Text(_, TextTest::In(list) | TextTest::NotIn(list)) => list.as_slice().len(),
            _ => 0,
        }
    }
}

/// What is asked of a number.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberTest {
    /// `= x`
    Equal(f64),
    /// `!= x`; NaN alone passes no other test.
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
    /// Whether a field with this value passes; a missing one (`None`) passes nothing.
    #[must_use]
    pub fn matches(&self, value: Option<f64>) -> bool {
        value.is_some_and(|value| self.matches_number(value))
    }

    /// Whether this number passes.
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

/// What is asked of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// `= 'x'`, upper and lower case told apart.
    Equal(String),
    /// `!= 'x'`
    NotEqual(String),
    /// `LIKE 'x'`, upper and lower case told apart.
    Like(String),
    /// `ILIKE 'x'`, where the 26 letters of ASCII are the same in both cases.
    ILike(String),
    /// `IN ('x', 'y')`
    In(TextList),
    /// `NOT IN ('x', 'y')`
    NotIn(TextList),
    /// `IS NULL`: there is no such text.
    IsNull,
    /// `IS NOT NULL`: there is one, be it empty.
    IsNotNull,
}

impl TextTest {
    /// Whether a field with this value passes; a missing one (`None`) passes `IS NULL` only.
    #[must_use]
    pub fn matches(&self, value: Option<&str>) -> bool {
        match value {
            Some(value) => self.matches_text(value),
            None => *self == TextTest::IsNull,
        }
    }

    /// Whether this text passes.
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

/// The texts of an `IN` list: sorted and each once, so that looking one up takes a logarithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextList(Vec<String>);

impl TextList {
    /// The list of these texts.
    #[must_use]
    pub fn new(mut texts: Vec<String>) -> Self {
        texts.sort_unstable();
        texts.dedup();
        TextList(texts)
    }

    /// The texts, sorted by their bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether this text is among them.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.0.binary_search_by(|item| item.as_str().cmp(text)).is_ok()
    }
}

/// A field of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field<N, T> {
    /// A field that holds a number.
    Number(N),
    /// A field that holds text.
    Text(T),
}

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `ASC`, smallest first.
    Ascending,
    /// `DESC`, largest first.
    Descending,
}

impl Direction {
    /// The ordering of two values that are there, as this direction has it.
    #[must_use]
    pub fn apply(self, ordering: Ordering) -> Ordering {
        match self {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        }
    }

    /// Compares two numbers, 0.0 and -0.0 being equal.
    ///
    /// In both directions NaN comes after all other numbers, and what is missing after NaN.
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

    /// Compares two texts by their bytes; in both directions what is missing comes last.
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
    /// By what.
    pub field: Field<N, T>,
    /// Which way.
    pub direction: Direction,
}

/// An order: by the first key, among equals by the second, and so on.
///
/// Made of a list of texts it ends in the keys that break ties, so that it is total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order<N, T> {
    /// The keys, the most important first.
    pub keys: Vec<SortKey<N, T>>,
}
