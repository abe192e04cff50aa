//! The fields by which logged models are searched and ordered. Their language quotes differently.

use std::fmt;

use super::catalog::{Attribute, Catalog, Group};
use super::message::{Problem, quoted};
use super::order::check_count;
use super::print::{NumberField, TextField, write_raw_key};
use super::query::{Direction, Field, Filter, SortKey};
use super::rule::{Quoting, Rule, ValueKind};
use super::syntax::{Operator, Span};
use super::wording::{Dialect, Named};
use crate::error::Result;

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
    /// The location of its artifacts.
    ArtifactLocation,
    /// `active`, because deleted models are never found.
    LifecycleStage,
    /// The message that explains the status.
    StatusMessage,
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

/// One item of an order of logged models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedModelOrderItem {
    /// `metrics.KEY` with the key unquoted, or the name of an attribute. `ASC` or `DESC` may
    /// follow.
    pub field: String,
    /// Restricts a metric to values measured on these datasets.
    pub dataset: Option<DatasetChoice>,
}

impl AsRef<str> for LoggedModelOrderItem {
    fn as_ref(&self) -> &str {
        &self.field
    }
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
    pub fn parse(items: &[LoggedModelOrderItem]) -> Result<Self> {
        check_count(items.len())?;
        let mut keys: Vec<LoggedModelSortKey> = Vec::with_capacity(items.len() + 2);
        for item in items {
            let (name, direction) = name_and_direction(&item.field);
            let key = SortKey { field: sort_field(name)?, direction };
            let key = LoggedModelSortKey { key, dataset: item.dataset.clone() };
            // A repeated field has no effect.
            let is_known = |known: &LoggedModelSortKey| {
                known.key.field == key.key.field && known.dataset == key.dataset
            };
            if !keys.iter().any(is_known) {
                keys.push(key);
            }
        }
        for last in LOGGED_MODELS.tie_breaks {
            if !keys.iter().any(|known| known.key.field == last.field) {
                keys.push(LoggedModelSortKey { key: last.clone(), dataset: None });
            }
        }
        Ok(LoggedModelOrder { keys })
    }
}

/// Splits an item into the field and its direction. A field may contain spaces, so only the last
/// word can be a direction.
fn name_and_direction(item: &str) -> (&str, Direction) {
    match item.trim_end().rsplit_once(char::is_whitespace) {
        Some((name, word)) if word.eq_ignore_ascii_case("DESC") => (name, Direction::Descending),
        Some((name, word)) if word.eq_ignore_ascii_case("ASC") => (name, Direction::Ascending),
        _ => (item, Direction::Ascending),
    }
}

fn sort_field(name: &str) -> Result<Field<LoggedModelNumber, LoggedModelText>> {
    match name.split_once('.') {
        Some(("metrics", key)) if !key.is_empty() => {
            Ok(Field::Number(LoggedModelNumber::Metric(key.to_owned())))
        }
        Some(_) => {
            let summary = format!("cannot order by {}", quoted(name));
            let place = Span { start: 0, end: name.len() };
            let expected = "`metrics.KEY` or the name of an attribute";
            let field = Named { kind: "metric", key: name };
            let sentence = Dialect::LoggedModels.not_in_order(field, name);
            let problem = Problem::new(place, summary, expected).sentence(sentence);
            Err(problem.into_error(|_| Dialect::LoggedModels.broken_order(name), name))
        }
        None => LOGGED_MODELS.attribute(name),
    }
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
    extras: &[],
    numbered: |_, _| None,
    dialect: Dialect::LoggedModels,
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
    Attribute::new(&["artifact_location"], Field::Text(LoggedModelText::ArtifactLocation), TEXT),
    Attribute::new(&["lifecycle_stage"], Field::Text(LoggedModelText::LifecycleStage), TEXT),
    Attribute::new(&["status_message"], Field::Text(LoggedModelText::StatusMessage), TEXT),
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
            LoggedModelText::ArtifactLocation => "artifact_location",
            LoggedModelText::LifecycleStage => "lifecycle_stage",
            LoggedModelText::StatusMessage => "status_message",
        })
    }
}
