//! The fields by which logged models are searched and ordered. Their language quotes differently.

use std::fmt;

use super::catalog::{Attribute, Catalog, Group};
use super::message::{Problem, quoted};
use super::order::check_count;
use super::print::{NumberField, TextField, write_raw_key};
use super::query::{Direction, Field, Filter, SortKey};
use super::rule::{Quoting, Rule, ValueKind};
use super::syntax::{Operator, Span};
use crate::error::{Error, ErrorKind, Result};

/// A numeric field of logged models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedModelNumber {
    /// The latest value of the metric with this key.
    Metric(String),
    /// The creation time in milliseconds since 1970.
    CreationTimestamp,
    /// The time of the last change in milliseconds since 1970.
    LastUpdatedTimestamp,
}

/// A text field of logged models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedModelText {
    /// The param with this key.
    Param(String),
    /// The tag with this key.
    Tag(String),
    /// The name.
    Name,
    /// The id, `m-` and 32 hexadecimal digits.
    ModelId,
    /// The type.
    ModelType,
    /// The status: `PENDING`, `READY`, `FAILED` or `UNSPECIFIED`.
    Status,
    /// The id of the run that created it.
    SourceRunId,
    /// The id of its experiment.
    ExperimentId,
}

/// A filter on logged models.
pub type LoggedModelFilter = Filter<LoggedModelNumber, LoggedModelText>;

impl LoggedModelFilter {
    /// Parses the filter of `search_logged_models`. An empty text matches every model.
    pub fn parse(text: &str) -> Result<Self> {
        LOGGED_MODELS.filter(text)
    }
}

/// The datasets whose measurements of a metric count for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetChoice {
    /// The name of the datasets.
    pub name: String,
    /// The digest of the datasets. `None` means any.
    pub digest: Option<String>,
}

/// One item of an order, with the keys of MLflow's dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedModelOrderItem<'a> {
    /// `metrics.KEY` with the key unquoted, or the name of an attribute.
    pub field_name: &'a str,
    /// Whether the smallest value comes first.
    pub ascending: bool,
    /// Restricts a metric to values measured on datasets with this name.
    pub dataset_name: Option<&'a str>,
    /// Restricts a metric to values measured on datasets with this digest. Requires the name.
    pub dataset_digest: Option<&'a str>,
}

/// One key of an order of logged models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedModelSortKey {
    /// The field and the direction.
    pub key: SortKey<LoggedModelNumber, LoggedModelText>,
    /// For a metric, the datasets whose values count. `None` means all.
    pub dataset: Option<DatasetChoice>,
}

/// An order of logged models. Ties are broken by creation time, newest first, and then by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedModelOrder {
    /// The keys, the most significant first.
    pub keys: Vec<LoggedModelSortKey>,
}

impl LoggedModelOrder {
    /// Parses the order of `search_logged_models`.
    pub fn new(items: &[LoggedModelOrderItem<'_>]) -> Result<Self> {
        check_count(items.len())?;
        let mut keys: Vec<LoggedModelSortKey> = Vec::with_capacity(items.len() + 2);
        for item in items {
            let key = sort_key(item)?;
            if keys.contains(&key) {
                let summary = format!("duplicate field {}", quoted(item.field_name));
                return Err(refused(item.field_name, &summary, "each field at most once"));
            }
            keys.push(key);
        }
        for last in LOGGED_MODELS.tie_breaks {
            if !keys.iter().any(|known| known.key.field == last.field) {
                keys.push(LoggedModelSortKey { key: last.clone(), dataset: None });
            }
        }
        Ok(LoggedModelOrder { keys })
    }
}

fn sort_key(item: &LoggedModelOrderItem<'_>) -> Result<LoggedModelSortKey> {
    let direction = if item.ascending { Direction::Ascending } else { Direction::Descending };
    let field = match item.field_name.split_once('.') {
        Some(("metrics", key)) if !key.is_empty() => {
            Field::Number(LoggedModelNumber::Metric(key.to_owned()))
        }
        Some(_) => {
            let summary = format!("cannot order by {}", quoted(item.field_name));
            let expected = "`metrics.KEY` or the name of an attribute";
            return Err(refused(item.field_name, &summary, expected));
        }
        None => LOGGED_MODELS.attribute(item.field_name)?,
    };
    let dataset = match (item.dataset_name, item.dataset_digest) {
        (Some(name), digest) => {
            Some(DatasetChoice { name: name.to_owned(), digest: digest.map(str::to_owned) })
        }
        (None, None) => None,
        (None, Some(_)) => {
            let message = "invalid order: dataset digest without a dataset name";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
    };
    Ok(LoggedModelSortKey { key: SortKey { field, direction }, dataset })
}

fn refused(field_name: &str, summary: &str, expected: &str) -> Error {
    let place = Span { start: 0, end: field_name.len() };
    Problem::new(place, summary, expected).into_error("order", field_name)
}

const TEXT: Rule = Rule::TEXT_OR_LIST;
const STATUS: Rule = Rule {
    operators: &[Operator::Equal, Operator::NotEqual, Operator::In, Operator::NotIn],
    values: ValueKind::Text,
};

const ORDER_END: &[SortKey<LoggedModelNumber, LoggedModelText>] = &[
    SortKey {
        field: Field::Number(LoggedModelNumber::CreationTimestamp),
        direction: Direction::Descending,
    },
    SortKey { field: Field::Text(LoggedModelText::ModelId), direction: Direction::Ascending },
];

static LOGGED_MODELS: Catalog<LoggedModelNumber, LoggedModelText> = Catalog {
    groups: &[
        Group::named(&["attributes"], ATTRIBUTES),
        Group::keyed(
            &["metrics"],
            |key| Field::Number(LoggedModelNumber::Metric(key)),
            Rule::NUMBER,
            true,
        ),
        Group::keyed(&["params"], |key| Field::Text(LoggedModelText::Param(key)), TEXT, false),
        Group::keyed(&["tags"], |key| Field::Text(LoggedModelText::Tag(key)), TEXT, false),
    ],
    quoting: Quoting::SingleOnly,
    default_order: ORDER_END,
    tie_breaks: ORDER_END,
};

const ATTRIBUTES: &[Attribute<LoggedModelNumber, LoggedModelText>] = &[
    Attribute::new(&["name"], Field::Text(LoggedModelText::Name), TEXT),
    Attribute::new(&["model_id"], Field::Text(LoggedModelText::ModelId), TEXT),
    Attribute::new(&["model_type"], Field::Text(LoggedModelText::ModelType), TEXT),
    Attribute::new(&["status"], Field::Text(LoggedModelText::Status), STATUS),
    Attribute::new(&["source_run_id"], Field::Text(LoggedModelText::SourceRunId), TEXT),
    Attribute::new(&["experiment_id"], Field::Text(LoggedModelText::ExperimentId), TEXT),
    Attribute::new(
        &["creation_timestamp", "creation_time"],
        Field::Number(LoggedModelNumber::CreationTimestamp),
        Rule::NUMBER,
    ),
    Attribute::new(
        &["last_updated_timestamp", "last_updated_time"],
        Field::Number(LoggedModelNumber::LastUpdatedTimestamp),
        Rule::NUMBER,
    ),
];

impl NumberField for LoggedModelNumber {}

impl TextField for LoggedModelText {
    fn keeps_double_quotes(&self) -> bool {
        true
    }
}

impl fmt::Display for LoggedModelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoggedModelNumber::Metric(key) => write_raw_key(f, "metrics", key),
            LoggedModelNumber::CreationTimestamp => f.write_str("creation_timestamp"),
            LoggedModelNumber::LastUpdatedTimestamp => f.write_str("last_updated_timestamp"),
        }
    }
}

impl fmt::Display for LoggedModelText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LoggedModelText::Param(key) => return write_raw_key(f, "params", key),
            LoggedModelText::Tag(key) => return write_raw_key(f, "tags", key),
            LoggedModelText::Name => "name",
            LoggedModelText::ModelId => "model_id",
            LoggedModelText::ModelType => "model_type",
            LoggedModelText::Status => "status",
            LoggedModelText::SourceRunId => "source_run_id",
            LoggedModelText::ExperimentId => "experiment_id",
        })
    }
}
