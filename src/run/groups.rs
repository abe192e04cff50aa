//! Groups of runs with equal values, such as the seeds of one configuration.

use std::collections::HashMap;

use crate::columns::{Keys, RunColumns};
use crate::database::Database;
use crate::entity::ArtifactPlaces;
use crate::entity::id::RunId;
use crate::entity::table::{Column, Table, Value};
use crate::error::Result;
use crate::run::key_summary::KeyKind;
use crate::run::search::RunSearch;
use crate::search::RunColumn;

/// Words of params that differ between repetitions of one configuration.
const SEED_WORDS: [&str; 4] = ["seed", "random_state", "randomstate", "rng"];

/// Runs in groups, and a summary of each group.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RunGroups {
    /// The fields by which the runs are grouped, such as `params.rate`.
    pub keys: Vec<String>,
    /// The groups, in the order of their first runs.
    pub groups: Vec<RunGroup>,
}

/// Runs with equal values of all keys.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunGroup {
    /// The value of each key. `None` if the runs do not have it.
    pub values: Vec<Option<String>>,
    /// The runs in the order of the search.
    pub runs: Vec<RunId>,
    /// A summary of each of the wanted columns.
    pub columns: Vec<GroupColumn>,
}

/// The values of a column in a group.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GroupColumn {
    /// The spread of numbers.
    Numbers(Spread),
    /// The text that all runs of the group have, if they have the same.
    Text(Option<String>),
}

/// The spread of some numbers, NaN left out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// How many numbers there are.
    pub count: usize,
    /// Their mean. NaN without numbers.
    pub mean: f64,
    /// Their standard deviation as a sample (n - 1). 0 for one number.
    pub deviation: f64,
    /// The smallest one. NaN without numbers.
    pub min: f64,
    /// The largest one. NaN without numbers.
    pub max: f64,
}

impl Spread {
    /// Returns the spread of numbers.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of numbers in memory are below 2^53")]
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let numbers: Vec<f64> = numbers.into_iter().filter(|number| !number.is_nan()).collect();
        let count = numbers.len();
        let mean = numbers.iter().sum::<f64>() / count as f64;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let deviation = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
        let min = numbers.iter().copied().fold(f64::NAN, f64::min);
        let max = numbers.iter().copied().fold(f64::NAN, f64::max);
        Spread { count, mean, deviation, min, max }
    }
}

impl Database {
    /// Groups all runs that a search finds by the values of columns, and summarises other columns.
    ///
    /// Names are those of [`RunSearch::columns`]. Every run of a group counts, never a sample.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::RunSearch;
    /// use tracklite::groups::GroupColumn;
    ///
    /// for (rate, seed, loss) in [("0.1", "0", 1.0), ("0.1", "1", 3.0), ("0.2", "0", 5.0)] {
    ///     let run = database.default_experiment()?.start_run("")?;
    ///     run.log_param("rate", rate)?;
    ///     run.log_param("seed", seed)?;
    ///     run.log_metric("loss", loss, 0)?;
    /// }
    /// let search = RunSearch::new().order_by("metrics.loss");
    /// let keys = database.params_but_seeds(&search)?;
    /// let found = database.group_runs(&search, &keys, &["metrics.loss"])?;
    /// assert_eq!(found.keys, ["params.rate"]);
    /// assert_eq!(found.groups[0].values, [Some("0.1".to_owned())]);
    /// let GroupColumn::Numbers(loss) = &found.groups[0].columns[0] else { panic!() };
    /// assert_eq!((loss.count, loss.mean), (2, 2.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Database::runs_table`].
    pub fn group_runs<K: AsRef<str>, C: AsRef<str>>(
        &self,
        search: &RunSearch,
        keys: &[K],
        columns: &[C],
    ) -> Result<RunGroups> {
        let names: Vec<String> = keys.iter().map(|key| key.as_ref().to_owned()).collect();
        let groups = parsed(keys).and_then(|keys| {
            let columns = parsed(columns)?;
            let places = search.places(self)?;
            let all: Vec<RunColumn> = keys.iter().chain(&columns).cloned().collect();
            let limit = search.wanted_results().unwrap_or(usize::MAX);
            let found = self.find(search, limit, &Keys::shown_in(&all), |runs, rows| {
                grouped(runs, rows, &keys, &columns, &places)
            });
            Ok(RunGroups { keys: names, groups: found?.0 })
        });
        self.engine().located(groups)
    }

    /// Returns the params by which repetitions of a configuration are grouped: those that differ
    /// between these runs, without seeds. They are fields, such as `params.rate`.
    ///
    /// # Errors
    ///
    /// As [`Database::runs_table`].
    pub fn params_but_seeds(&self, search: &RunSearch) -> Result<Vec<String>> {
        let keys = self.run_keys(search)?.into_iter();
        let params =
            keys.filter(|key| key.kind == KeyKind::Param && !key.is_constant && !is_seed(&key.key));
        Ok(params.map(|param| format!("params.{}", param.key)).collect())
    }
}

fn is_seed(key: &str) -> bool {
    let key = key.to_lowercase();
    SEED_WORDS.iter().any(|word| key == *word || key.ends_with(&format!("_{word}")))
        || key.split(['.', '/', '-', '_']).any(|word| word == "seed")
}

fn parsed<S: AsRef<str>>(names: &[S]) -> Result<Vec<RunColumn>> {
    names.iter().map(|name| RunColumn::parse(name.as_ref())).collect()
}

fn grouped(
    runs: &RunColumns,
    rows: &[u32],
    keys: &[RunColumn],
    columns: &[RunColumn],
    places: &ArtifactPlaces,
) -> Result<Vec<RunGroup>> {
    // One column at a time, because a table has each name once.
    let texts = keys.iter().map(|key| {
        let table = super::tables::of_rows(runs, rows, std::slice::from_ref(key), places)?;
        Ok((0..rows.len()).map(|row| text_of(&table, row)).collect())
    });
    let texts: Vec<Vec<Option<String>>> = texts.collect::<Result<_>>()?;
    let mut places_of = HashMap::<Vec<Option<String>>, usize>::new();
    let mut members: Vec<(Vec<Option<String>>, Vec<u32>)> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let values: Vec<Option<String>> =
            texts.iter().map(|column: &Vec<Option<String>>| column[at].clone()).collect();
        let place = *places_of.entry(values.clone()).or_insert(members.len());
        match members.get_mut(place) {
            Some((_, rows)) => rows.push(*row),
            None => members.push((values, vec![*row])),
        }
    }
    let groups = members.into_iter().map(|(values, rows)| {
        let summaries = columns.iter().map(|column| {
            let table = super::tables::of_rows(runs, &rows, std::slice::from_ref(column), places)?;
            Ok(summary(&table))
        });
        let columns = summaries.collect::<Result<_>>()?;
        let runs = rows.iter().map(|row| runs.run(*row).info.id).collect();
        Ok(RunGroup { values, runs, columns })
    });
    groups.collect()
}

/// Returns a value of the only column of a table as text.
fn text_of(table: &Table, row: usize) -> Option<String> {
    let (_, column) = table.columns().next()?;
    match column.value(row) {
        Value::Null => None,
        value => Some(value.to_string()),
    }
}

fn summary(table: &Table) -> GroupColumn {
    let Some((_, column)) = table.columns().next() else { return GroupColumn::Text(None) };
    if let Column::Float(_) = column {
        let numbers = column.values().filter_map(|value| match value {
            Value::Float(number) => Some(number),
            _ => None,
        });
        return GroupColumn::Numbers(Spread::of(numbers));
    }
    let mut texts = (0..column.len()).map(|row| text_of(table, row));
    let first = texts.next().flatten();
    GroupColumn::Text(first.filter(|first| texts.all(|text| text.as_ref() == Some(first))))
}
