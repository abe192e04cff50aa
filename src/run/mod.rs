//! Runs: what a training program logs to, and what others read.

pub(crate) mod batch;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod importance;
pub(crate) mod inputs;
pub(crate) mod key_summary;
pub(crate) mod keys;
pub(crate) mod lifecycle;
pub(crate) mod metric;
pub(crate) mod params;
pub(crate) mod records;
pub(crate) mod search;
pub(crate) mod search_all;
pub(crate) mod shared;
pub(crate) mod start;
mod suggest;
mod summaries;
pub(crate) mod tables;
pub(crate) mod tree;
pub(crate) mod update;

use std::fmt;
use std::sync::Arc;

use crate::database::Database;
use crate::engine::Engine;
use crate::engine::guards::no_such_run;
use crate::entity::id::{ExperimentId, RunId};
use crate::entity::limits::Limits;
use crate::entity::{RunInfo, RunRecord};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::format::record::Record;
use crate::log::{RunGate, State, check_run_writable};
use crate::run::shared::RunShared;

/// A handle of a run, which writes and reads it.
///
/// Clones are the same handle, and any thread may use them. Dropping a handle writes nothing.
/// Everything logged stays in the file, and the run stays `RUNNING` unless it was finished.
/// [`Run::is_alive`] detects a run whose process ended without finishing it.
///
/// A finished run can be written again through a new handle, from [`Database::run`].
///
/// # Errors
///
/// All methods that write may fail with:
///
/// - [`ErrorKind::InvalidState`] if the run is deleted, or was finished through this handle.
/// - [`ErrorKind::NotFound`] if the run was purged, for example by [`Database::gc`].
///
/// If another process deletes or purges the run, this process refuses params, tags and batches at
/// once. It may accept points until its next tick. Those points share the fate of the run.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::{RunStatus, Step};
///
/// let run = database.default_experiment()?.start_run("")?;
/// run.log_params([("depth", "3"), ("rate", "0.1")])?;
/// run.log_metrics(&[("loss", 0.7), ("accuracy", 0.5)], 0)?;
/// run.log_metric("loss", 0.4, Step::NEXT)?;
/// assert_eq!(run.statistics("loss")?.map(|loss| loss.min), Some(0.4));
///
/// let id = run.id();
/// run.finish()?;
/// let run = database.run(id)?;
/// assert_eq!(run.info()?.status, RunStatus::Finished);
/// run.set_tag("reviewed", true)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Run(Arc<RunShared>);

impl Run {
    pub(crate) fn new(
        database: Database,
        id: RunId,
        experiment: ExperimentId,
        gate: Arc<RunGate>,
    ) -> Self {
        Run(Arc::new(RunShared::new(database, id, experiment, gate)))
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.0.engine()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    fn limits(&self) -> &Limits {
        &self.engine().limits
    }

    /// Returns the id of the run.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.0.id
    }

    /// Returns the id of the experiment that contains the run.
    #[must_use]
    pub fn experiment_id(&self) -> ExperimentId {
        self.0.experiment
    }

    /// Returns the name of the run.
    pub fn name(&self) -> Result<String> {
        Ok(self.info()?.name)
    }

    /// Returns the name, status, times and experiment.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the run was purged.
    pub fn info(&self) -> Result<RunInfo> {
        let id = self.id();
        let found = self.engine().with_index(|index, _| index.run_info(id))?;
        found.ok_or_else(|| self.engine().locate(no_such_run(id)))
    }

    /// Returns the info with params, tags and the latest point of each metric.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the run was purged.
    pub fn record(&self) -> Result<RunRecord> {
        self.0.database.record_of(self.id())
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        self.0.check_open()
    }

    /// Appends the records that `build` returns for the state, unless the run is deleted.
    pub(crate) fn write(&self, mut build: impl FnMut(&State) -> Result<Vec<Record>>) -> Result<()> {
        self.0.check_open()?;
        self.engine().append(|state, _| {
            check_run_writable(state, self.id())?;
            Ok((build(state)?, ()))
        })
    }

    /// Returns the answer. If it is empty because the run was purged, returns that error instead.
    pub(crate) fn unless_purged<T>(&self, answer: T, is_empty: fn(&T) -> bool) -> Result<T> {
        if is_empty(&answer) {
            self.info()?;
        }
        Ok(answer)
    }

    /// Marks the run as deleted.
    ///
    /// [`Run::restore`] undoes this, until [`Database::gc`] purges the run.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let run = database.default_experiment()?.start_run("")?;
    /// run.delete()?;
    /// assert!(run.log_metric("loss", 0.5, 0).is_err());
    /// run.restore()?;
    /// run.log_metric("loss", 0.5, 0)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the run was purged.
    pub fn delete(&self) -> Result<()> {
        self.0.database.delete_run(self.id())
    }

    /// Restores the run if it is deleted.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the run was purged.
    pub fn restore(&self) -> Result<()> {
        self.0.database.restore_run(self.id())
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Run").field(&self.id()).finish()
    }
}
