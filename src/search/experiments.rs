//! The fields by which experiments are searched and ordered.

use std::fmt;

use super::catalog::{Attribute, Catalog, Group};
use super::print::{NumberField, TextField, write_key};
use super::query::{Direction, Field, Filter, Order, SortKey};
use super::rule::{Quoting, Rule, ValueKind};
use super::syntax::Operator;
use super::wording::Dialect;
use crate::error::Result;

/// A numeric field of experiments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExperimentNumber {
    /// The id.
    ExperimentId,
    /// The creation time in milliseconds since 1970.
    CreationTime,
    /// The time of the last change in milliseconds since 1970.
    LastUpdateTime,
}

/// A text field of experiments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExperimentText {
    /// The name.
    Name,
    /// The tag with this key.
    Tag(String),
}

/// A filter on experiments.
pub type ExperimentFilter = Filter<ExperimentNumber, ExperimentText>;
/// An order of experiments.
pub type ExperimentOrder = Order<ExperimentNumber, ExperimentText>;

impl ExperimentFilter {
    /// Parses the filter of `search_experiments`. An empty text matches every experiment.
    pub fn parse(text: &str) -> Result<Self> {
        EXPERIMENTS.filter(text)
    }
}

impl ExperimentOrder {
    /// Parses the order of `search_experiments`, one field per item.
    ///
    /// Without items, the newest experiment comes first and ties are broken by id, smallest first.
    /// With items, ties are broken by id, largest first.
    pub fn parse<S: AsRef<str>>(items: &[S]) -> Result<Self> {
        EXPERIMENTS.order(items)
    }
}

const WHOLE_NUMBER: Rule = Rule { operators: Rule::NUMBER.operators, values: ValueKind::Integer };
const QUOTED_ID: Rule = Rule {
    operators: &[Operator::Equal, Operator::NotEqual, Operator::In, Operator::NotIn],
    values: ValueKind::QuotedInteger,
};

static EXPERIMENTS: Catalog<ExperimentNumber, ExperimentText> = Catalog {
    groups: &[
        Group::named(&["attributes", "attribute"], ATTRIBUTES),
        Group::keyed(
            &["tags", "tag"],
            |key| Field::Text(ExperimentText::Tag(key)),
            Rule::OPTIONAL_TEXT,
            false,
        ),
    ],
    extras: &[],
    numbered: |_, _| None,
    dialect: Dialect::Experiments,
    quoting: Quoting::BarePrefixes,
    default_order: &[
        SortKey {
            field: Field::Number(ExperimentNumber::CreationTime),
            direction: Direction::Descending,
        },
        SortKey {
            field: Field::Number(ExperimentNumber::ExperimentId),
            direction: Direction::Ascending,
        },
    ],
    tie_breaks: &[SortKey {
        field: Field::Number(ExperimentNumber::ExperimentId),
        direction: Direction::Descending,
    }],
};

const ATTRIBUTES: &[Attribute<ExperimentNumber, ExperimentText>] = &[
    Attribute::new(&["name"], Field::Text(ExperimentText::Name), Rule::TEXT),
    Attribute::new(&["experiment_id"], Field::Number(ExperimentNumber::ExperimentId), QUOTED_ID),
    Attribute::new(&["creation_time"], Field::Number(ExperimentNumber::CreationTime), WHOLE_NUMBER),
    Attribute::new(
        &["last_update_time"],
        Field::Number(ExperimentNumber::LastUpdateTime),
        WHOLE_NUMBER,
    ),
];

impl NumberField for ExperimentNumber {
    fn is_quoted(&self) -> bool {
        *self == ExperimentNumber::ExperimentId
    }
}

impl TextField for ExperimentText {}

impl fmt::Display for ExperimentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExperimentNumber::ExperimentId => "experiment_id",
            ExperimentNumber::CreationTime => "creation_time",
            ExperimentNumber::LastUpdateTime => "last_update_time",
        })
    }
}

impl fmt::Display for ExperimentText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExperimentText::Name => f.write_str("name"),
            ExperimentText::Tag(key) => write_key(f, "tags", key),
        }
    }
}
