//! Checks before something is logged.

use crate::entity::id::{RunId, no_such_run};
use crate::error::{Error, ErrorKind, Result};
use crate::format::ROW_VALUES_MAX;
use crate::format::slot;

use super::state::State;

/// Fails if the run is deleted or purged.
pub(crate) fn check_run_writable(state: &State, run: RunId) -> Result<()> {
    match state.runs.get(&run) {
        Some(held) if held.purged => Err(no_such_run(run)),
        Some(held) if held.lifecycle == crate::entity::Lifecycle::Deleted => {
            Err(run_is_deleted(run))
        }
        _ => Ok(()),
    }
}

/// Returns the error for a write to a deleted run.
pub(crate) fn run_is_deleted(run: RunId) -> Error {
    Error::new(
        ErrorKind::InvalidState,
        format!(
            "The run {run} must be in the 'active' state. Current state is deleted. Restore it \
             first."
        ),
    )
}

/// Fails unless a row has 1 to [`ROW_VALUES_MAX`] values.
pub(crate) fn check_row_length(count: usize) -> Result<()> {
    if (1..=ROW_VALUES_MAX).contains(&count) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("row has {count} values, expected 1 to {ROW_VALUES_MAX}"),
    ))
}

pub(super) fn check_id(last: u64) -> Result<()> {
    if last < u64::from(slot::ROW_FLAG) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        "this process has defined 2^31 metrics, which is the maximum; close and reopen the file",
    ))
}
