//! Tables of runs, one per row.

use std::collections::{BTreeMap, HashSet};

use crate::columns::{RunColumns, TextColumn};
use crate::entity::id::Timestamp;
use crate::entity::table::{Column, Table, Texts, Values};
use crate::entity::{ArtifactPlaces, RunInfo};
use crate::error::Result;
use crate::search::{MetricStatistic, RunAttribute, RunColumn};

/// Makes a table of the runs of these rows, in their order. Addresses of artifacts are those of
/// `places`.
///
/// A column that is named twice comes once, at its first place. All keys of a kind are those that
/// at least one of the rows has, in the order of their bytes.
pub(in crate::run) fn table(
    runs: &RunColumns,
    rows: &[u32],
    columns: &[RunColumn],
    places: &ArtifactPlaces,
) -> Result<Table> {
    let mut builder = Builder { runs, rows, table: Table::new(), names: HashSet::new() };
    for column in columns {
        match column {
            RunColumn::Attribute(attribute) => {
                builder.add(attribute.name().to_owned(), || {
                    Some(attribute_column(runs, rows, *attribute, places))
                })?;
            }
            RunColumn::Metric(key) => builder.add_metric(key)?,
            RunColumn::Statistic(statistic, key) => builder.add_statistic(*statistic, key)?,
            RunColumn::Param(key) => builder.add_text("params", key, runs.params().get(key))?,
            RunColumn::Tag(key) => builder.add_text("tags", key, runs.tags().get(key))?,
            RunColumn::AllMetrics => builder.add_all_metrics()?,
            RunColumn::AllParams => builder.add_all_texts("params", runs.params())?,
            RunColumn::AllTags => builder.add_all_texts("tags", runs.tags())?,
        }
    }
    Ok(builder.table)
}

struct Builder<'a> {
    runs: &'a RunColumns,
    rows: &'a [u32],
    table: Table,
    names: HashSet<String>,
}

impl Builder<'_> {
    /// Adds a column, unless there is one of its name or `make` returns none.
    fn add(&mut self, name: String, make: impl FnOnce() -> Option<Column>) -> Result<()> {
        if self.names.contains(&name) {
            return Ok(());
        }
        let Some(column) = make() else { return Ok(()) };
        self.names.insert(name.clone());
        self.table.add_column(name, column)
    }

    fn add_metric(&mut self, key: &str) -> Result<()> {
        let (runs, rows) = (self.runs, self.rows);
        self.add(format!("metrics.{key}"), || Some(metric_column(runs, rows, key)))
    }

    fn add_statistic(&mut self, statistic: MetricStatistic, key: &str) -> Result<()> {
        let (runs, rows) = (self.runs, self.rows);
        self.add(format!("{}.{key}", statistic.name()), || {
            let values = rows.iter().map(|row| runs.statistic(*row, statistic, key));
            Some(Column::Float(values.collect()))
        })
    }

    fn add_text(&mut self, kind: &str, key: &str, column: Option<&TextColumn>) -> Result<()> {
        let rows = self.rows;
        self.add(format!("{kind}.{key}"), || Some(text_column(column, rows)))
    }

    fn add_all_metrics(&mut self) -> Result<()> {
        let (runs, rows) = (self.runs, self.rows);
        runs.metrics().keys().try_for_each(|key| {
            self.add(format!("metrics.{key}"), || unless_empty(metric_column(runs, rows, key)))
        })
    }

    fn add_all_texts(&mut self, kind: &str, columns: &BTreeMap<String, TextColumn>) -> Result<()> {
        let rows = self.rows;
        columns.iter().try_for_each(|(key, column)| {
            self.add(format!("{kind}.{key}"), || unless_empty(text_column(Some(column), rows)))
        })
    }
}

/// Returns the column if it has a value.
fn unless_empty(column: Column) -> Option<Column> {
    (column.null_count() < column.len()).then_some(column)
}

fn metric_column(runs: &RunColumns, rows: &[u32], key: &str) -> Column {
    let column = runs.metrics().get(key);
    let points = rows.iter().map(|row| column.and_then(|column| column.get(*row)));
    Column::Float(points.map(|point| point.map(|point| point.value)).collect())
}

fn text_column(column: Option<&TextColumn>, rows: &[u32]) -> Column {
    Column::Text(rows.iter().map(|row| column.and_then(|column| column.get(*row))).collect())
}

fn attribute_column(
    runs: &RunColumns,
    rows: &[u32],
    attribute: RunAttribute,
    places: &ArtifactPlaces,
) -> Column {
    let infos = rows.iter().map(|row| &runs.run(*row).info);
    match attribute {
        RunAttribute::RunId => texts(infos, |info, texts| texts.push_display(&info.id)),
        RunAttribute::RunName => texts(infos, |info, texts| texts.push(Some(&info.name))),
        RunAttribute::ExperimentId => {
            texts(infos, |info, texts| texts.push_display(&info.experiment))
        }
        RunAttribute::Status => texts(infos, |info, texts| texts.push(Some(info.status.as_str()))),
        RunAttribute::ArtifactUri => {
            texts(infos, |info, texts| texts.push(Some(&places.of_run(info))))
        }
        RunAttribute::StartTime => times(infos.map(|info| Some(info.started))),
        RunAttribute::EndTime => times(infos.map(|info| info.ended)),
        RunAttribute::UserId => texts(infos, |info, texts| texts.push(Some(&info.user))),
        RunAttribute::LifecycleStage => {
            texts(infos, |info, texts| texts.push(Some(info.lifecycle.as_str())))
        }
        RunAttribute::ParentRunId => texts(infos, |info, texts| match &info.parent {
            Some(parent) => texts.push_display(parent),
            None => texts.push(None),
        }),
    }
}

fn texts<'a>(
    infos: impl Iterator<Item = &'a RunInfo>,
    push: impl Fn(&RunInfo, &mut Texts),
) -> Column {
    let mut texts = Texts::new();
    infos.for_each(|info| push(info, &mut texts));
    Column::Text(texts)
}

fn times(times: impl Iterator<Item = Option<Timestamp>>) -> Column {
    Column::Time(times.map(|time| time.map(Timestamp::as_nanos)).collect::<Values<i64>>())
}
