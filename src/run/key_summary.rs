//! The catalogue of keys: which metrics, params and tags runs have.

use std::collections::HashSet;

use crate::columns::{Keys, RunColumns, TextColumn};
use crate::database::Database;
use crate::error::Result;
use crate::run::search::RunSearch;

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// A param.
    Param,
    /// A metric.
    Metric,
    /// A tag.
    Tag,
}

/// A key of some runs, and what values it has. The value of a metric is its latest.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeySummary {
    /// The kind.
    pub kind: KeyKind,
    /// The key.
    pub key: String,
    /// The number of runs that have it.
    pub runs: usize,
    /// The number of distinct values, counted up to [`KeySummary::DISTINCT_MAX`].
    pub distinct: usize,
    /// Whether all runs have it, with the same value.
    pub is_constant: bool,
    /// The smallest and the largest value, if all values are numbers. NaN is left out.
    pub range: Option<(f64, f64)>,
}

impl KeySummary {
    /// Distinct values are counted up to this number.
    pub const DISTINCT_MAX: usize = 1001;
}

impl Database {
    /// Returns all keys of the runs that a search finds: params, then metrics, then tags, each by
    /// key.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::RunSearch;
    ///
    /// for rate in ["0.1", "0.01"] {
    ///     let run = database.default_experiment()?.start_run("")?;
    ///     run.log_param("rate", rate)?;
    /// }
    /// let keys = database.run_keys(&RunSearch::new())?;
    /// assert_eq!((keys[0].key.as_str(), keys[0].distinct), ("rate", 2));
    /// assert_eq!(keys[0].range, Some((0.01, 0.1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Database::runs_table`].
    ///
    /// # Performance
    ///
    /// Reads all values of these runs, and keeps all columns in memory if they are most runs.
    pub fn run_keys(&self, search: &RunSearch) -> Result<Vec<KeySummary>> {
        self.engine().located(self.summaries(search, &Keys::all()))
    }

    /// Summarises the keys of these columns.
    pub(super) fn summaries(&self, search: &RunSearch, keys: &Keys) -> Result<Vec<KeySummary>> {
        let limit = search.wanted_results().unwrap_or(usize::MAX);
        let found = self.find(search, limit, keys, |runs, rows| Ok(summaries(runs, rows)));
        found.map(|(keys, _)| keys)
    }
}

fn summaries(runs: &RunColumns, rows: &[u32]) -> Vec<KeySummary> {
    let mut chosen = vec![false; runs.len()];
    rows.iter().for_each(|row| chosen[*row as usize] = true);
    let chosen = Chosen { rows: &chosen, count: rows.len() };
    let texts = |kind: KeyKind| {
        let columns = if kind == KeyKind::Param { runs.params() } else { runs.tags() };
        columns.iter().filter_map(move |(key, column)| of_texts(kind, key, column, chosen))
    };
    let metrics = runs.metrics().iter().filter_map(|(key, column)| {
        let values = column.entries().filter(|(row, _)| chosen.contains(*row));
        of_numbers(key, values.map(|(_, point)| point.value), chosen.count)
    });
    texts(KeyKind::Param).chain(metrics).chain(texts(KeyKind::Tag)).collect()
}

/// The rows of the runs that a search found.
#[derive(Clone, Copy)]
struct Chosen<'a> {
    /// Whether each row of the columns is one of them.
    rows: &'a [bool],
    count: usize,
}

impl Chosen<'_> {
    fn contains(self, row: u32) -> bool {
        self.rows.get(row as usize).copied().unwrap_or(false)
    }
}

fn of_numbers(key: &str, values: impl Iterator<Item = f64>, all: usize) -> Option<KeySummary> {
    let (mut runs, mut distinct, mut range) = (0, HashSet::new(), None);
    for value in values {
        runs += 1;
        if distinct.len() < KeySummary::DISTINCT_MAX {
            distinct.insert(value.to_bits());
        }
        range = widened(range, value);
    }
    let distinct = distinct.len();
    let is_constant = distinct == 1 && runs == all;
    let (kind, key) = (KeyKind::Metric, key.to_owned());
    (runs > 0).then_some(KeySummary { kind, key, runs, distinct, is_constant, range })
}

fn of_texts(
    kind: KeyKind,
    key: &str,
    column: &TextColumn,
    chosen: Chosen<'_>,
) -> Option<KeySummary> {
    let (mut runs, mut distinct) = (0, HashSet::new());
    for (_, text) in column.entries().filter(|(row, _)| chosen.contains(*row)) {
        runs += 1;
        if distinct.len() < KeySummary::DISTINCT_MAX {
            distinct.insert(text);
        }
    }
    // Beyond the most distinct values, those counted stand for all.
    let numbers: Option<Vec<f64>> = distinct.iter().map(|text| text.parse().ok()).collect();
    let range = numbers.and_then(|numbers| numbers.into_iter().fold(None, widened));
    let distinct = distinct.len();
    let is_constant = distinct == 1 && runs == chosen.count;
    let key = key.to_owned();
    (runs > 0).then_some(KeySummary { kind, key, runs, distinct, is_constant, range })
}

fn widened(range: Option<(f64, f64)>, value: f64) -> Option<(f64, f64)> {
    match range {
        _ if value.is_nan() => range,
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    }
}
