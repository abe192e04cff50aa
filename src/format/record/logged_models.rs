//! The records of logged models.

use serde::{Deserialize, Serialize};

use crate::entity::id::{ExperimentId, LoggedModelId, RunId};
use crate::entity::{Lifecycle, LoggedModelStatus};

/// A logged model was created; its status is pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelCreated {
    /// The new id.
    pub model: LoggedModelId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// The name.
    pub name: String,
    /// What kind of model it is.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run: Option<RunId>,
    /// Keys and values.
    pub params: Vec<(String, String)>,
    /// Keys and values; a later one wins.
    pub tags: Vec<(String, String)>,
    /// When, in nanoseconds since the epoch.
    pub time: i64,
}

/// The status of a logged model changed; `None` leaves a field as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelUpdated {
    /// The model.
    pub model: LoggedModelId,
    /// The new status.
    pub status: Option<LoggedModelStatus>,
    /// What is to be said of it.
    pub status_message: Option<String>,
    /// When.
    pub time: i64,
}

/// Params of a logged model were set, each for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelParamsSet {
    /// The model.
    pub model: LoggedModelId,
    /// Keys and values.
    pub params: Vec<(String, String)>,
    /// When.
    pub time: i64,
}

/// Tags of a logged model were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelTagsSet {
    /// The model.
    pub model: LoggedModelId,
    /// Keys and values; a later one wins.
    pub tags: Vec<(String, String)>,
    /// When.
    pub time: i64,
}

/// A tag of a logged model was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelTagDeleted {
    /// The model.
    pub model: LoggedModelId,
    /// The key.
    pub key: String,
    /// When.
    pub time: i64,
}

/// One value that was measured of a logged model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredMetric {
    /// The metric's key.
    pub key: String,
    /// The value.
    pub value: f64,
    /// The training step.
    pub step: i64,
    /// When it was measured.
    pub time: i64,
    /// The run that measured it.
    pub run: Option<RunId>,
    /// Name and digest of the dataset on which it was measured.
    pub dataset: Option<(String, String)>,
}

/// Values were measured of a logged model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedModelMetricsLogged {
    /// The model.
    pub model: LoggedModelId,
    /// The values.
    pub metrics: Vec<MeasuredMetric>,
}

/// A logged model was deleted or restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelLifecycleSet {
    /// The model.
    pub model: LoggedModelId,
    /// What it is now.
    pub lifecycle: Lifecycle,
    /// When.
    pub time: i64,
}

/// What a logged model takes and gives was said; a later record holds as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelSignatureSet {
    /// The model.
    pub model: LoggedModelId,
    /// The signature, as MLflow's JSON.
    pub signature: Option<String>,
    /// An example of the input, as JSON.
    pub input_example: Option<String>,
    /// When.
    pub time: i64,
}

/// Deleted logged models are gone for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelsPurged {
    /// The models.
    pub models: Vec<LoggedModelId>,
}
