//! The records of what users see: experiments and runs, their params, tags, inputs and outputs.

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
    /// When, in nanoseconds since the epoch.
    pub time: i64,
}

/// An experiment was renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentRenamed {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The new path.
    pub path: String,
    /// When.
    pub time: i64,
}

/// An experiment was deleted or restored, and with it all its runs (MLflow's cascade).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentLifecycleSet {
    /// The experiment.
    pub experiment: ExperimentId,
    /// What it is now.
    pub lifecycle: Lifecycle,
    /// When.
    pub time: i64,
}

/// Tags of an experiment were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentTagsSet {
    /// The experiment.
    pub experiment: ExperimentId,
    /// Keys and values; a later one wins.
    pub tags: Vec<(String, String)>,
    /// When.
    pub time: i64,
}

/// A tag of an experiment was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentTagDeleted {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The key.
    pub key: String,
    /// When.
    pub time: i64,
}

/// A run was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The new id.
    pub run: RunId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// The writer that started it; `None` when it was copied from another file.
    pub incarnation: Option<Incarnation>,
    /// The name.
    pub name: String,
    /// The run that it is nested in.
    pub parent: Option<RunId>,
    /// The user.
    pub user: String,
    /// When.
    pub time: i64,
}

/// A writer goes on with a run that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// The run.
    pub run: RunId,
    /// The writer.
    pub incarnation: Incarnation,
    /// When.
    pub time: i64,
}

/// Name, status or end of a run changed; `None` leaves a field as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUpdated {
    /// The run.
    pub run: RunId,
    /// The new name.
    pub name: Option<String>,
    /// The new status.
    pub status: Option<RunStatus>,
    /// The new end; the inner `None` clears it.
    pub ended: Option<Option<i64>>,
}

/// A run was deleted or restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLifecycleSet {
    /// The run.
    pub run: RunId,
    /// What it is now.
    pub lifecycle: Lifecycle,
    /// When.
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
    /// Keys and values; a later one wins.
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

/// Deleted runs and experiments are gone for good: their names and points are not read any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// The runs.
    pub runs: Vec<RunId>,
    /// The experiments; all their runs are among `runs` or purged before.
    pub experiments: Vec<ExperimentId>,
}

/// A dataset that a run was given, and the tags of this use of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetLogged {
    /// The name; with the digest it identifies the dataset in the run's experiment.
    pub name: String,
    /// The digest.
    pub digest: String,
    /// What kind of source it has.
    pub source_type: String,
    /// Where it comes from.
    pub source: String,
    /// What its columns are.
    pub schema: Option<String>,
    /// What it amounts to.
    pub profile: Option<String>,
    /// Keys and values; a later one wins.
    pub tags: Vec<(String, String)>,
}

/// Datasets and logged models that a run was given. What it has already stays as it is, and what
/// a dataset says beside its name and digest holds as the experiment's first record of it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputsLogged {
    /// The run.
    pub run: RunId,
    /// The datasets.
    pub datasets: Vec<DatasetLogged>,
    /// The ids of the models.
    pub models: Vec<String>,
}

/// Logged models that a run has made; one that it has already at this step is no second one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputsLogged {
    /// The run.
    pub run: RunId,
    /// The id of each model, and the training step.
    pub models: Vec<(String, i64)>,
}
