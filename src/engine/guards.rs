//! Checks of what exists and takes writes, and the errors that they report.

use crate::entity::Lifecycle;
use crate::entity::id::{ExperimentId, RunId};
use crate::error::{Error, ErrorKind, Result};
use crate::log::State;

/// An experiment takes writes unless it is deleted.
pub(crate) fn check_experiment_writable(state: &State, id: ExperimentId) -> Result<()> {
    match state.experiments.get(&id) {
        None => Err(no_such_experiment(id)),
        Some(known) if known.lifecycle == Lifecycle::Deleted => Err(is_deleted(&known.path)),
        Some(_) => Ok(()),
    }
}

pub(crate) fn is_deleted(path: &str) -> Error {
    let message = format!("experiment {path:?} is deleted: restore it first");
    Error::new(ErrorKind::InvalidState, message)
}

pub(crate) fn no_such_experiment(id: ExperimentId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no experiment {id}"))
}

pub(crate) fn no_such_run(id: RunId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no run {id}"))
}
