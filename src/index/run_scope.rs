//! A set of runs, as a condition of SQL.

use crate::entity::id::{ExperimentId, RunId};

/// A set of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunScope {
    /// All runs.
    All,
    /// Active runs of active experiments.
    Active,
    /// Active runs of this experiment.
    ActiveOf(ExperimentId),
    /// This run, whether deleted or not.
    One(RunId),
    /// The runs of the temporary table `found`.
    Found,
}

impl RunScope {
    /// Returns the condition on the table `runs`, and its parameter.
    pub(super) fn condition(self) -> (&'static str, Option<String>) {
        match self {
            RunScope::All => ("1", None),
            RunScope::Active => (
                "runs.lifecycle = 'active' AND EXISTS (SELECT 1 FROM experiments
                 WHERE experiment_id = runs.experiment_id AND lifecycle = 'active')",
                None,
            ),
            RunScope::ActiveOf(id) => (
                "runs.lifecycle = 'active' AND runs.experiment_id = CAST(?1 AS INTEGER)",
                Some(id.to_string()),
            ),
            RunScope::One(id) => ("runs.run_id = ?1", Some(id.to_string())),
            RunScope::Found => ("runs.run IN found", None),
        }
    }
}
