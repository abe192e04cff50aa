//! Searches, histories, values and lineage as data frames: each method makes the table of its
//! name.

use polars::prelude::DataFrame;

use crate::database::Database;
use crate::entity::id::RunId;
use crate::entity::{LineageDirection, LineageNode};
use crate::error::Result;
use crate::run::search::RunSearch;

impl Database {
    /// Returns [`Database::runs_table`] as a data frame. Times are in UTC.
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
    /// With the feature `lazy` of polars in your own manifest, queries continue from there. This
    /// build of polars does not have it:
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
    ///
    /// # Errors
    ///
    /// The errors of [`Database::runs_table`].
    pub fn search_runs_frame(&self, search: &RunSearch) -> Result<DataFrame> {
        self.runs_table(search)?.try_into()
    }

    /// Returns [`Database::comparison_table`] as a data frame.
    pub fn comparison_frame(&self, runs: &[RunId]) -> Result<DataFrame> {
        self.comparison_table(runs)?.try_into()
    }

    /// Returns [`Database::params_table`] as a data frame.
    pub fn params_frame(&self, runs: &[RunId]) -> Result<DataFrame> {
        self.params_table(runs)?.try_into()
    }

    /// Returns [`Database::tags_table`] as a data frame.
    pub fn tags_frame(&self, runs: &[RunId]) -> Result<DataFrame> {
        self.tags_table(runs)?.try_into()
    }

    /// Returns [`Database::datasets_table`] as a data frame.
    pub fn datasets_frame(&self, runs: &[RunId]) -> Result<DataFrame> {
        self.datasets_table(runs)?.try_into()
    }

    /// Returns [`Database::history_table`] as a data frame.
    pub fn history_frame(&self, runs: &[RunId], keys: &[&str]) -> Result<DataFrame> {
        self.history_table(runs, keys)?.try_into()
    }

    /// Returns [`Database::wide_history_table`] as a data frame.
    pub fn wide_history_frame(&self, runs: &[RunId], keys: &[&str]) -> Result<DataFrame> {
        self.wide_history_table(runs, keys)?.try_into()
    }

    /// Returns [`Database::lineage_table`] as a data frame.
    pub fn lineage_frame(&self, node: &LineageNode, which: LineageDirection) -> Result<DataFrame> {
        self.lineage_table(node, which)?.try_into()
    }
}
