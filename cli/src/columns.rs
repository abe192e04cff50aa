//! The columns in tables of runs: their names, cells and order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use tracklite::{Lifecycle, RunId, RunRecord, RunStatus, Timestamp};

use crate::table::{Cell, Table};
use crate::terminal::Style;
use crate::text;

/// The maximum number of metrics, and of params, among the default columns.
const DEFAULT_KEYS_MAX: usize = 5;

/// A run in a table, with facts that its record does not have.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) record: RunRecord,
    pub(crate) experiment: String,
    /// Whether a living process writes the run. `None` unless its status is running.
    pub(crate) is_alive: Option<bool>,
}

impl Listed {
    /// Returns the nanoseconds until the run ended, or until now if it is alive. `None` if its
    /// process died.
    pub(crate) fn duration(&self, now: Timestamp) -> Option<i64> {
        let info = &self.record.info;
        let end = info.ended.or_else(|| self.is_alive.filter(|&alive| alive).map(|_| now))?;
        Some(end.as_nanos().saturating_sub(info.started.as_nanos()))
    }
}

/// Makes the cell of a status, with marks for a dead process and a deleted run.
pub(crate) fn status_cell(status: RunStatus, is_alive: Option<bool>, lifecycle: Lifecycle) -> Cell {
    let is_dead = is_alive == Some(false);
    let style = match status {
        _ if is_dead => Style::Bad,
        RunStatus::Running => Style::Busy,
        RunStatus::Finished => Style::Good,
        RunStatus::Failed => Style::Bad,
        RunStatus::Killed | RunStatus::Scheduled => Style::Warning,
    };
    let dead = if is_dead { " (dead)" } else { "" };
    let deleted = if lifecycle == Lifecycle::Deleted { " (deleted)" } else { "" };
    Cell::styled(style, &format!("{status}{dead}{deleted}"))
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Id,
    Name,
    Status,
    Experiment,
    Age,
    Duration,
    Started,
    Ended,
    User,
    Parent,
    Metric(String),
    Param(String),
    Tag(String),
}

/// The names of the columns that do not depend on keys.
const FIXED: [(&str, Column); 10] = [
    ("id", Column::Id),
    ("name", Column::Name),
    ("status", Column::Status),
    ("experiment", Column::Experiment),
    ("age", Column::Age),
    ("duration", Column::Duration),
    ("started", Column::Started),
    ("ended", Column::Ended),
    ("user", Column::User),
    ("parent", Column::Parent),
];

/// The names of columns in exports and filters, and in tables.
const EXPORT_NAMES: [(&str, &str); 6] = [
    ("run_id", "id"),
    ("run_name", "name"),
    ("start_time", "started"),
    ("end_time", "ended"),
    ("user_id", "user"),
    ("parent_run_id", "parent"),
];

/// Returns the name in exports of a column of a table, or the name itself.
pub(crate) fn export_name(name: &str) -> &str {
    EXPORT_NAMES.iter().find(|(_, own)| *own == name).map_or(name, |(other, _)| other)
}

fn table_name(name: &str) -> &str {
    EXPORT_NAMES.iter().find(|(other, _)| *other == name).map_or(name, |(_, own)| own)
}

/// The value of a run in a column, to sort by.
enum SortKey<'a> {
    Number(f64),
    Text(&'a str),
    Missing,
}

impl Column {
    /// Finds the column with a name. It is a fixed name, or the key of a metric, param or tag that
    /// one of the runs has. A key that is prefixed with `metrics.`, `params.` or `tags.` is always
    /// found.
    pub(crate) fn find(name: &str, runs: &[Listed]) -> Option<Column> {
        let some_has = |column: &Column| runs.iter().any(|run| column.is_in(&run.record));
        let prefixed = Column::prefixed(name);
        let fixed = || {
            let name = table_name(name);
            FIXED.iter().find(|(own, _)| *own == name).map(|(_, column)| column.clone())
        };
        let found = prefixed.clone().filter(some_has).or_else(fixed);
        found.or_else(|| Column::plain(name).into_iter().find(some_has)).or(prefixed)
    }

    /// Finds the column of a key without a prefix, if one of these runs has the key.
    pub(crate) fn find_key(name: &str, records: &[RunRecord]) -> Option<Column> {
        let some_has = |column: &Column| records.iter().any(|record| column.is_in(record));
        Column::plain(name).into_iter().find(some_has)
    }

    fn prefixed(name: &str) -> Option<Column> {
        let (prefix, key) = name.split_once('.').filter(|(_, key)| !key.is_empty())?;
        match prefix {
            "metrics" => Some(Column::Metric(key.to_owned())),
            "params" => Some(Column::Param(key.to_owned())),
            "tags" => Some(Column::Tag(key.to_owned())),
            _ => None,
        }
    }

    fn plain(name: &str) -> [Column; 3] {
        let name = || name.to_owned();
        [Column::Metric(name()), Column::Param(name()), Column::Tag(name())]
    }

    /// Returns the fixed names, separated by commas.
    pub(crate) fn fixed_names() -> String {
        FIXED.map(|(name, _)| name).join(", ")
    }

    fn is_in(&self, record: &RunRecord) -> bool {
        match self {
            Column::Metric(key) => record.metrics.contains_key(key),
            Column::Param(key) => record.params.contains_key(key),
            Column::Tag(key) => record.tags.contains_key(key),
            _ => true,
        }
    }

    /// Returns the heading.
    pub(crate) fn title(&self) -> &str {
        match self {
            Column::Metric(key) | Column::Param(key) | Column::Tag(key) => key,
            fixed => FIXED.iter().find(|(_, column)| column == fixed).map_or("", |(name, _)| name),
        }
    }

    /// Returns the name that is not ambiguous.
    pub(crate) fn full_name(&self) -> String {
        match self {
            Column::Metric(key) => format!("metrics.{key}"),
            Column::Param(key) => format!("params.{key}"),
            Column::Tag(key) => format!("tags.{key}"),
            fixed => fixed.title().to_owned(),
        }
    }

    /// Adds the column to a table of these runs.
    pub(crate) fn add_to(&self, table: &mut Table, title: &str, runs: &[Listed], now: Timestamp) {
        let narrowest = if *self == Column::Name { 24 } else { 12 };
        match self {
            Column::Id => table.words(title, short_ids(runs)),
            Column::Status => table.words(title, runs.iter().map(Listed::status)),
            Column::Metric(key) => table.numbers(title, metric_cells(key, runs)),
            Column::Age | Column::Duration => {
                table.numbers(title, runs.iter().map(|run| self.text(run, now)));
            }
            Column::Param(_) if runs.iter().all(|run| self.is_numeric(run)) => {
                table.numbers(title, runs.iter().map(|run| self.text(run, now)));
            }
            _ => table.long_text(title, narrowest, runs.iter().map(|run| self.text(run, now))),
        }
    }

    fn text(&self, run: &Listed, now: Timestamp) -> String {
        let info = &run.record.info;
        match self {
            Column::Id => info.id.to_string(),
            Column::Name => info.name.clone(),
            Column::Status => info.status.to_string(),
            Column::Experiment => run.experiment.clone(),
            Column::Age => text::age(info.started, now),
            Column::Duration => run.duration(now).map(text::span).unwrap_or_default(),
            Column::Started => text::date(info.started),
            Column::Ended => info.ended.map(text::date).unwrap_or_default(),
            Column::User => info.user.clone(),
            Column::Parent => info.parent.map(|parent| short_id(parent, 8)).unwrap_or_default(),
            Column::Metric(key) => run
                .record
                .metrics
                .get(key)
                .map(|point| text::number(point.value))
                .unwrap_or_default(),
            Column::Param(key) => run.record.params.get(key).cloned().unwrap_or_default(),
            Column::Tag(key) => run.record.tags.get(key).cloned().unwrap_or_default(),
        }
    }

    /// Returns whether the value of the run is a number or missing.
    fn is_numeric(&self, run: &Listed) -> bool {
        !matches!(self.key(run, Timestamp::default()), SortKey::Text(_))
    }

    #[expect(clippy::cast_precision_loss, reason = "times are compared to about a microsecond")]
    fn key<'a>(&'a self, run: &'a Listed, now: Timestamp) -> SortKey<'a> {
        let info = &run.record.info;
        let time = |time: Timestamp| SortKey::Number(time.as_nanos() as f64);
        let text = |text: Option<&'a String>| match text {
            None => SortKey::Missing,
            Some(text) => text.trim().parse().map_or(SortKey::Text(text), SortKey::Number),
        };
        match self {
            Column::Id | Column::Parent => {
                let id = if *self == Column::Id { Some(info.id) } else { info.parent };
                id.map_or(SortKey::Missing, |id| SortKey::Number(id.to_bits() as f64))
            }
            Column::Name => SortKey::Text(&info.name),
            Column::Status => SortKey::Text(info.status.as_str()),
            Column::Experiment => SortKey::Text(&run.experiment),
            Column::User => SortKey::Text(&info.user),
            // The last started run has the smallest age.
            Column::Age => SortKey::Number(-(info.started.as_nanos() as f64)),
            Column::Started => time(info.started),
            Column::Ended => info.ended.map_or(SortKey::Missing, time),
            Column::Duration => {
                run.duration(now).map_or(SortKey::Missing, |nanos| SortKey::Number(nanos as f64))
            }
            Column::Metric(key) => {
                let point = run.record.metrics.get(key);
                point.map_or(SortKey::Missing, |point| SortKey::Number(point.value))
            }
            Column::Param(key) => text(run.record.params.get(key)),
            Column::Tag(key) => text(run.record.tags.get(key)),
        }
    }

    /// Sorts runs by this column. Missing values and NaN come last in both directions.
    pub(crate) fn sort(&self, runs: &mut [Listed], largest_first: bool, now: Timestamp) {
        runs.sort_by(|left, right| {
            let (left, right) = (self.key(left, now), self.key(right, now));
            let directed = |order: Ordering| if largest_first { order.reverse() } else { order };
            left.rank().cmp(&right.rank()).then_with(|| directed(left.order(&right)))
        });
    }
}

impl SortKey<'_> {
    fn rank(&self) -> u8 {
        match self {
            SortKey::Number(value) if value.is_nan() => 2,
            SortKey::Number(_) => 0,
            SortKey::Text(_) => 1,
            SortKey::Missing => 3,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (SortKey::Number(left), SortKey::Number(right)) => left.total_cmp(right),
            (SortKey::Text(left), SortKey::Text(right)) => left.cmp(right),
            _ => Ordering::Equal,
        }
    }
}

impl Listed {
    fn status(&self) -> Cell {
        let info = &self.record.info;
        status_cell(info.status, self.is_alive, info.lifecycle)
    }
}

/// Returns the experiment of the runs if they have the same.
pub(crate) fn only_experiment(runs: &[Listed]) -> Option<&str> {
    let first = &runs.first()?.experiment;
    runs.iter().all(|run| run.experiment == *first).then_some(first)
}

/// Returns the default columns, and the keys of metrics and params that are left out.
pub(crate) fn defaults(runs: &[Listed]) -> (Vec<Column>, Vec<String>) {
    let mut columns = vec![Column::Status, Column::Age, Column::Duration];
    if only_experiment(runs).is_none() {
        columns.push(Column::Experiment);
    }
    let mut left_out = Vec::new();
    let metrics = by_frequency(runs.iter().flat_map(|run| run.record.metrics.keys()));
    let params = by_frequency(runs.iter().flat_map(|run| run.record.params.keys()));
    let params = params.into_iter().filter(|key| runs.len() == 1 || differs(key, runs));
    let metrics = metrics.into_iter().map(Column::Metric).enumerate();
    for (place, column) in metrics.chain(params.map(Column::Param).enumerate()) {
        if place < DEFAULT_KEYS_MAX {
            columns.push(column);
        } else {
            left_out.push(column.title().to_owned());
        }
    }
    (columns, left_out)
}

/// Returns the keys, the most frequent first.
fn by_frequency<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut keys: Vec<(&String, usize)> = counts.into_iter().collect();
    keys.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    keys.into_iter().map(|(key, _)| key.clone()).collect()
}

/// Returns whether the param has different values in two of the runs.
fn differs(param: &str, runs: &[Listed]) -> bool {
    let mut values = runs.iter().filter_map(|run| run.record.params.get(param));
    values.next().is_some_and(|first| values.any(|value| value != first))
}

fn metric_cells(key: &str, runs: &[Listed]) -> Vec<String> {
    let values: Vec<Option<f64>> =
        runs.iter().map(|run| run.record.metrics.get(key).map(|point| point.value)).collect();
    let present: Vec<f64> = values.iter().flatten().copied().collect();
    let mut texts = text::number_column(&present).into_iter();
    values.iter().map(|value| value.and_then(|_| texts.next()).unwrap_or_default()).collect()
}

/// Returns the start of each id, long enough to be unique among these runs.
pub(crate) fn short_ids(runs: &[Listed]) -> Vec<String> {
    let mut length = 8;
    while length < 32 {
        let distinct: BTreeSet<String> =
            runs.iter().map(|run| short_id(run.record.info.id, length)).collect();
        if distinct.len() == runs.len() {
            break;
        }
        length += 4;
    }
    runs.iter().map(|run| short_id(run.record.info.id, length)).collect()
}

/// Returns the first digits of an id.
pub(crate) fn short_id(id: RunId, digits: usize) -> String {
    let mut text = id.to_string();
    text.truncate(digits);
    text
}
