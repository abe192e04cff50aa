//! Groups of runs with equal values, such as the seeds of one configuration.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::columns::{KeySet, Keys, RunColumns};
use crate::database::Database;
use crate::entity::id::RunId;
use crate::entity::table::{Column, Value};
use crate::entity::{ArtifactPlaces, RunStatus};
use crate::error::{Error, ErrorKind, Result};
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
    /// How many of them have the status `RUNNING`.
    pub running: usize,
    /// How many of them have the status `FAILED`.
    pub failed: usize,
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
        let all = Keys { params: KeySet::All, ..Keys::default() };
        let keys = self.engine().located(self.summaries(search, &all))?.into_iter();
        // Cached columns of other kinds are summarised as well.
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
    let one = |name: &S| match RunColumn::parse(name.as_ref())? {
        RunColumn::AllMetrics | RunColumn::AllParams | RunColumn::AllTags => {
            let message = format!("{:?} is not one column: name each key", name.as_ref());
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
        column => Ok(column),
    };
    names.iter().map(one).collect()
}

fn grouped(
    runs: &RunColumns,
    rows: &[u32],
    keys: &[RunColumn],
    columns: &[RunColumn],
    places: &ArtifactPlaces,
) -> Result<Vec<RunGroup>> {
    let keys = keys.iter().map(|key| column_of(runs, rows, key, places));
    let keys: Vec<Column> = keys.collect::<Result<_>>()?;
    let groups = members(rows.len(), &keys);
    let made = groups.iter().map(|members| group(runs, rows, members, &keys));
    let mut found: Vec<RunGroup> = made.collect();
    for column in columns {
        let column = column_of(runs, rows, column, places)?;
        for (group, members) in found.iter_mut().zip(&groups) {
            group.columns.push(summary(&column, members));
        }
    }
    Ok(found)
}

/// Makes the group of these rows, without summaries of columns.
fn group(runs: &RunColumns, rows: &[u32], members: &[usize], keys: &[Column]) -> RunGroup {
    let value = |key: &Column| members.first().and_then(|first| text_of(key.value(*first)));
    let infos = members.iter().map(|at| &runs.run(rows[*at]).info);
    let count = |status| infos.clone().filter(|info| info.status == status).count();
    RunGroup {
        running: count(RunStatus::Running),
        failed: count(RunStatus::Failed),
        runs: infos.clone().map(|info| info.id).collect(),
        values: keys.iter().map(value).collect(),
        columns: Vec::new(),
    }
}

/// Returns the rows of each group, in the order of their first rows. Rows of a group have equal
/// values in all columns.
///
/// Each column divides the groups of those before it. So a row costs two lookups of numbers a
/// column, whatever the texts are.
fn members(rows: usize, columns: &[Column]) -> Vec<Vec<usize>> {
    let mut groups = vec![0; rows];
    for column in columns {
        let mut numbers = HashMap::<(u32, u32), u32, FixedState>::default();
        for (group, code) in groups.iter_mut().zip(codes_of(column)) {
            let next = numbers.len() as u32;
            *group = *numbers.entry((*group, code)).or_insert(next);
        }
    }
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, group) in groups.into_iter().enumerate() {
        // Numbers of groups ascend in the order of their first rows.
        if members.len() <= group as usize {
            members.push(Vec::new());
        }
        members[group as usize].push(row);
    }
    members
}

/// Returns a number for each row. Rows have the same one if their values are equal as text.
fn codes_of(column: &Column) -> Vec<u32> {
    let mut known = HashMap::<Option<Cow<'_, str>>, u32, FixedState>::default();
    let mut code = |value| {
        let text = match value {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            value => text_of(value).map(Cow::Owned),
        };
        let next = known.len() as u32;
        *known.entry(text).or_insert(next)
    };
    column.values().map(&mut code).collect()
}

/// Returns a column of these rows.
fn column_of(
    runs: &RunColumns,
    rows: &[u32],
    column: &RunColumn,
    places: &ArtifactPlaces,
) -> Result<Column> {
    let table = super::tables::of_rows(runs, rows, std::slice::from_ref(column), places)?;
    let column = table.into_columns().next().map(|(_, column)| column);
    column.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a column for all keys has no groups"))
}

fn text_of(value: Value<'_>) -> Option<String> {
    match value {
        Value::Null => None,
        value => Some(value.to_string()),
    }
}

/// Summarises some rows of a column.
fn summary(column: &Column, members: &[usize]) -> GroupColumn {
    let values = members.iter().map(|row| column.value(*row));
    if let Column::Float(_) = column {
        let numbers = values.filter_map(|value| match value {
            Value::Float(number) => Some(number),
            _ => None,
        });
        return GroupColumn::Numbers(Spread::of(numbers));
    }
    let mut texts = values.map(text_of);
    let first = texts.next().flatten();
    GroupColumn::Text(first.filter(|first| texts.all(|text| text.as_ref() == Some(first))))
}
