//! `tracklite search --group-by`: runs with equal values as one line each.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::groups::{GroupColumn, RunGroup, RunGroups, Spread};
use tracklite::{Database, KeyKind, Result, RunId, RunSearch};

use crate::json::{self, Number};
use crate::table::Table;
use crate::terminal::Terminal;
use crate::{Exit, Outcome, text};

/// The word for the params that differ, without seeds.
const AUTOMATIC: &str = "auto";
/// The most columns that a table has if none are named.
const COLUMNS: usize = 6;

/// How runs are grouped and printed.
pub(crate) struct Grouping<'a> {
    /// The fields to group by.
    pub(crate) keys: &'a [String],
    /// The columns, if they are named.
    pub(crate) columns: Option<&'a [String]>,
    /// The most groups to print.
    pub(crate) limit: Option<usize>,
    pub(crate) as_json: bool,
}

/// Prints the groups of the runs that a search finds.
pub(crate) fn print(
    database: &Database,
    search: &RunSearch,
    grouping: &Grouping<'_>,
    terminal: &mut Terminal,
) -> Outcome {
    let keys = match grouping.keys {
        [word] if word == AUTOMATIC => database.params_but_seeds(search)?,
        keys => keys.to_vec(),
    };
    let columns = match grouping.columns {
        Some(columns) => columns.to_vec(),
        None => {
            metric_columns(database, search, if grouping.as_json { usize::MAX } else { COLUMNS })?
        }
    };
    let mut found = database.group_runs(search, &keys, &columns)?;
    found.groups.truncate(grouping.limit.unwrap_or(usize::MAX));
    if grouping.as_json {
        let mut array = json::Array::default();
        for group in &found.groups {
            array.push(terminal, &GroupObject::new(&found.keys, &columns, group))?;
        }
        array.end(terminal)?;
        return Ok(Exit::Success);
    }
    if found.groups.is_empty() {
        terminal.line("no runs")?;
        return Ok(Exit::Success);
    }
    table(&found, &columns).print(terminal)?;
    Ok(Exit::Success)
}

/// Returns up to `limit` metrics, those that most runs have first.
fn metric_columns(database: &Database, search: &RunSearch, limit: usize) -> Result<Vec<String>> {
    let keys = database.run_keys(search)?.into_iter();
    let mut metrics: Vec<_> = keys.filter(|key| key.kind == KeyKind::Metric).collect();
    metrics.sort_by_key(|metric| std::cmp::Reverse(metric.runs));
    Ok(metrics.iter().take(limit).map(|metric| format!("metrics.{}", metric.key)).collect())
}

fn table(found: &RunGroups, columns: &[String]) -> Table {
    let mut table = Table::default();
    for (place, key) in found.keys.iter().enumerate() {
        let values = found.groups.iter().map(|group| group.values[place].as_deref().unwrap_or("-"));
        table.long_text(title(key), 6, values);
    }
    table.numbers("runs", found.groups.iter().map(|group| text::count(group.runs.len() as u64)));
    for (place, column) in columns.iter().enumerate() {
        let cells = found.groups.iter().map(|group| cell(&group.columns[place]));
        table.numbers(title(column), cells);
    }
    table
}

/// Returns the name of a field without its prefix, but with that of a statistic.
fn title(field: &str) -> &str {
    let prefixes = ["params.", "metrics.", "tags."];
    prefixes.iter().find_map(|prefix| field.strip_prefix(prefix)).unwrap_or(field)
}

fn cell(column: &GroupColumn) -> String {
    match column {
        GroupColumn::Numbers(spread) if spread.count == 0 => String::new(),
        GroupColumn::Numbers(spread) if spread.count == 1 => text::number(spread.mean),
        GroupColumn::Numbers(spread) => {
            format!("{} \u{b1} {}", text::number(spread.mean), text::number(spread.deviation))
        }
        GroupColumn::Text(text) => text.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

/// A group in JSON.
#[derive(Serialize)]
struct GroupObject<'a> {
    keys: BTreeMap<&'a str, Option<&'a str>>,
    runs: Vec<String>,
    columns: BTreeMap<&'a str, ColumnObject<'a>>,
}

/// A column of a group in JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum ColumnObject<'a> {
    Numbers { count: usize, mean: Number, deviation: Number, min: Number, max: Number },
    Text(Option<&'a str>),
}

impl<'a> GroupObject<'a> {
    fn new(keys: &'a [String], columns: &'a [String], group: &'a RunGroup) -> Self {
        let keys = keys.iter().map(String::as_str);
        let columns = columns.iter().map(String::as_str);
        GroupObject {
            keys: keys.zip(group.values.iter().map(Option::as_deref)).collect(),
            runs: group.runs.iter().map(RunId::to_string).collect(),
            columns: columns.zip(group.columns.iter().map(ColumnObject::new)).collect(),
        }
    }
}

impl<'a> ColumnObject<'a> {
    fn new(column: &'a GroupColumn) -> Self {
        match column {
            GroupColumn::Numbers(Spread { count, mean, deviation, min, max, .. }) => {
                ColumnObject::Numbers {
                    count: *count,
                    mean: Number(*mean),
                    deviation: Number(*deviation),
                    min: Number(*min),
                    max: Number(*max),
                }
            }
            GroupColumn::Text(text) => ColumnObject::Text(text.as_deref()),
            _ => ColumnObject::Text(None),
        }
    }
}
