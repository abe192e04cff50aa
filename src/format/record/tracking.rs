//! The records of tracking: experiments and runs, their params, tags, inputs and outputs.

use serde::{Deserialize, Serialize};

use super::Incarnation;
use crate::entity::id::{ExperimentId, RunId};
use crate::entity::{Lifecycle, RunStatus};

/// An experiment was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentCreated {
    /// The new id.
    pub experiment: ExperimentId,
    /// The unique path.
    pub path: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An experiment was renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentRenamed {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The new path.
    pub path: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A folder of experiments was made, which exists without any experiment in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderMade {
    /// The path, without a slash at its end.
    pub path: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A folder that was made is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderRemoved {
    /// The path.
    pub path: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An experiment was deleted or restored, together with all its runs (MLflow's cascade).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentLifecycleSet {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The new lifecycle.
    pub lifecycle: Lifecycle,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Tags of an experiment were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentTagsSet {
    /// The experiment.
    pub experiment: ExperimentId,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A tag of an experiment was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentTagDeleted {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The key.
    pub key: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A run was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The new id.
    pub run: RunId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// The writer that started it, or `None` if it was copied from another file.
    pub incarnation: Option<Incarnation>,
    /// The name.
    pub name: String,
    /// The parent of a nested run.
    pub parent: Option<RunId>,
    /// The user.
    pub user: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A writer resumed an existing run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// The run.
    pub run: RunId,
    /// The writer.
    pub incarnation: Incarnation,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The name, status or end of a run changed. `None` leaves a field unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUpdated {
    /// The run.
    pub run: RunId,
    /// The new name.
    pub name: Option<String>,
    /// The new status.
    pub status: Option<RunStatus>,
    /// The new end. The inner `None` clears it.
    pub ended: Option<Option<i64>>,
}

/// A run was deleted or restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLifecycleSet {
    /// The run.
    pub run: RunId,
    /// The new lifecycle.
    pub lifecycle: Lifecycle,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Params of a run were set, each for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamsSet {
    /// The run.
    pub run: RunId,
    /// Keys and values.
    pub params: Vec<(String, String)>,
}

/// Tags of a run were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagsSet {
    /// The run.
    pub run: RunId,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
}

/// A tag of a run was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagDeleted {
    /// The run.
    pub run: RunId,
    /// The key.
    pub key: String,
}

/// Deleted runs and experiments were removed permanently. Their data is no longer read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// The runs.
    pub runs: Vec<RunId>,
    /// The experiments. All their runs are in `runs` or were purged before.
    pub experiments: Vec<ExperimentId>,
}

/// A dataset that a run used, with the tags of this use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetLogged {
    /// The name. With the digest, it identifies the dataset in the run's experiment.
    pub name: String,
    /// The digest.
    pub digest: String,
    /// The type of the source.
    pub source_type: String,
    /// The source.
    pub source: String,
    /// The description of its columns.
    pub schema: Option<String>,
    /// The summary of its contents.
    pub profile: Option<String>,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
}

/// A run used datasets and logged models.
///
/// Inputs that the run already has stay unchanged. The experiment's first record of a dataset
/// determines its fields other than name and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputsLogged {
    /// The run.
    pub run: RunId,
    /// The datasets.
    pub datasets: Vec<DatasetLogged>,
    /// The ids of the models.
    pub models: Vec<String>,
}

/// A run produced logged models. A model that the run already has at this step is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputsLogged {
    /// The run.
    pub run: RunId,
    /// The id and the training step of each model.
    pub models: Vec<(String, i64)>,
}
