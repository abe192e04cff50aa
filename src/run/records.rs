//! Runs of a database: lookup, listing, resuming, deletion.

use crate::database::Database;
use crate::engine::guards::no_such_run;
use crate::engine::live::keep_latest;
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::{Lifecycle, RunRecord, RunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{RunLifecycleSet, RunResumed, RunUpdated};
use crate::index::RunScope;
use crate::run::Run;

impl Database {
    /// Returns a handle of the run with this id, even a deleted or finished one.
    ///
    /// Writes nothing. To continue a run as its writer, see [`Database::resume_run`].
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such run.
    pub fn run(&self, id: RunId) -> Result<Run> {
        let (experiment, gate) = self.hold_run(id)?;
        Ok(Run::new(self.clone(), id, experiment, gate))
    }

    /// Resumes a run: sets its status to `RUNNING`, clears its end time, and makes this process one
    /// of its writers.
    ///
    /// See [`Run::is_alive`].
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such run.
    /// - [`ErrorKind::InvalidState`] if the run is deleted.
    pub fn resume_run(&self, id: RunId) -> Result<Run> {
        let run = self.run(id)?;
        let appended = self.engine().append(|state, _| {
            crate::log::check_run_writable(state, id)?;
            let writer = self.engine().log.check_usable()?;
            let time = Timestamp::now_nanos();
            let status = Some(RunStatus::Running);
            let updated = RunUpdated { run: id, name: None, status, ended: Some(None) };
            let resumed = RunResumed { run: id, incarnation: writer.incarnation, time };
            Ok((vec![resumed.into(), updated.into()], ()))
        });
        appended?;
        Ok(run)
    }

    /// Returns a handle of the only run whose id begins with these hexadecimal digits.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if no id begins with the prefix.
    /// - [`ErrorKind::InvalidInput`] if several ids begin with it.
    pub fn run_by_prefix(&self, prefix: &str) -> Result<Run> {
        let prefix = prefix.to_ascii_lowercase();
        let is_hex =
            (1..=32).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = match is_hex {
            true => self.engine().with_index(|index, _| index.runs_by_prefix(&prefix))?,
            false => Vec::new(),
        };
        let (kind, message) = match found[..] {
            [id] => return self.run(id),
            [] => (ErrorKind::NotFound, format!("there is no run whose id begins with {prefix:?}")),
            _ => {
                let message = format!("several run ids begin with {prefix:?}: give more digits");
                (ErrorKind::InvalidInput, message)
            }
        };
        Err(self.engine().locate(Error::new(kind, message)))
    }

    /// Returns the active runs of active experiments, newest first, with params, tags and latest
    /// metrics.
    ///
    /// [`Database::search_runs`] returns selected runs page by page.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        self.run_records(RunScope::Active)
    }

    /// Returns all runs, deleted ones too, newest first, with params, tags and latest metrics.
    pub fn all_runs(&self) -> Result<Vec<RunRecord>> {
        self.run_records(RunScope::All)
    }

    pub(crate) fn runs_of(&self, experiment: ExperimentId) -> Result<Vec<RunRecord>> {
        self.run_records(RunScope::ActiveOf(experiment))
    }

    pub(crate) fn record_of(&self, id: RunId) -> Result<RunRecord> {
        let found = self.run_records(RunScope::One(id))?;
        found.into_iter().next().ok_or_else(|| self.engine().locate(no_such_run(id)))
    }

    fn run_records(&self, scope: RunScope) -> Result<Vec<RunRecord>> {
        let only = if let RunScope::One(id) = scope { Some(id) } else { None };
        self.engine().with_points(|live, index, _| {
            let live = live.latest(only);
            let mut records = index.run_records(scope)?;
            for record in &mut records {
                for (key, point) in live.get(&record.info.id).into_iter().flatten() {
                    keep_latest(&mut record.metrics, key, *point);
                }
            }
            Ok(records)
        })
    }

    /// Marks a run as deleted. Deleting a deleted run has no effect.
    ///
    /// A deleted run can be read but not written. [`Database::restore_run`] restores it, until
    /// [`Database::gc`] purges it. Runs nested in it do not change.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such run.
    pub fn delete_run(&self, id: RunId) -> Result<()> {
        self.set_run_lifecycle(id, Lifecycle::Deleted)
    }

    /// Restores a deleted run. Restoring an active run has no effect.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such run.
    pub fn restore_run(&self, id: RunId) -> Result<()> {
        self.set_run_lifecycle(id, Lifecycle::Active)
    }

    fn set_run_lifecycle(&self, id: RunId, lifecycle: Lifecycle) -> Result<()> {
        let _held = self.run(id)?;
        self.engine().append(|state, _| {
            let held = state.runs.get(&id).filter(|held| !held.purged);
            let held = held.ok_or_else(|| no_such_run(id))?;
            if held.lifecycle == lifecycle {
                return Ok((Vec::new(), ()));
            }
            let time = Timestamp::now_nanos();
            Ok((vec![RunLifecycleSet { run: id, lifecycle, time }.into()], ()))
        })
    }
}
