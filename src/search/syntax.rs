//! The syntax tree: what was written and where, before anybody asks whether such a field exists.

use std::fmt;

/// A place in the text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// From the first byte of this place to the last of the other.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }
}

/// A filter as it was written.
///
/// Disjunction, negation, parentheses and aggregates of series would be further variants.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Expression<'a> {
    /// One comparison.
    Comparison(Comparison<'a>),
    /// All of these hold; none at all for an empty filter.
    And(Vec<Expression<'a>>),
}

/// `identifier operator value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison<'a> {
    /// What is compared.
    pub identifier: Identifier<'a>,
    /// How.
    pub operator: Operator,
    /// Where the operator stands.
    pub operator_span: Span,
    /// With what.
    pub value: Value<'a>,
    /// Where the value stands; that of the operator when there is none.
    pub value_span: Span,
}

impl Comparison<'_> {
    /// Where the whole comparison stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.identifier.span.to(self.value_span)
    }
}

/// `prefix.key`, or a key alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identifier<'a> {
    /// What stands before the first dot, without backticks.
    pub prefix: Option<&'a str>,
    /// What stands after it, without quotes.
    pub key: &'a str,
    /// The key as it was written, quotes included.
    pub raw_key: &'a str,
    /// Where both stand.
    pub span: Span,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Number(f64),
    /// Text in quotes of either kind, without them.
    Text(&'a str),
    /// Something that is neither number nor quoted.
    Word,
    /// `('a', 'b')`.
    List(Vec<&'a str>),
    /// Nothing: `IS NULL` takes no value.
    Absent,
}

/// How a field is compared.
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
    /// Every operator, in the order in which messages list them.
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

    /// As it is written, words in upper case.
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
