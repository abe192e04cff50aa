//! Searches, histories and values of runs as polars data frames.

use std::collections::HashSet;

use polars::prelude::DataFrame;

use crate::columns::{KeySet, Keys, RunColumns};
use crate::database::Database;
use crate::dataframe::{self, HistoryRows};
use crate::entity::id::RunId;
use crate::error::Result;
use crate::run::search::RunSearch;
use crate::search::RunColumn;

impl Database {
    /// The runs that a search finds as a frame, a row for each: all of them, or as many as
    /// [`RunSearch::max_results`] says.
    ///
    /// The columns are MLflow's: `run_id`, `run_name`, `experiment_id`, `status`, `artifact_uri`
    /// (text), `start_time`, `end_time` (nanoseconds in UTC), then `metrics.KEY` (numbers),
    /// `params.KEY` and `tags.KEY` (text) for each key that one of the runs has; or those that
    /// [`RunSearch::columns`] names, and then only these are read. What a run does not have is
    /// null; NaN is NaN. A frame without rows has the columns that were named, with their types.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.tracklite");
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
    /// let frame = database.search_runs_frame(&search)?;
    /// assert_eq!(frame.shape(), (2, 3));
    /// assert_eq!(frame.column("metrics.loss")?.f64()?.get(0), Some(0.3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// With polars' feature `lazy` in your own manifest, a query goes on from there; this build
    /// of polars does without it:
    ///
    /// ```ignore
    /// use polars::prelude::*;
    ///
    /// let best = frame
    ///     .lazy()
    ///     .group_by([col("params.model")])
    ///     .agg([col("metrics.loss").min()])
    ///     .sort(["metrics.loss"], SortMultipleOptions::default())
    ///     .collect()?;
    /// ```
    pub fn search_runs_frame(&self, search: &RunSearch) -> Result<DataFrame> {
        self.engine().located(self.find_frame(search))
    }

    fn find_frame(&self, search: &RunSearch) -> Result<DataFrame> {
        let columns = search.parsed_columns()?;
        let limit = search.wanted_results().unwrap_or(usize::MAX);
        let root = search.root(self);
        let keys = Keys::shown_in(&columns);
        let (frame, _) = self.find(search, limit, &keys, |runs, rows| {
            dataframe::runs(runs, rows, &columns, &root)
        })?;
        Ok(frame)
    }

    /// What differs between these runs, a row for each in this order: the columns of
    /// [`Database::search_runs_frame`] that do not have the same value in every row, and before
    /// them `run_id` and `run_name`.
    ///
    /// A run that does not exist is [`crate::ErrorKind::NotFound`], and one that is named twice
    /// counts once; so with the other frames.
    pub fn comparison_frame(&self, runs: &[RunId]) -> Result<DataFrame> {
        let mut columns = RunColumn::usual();
        // It follows from the id.
        columns.retain(|it| *it != RunColumn::Attribute(crate::search::RunAttribute::ArtifactUri));
        let frame = self.frame_of(runs, &Keys::all(), |found, rows| {
            dataframe::runs(found, rows, &columns, "")
        })?;
        Ok(dataframe::only_what_differs(&frame))
    }

    /// The params of these runs: `run_id, key, value`, run by run, in each by key.
    pub fn params_frame(&self, runs: &[RunId]) -> Result<DataFrame> {
        let keys = Keys { params: KeySet::All, ..Keys::default() };
        self.frame_of(runs, &keys, dataframe::params)
    }

    /// The tags of these runs: `run_id, key, value`, run by run, in each by key.
    pub fn tags_frame(&self, runs: &[RunId]) -> Result<DataFrame> {
        let keys = Keys { tags: KeySet::All, ..Keys::default() };
        self.frame_of(runs, &keys, dataframe::tags)
    }

    /// The datasets that these runs were given: `run_id, name, digest, source_type, source,
    /// schema, profile, context`, run by run, in the order of logging.
    pub fn datasets_frame(&self, runs: &[RunId]) -> Result<DataFrame> {
        self.frame_of(runs, &Keys::default(), dataframe::datasets)
    }

    /// All points of these metrics of these runs: `run_id, key, step, timestamp, value`.
    ///
    /// Run by run, in each key by key, in each by time, step and value. Without keys: of all
    /// metrics. A run that does not have a metric has no rows for it.
    pub fn history_frame(&self, runs: &[RunId], keys: &[&str]) -> Result<DataFrame> {
        let (histories, _) = self.history_rows(runs, keys)?;
        self.engine().located(dataframe::long_history(histories))
    }

    /// The same points, a row for each step of a run: `run_id, step, timestamp`, and a column for
    /// each key.
    ///
    /// When a metric has several points at a step there are as many rows, the first points of all
    /// metrics in the first of them and so on. The timestamp is that of the earliest point of the
    /// row. A metric that has no point there is null. A key that is the name of one of the first
    /// three columns has `metrics.` before it.
    pub fn wide_history_frame(&self, runs: &[RunId], keys: &[&str]) -> Result<DataFrame> {
        let (histories, keys) = self.history_rows(runs, keys)?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.engine().located(dataframe::wide_history(&histories, &keys))
    }

    /// The histories of these metrics, or of all, and the keys in order, each once.
    fn history_rows(
        &self,
        runs: &[RunId],
        keys: &[&str],
    ) -> Result<(Vec<HistoryRows>, Vec<String>)> {
        let mut wanted: Vec<String> = Vec::new();
        let mut histories = Vec::new();
        for key in keys {
            if !wanted.iter().any(|known| known == key) {
                wanted.push((*key).to_owned());
            }
        }
        let mut all = std::collections::BTreeSet::new();
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
                    histories.push(HistoryRows { run: *id, key, points });
                }
            }
        }
        wanted.extend(all);
        Ok((histories, wanted))
    }

    fn frame_of(
        &self,
        runs: &[RunId],
        keys: &Keys,
        make: impl Fn(&RunColumns, &[u32]) -> Result<DataFrame>,
    ) -> Result<DataFrame> {
        self.engine().located(self.with_rows_of(&distinct(runs), keys, make))
    }
}

/// The runs in their order, each once.
fn distinct(runs: &[RunId]) -> Vec<RunId> {
    let mut known = HashSet::new();
    runs.iter().copied().filter(|run| known.insert(*run)).collect()
}
