//! The table of runs.

use polars::prelude::{
    Column, DataFrame, DataType, Float64Chunked, IntoColumn as _, NewChunkedArray as _,
};

use crate::columns::{RunColumns, TextColumn};
use crate::error::Result;
use crate::search::{RunAttribute, RunColumn};

use super::{frame, optional_instants, texts};

/// Returns a table of these rows, in their order. `artifact_root` is the prefix of artifact URIs.
///
/// A column that is named several times appears once, at its first place. "All keys" of a kind are
/// the keys that at least one of the rows has, sorted by their bytes.
pub(crate) fn runs(
    runs: &RunColumns,
    rows: &[u32],
    columns: &[RunColumn],
    artifact_root: &str,
) -> Result<DataFrame> {
    let mut made: Vec<Column> = Vec::new();
    let mut names = std::collections::HashSet::new();
    let mut add = |column: Column| {
        if names.insert(column.name().clone()) {
            made.push(column);
        }
    };
    for column in columns {
        match column {
            RunColumn::Attribute(attribute) => {
                add(attribute_of(runs, rows, *attribute, artifact_root));
            }
            RunColumn::Metric(key) => add(metric(runs, rows, key)),
            RunColumn::Param(key) => {
                add(text(&format!("params.{key}"), runs.params().get(key), rows));
            }
            RunColumn::Tag(key) => add(text(&format!("tags.{key}"), runs.tags().get(key), rows)),
            RunColumn::AllMetrics => {
                let keys = runs.metrics().keys().map(|key| metric(runs, rows, key));
                keys.filter(has_value).for_each(&mut add);
            }
            RunColumn::AllParams => each_text("params", runs.params(), rows).for_each(&mut add),
            RunColumn::AllTags => each_text("tags", runs.tags(), rows).for_each(&mut add),
        }
    }
    frame(made)
}

fn has_value(column: &Column) -> bool {
    column.null_count() < column.len()
}

fn metric(runs: &RunColumns, rows: &[u32], key: &str) -> Column {
    let name = format!("metrics.{key}");
    match runs.metrics().get(key) {
        Some(column) => {
            let values = rows.iter().map(|row| column.get(*row).map(|point| point.value));
            Float64Chunked::from_iter_options(name.into(), values).into_column()
        }
        None => Column::full_null(name.into(), rows.len(), &DataType::Float64),
    }
}

fn each_text<'a>(
    kind: &'a str,
    columns: &'a std::collections::BTreeMap<String, TextColumn>,
    rows: &'a [u32],
) -> impl Iterator<Item = Column> + 'a {
    let all = columns.iter();
    all.map(move |(key, column)| text(&format!("{kind}.{key}"), Some(column), rows))
        .filter(has_value)
}

fn text(name: &str, column: Option<&TextColumn>, rows: &[u32]) -> Column {
    texts(name, rows.iter().map(|row| column.and_then(|column| column.get(*row))))
}

fn attribute_of(
    runs: &RunColumns,
    rows: &[u32],
    attribute: RunAttribute,
    artifact_root: &str,
) -> Column {
    let name = attribute.name();
    let infos = rows.iter().map(|row| &runs.run(*row).info);
    match attribute {
        RunAttribute::RunId => texts(name, infos.map(|info| Some(info.id.to_string()))),
        RunAttribute::RunName => texts(name, infos.map(|info| Some(&info.name))),
        RunAttribute::ExperimentId => {
            texts(name, infos.map(|info| Some(info.experiment.to_string())))
        }
        RunAttribute::Status => texts(name, infos.map(|info| Some(info.status.as_str()))),
        RunAttribute::ArtifactUri => {
            texts(name, infos.map(|info| Some(info.artifact_uri(artifact_root))))
        }
        RunAttribute::StartTime => optional_instants(name, infos.map(|info| Some(info.started))),
        RunAttribute::EndTime => optional_instants(name, infos.map(|info| info.ended)),
        RunAttribute::UserId => texts(name, infos.map(|info| Some(&info.user))),
        RunAttribute::LifecycleStage => {
            texts(name, infos.map(|info| Some(info.lifecycle.as_str())))
        }
        RunAttribute::ParentRunId => {
            texts(name, infos.map(|info| info.parent.map(|parent| parent.to_string())))
        }
    }
}
