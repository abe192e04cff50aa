//! The health of runs: whether their processes live and log.

use crate::database::Database;
use crate::engine::Engine;
use crate::engine::guards::no_such_run;
use crate::entity::id::{RunId, Timestamp};
use crate::entity::{RunInfo, RunStatus};
use crate::error::Result;

/// A run is not silent before this time in nanoseconds without a point.
const SILENCE_MIN: i64 = 60 * 1_000_000_000;
/// A run is silent if it logs nothing for this number of its usual intervals.
const SILENT_INTERVALS: i64 = 10;

/// Whether a run is still being logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunHealth {
    /// It has not started.
    Scheduled,
    /// A process that logs it has the file open.
    Running,
    /// As `Running`, but it logged no point for ten times its usual interval, and for a minute.
    Silent,
    /// It has not ended, but no process that logged it has the file open.
    Dead,
    /// It ended well.
    Finished,
    /// It ended with an error.
    Failed,
    /// It was ended from outside.
    Killed,
}

impl RunHealth {
    /// Returns the name in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RunHealth::Scheduled => "scheduled",
            RunHealth::Running => "running",
            RunHealth::Silent => "silent",
            RunHealth::Dead => "dead",
            RunHealth::Finished => "finished",
            RunHealth::Failed => "failed",
            RunHealth::Killed => "killed",
        }
    }
}

impl Database {
    /// Returns the health of each of these runs.
    ///
    /// A dead process is noticed at once, by the lock that the kernel releases when it ends. No
    /// heartbeat is needed. A run that is logged through a server lives as long as the server. On
    /// a network file system no process counts as dead.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::RunHealth;
    ///
    /// let run = database.default_experiment()?.start_run("")?;
    /// let id = run.id();
    /// assert_eq!(database.run_health(&[id])?, [RunHealth::Running]);
    /// run.finish()?;
    /// assert_eq!(database.run_health(&[id])?, [RunHealth::Finished]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if a run does not exist.
    pub fn run_health(&self, runs: &[RunId]) -> Result<Vec<RunHealth>> {
        let engine = self.engine();
        let infos = engine.with_index(|index, _| {
            let info = |run: &RunId| index.run_info(*run)?.ok_or_else(|| no_such_run(*run));
            runs.iter().map(info).collect::<Result<Vec<RunInfo>>>()
        })?;
        let now = Timestamp::now();
        infos.iter().map(|info| engine.located(health(engine, info, now))).collect()
    }
}

fn health(engine: &Engine, info: &RunInfo, now: Timestamp) -> Result<RunHealth> {
    match info.status {
        RunStatus::Scheduled => Ok(RunHealth::Scheduled),
        RunStatus::Finished => Ok(RunHealth::Finished),
        RunStatus::Failed => Ok(RunHealth::Failed),
        RunStatus::Killed => Ok(RunHealth::Killed),
        RunStatus::Running if !has_live_writer(engine, info.id)? => Ok(RunHealth::Dead),
        RunStatus::Running if is_silent(engine, info, now)? => Ok(RunHealth::Silent),
        RunStatus::Running => Ok(RunHealth::Running),
    }
}

/// Returns whether a process that started a run, resumed it or logged metrics to it still has the
/// file open.
pub(super) fn has_live_writer(engine: &Engine, run: RunId) -> Result<bool> {
    let writers = engine.with_index(|index, _| index.writers_of(run))?;
    for writer in writers {
        if engine.log.is_alive(writer.incarnation)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_silent(engine: &Engine, info: &RunInfo, now: Timestamp) -> Result<bool> {
    let latest = engine.with_points(|live, index, _| {
        let sealed = index.metrics(info.id)?.into_iter();
        let live = live.latest(Some(info.id)).into_values().flatten();
        Ok(sealed.chain(live).max_by_key(|(_, point)| point.time))
    })?;
    let Some((key, point)) = latest else { return Ok(false) };
    let silence = now.as_nanos().saturating_sub(point.time.as_nanos());
    if silence < SILENCE_MIN {
        return Ok(false);
    }
    let points = engine.statistics(info.id, &key)?.map_or(1, |statistics| statistics.count);
    let logged = point.time.as_nanos().saturating_sub(info.started.as_nanos());
    let interval = logged / i64::try_from(points).unwrap_or(i64::MAX).max(1);
    Ok(silence / SILENT_INTERVALS > interval)
}
