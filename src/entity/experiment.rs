//! Experiments: collections of runs, identified by a path.

use std::collections::BTreeMap;

use super::Lifecycle;
use crate::entity::id::{ExperimentId, Timestamp};

/// An experiment as stored in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExperimentInfo {
    /// The id, which does not change when the experiment is renamed.
    pub id: ExperimentId,
    /// The unique path, such as `/Shared/team/churn`. The default experiment is named `Default`.
    pub path: String,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// The creation time.
    pub created: Timestamp,
    /// The time at which the path or lifecycle last changed. Tags do not count (MLflow's rule).
    pub updated: Timestamp,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
}

/// The direct contents of a folder of experiments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExperimentFolder {
    /// The path of the folder, such as `/Shared/team`. The root is `/`.
    pub path: String,
    /// The paths of its subfolders, sorted: those that contain experiments at any depth, and those
    /// that were made.
    pub folders: Vec<String>,
    /// The experiments directly in it, including deleted ones, sorted by path.
    pub experiments: Vec<ExperimentInfo>,
}
