//! Logged models: models created by runs, with their own params, tags and metrics.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Lifecycle;
use crate::entity::id::{ExperimentId, LoggedModelId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// The status of a logged model, as defined by MLflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LoggedModelStatus {
    /// Unknown.
    Unspecified,
    /// Being written.
    Pending,
    /// Complete.
    Ready,
    /// Failed.
    Failed,
}

impl LoggedModelStatus {
    /// All statuses, in the order of MLflow's numbers 0 to 3.
    pub const ALL: [LoggedModelStatus; 4] = [
        LoggedModelStatus::Unspecified,
        LoggedModelStatus::Pending,
        LoggedModelStatus::Ready,
        LoggedModelStatus::Failed,
    ];

    /// Returns MLflow's name: `UNSPECIFIED`, `PENDING`, `READY` or `FAILED`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LoggedModelStatus::Unspecified => "UNSPECIFIED",
            LoggedModelStatus::Pending => "PENDING",
            LoggedModelStatus::Ready => "READY",
            LoggedModelStatus::Failed => "FAILED",
        }
    }
}

impl fmt::Display for LoggedModelStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LoggedModelStatus {
    type Err = Error;

    /// Parses MLflow's name, ignoring case.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such status.
    fn from_str(text: &str) -> Result<Self> {
        let mut all = LoggedModelStatus::ALL.into_iter();
        all.find(|status| status.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
            let message = format!(
                "unknown logged model status {text:?}: expected UNSPECIFIED, PENDING, READY or \
                 FAILED"
            );
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

/// A metric value measured for a logged model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoggedModelMetric {
    /// The metric's key.
    pub key: String,
    /// The value, bit for bit as logged.
    pub value: f64,
    /// The training step.
    pub step: i64,
    /// The time of the measurement.
    pub time: Timestamp,
    /// The run that measured it.
    pub run: Option<RunId>,
    /// The name and digest of the dataset on which it was measured.
    pub dataset: Option<(String, String)>,
}

impl LoggedModelMetric {
    /// Creates a value measured now, without a dataset.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<f64>, step: i64) -> Self {
        let (key, value, time) = (key.into(), value.into(), Timestamp::now());
        LoggedModelMetric { key, value, step, time, run: None, dataset: None }
    }

    /// Sets the time of the measurement.
    #[must_use]
    pub fn time(mut self, time: Timestamp) -> Self {
        self.time = time;
        self
    }

    /// Sets the run that measured the value.
    #[must_use]
    pub fn run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// Sets the dataset on which the value was measured.
    #[must_use]
    pub fn dataset(mut self, name: impl Into<String>, digest: impl Into<String>) -> Self {
        self.dataset = Some((name.into(), digest.into()));
        self
    }
}

/// A logged model as stored in the file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoggedModelInfo {
    /// The model's id.
    pub id: LoggedModelId,
    /// The experiment that holds it.
    pub experiment: ExperimentId,
    /// The name, given or generated. Names need not be unique.
    pub name: String,
    /// The kind of model, as given by the user.
    pub model_type: Option<String>,
    /// The run that created it: its id, or any other text.
    ///
    /// The run need not exist. See [`LoggedModelInfo::source_run_id`].
    pub source_run: Option<String>,
    /// The status.
    pub status: LoggedModelStatus,
    /// A message that explains the status.
    pub status_message: Option<String>,
    /// The creation time.
    pub created: Timestamp,
    /// The time of the last change. Metrics, params and tags do not count (MLflow's rule).
    pub updated: Timestamp,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// The params by key.
    pub params: BTreeMap<String, String>,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
    /// All measured values, in the order of logging.
    pub metrics: Vec<LoggedModelMetric>,
    /// The signature as MLflow's JSON. See [`Signature`](crate::logged_model::Signature).
    pub signature: Option<String>,
    /// An example of the input, as JSON.
    pub input_example: Option<String>,
}

impl LoggedModelInfo {
    /// Returns the source run as the id of a run, or `None` if it is another text.
    ///
    /// Such a run may be in another file, or be deleted.
    #[must_use]
    pub fn source_run_id(&self) -> Option<RunId> {
        self.source_run.as_deref().and_then(RunId::displayed_as)
    }
}
