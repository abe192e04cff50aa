//! Queries about deleted runs, experiments and logged models.

use rusqlite::Params;

use crate::entity::id::{ExperimentId, LoggedModelId, RunId, Timestamp};
use crate::error::Result;

use super::query::parsed;
use super::{Index, unsigned};

impl Index {
    /// Returns the runs deleted at or before this time, sorted by id.
    pub(crate) fn runs_deleted_before(&self, time: Timestamp) -> Result<Vec<RunId>> {
        let which = "SELECT run_id FROM runs
             WHERE lifecycle = 'deleted' AND ifnull(deleted, 0) <= ?1 ORDER BY run_id";
        self.ids(which, [time.as_nanos()], |row| parsed(row, 0))
    }

    /// Returns the deleted experiments last changed at or before this time, sorted by id.
    pub(crate) fn experiments_deleted_before(&self, time: Timestamp) -> Result<Vec<ExperimentId>> {
        let which = "SELECT experiment_id FROM experiments
             WHERE lifecycle = 'deleted' AND updated <= ?1 ORDER BY experiment_id";
        let id = |row: &rusqlite::Row<'_>| Ok(ExperimentId::new(unsigned(row.get(0)?)));
        self.ids(which, [time.as_nanos()], id)
    }

    /// Returns the logged models deleted at or before this time, oldest first.
    pub(crate) fn models_deleted_before(&self, time: Timestamp) -> Result<Vec<LoggedModelId>> {
        let which = "SELECT model_id FROM logged_models
             WHERE lifecycle = 'deleted' AND updated <= ?1 ORDER BY model";
        self.ids(which, [time.as_nanos()], |row| parsed(row, 0))
    }

    /// Returns the logged models of an experiment, whether deleted or not, oldest first.
    pub(crate) fn models_of(&self, experiment: ExperimentId) -> Result<Vec<LoggedModelId>> {
        let which = "SELECT model_id FROM logged_models WHERE experiment_id = ?1 ORDER BY model";
        self.ids(which, [experiment.get().cast_signed()], |row| parsed(row, 0))
    }

    fn ids<T>(
        &self,
        which: &str,
        params: impl Params,
        id: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.read(|connection| connection.prepare_cached(which)?.query_map(params, id)?.collect())
    }
}
