//! Runs: what a training program logs to, and what others read.

pub(crate) mod batch;
pub(crate) mod history;
pub(crate) mod inputs;
pub(crate) mod keys;
pub(crate) mod lifecycle;
pub(crate) mod metric;
pub(crate) mod params;
pub(crate) mod records;
pub(crate) mod search;
pub(crate) mod search_all;
pub(crate) mod shared;
pub(crate) mod start;
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
use crate::error::Result;
use crate::format::record::Record;
use crate::log::{RunGate, State, check_run_writable};
use crate::run::shared::RunShared;

/// A run: the handle through which it is written and read.
///
/// Clones are the same handle; any thread may use them. Dropping a handle writes nothing: the run
/// stays as it was written, `RUNNING` unless it was finished, and everything logged is there.
/// When its process ends without finishing it, [`Run::is_alive`] tells.
///
/// Writing to a run that has ended is allowed, by a handle made since; to a deleted one it is
/// [`ErrorKind::InvalidState`], and to one that `gc` has removed [`ErrorKind::NotFound`]. When
/// another process deletes or removes it, params, tags and batches are refused at once, points as
/// soon as this process has heard of it: with the next tick at the latest. Points that were taken
/// until then are gone with the run.
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
/// assert_eq!(run.statistics("loss")?.map(|it| it.min), Some(0.4));
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

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.0.id
    }

    /// The experiment that holds the run.
    #[must_use]
    pub fn experiment_id(&self) -> ExperimentId {
        self.0.experiment
    }

    /// The run's name.
    pub fn name(&self) -> Result<String> {
        Ok(self.info()?.name)
    }

    /// Name, status, times and place, as they are in the file now. Asks the index.
    pub fn info(&self) -> Result<RunInfo> {
        let id = self.id();
        let found = self.engine().with_index(|index, _| index.run_info(id))?;
        found.ok_or_else(|| self.engine().locate(no_such_run(id)))
    }

    /// The run with its params, tags and the latest point of each metric.
    pub fn record(&self) -> Result<RunRecord> {
        self.0.database.record_of(self.id())
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        self.0.check_open()
    }

    /// Appends what `build` makes of the state, unless the run is deleted.
    pub(crate) fn write(&self, mut build: impl FnMut(&State) -> Result<Vec<Record>>) -> Result<()> {
        self.0.check_open()?;
        let appended = self.engine().append(|state, _| {
            check_run_writable(state, self.id())?;
            Ok((build(state)?, ()))
        });
        appended
    }

    /// What was read; when that is nothing because the run was purged, the error that says so.
    pub(crate) fn unless_purged<T>(&self, answer: T, is_empty: fn(&T) -> bool) -> Result<T> {
        if is_empty(&answer) {
            self.info()?;
        }
        Ok(answer)
    }

    /// Marks the run deleted; it can be restored until `gc` purges it.
    pub fn delete(self) -> Result<()> {
        self.0.database.delete_run(self.id())
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Run").field(&self.id()).finish()
    }
}
