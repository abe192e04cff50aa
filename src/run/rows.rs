//! What searches find as rows of values, one after the other; as text it is for any program.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::columns::{KeySet, Keys, RunColumns, TextColumn};
use crate::database::Database;
use crate::entity::DATA_CONTEXT_TAG;
use crate::entity::id::{RunId, Timestamp};
use crate::error::Result;
use crate::run::search::RunSearch;
use crate::search::{RunAttribute, RunColumn};

/// What stands in a column of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Nothing.
    Missing,
    Text(Cow<'a, str>),
    Whole(i64),
    Number(f64),
    Time(Timestamp),
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }

    fn optional(text: Option<&'a str>) -> Self {
        text.map_or(Value::Missing, Value::text)
    }
}

/// Where rows go.
pub(crate) trait RowSink {
    /// Takes the names of the columns, before all rows.
    fn begin(&mut self, names: &[&str]) -> Result<()>;
    /// Takes a row, with a value for each column.
    fn row(&mut self, values: &[Value<'_>]) -> Result<()>;
}

/// What is told of the runs that were found; columns and rows are those of the data frames.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowsOf<'a> {
    /// The runs themselves, with the usual columns or these.
    Runs(Option<&'a [String]>),
    /// The points of these metrics, or of all.
    Metrics(&'a [String]),
    Params,
    Tags,
    Datasets,
}

impl Database {
    /// Hands what is told of the runs that a search finds to `sink`.
    pub(crate) fn write_rows(
        &self,
        search: &RunSearch,
        what: RowsOf<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let limit = search.wanted_results().unwrap_or(usize::MAX);
        let root = search.root(self);
        let found = match what {
            RowsOf::Runs(names) => {
                let columns = parsed(names)?;
                self.find(search, limit, &Keys::shown_in(&columns), |runs, rows| {
                    write_runs(runs, rows, &columns, &root, sink)
                })
            }
            RowsOf::Params => {
                let keys = Keys { params: KeySet::All, ..Keys::default() };
                self.find(search, limit, &keys, |runs, rows| {
                    write_pairs(runs, rows, RunColumns::params, sink)
                })
            }
            RowsOf::Tags => {
                let keys = Keys { tags: KeySet::All, ..Keys::default() };
                self.find(search, limit, &keys, |runs, rows| {
                    write_pairs(runs, rows, RunColumns::tags, sink)
                })
            }
            RowsOf::Datasets => self.find(search, limit, &Keys::default(), |runs, rows| {
                write_datasets(runs, rows, sink)
            }),
            RowsOf::Metrics(keys) => return self.write_points(search, keys, sink),
        };
        self.engine().located(found.map(|((), _)| ()))
    }

    /// The ids of the runs that a search finds: all, or as many as it asks for.
    pub(crate) fn find_run_ids(&self, search: &RunSearch) -> Result<Vec<RunId>> {
        let limit = search.wanted_results().unwrap_or(usize::MAX);
        let found = self.find(search, limit, &Keys::default(), |runs, rows| {
            Ok(rows.iter().map(|row| runs.run(*row).info.id).collect())
        });
        self.engine().located(found.map(|(ids, _)| ids))
    }

    fn write_points(
        &self,
        search: &RunSearch,
        keys: &[String],
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let runs = self.find_run_ids(search)?;
        sink.begin(&["run_id", "key", "step", "timestamp", "value"])?;
        for id in runs {
            let run = self.run(id)?;
            let text = id.to_string();
            let of_run = match keys {
                [] => run.metrics()?.into_keys().collect(),
                _ => keys.to_vec(),
            };
            for key in of_run {
                for point in run.history(&key)?.iter() {
                    sink.row(&[
                        Value::text(&text),
                        Value::text(&key),
                        Value::Whole(point.step),
                        Value::Time(point.time),
                        Value::Number(point.value),
                    ])?;
                }
            }
        }
        Ok(())
    }
}

/// The columns of these names, each once, or the usual ones.
fn parsed(names: Option<&[String]>) -> Result<Vec<RunColumn>> {
    match names {
        Some(names) => names.iter().map(|name| RunColumn::parse(name)).collect(),
        None => Ok(RunColumn::usual()),
    }
}

/// The columns with those that stand for all keys replaced by a column for each key that one of
/// the rows has, and each column once.
fn spread(runs: &RunColumns, rows: &[u32], columns: &[RunColumn]) -> Vec<RunColumn> {
    let texts = |columns: &BTreeMap<String, TextColumn>| -> Vec<String> {
        let all = columns.iter();
        let used = all.filter(|(_, it)| rows.iter().any(|row| it.get(*row).is_some()));
        used.map(|(key, _)| key.clone()).collect()
    };
    let mut spread: Vec<RunColumn> = Vec::new();
    for column in columns {
        match column {
            RunColumn::AllMetrics => {
                let all = runs.metrics().iter();
                let used = all.filter(|(_, it)| rows.iter().any(|row| it.get(*row).is_some()));
                spread.extend(used.map(|(key, _)| RunColumn::Metric(key.clone())));
            }
            RunColumn::AllParams => {
                spread.extend(texts(runs.params()).into_iter().map(RunColumn::Param));
            }
            RunColumn::AllTags => {
                spread.extend(texts(runs.tags()).into_iter().map(RunColumn::Tag));
            }
            other => spread.push(other.clone()),
        }
    }
    let mut known = BTreeSet::new();
    spread.retain(|column| known.insert(name_of(column)));
    spread
}

fn name_of(column: &RunColumn) -> String {
    match column {
        RunColumn::Attribute(attribute) => attribute.name().to_owned(),
        RunColumn::Metric(key) => format!("metrics.{key}"),
        RunColumn::Param(key) => format!("params.{key}"),
        RunColumn::Tag(key) => format!("tags.{key}"),
        RunColumn::AllMetrics => "metrics.*".to_owned(),
        RunColumn::AllParams => "params.*".to_owned(),
        RunColumn::AllTags => "tags.*".to_owned(),
    }
}

fn write_runs(
    runs: &RunColumns,
    rows: &[u32],
    columns: &[RunColumn],
    artifact_root: &str,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let columns = spread(runs, rows, columns);
    let names: Vec<String> = columns.iter().map(name_of).collect();
    sink.begin(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    for row in rows {
        let values = columns.iter().map(|column| match column {
            RunColumn::Attribute(attribute) => attribute_of(runs, *row, *attribute, artifact_root),
            RunColumn::Metric(key) => {
                let point = runs.metrics().get(key).and_then(|column| column.get(*row));
                point.map_or(Value::Missing, |point| Value::Number(point.value))
            }
            RunColumn::Param(key) => text_of(runs.params().get(key), *row),
            RunColumn::Tag(key) => text_of(runs.tags().get(key), *row),
            RunColumn::AllMetrics | RunColumn::AllParams | RunColumn::AllTags => Value::Missing,
        });
        sink.row(&values.collect::<Vec<_>>())?;
    }
    Ok(())
}

fn text_of(column: Option<&TextColumn>, row: u32) -> Value<'_> {
    Value::optional(column.and_then(|column| column.get(row)))
}

fn attribute_of<'a>(
    runs: &'a RunColumns,
    row: u32,
    attribute: RunAttribute,
    artifact_root: &str,
) -> Value<'a> {
    let info = &runs.run(row).info;
    let made = |text: String| Value::Text(Cow::Owned(text));
    match attribute {
        RunAttribute::RunId => made(info.id.to_string()),
        RunAttribute::RunName => Value::text(&info.name),
        RunAttribute::ExperimentId => made(info.experiment.to_string()),
        RunAttribute::Status => Value::text(info.status.as_str()),
        RunAttribute::ArtifactUri => made(info.artifact_uri(artifact_root)),
        RunAttribute::StartTime => Value::Time(info.started),
        RunAttribute::EndTime => info.ended.map_or(Value::Missing, Value::Time),
        RunAttribute::UserId => Value::text(&info.user),
        RunAttribute::LifecycleStage => Value::text(info.lifecycle.as_str()),
        RunAttribute::ParentRunId => {
            info.parent.map_or(Value::Missing, |parent| made(parent.to_string()))
        }
    }
}

fn write_pairs(
    runs: &RunColumns,
    rows: &[u32],
    columns: fn(&RunColumns) -> &BTreeMap<String, TextColumn>,
    sink: &mut dyn RowSink,
) -> Result<()> {
    sink.begin(&["run_id", "key", "value"])?;
    for row in rows {
        let id = runs.run(*row).info.id.to_string();
        for (key, column) in columns(runs) {
            if let Some(text) = column.get(*row) {
                sink.row(&[Value::text(&id), Value::text(key), Value::text(text)])?;
            }
        }
    }
    Ok(())
}

fn write_datasets(runs: &RunColumns, rows: &[u32], sink: &mut dyn RowSink) -> Result<()> {
    sink.begin(&[
        "run_id",
        "name",
        "digest",
        "source_type",
        "source",
        "schema",
        "profile",
        "context",
    ])?;
    for run in rows.iter().map(|row| runs.run(*row)) {
        let id = run.info.id.to_string();
        for input in &run.datasets {
            let dataset = &input.dataset;
            sink.row(&[
                Value::text(&id),
                Value::text(&dataset.name),
                Value::text(&dataset.digest),
                Value::text(&dataset.source_type),
                Value::text(&dataset.source),
                Value::optional(dataset.schema.as_deref()),
                Value::optional(dataset.profile.as_deref()),
                Value::optional(input.tags.get(DATA_CONTEXT_TAG).map(String::as_str)),
            ])?;
        }
    }
    Ok(())
}
