//! Searches, histories and values of runs as tables.

mod history;
mod runs;
mod values;

pub(super) use self::runs::table as of_rows;

use std::collections::{BTreeSet, HashSet};

use self::history::History;
use crate::columns::{KeySet, Keys, RunColumns};
use crate::database::Database;
use crate::entity::id::RunId;
use crate::entity::table::{Column, Table, Value};
use crate::entity::{ArtifactPlaces, RUN_NAME_TAG};
use crate::error::Result;
use crate::run::search::RunSearch;
use crate::search::{RunAttribute, RunColumn};

/// The columns of a comparison that stay even if they do not differ.
const NAMES: [&str; 2] = ["run_id", "run_name"];

impl Database {
    /// Returns the runs that a search finds, one per row: all of them, or up to
    /// [`RunSearch::max_results`].
    ///
    /// The columns are MLflow's: `run_id`, `run_name`, `experiment_id`, `status`, `artifact_uri`
    /// (text), `start_time`, `end_time` (times), then `metrics.KEY` (numbers), `params.KEY` and
    /// `tags.KEY` (text) for each key that one of the runs has. [`RunSearch::columns`] selects
    /// others, and then only these are read. A value that a run does not have is null; NaN is NaN.
    /// A table without rows has the named columns, with their types.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.tracklite");
    /// use tracklite::table::Value;
    /// use tracklite::{Database, RunSearch};
    ///
    /// let database = Database::create(&path)?;
    /// for (rate, loss) in [("0.1", 0.7), ("0.01", 0.3)] {
    ///     let run = database.default_experiment()?.start_run(rate)?;
    ///     run.log_param("learning_rate", rate)?;
    ///     run.log_metric("loss", loss, 0)?;
    /// }
    /// let search = RunSearch::new()
    ///     .order_by("metrics.loss")
    ///     .columns(["run_name", "params.learning_rate", "metrics.loss"]);
    /// let table = database.runs_table(&search)?;
    /// assert_eq!((table.len(), table.width()), (2, 3));
    /// let best = table.rows().next().and_then(|row| row.get("metrics.loss"));
    /// assert_eq!(best, Some(Value::Float(0.3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a filter, an order, a
    ///   column, a page token or a number of results is not valid.
    pub fn runs_table(&self, search: &RunSearch) -> Result<Table> {
        self.find_table(search).map_err(|error| self.engine().locate(error))
    }

    fn find_table(&self, search: &RunSearch) -> Result<Table> {
        let columns = search.parsed_columns()?;
        let limit = search.wanted_results().unwrap_or(usize::MAX);
        let places = search.places(self)?;
        let keys = Keys::shown_in(&columns);
        let (table, _) = self.find(search, limit, &keys, |found, rows| {
            runs::table(found, rows, &columns, &places)
        })?;
        Ok(table)
    }

    /// Returns the ids of the runs that a search finds, in its order: all of them, or up to
    /// [`RunSearch::max_results`].
    ///
    /// # Errors
    ///
    /// As [`Database::runs_table`].
    pub fn search_run_ids(&self, search: &RunSearch) -> Result<Vec<RunId>> {
        let limit = search.wanted_results().unwrap_or(usize::MAX);
        let found = self.find(search, limit, &Keys::default(), |runs, rows| {
            Ok(rows.iter().map(|row| runs.run(*row).info.id).collect())
        });
        found.map(|(ids, _)| ids).map_err(|error| self.engine().locate(error))
    }

    /// Returns the differences between runs, one run per row in this order: `run_id`, `run_name`,
    /// and the columns of [`Database::runs_table`] whose values are not all equal.
    ///
    /// A run that is named twice counts once, here and in the other tables.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if one of the runs does not exist.
    pub fn comparison_table(&self, runs: &[RunId]) -> Result<Table> {
        let mut columns = RunColumn::usual();
        // It follows from the id.
        columns.retain(|column| *column != RunColumn::Attribute(RunAttribute::ArtifactUri));
        let places = ArtifactPlaces::default();
        let mut table = self.table_of(runs, &Keys::all(), |found, rows| {
            runs::table(found, rows, &columns, &places)
        })?;
        let name_tag = format!("tags.{RUN_NAME_TAG}");
        table.retain_columns(|name, column| {
            NAMES.contains(&name) || (name != name_tag && differs(column))
        });
        Ok(table)
    }

    /// Returns the params of these runs: `run_id, key, value`, run by run, each by key.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if one of the runs does not exist.
    pub fn params_table(&self, runs: &[RunId]) -> Result<Table> {
        let keys = Keys { params: KeySet::All, ..Keys::default() };
        self.table_of(runs, &keys, values::params)
    }

    /// Returns the tags of these runs: `run_id, key, value`, run by run, each by key.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if one of the runs does not exist.
    pub fn tags_table(&self, runs: &[RunId]) -> Result<Table> {
        let keys = Keys { tags: KeySet::All, ..Keys::default() };
        self.table_of(runs, &keys, values::tags)
    }

    /// Returns the input datasets of these runs: `run_id, name, digest, source_type, source,
    /// schema, profile, context`, run by run, in the order of logging.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if one of the runs does not exist.
    pub fn datasets_table(&self, runs: &[RunId]) -> Result<Table> {
        self.table_of(runs, &Keys::default(), values::datasets)
    }

    /// Returns all points of these metrics of these runs: `run_id, key, step, timestamp, value`.
    ///
    /// The order is by run, then key, then time, step and value. No keys means all metrics. A run
    /// without a metric has no rows for it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if one of the runs does not exist.
    pub fn history_table(&self, runs: &[RunId], keys: &[&str]) -> Result<Table> {
        let (histories, _) = self.read_histories(runs, keys)?;
        history::long(histories).map_err(|error| self.engine().locate(error))
    }

    /// Returns the same points, one step of a run per row: `run_id, step, timestamp`, and a column
    /// for each key.
    ///
    /// A metric with several points at a step makes as many rows: the first row has the first
    /// point of each metric, and so on. The timestamp is that of the earliest point of the row. A
    /// metric without a point there is null. A key that is the name of one of the first three
    /// columns is prefixed with `metrics.`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if one of the runs does not exist.
    pub fn wide_history_table(&self, runs: &[RunId], keys: &[&str]) -> Result<Table> {
        let (histories, keys) = self.read_histories(runs, keys)?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        history::wide(&histories, &keys).map_err(|error| self.engine().locate(error))
    }

    /// Reads the histories of these metrics, or of all. Also returns the keys in order, each once.
    fn read_histories(&self, runs: &[RunId], keys: &[&str]) -> Result<(Vec<History>, Vec<String>)> {
        let mut wanted: Vec<String> = Vec::new();
        for key in keys {
            if !wanted.iter().any(|known| known == key) {
                wanted.push((*key).to_owned());
            }
        }
        let mut histories = Vec::new();
        let mut all = BTreeSet::new();
        for id in &distinct(runs) {
            let run = self.run(*id)?;
            let of_run = match keys {
                [] => run.metrics()?.into_keys().collect(),
                _ => wanted.clone(),
            };
            for key in of_run {
                let points = run.history(&key)?;
                if keys.is_empty() {
                    all.insert(key.clone());
                }
                if !points.is_empty() {
                    histories.push(History { run: *id, key, points });
                }
            }
        }
        wanted.extend(all);
        Ok((histories, wanted))
    }

    /// Returns columns of these runs, one run per row in this order. A run that does not exist has
    /// no row.
    ///
    /// Names are those of [`RunSearch::columns`]. A window of a long list is read in this way.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a column does not exist.
    pub fn columns_of_runs<C: AsRef<str>>(&self, runs: &[RunId], columns: &[C]) -> Result<Table> {
        let columns = columns.iter().map(|name| RunColumn::parse(name.as_ref()));
        let columns = self.engine().located(columns.collect::<Result<Vec<_>>>())?;
        let (keys, runs) = (Keys::shown_in(&columns), distinct(runs));
        let places = self.artifact_places(None)?;
        self.with_columns_of(&runs, &keys, |found| {
            of_rows(found, &found.rows_of(&runs), &columns, &places)
        })
    }

    fn table_of(
        &self,
        runs: &[RunId],
        keys: &Keys,
        make: impl Fn(&RunColumns, &[u32]) -> Result<Table>,
    ) -> Result<Table> {
        self.with_rows_of(&distinct(runs), keys, make).map_err(|error| self.engine().locate(error))
    }
}

/// Returns the runs in their order, each once.
fn distinct(runs: &[RunId]) -> Vec<RunId> {
    let mut known = HashSet::new();
    runs.iter().copied().filter(|run| known.insert(*run)).collect()
}

/// Returns whether not all values are equal. Nulls are equal to each other here, and so are NaNs.
fn differs(column: &Column) -> bool {
    let first = column.values().next().unwrap_or(Value::Null);
    column.values().any(|value| value != first)
}
