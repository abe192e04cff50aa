//! Experiments: named by a path, they hold runs.

use std::collections::BTreeMap;

use super::Lifecycle;
use crate::entity::id::{ExperimentId, Timestamp};

/// An experiment as it was read from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExperimentInfo {
    /// The number that stays when the experiment is renamed.
    pub id: ExperimentId,
    /// Its unique path, such as `/Shared/team/churn`; the default one is named `Default`.
    pub path: String,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// When it was created.
    pub created: Timestamp,
    /// When its path or lifecycle changed last; tags do not count (MLflow's rule).
    pub updated: Timestamp,
    /// Its tags by key.
    pub tags: BTreeMap<String, String>,
}

/// What is directly in a folder of experiments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExperimentFolder {
    /// The folder itself, such as `/Shared/team`; `/` holds all.
    pub path: String,
    /// The folders in it that hold experiments at any depth, by path.
    pub folders: Vec<String>,
    /// The experiments in it, deleted ones too, by path.
    pub experiments: Vec<ExperimentInfo>,
}
