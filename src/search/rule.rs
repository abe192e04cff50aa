//! Rules for the values that a field may be compared with.

use super::syntax::Operator;

/// The operators and the kind of value that a field accepts.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// The operators. Empty if the field cannot be used in a filter.
    pub(super) operators: &'static [Operator],
    /// The kind of value.
    pub(super) values: ValueKind,
}

/// The kind of value that a field is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Any number.
    Number,
    /// An integer.
    Integer,
    /// A quoted integer.
    QuotedInteger,
    /// An integer, with or without quotes.
    NumberOrQuotedInteger,
    /// A quoted string.
    Text,
}

/// How identifiers and values are unquoted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Keys in backticks or quotes, prefixes in backticks, values in single or double quotes.
    Free,
    /// Like `Free`, but prefixes cannot be quoted.
    BarePrefixes,
    /// Keys in backticks only. Single quotes around a value are stripped, anything else is kept.
    SingleOnly,
}

use Operator::{
    Equal, Greater, GreaterOrEqual, ILike, In, IsNotNull, IsNull, Less, LessOrEqual, Like,
    NotEqual, NotIn,
};

/// The operators for numbers.
pub(super) const NUMERIC: &[Operator] =
    &[Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual];

impl Rule {
    /// A number.
    pub(super) const NUMBER: Rule = Rule { operators: NUMERIC, values: ValueKind::Number };
    /// Text, compared with one string.
    pub(super) const TEXT: Rule =
        Rule { operators: &[Equal, NotEqual, Like, ILike], values: ValueKind::Text };
    /// Text, compared with one string or a list.
    pub(super) const TEXT_OR_LIST: Rule =
        Rule { operators: &[Equal, NotEqual, Like, ILike, In, NotIn], values: ValueKind::Text };
    /// Text that may be missing.
    pub(super) const OPTIONAL_TEXT: Rule = Rule {
        operators: &[Equal, NotEqual, Like, ILike, IsNull, IsNotNull],
        values: ValueKind::Text,
    };
    /// A field that can be used in orders but not in filters.
    pub(super) const NONE: Rule = Rule { operators: &[], values: ValueKind::Number };
}
