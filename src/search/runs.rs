//! The fields by which runs are searched and ordered.

use std::fmt;

use super::catalog::{Attribute, Catalog, Group};
use super::print::{NumberField, TextField, write_key};
use super::query::{Direction, Field, Filter, Order, SortKey};
use super::rule::{Quoting, Rule};
use super::wording::Dialect;
use crate::error::Result;

/// A numeric field of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunNumber {
    /// The latest value of the metric with this key.
    Metric(String),
    /// The start time in milliseconds since 1970.
    StartTime,
    /// The end time in milliseconds since 1970. Missing while the run is active.
    EndTime,
}

/// A text field of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunText {
    /// The param with this key.
    Param(String),
    /// The tag with this key.
    Tag(String),
    /// The id, 32 hexadecimal digits.
    RunId,
    /// The name, which is the tag `mlflow.runName`.
    RunName,
    /// The status: `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    Status,
    /// The user who started the run.
    UserId,
    /// The location of its artifacts.
    ArtifactUri,
    /// The name of any of its datasets. Each condition may match a different dataset.
    DatasetName,
    /// The digest of any of its datasets.
    DatasetDigest,
    /// The context (`mlflow.data.context`) of any of its datasets.
    DatasetContext,
}

/// A filter on runs.
pub type RunFilter = Filter<RunNumber, RunText>;
/// An order of runs.
pub type RunOrder = Order<RunNumber, RunText>;

impl RunFilter {
    /// Parses the filter of `search_runs`. An empty text matches every run.
    pub fn parse(text: &str) -> Result<Self> {
        RUNS.filter(text)
    }
}

impl RunOrder {
    /// Parses the order of `search_runs`, one field per item.
    ///
    /// Ties are broken by start time, newest first, and then by id.
    pub fn parse<S: AsRef<str>>(items: &[S]) -> Result<Self> {
        RUNS.order(items)
    }
}

static RUNS: Catalog<RunNumber, RunText> = Catalog {
    groups: &[
        Group::named(&["attributes", "attribute", "attr", "run"], ATTRIBUTES),
        Group::keyed(
            &["metrics", "metric"],
            |key| Field::Number(RunNumber::Metric(key)),
            Rule::NUMBER,
            true,
        ),
        Group::keyed(
            &["params", "param", "parameters", "parameter"],
            |key| Field::Text(RunText::Param(key)),
            Rule::OPTIONAL_TEXT,
            true,
        ),
        Group::keyed(
            &["tags", "tag"],
            |key| Field::Text(RunText::Tag(key)),
            Rule::OPTIONAL_TEXT,
            true,
        ),
        Group::named(&["datasets", "dataset"], DATASETS),
    ],
    dialect: Dialect::Runs,
    quoting: Quoting::Free,
    default_order: ORDER_END,
    tie_breaks: ORDER_END,
};

const ORDER_END: &[SortKey<RunNumber, RunText>] = &[
    SortKey { field: Field::Number(RunNumber::StartTime), direction: Direction::Descending },
    SortKey { field: Field::Text(RunText::RunId), direction: Direction::Ascending },
];

const ATTRIBUTES: &[Attribute<RunNumber, RunText>] = &[
    Attribute::new(&["run_name"], Field::Text(RunText::RunName), Rule::TEXT)
        .with_filter_names(&["run name", "Run name", "Run Name"]),
    Attribute::new(&["status"], Field::Text(RunText::Status), Rule::TEXT),
    Attribute::new(
        &["start_time", "created", "Created"],
        Field::Number(RunNumber::StartTime),
        Rule::NUMBER,
    ),
    Attribute::new(&["end_time"], Field::Number(RunNumber::EndTime), Rule::NUMBER),
    Attribute::new(&["run_id"], Field::Text(RunText::RunId), Rule::TEXT_OR_LIST),
    Attribute::new(&["user_id"], Field::Text(RunText::UserId), Rule::TEXT),
    Attribute::new(&["artifact_uri"], Field::Text(RunText::ArtifactUri), Rule::TEXT),
];

const DATASETS: &[Attribute<RunNumber, RunText>] = &[
    Attribute::new(&["name"], Field::Text(RunText::DatasetName), Rule::TEXT_OR_LIST).unordered(),
    Attribute::new(&["digest"], Field::Text(RunText::DatasetDigest), Rule::TEXT_OR_LIST)
        .unordered(),
    Attribute::new(&["context"], Field::Text(RunText::DatasetContext), Rule::TEXT_OR_LIST)
        .unordered(),
];

impl NumberField for RunNumber {}
impl TextField for RunText {}

impl fmt::Display for RunNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunNumber::Metric(key) => write_key(f, "metrics", key),
            RunNumber::StartTime => f.write_str("start_time"),
            RunNumber::EndTime => f.write_str("end_time"),
        }
    }
}

impl fmt::Display for RunText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RunText::Param(key) => return write_key(f, "params", key),
            RunText::Tag(key) => return write_key(f, "tags", key),
            RunText::RunId => "run_id",
            RunText::RunName => "run_name",
            RunText::Status => "status",
            RunText::UserId => "user_id",
            RunText::ArtifactUri => "artifact_uri",
            RunText::DatasetName => "datasets.name",
            RunText::DatasetDigest => "datasets.digest",
            RunText::DatasetContext => "datasets.context",
        })
    }
}
