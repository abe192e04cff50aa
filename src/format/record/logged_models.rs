//! The records of logged models.

use serde::{Deserialize, Serialize};

use crate::entity::id::{ExperimentId, LoggedModelId, RunId};
use crate::entity::{Lifecycle, LoggedModelStatus};

/// A logged model was created with the status pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelCreated {
    /// The new id.
    pub model: LoggedModelId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// The name.
    pub name: String,
    /// The type of the model.
    pub model_type: Option<String>,
    /// The run that produces it: its id, or any other text.
    pub source_run: Option<String>,
    /// Keys and values.
    pub params: Vec<(String, String)>,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Version 0 of [`LoggedModelCreated`], whose run is an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelCreatedV0 {
    /// The new id.
    pub model: LoggedModelId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// The name.
    pub name: String,
    /// The type of the model.
    pub model_type: Option<String>,
    /// The run that produces it.
    pub source_run: Option<RunId>,
    /// Keys and values.
    pub params: Vec<(String, String)>,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

impl From<LoggedModelCreatedV0> for LoggedModelCreated {
    fn from(old: LoggedModelCreatedV0) -> Self {
        LoggedModelCreated {
            model: old.model,
            experiment: old.experiment,
            name: old.name,
            model_type: old.model_type,
            source_run: old.source_run.map(|run| run.to_string()),
            params: old.params,
            tags: old.tags,
            time: old.time,
        }
    }
}

/// The status of a logged model changed. `None` leaves a field unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelUpdated {
    /// The model.
    pub model: LoggedModelId,
    /// The new status.
    pub status: Option<LoggedModelStatus>,
    /// The message of the status.
    pub status_message: Option<String>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Params of a logged model were set, each for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelParamsSet {
    /// The model.
    pub model: LoggedModelId,
    /// Keys and values.
    pub params: Vec<(String, String)>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Tags of a logged model were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelTagsSet {
    /// The model.
    pub model: LoggedModelId,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A tag of a logged model was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelTagDeleted {
    /// The model.
    pub model: LoggedModelId,
    /// The key.
    pub key: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A value of a metric of a logged model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredMetric {
    /// The metric's key.
    pub key: String,
    /// The value.
    pub value: f64,
    /// The training step.
    pub step: i64,
    /// The time of the measurement.
    pub time: i64,
    /// The run that measured it.
    pub run: Option<RunId>,
    /// The name and digest of the dataset on which it was measured.
    pub dataset: Option<(String, String)>,
}

/// Metrics of a logged model were logged.
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
    /// The new lifecycle.
    pub lifecycle: Lifecycle,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The signature of a logged model was set. A later record replaces all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelSignatureSet {
    /// The model.
    pub model: LoggedModelId,
    /// The signature, as MLflow's JSON.
    pub signature: Option<String>,
    /// An example of the input, as JSON.
    pub input_example: Option<String>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Deleted logged models were removed permanently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedModelsPurged {
    /// The models.
    pub models: Vec<LoggedModelId>,
}
