//! The fields by which runs are searched and ordered.

use std::borrow::Cow;
use std::fmt;

use super::catalog::{Attribute, Catalog, Group};
use super::print::{NumberField, TextField, write_key};
use super::query::{Direction, Field, Filter, Order, SortKey};
use super::rule::{Quoting, Rule};
use super::wording::Dialect;
use crate::entity::{MetricGoal, MetricStatistics};
use crate::error::Result;

/// A numeric field of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunNumber {
    /// The latest value of the metric with this key.
    Metric(String),
    /// A statistic over all points of the metric with this key.
    Statistic(MetricStatistic, String),
    /// The start time in milliseconds since 1970.
    StartTime,
    /// The end time in milliseconds since 1970. Missing while the run is active.
    EndTime,
    /// The time from start to end in milliseconds. Missing while the run is active.
    Duration,
}

/// A number that summarises all points of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricStatistic {
    /// The smallest value, `min.KEY`.
    Min,
    /// The largest value, `max.KEY`.
    Max,
    /// The mean of the values, `mean.KEY`.
    Mean,
    /// The smallest or the largest value, whichever is better for this key, `best.KEY`.
    Best,
    /// The best value after smoothing, `smooth_best.KEY`.
    SmoothBest,
    /// The number of points, `count.KEY`.
    Count,
    /// The number of NaN values, `nan_count.KEY`.
    NanCount,
    /// The value at this step or at the last one before it, such as `at_100.KEY`.
    AtStep(i64),
}

impl MetricStatistic {
    /// All statistics whose name has no number.
    const NAMED: [MetricStatistic; 7] = [
        MetricStatistic::Min,
        MetricStatistic::Max,
        MetricStatistic::Mean,
        MetricStatistic::Best,
        MetricStatistic::SmoothBest,
        MetricStatistic::Count,
        MetricStatistic::NanCount,
    ];

    /// Returns the prefix of its fields.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            MetricStatistic::Min => "min",
            MetricStatistic::Max => "max",
            MetricStatistic::Mean => "mean",
            MetricStatistic::Best => "best",
            MetricStatistic::SmoothBest => "smooth_best",
            MetricStatistic::Count => "count",
            MetricStatistic::NanCount => "nan_count",
            MetricStatistic::AtStep(step) => return Cow::Owned(format!("{AT_STEP}{step}")),
        })
    }

    /// Returns the statistic whose fields have this prefix.
    #[must_use]
    pub fn named(prefix: &str) -> Option<Self> {
        let named = MetricStatistic::NAMED.into_iter();
        named.chain(at_step(prefix)).find(|statistic| statistic.name() == prefix)
    }

    /// Returns whether it is computed from the points, and not from their statistics.
    #[must_use]
    pub fn needs_points(self) -> bool {
        matches!(self, MetricStatistic::SmoothBest | MetricStatistic::AtStep(_))
    }

    /// Returns the value of this statistic for this goal. NaN if it needs the points.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of points above 2^53 is out of reach")]
    pub fn of(self, goal: MetricGoal, statistics: &MetricStatistics) -> f64 {
        match self {
            MetricStatistic::Min => statistics.min,
            MetricStatistic::Max => statistics.max,
            MetricStatistic::Mean => statistics.mean(),
            MetricStatistic::Best => match goal {
                MetricGoal::Lower => statistics.min,
                MetricGoal::Higher => statistics.max,
            },
            MetricStatistic::Count => statistics.count as f64,
            MetricStatistic::NanCount => statistics.nan_count as f64,
            MetricStatistic::SmoothBest | MetricStatistic::AtStep(_) => f64::NAN,
        }
    }
}

/// The prefix of [`MetricStatistic::AtStep`], before the step.
const AT_STEP: &str = "at_";

/// Returns the statistic of a prefix such as `at_100`.
fn at_step(prefix: &str) -> Option<MetricStatistic> {
    prefix.strip_prefix(AT_STEP)?.parse().ok().map(MetricStatistic::AtStep)
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
    extras: &[
        statistic(&["min"], |key| number(MetricStatistic::Min, key)),
        statistic(&["max"], |key| number(MetricStatistic::Max, key)),
        statistic(&["mean"], |key| number(MetricStatistic::Mean, key)),
        statistic(&["best"], |key| number(MetricStatistic::Best, key)),
        statistic(&["smooth_best"], |key| number(MetricStatistic::SmoothBest, key)),
        statistic(&["count"], |key| number(MetricStatistic::Count, key)),
        statistic(&["nan_count"], |key| number(MetricStatistic::NanCount, key)),
    ],
    numbered: |prefix, key| {
        let statistic = at_step(prefix).filter(|statistic| statistic.name() == prefix)?;
        Some(number(statistic, key.to_owned()))
    },
    dialect: Dialect::Runs,
    quoting: Quoting::Free,
    default_order: ORDER_END,
    tie_breaks: ORDER_END,
};

type RunGroup = Group<RunNumber, RunText>;
type RunField = Field<RunNumber, RunText>;

const fn statistic(prefix: &'static [&'static str], field: fn(String) -> RunField) -> RunGroup {
    Group::keyed(prefix, field, Rule::NUMBER, true)
}

fn number(statistic: MetricStatistic, key: String) -> RunField {
    Field::Number(RunNumber::Statistic(statistic, key))
}

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
    Attribute::new(&["duration"], Field::Number(RunNumber::Duration), Rule::NUMBER).unlisted(),
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
            RunNumber::Statistic(statistic, key) => write_key(f, &statistic.name(), key),
            RunNumber::StartTime => f.write_str("start_time"),
            RunNumber::EndTime => f.write_str("end_time"),
            RunNumber::Duration => f.write_str("duration"),
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
