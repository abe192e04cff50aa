//! Runs of a database: looked up, listed, resumed, deleted and restored.

use crate::database::Database;
use crate::engine::guards::no_such_run;
use crate::engine::points::keep_latest;
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::{Lifecycle, RunRecord, RunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{RunLifecycleSet, RunResumed, RunUpdated};
use crate::index::RunScope;
use crate::run::Run;

impl Database {
    /// A handle of the run: reads what is there now, and writes when asked to.
    ///
    /// It writes nothing by itself, also to a run that has ended; to go on with one as its writer
    /// see [`Database::resume_run`]. No such run is [`ErrorKind::NotFound`].
    pub fn run(&self, id: RunId) -> Result<Run> {
        let (experiment, gate) = self.hold_run(id)?;
        Ok(Run::new(self.clone(), id, experiment, gate))
    }

    /// Goes on with a run: its status becomes `RUNNING`, its end is cleared, and it belongs to
    /// this process (see [`Run::is_alive`]), whoever had it before.
    ///
    /// A deleted run is [`ErrorKind::InvalidState`].
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

    /// The run whose id begins so. None is [`ErrorKind::NotFound`], several are
    /// [`ErrorKind::InvalidInput`].
    pub fn find_run(&self, prefix: &str) -> Result<RunId> {
        let prefix = prefix.to_ascii_lowercase();
        let is_hex =
            (1..=32).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = match is_hex {
            true => self.engine().with_index(|index, _| index.runs_by_prefix(&prefix))?,
            false => Vec::new(),
        };
        let (kind, message) = match found[..] {
            [id] => return Ok(id),
            [] => (ErrorKind::NotFound, format!("there is no run whose id begins with {prefix:?}")),
            _ => {
                let message = format!("several run ids begin with {prefix:?}: give more digits");
                (ErrorKind::InvalidInput, message)
            }
        };
        Err(self.engine().locate(Error::new(kind, message)))
    }

    /// Active runs of active experiments, the newest first, with params, tags and latest metrics.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        self.run_records(RunScope::Active)
    }

    /// All runs, deleted ones too, the newest first, with params, tags and latest metrics.
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
        // Live points first: one that is sealed in between is then found in the index.
        let only = if let RunScope::One(id) = scope { Some(id) } else { None };
        let live = self.engine().live_latest(only)?;
        let mut records = self.engine().with_index(|index, _| index.run_records(scope))?;
        for record in &mut records {
            for (key, point) in live.get(&record.info.id).into_iter().flatten() {
                keep_latest(&mut record.metrics, key, *point);
            }
        }
        Ok(records)
    }

    /// Marks a run deleted; nothing happens to one that is deleted already, nor to runs nested in
    /// it. It takes no more writes, can be read, and is restored by [`Database::restore_run`]
    /// until [`Database::gc`] removes it. No such run is [`ErrorKind::NotFound`].
    pub fn delete_run(&self, id: RunId) -> Result<()> {
        self.set_run_lifecycle(id, Lifecycle::Deleted)
    }

    /// Restores a deleted run; nothing happens to an active one.
    pub fn restore_run(&self, id: RunId) -> Result<()> {
        self.set_run_lifecycle(id, Lifecycle::Active)
    }

    fn set_run_lifecycle(&self, id: RunId, lifecycle: Lifecycle) -> Result<()> {
        let _held = self.run(id)?;
        let appended = self.engine().append(|state, _| {
            let held = state.runs.get(&id).filter(|held| !held.purged);
            let held = held.ok_or_else(|| no_such_run(id))?;
            if held.lifecycle == lifecycle {
                return Ok((Vec::new(), ()));
            }
            let time = Timestamp::now_nanos();
            Ok((vec![RunLifecycleSet { run: id, lifecycle, time }.into()], ()))
        });
        appended
    }
}
