//! What holds artifacts.

use serde::{Deserialize, Serialize};

use crate::id::{LoggedModelId, RegisteredModelId, RunId};

/// What a tree of artifacts belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ArtifactOwner {
    /// A run.
    Run(RunId),
    /// A logged model.
    LoggedModel(LoggedModelId),
    /// A version of a registered model; its files never change.
    ModelVersion {
        /// The registered model.
        model: RegisteredModelId,
        /// The number of the version, from 1.
        version: u64,
    },
}
