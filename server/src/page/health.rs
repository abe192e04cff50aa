//! The health of runs as words.

use tracklite::{Run, RunStatus};

use crate::failure::Outcome;

/// Returns the health of a run.
pub(super) fn of_run(run: &Run) -> Outcome<&'static str> {
    Ok(match run.info()?.status {
        RunStatus::Running if run.is_alive()? => "running",
        RunStatus::Running => "dead",
        RunStatus::Scheduled => "scheduled",
        RunStatus::Finished => "finished",
        RunStatus::Failed => "failed",
        RunStatus::Killed => "killed",
    })
}
