//! The objects that `--json` prints, with MLflow's names.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use serde::{Serialize, Serializer};
use tracklite::{MetricHistory, MetricPoint, MetricStatistics, RunRecord, SqlValue, Timestamp};

use crate::Failure;
use crate::terminal::Terminal;
use crate::text;

/// A number. NaN and infinities, which JSON does not have, are strings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match text::not_finite(self.0) {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f64(self.0),
        }
    }
}

/// A run in the lists of `runs` and `search`, and in `show`.
#[derive(Debug, Serialize)]
pub(crate) struct RunObject<'a> {
    run_id: String,
    run_name: &'a str,
    experiment_id: String,
    experiment_name: &'a str,
    user_id: &'a str,
    status: &'static str,
    /// Whether a living process writes the run. Null unless its status is running.
    is_alive: Option<bool>,
    start_time: i64,
    end_time: Option<i64>,
    lifecycle_stage: &'static str,
    parent_run_id: Option<String>,
    params: &'a BTreeMap<String, String>,
    tags: &'a BTreeMap<String, String>,
    metrics: BTreeMap<&'a str, Number>,
}

impl<'a> RunObject<'a> {
    /// Creates the object of a run.
    pub(crate) fn new(record: &'a RunRecord, experiment: &'a str, is_alive: Option<bool>) -> Self {
        let info = &record.info;
        let metrics = record.metrics.iter();
        RunObject {
            run_id: info.id.to_string(),
            run_name: &info.name,
            experiment_id: info.experiment.to_string(),
            experiment_name: experiment,
            user_id: &info.user,
            status: info.status.as_str(),
            is_alive,
            start_time: info.started.as_millis(),
            end_time: info.ended.map(Timestamp::as_millis),
            lifecycle_stage: info.lifecycle.as_str(),
            parent_run_id: info.parent.map(|parent| parent.to_string()),
            params: &record.params,
            tags: &record.tags,
            metrics: metrics.map(|(key, point)| (key.as_str(), Number(point.value))).collect(),
        }
    }
}

/// A point of a metric.
#[derive(Debug, Serialize)]
pub(crate) struct PointObject {
    step: i64,
    timestamp: i64,
    value: Number,
}

impl From<MetricPoint> for PointObject {
    fn from(point: MetricPoint) -> Self {
        PointObject {
            step: point.step,
            timestamp: point.time.as_millis(),
            value: Number(point.value),
        }
    }
}

/// The statistics of a metric. Minimum, maximum and mean ignore NaN.
#[derive(Debug, Serialize)]
pub(crate) struct StatisticsObject {
    count: u64,
    nan_count: u64,
    first_step: i64,
    last_step: i64,
    min: Number,
    max: Number,
    mean: Number,
    latest: PointObject,
}

impl From<MetricStatistics> for StatisticsObject {
    fn from(statistics: MetricStatistics) -> Self {
        StatisticsObject {
            count: statistics.count,
            nan_count: statistics.nan_count,
            first_step: statistics.first_step,
            last_step: statistics.last_step,
            min: Number(statistics.min),
            max: Number(statistics.max),
            mean: Number(statistics.mean()),
            latest: statistics.latest.into(),
        }
    }
}

/// All points of a metric, serialized one by one.
#[derive(Debug)]
pub(crate) struct Points<'a>(pub(crate) &'a MetricHistory);

impl Serialize for Points<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(PointObject::from))
    }
}

/// A value of SQLite: null, a number, a string, or a blob in hexadecimal digits.
struct SqlObject<'a>(&'a SqlValue);

impl Serialize for SqlObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            SqlValue::Null => serializer.serialize_none(),
            SqlValue::Integer(value) => serializer.serialize_i64(*value),
            SqlValue::Real(value) => Number(*value).serialize(serializer),
            SqlValue::Text(value) => serializer.serialize_str(value),
            SqlValue::Blob(bytes) => serializer.collect_str(&Hexadecimal(bytes)),
        }
    }
}

/// A row of a result as an object, with the names in the order of the query.
pub(crate) struct RowObject<'a> {
    pub(crate) names: &'a [String],
    pub(crate) values: &'a [SqlValue],
}

impl Serialize for RowObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.values.iter().map(SqlObject)))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) struct Hexadecimal<'a>(pub(crate) &'a [u8]);

impl std::fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Prints a value on several lines.
pub(crate) fn print(terminal: &mut Terminal, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *terminal, value).map_err(io::Error::from)?;
    terminal.line("")?;
    Ok(())
}

/// Prints a large value on one line.
pub(crate) fn print_compact(
    terminal: &mut Terminal,
    value: &impl Serialize,
) -> Result<(), Failure> {
    serde_json::to_writer(&mut *terminal, value).map_err(io::Error::from)?;
    terminal.line("")?;
    Ok(())
}

/// Prints an array with one element per line, as the elements are produced.
pub(crate) fn print_array<T: Serialize>(
    terminal: &mut Terminal,
    values: impl IntoIterator<Item = Result<T, Failure>>,
) -> Result<(), Failure> {
    let mut array = Array::default();
    for value in values {
        array.push(terminal, &value?)?;
    }
    array.end(terminal)?;
    Ok(())
}

/// An array that is printed one element per line.
#[derive(Debug, Default)]
pub(crate) struct Array {
    has_begun: bool,
}

impl Array {
    /// Prints the next element.
    pub(crate) fn push(
        &mut self,
        terminal: &mut Terminal,
        value: &impl Serialize,
    ) -> io::Result<()> {
        terminal.write_all(if self.has_begun { b",\n" } else { b"[\n" })?;
        self.has_begun = true;
        Ok(serde_json::to_writer(&mut *terminal, value)?)
    }

    /// Prints the end of the array.
    pub(crate) fn end(self, terminal: &mut Terminal) -> io::Result<()> {
        terminal.line(if self.has_begun { "\n]" } else { "[]" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinities_are_strings() {
        let values = [0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Number);
        let text = serde_json::to_string(&values).unwrap();
        assert_eq!(text, r#"[0.5,"NaN","Infinity","-Infinity"]"#);
    }

    #[test]
    fn sql_values_keep_their_types() {
        let values = [
            SqlValue::Null,
            SqlValue::Integer(-3),
            SqlValue::Real(1.0),
            SqlValue::Text("a\"b".to_owned()),
            SqlValue::Blob(vec![0, 255]),
        ];
        let objects: Vec<SqlObject<'_>> = values.iter().map(SqlObject).collect();
        assert_eq!(serde_json::to_string(&objects).unwrap(), r#"[null,-3,1.0,"a\"b","00ff"]"#);
    }
}
