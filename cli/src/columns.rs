//! The columns of the table of runs: which there are, what they show, how they sort.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::table::{Cell, Table};
use super::terminal::Style;
use super::text;
use tracklite::{Lifecycle, RunRecord, RunStatus, Timestamp};

/// The most metrics, and the most params, that are shown unless columns are asked for.
const MOST_BY_DEFAULT: usize = 5;

/// A run of the list with what its record does not say.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) record: RunRecord,
    pub(super) experiment: String,
    /// Of a running run: whether a living process writes it.
    pub(super) is_alive: Option<bool>,
}

impl Listed {
    /// How long it took, or has been going on; unknown when its process died.
    pub(super) fn duration(&self, now: Timestamp) -> Option<i64> {
        let info = &self.record.info;
        let end = info.ended.or_else(|| self.is_alive.filter(|&alive| alive).map(|_| now))?;
        Some(end.as_nanos().saturating_sub(info.started.as_nanos()))
    }
}

/// The status with marks for a dead process and for a deleted run.
pub(super) fn status_cell(status: RunStatus, is_alive: Option<bool>, lifecycle: Lifecycle) -> Cell {
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

/// What a column shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
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

/// The columns that every run has, by the word for each.
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

/// What exports, frames and filters call them.
const OTHER_WORDS: [(&str, &str); 6] = [
    ("run_id", "id"),
    ("run_name", "name"),
    ("start_time", "started"),
    ("end_time", "ended"),
    ("user_id", "user"),
    ("parent_run_id", "parent"),
];

/// The word of exports for this word of tables; the word itself when there is none.
pub(super) fn export_word(word: &str) -> &str {
    OTHER_WORDS.iter().find(|(_, own)| *own == word).map_or(word, |(other, _)| other)
}

fn table_word(word: &str) -> &str {
    OTHER_WORDS.iter().find(|(other, _)| *other == word).map_or(word, |(_, own)| own)
}

/// What a run has in a column, for sorting.
enum Key<'a> {
    Number(f64),
    Text(&'a str),
    Missing,
}

impl Column {
    /// The column of this name: `metrics.`, `params.` or `tags.` and a key, whether a run has it
    /// or not; one of the words for what every run has; else a metric, a param or a tag that some
    /// run has.
    pub(super) fn find(name: &str, runs: &[Listed]) -> Option<Column> {
        let some_has = |column: &Column| runs.iter().any(|run| column.is_in(&run.record));
        let prefixed = Column::prefixed(name);
        let fixed = || {
            let word = table_word(name);
            FIXED.iter().find(|(own, _)| *own == word).map(|(_, column)| column.clone())
        };
        let found = prefixed.clone().filter(some_has).or_else(fixed);
        found.or_else(|| Column::plain(name).into_iter().find(some_has)).or(prefixed)
    }

    /// The column of this bare key, when one of these runs has something of it.
    pub(super) fn find_key(name: &str, records: &[RunRecord]) -> Option<Column> {
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

    /// The words for what every run has, separated by commas.
    pub(super) fn fixed_words() -> String {
        FIXED.map(|(word, _)| word).join(", ")
    }

    fn is_in(&self, record: &RunRecord) -> bool {
        match self {
            Column::Metric(key) => record.metrics.contains_key(key),
            Column::Param(key) => record.params.contains_key(key),
            Column::Tag(key) => record.tags.contains_key(key),
            _ => true,
        }
    }

    /// What stands above the column.
    pub(super) fn title(&self) -> &str {
        match self {
            Column::Metric(key) | Column::Param(key) | Column::Tag(key) => key,
            fixed => FIXED.iter().find(|(_, column)| column == fixed).map_or("", |(word, _)| word),
        }
    }

    /// The name by which `find` finds this column and no other.
    pub(super) fn full_name(&self) -> String {
        match self {
            Column::Metric(key) => format!("metrics.{key}"),
            Column::Param(key) => format!("params.{key}"),
            Column::Tag(key) => format!("tags.{key}"),
            fixed => fixed.title().to_owned(),
        }
    }

    /// Adds the column to the table of these runs, under this title.
    pub(super) fn add_to(&self, table: &mut Table, title: &str, runs: &[Listed], now: Timestamp) {
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
            Column::Parent => info.parent.map(|it| short_id(it, 8)).unwrap_or_default(),
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

    /// Whether the run has a number or nothing here.
    fn is_numeric(&self, run: &Listed) -> bool {
        !matches!(self.key(run, Timestamp::default()), Key::Text(_))
    }

    #[expect(clippy::cast_precision_loss, reason = "times are compared to a microsecond or so")]
    fn key<'a>(&'a self, run: &'a Listed, now: Timestamp) -> Key<'a> {
        let info = &run.record.info;
        let time = |time: Timestamp| Key::Number(time.as_nanos() as f64);
        let text = |text: Option<&'a String>| match text {
            None => Key::Missing,
            Some(text) => text.trim().parse().map_or(Key::Text(text), Key::Number),
        };
        match self {
            Column::Id | Column::Parent => {
                let id = if *self == Column::Id { Some(info.id) } else { info.parent };
                id.map_or(Key::Missing, |id| Key::Number(id.to_bits() as f64))
            }
            Column::Name => Key::Text(&info.name),
            Column::Status => Key::Text(info.status.as_str()),
            Column::Experiment => Key::Text(&run.experiment),
            Column::User => Key::Text(&info.user),
            // The youngest, started last, is the smallest by age.
            Column::Age => Key::Number(-(info.started.as_nanos() as f64)),
            Column::Started => time(info.started),
            Column::Ended => info.ended.map_or(Key::Missing, time),
            Column::Duration => {
                run.duration(now).map_or(Key::Missing, |nanos| Key::Number(nanos as f64))
            }
            Column::Metric(key) => {
                let point = run.record.metrics.get(key);
                point.map_or(Key::Missing, |point| Key::Number(point.value))
            }
            Column::Param(key) => text(run.record.params.get(key)),
            Column::Tag(key) => text(run.record.tags.get(key)),
        }
    }

    /// Sorts the runs by this column; those that have nothing here, or NaN, come last either way.
    pub(super) fn sort(&self, runs: &mut [Listed], greatest_first: bool, now: Timestamp) {
        runs.sort_by(|left, right| {
            let (left, right) = (self.key(left, now), self.key(right, now));
            let turned = |order: Ordering| if greatest_first { order.reverse() } else { order };
            left.rank().cmp(&right.rank()).then_with(|| turned(left.order(&right)))
        });
    }
}

impl Key<'_> {
    fn rank(&self) -> u8 {
        match self {
            Key::Number(value) if value.is_nan() => 2,
            Key::Number(_) => 0,
            Key::Text(_) => 1,
            Key::Missing => 3,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Key::Number(left), Key::Number(right)) => left.total_cmp(right),
            (Key::Text(left), Key::Text(right)) => left.cmp(right),
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

/// The experiment of all the runs, when there is only one.
pub(super) fn only_experiment(runs: &[Listed]) -> Option<&str> {
    let first = &runs.first()?.experiment;
    runs.iter().all(|run| run.experiment == *first).then_some(first)
}

/// The columns shown when none are asked for, and the keys of metrics and params left out.
pub(super) fn by_default(runs: &[Listed]) -> (Vec<Column>, Vec<String>) {
    let mut columns = vec![Column::Status, Column::Age, Column::Duration];
    if only_experiment(runs).is_none() {
        columns.push(Column::Experiment);
    }
    let mut left_out = Vec::new();
    let metrics = by_frequency(runs.iter().flat_map(|run| run.record.metrics.keys()));
    let params = by_frequency(runs.iter().flat_map(|run| run.record.params.keys()));
    let params = params.into_iter().filter(|key| runs.len() == 1 || differs(key, runs));
    let wanted = metrics.into_iter().map(Column::Metric).enumerate();
    for (place, column) in wanted.chain(params.map(Column::Param).enumerate()) {
        if place < MOST_BY_DEFAULT {
            columns.push(column);
        } else {
            left_out.push(column.title().to_owned());
        }
    }
    (columns, left_out)
}

/// The keys, those that most runs have first.
fn by_frequency<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut keys: Vec<(&String, usize)> = counts.into_iter().collect();
    keys.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    keys.into_iter().map(|(key, _)| key.clone()).collect()
}

/// Whether two runs that have the param have different values of it.
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

/// The beginning of each id, long enough to tell the listed runs apart.
pub(super) fn short_ids(runs: &[Listed]) -> Vec<String> {
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

/// The first digits of an id.
pub(super) fn short_id(id: tracklite::RunId, digits: usize) -> String {
    let mut text = id.to_string();
    text.truncate(digits);
    text
}
