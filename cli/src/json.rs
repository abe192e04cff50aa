//! What `--json` prints: the objects, with MLflow's names where it has the thing.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use serde::{Serialize, Serializer};

use super::Failure;
use super::terminal::Terminal;
use super::text;
use tracklite::{MetricHistory, MetricPoint, MetricStatistics, RunRecord, SqlValue};

/// A number; NaN and the infinities, which JSON lacks, are strings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(pub(super) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match text::not_finite(self.0) {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f64(self.0),
        }
    }
}

/// A run as `runs --json` lists it and as `show --json` begins.
#[derive(Debug, Serialize)]
pub(super) struct RunObject<'a> {
    run_id: String,
    run_name: &'a str,
    experiment_id: String,
    experiment_name: &'a str,
    user_id: &'a str,
    status: &'static str,
    /// Of a running run only: whether a living process writes it.
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
    /// The object of this run.
    pub(super) fn new(record: &'a RunRecord, experiment: &'a str, is_alive: Option<bool>) -> Self {
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
            end_time: info.ended.map(tracklite::Timestamp::as_millis),
            lifecycle_stage: info.lifecycle.as_str(),
            parent_run_id: info.parent.map(|parent| parent.to_string()),
            params: &record.params,
            tags: &record.tags,
            metrics: metrics.map(|(key, point)| (key.as_str(), Number(point.value))).collect(),
        }
    }
}

/// One point of a metric.
#[derive(Debug, Serialize)]
pub(super) struct PointObject {
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

/// What a metric amounts to; minimum, maximum and mean are those of the values that are numbers.
#[derive(Debug, Serialize)]
pub(super) struct StatisticsObject {
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

/// All points of a metric in the order of logging, written one by one.
#[derive(Debug)]
pub(super) struct Points<'a>(pub(super) &'a MetricHistory);

impl Serialize for Points<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(PointObject::from))
    }
}

/// A value of SQLite: null, a number, a string, or the bytes of a blob in hexadecimal.
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

/// A row of an answer as an object; the names stand in the order of the query.
pub(super) struct RowObject<'a> {
    pub(super) names: &'a [String],
    pub(super) values: &'a [SqlValue],
}

impl Serialize for RowObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.values.iter().map(SqlObject)))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) struct Hexadecimal<'a>(pub(super) &'a [u8]);

impl std::fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Prints one value on lines of its own.
pub(super) fn print(terminal: &mut Terminal, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *terminal, value).map_err(io::Error::from)?;
    terminal.line("")?;
    Ok(())
}

/// Prints one value, which may be large, on a single line.
pub(super) fn print_compact(
    terminal: &mut Terminal,
    value: &impl Serialize,
) -> Result<(), Failure> {
    serde_json::to_writer(&mut *terminal, value).map_err(io::Error::from)?;
    terminal.line("")?;
    Ok(())
}

/// Prints an array with one element a line, each made when its turn comes.
pub(super) fn print_array<T: Serialize>(
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

/// An array that is printed element by element, one a line.
#[derive(Debug, Default)]
pub(super) struct Array {
    has_begun: bool,
}

impl Array {
    /// Prints the next element.
    pub(super) fn push(
        &mut self,
        terminal: &mut Terminal,
        value: &impl Serialize,
    ) -> io::Result<()> {
        terminal.write_all(if self.has_begun { b",\n" } else { b"[\n" })?;
        self.has_begun = true;
        Ok(serde_json::to_writer(&mut *terminal, value)?)
    }

    /// Prints what closes the array.
    pub(super) fn end(self, terminal: &mut Terminal) -> io::Result<()> {
        terminal.line(if self.has_begun { "\n]" } else { "[]" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_are_strings() {
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
