//! The syntax tree: a filter as written, with places, before its fields are checked.

use std::fmt;

/// A byte range of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// Returns the range from the start of this one to the end of `other`.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }
}

/// Returns the text at a place.
pub(super) fn written(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or("")
}

/// A filter as written.
///
/// OR, NOT, parentheses and aggregates over a series would be new variants.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Expression<'a> {
    /// One comparison.
    Comparison(Comparison<'a>),
    /// A conjunction. Empty for an empty filter.
    And(Vec<Expression<'a>>),
}

/// `identifier operator value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison<'a> {
    /// The field.
    pub identifier: Identifier<'a>,
    /// The operator.
    pub operator: Operator,
    /// The place of the operator.
    pub operator_span: Span,
    /// The value.
    pub value: Value<'a>,
    /// The place of the value, or of the operator if there is no value.
    pub value_span: Span,
}

impl Comparison<'_> {
    /// Returns the place of the whole comparison.
    #[must_use]
    pub fn span(&self) -> Span {
        self.identifier.span.to(self.value_span)
    }
}

/// `prefix.key`, or only a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identifier<'a> {
    /// The part before the first dot, without backticks.
    pub prefix: Option<&'a str>,
    /// The part after the first dot, without quotes.
    pub key: &'a str,
    /// The key as written, including quotes.
    pub raw_key: &'a str,
    /// The place of the whole identifier.
    pub span: Span,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Number(f64),
    /// Quoted text, without its quotes.
    Text(&'a str),
    /// Anything that is not a number and not quoted.
    Word,
    /// `('a', 'b')`.
    List(Vec<&'a str>),
    /// No value, after `IS NULL` and `IS NOT NULL`.
    Absent,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `LIKE`
    Like,
    /// `ILIKE`
    ILike,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
}

impl Operator {
    /// All operators, in the order in which messages list them.
    pub const ALL: [Operator; 12] = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Like,
        Operator::ILike,
        Operator::In,
        Operator::NotIn,
        Operator::IsNull,
        Operator::IsNotNull,
    ];

    /// Returns the operator as written, words in upper case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Like => "LIKE",
            Operator::ILike => "ILIKE",
            Operator::In => "IN",
            Operator::NotIn => "NOT IN",
            Operator::IsNull => "IS NULL",
            Operator::IsNotNull => "IS NOT NULL",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
