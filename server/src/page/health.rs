//! The health of runs as words.

use tracklite::{Database, RunHealth, RunId};

use crate::failure::Outcome;

/// Returns the health of a run.
pub(super) fn of_run(database: &Database, run: RunId) -> Outcome<&'static str> {
    let health = database.run_health(&[run])?;
    Ok(health.first().copied().map_or("", RunHealth::as_str))
}
