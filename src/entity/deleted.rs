//! Runs, experiments and logged models that are marked deleted.

use crate::entity::id::{ExperimentId, LoggedModelId, RunId};

/// Runs, experiments and logged models that are marked deleted, or are to be purged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Runs, by id.
    pub runs: Vec<RunId>,
    /// Experiments, by id.
    pub experiments: Vec<ExperimentId>,
    /// Logged models, the oldest first.
    pub logged_models: Vec<LoggedModelId>,
}
