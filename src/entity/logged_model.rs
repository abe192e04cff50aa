//! Logged models: what a run has made, with params, tags and metrics of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Lifecycle;
use crate::entity::id::{ExperimentId, LoggedModelId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// How far a logged model has come, in MLflow's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LoggedModelStatus {
    /// Nobody has said.
    Unspecified,
    /// Being written.
    Pending,
    /// Whole.
    Ready,
    /// Given up.
    Failed,
}

impl LoggedModelStatus {
    /// Every status, in MLflow's order of numbers 0 to 3.
    pub const ALL: [LoggedModelStatus; 4] = [
        LoggedModelStatus::Unspecified,
        LoggedModelStatus::Pending,
        LoggedModelStatus::Ready,
        LoggedModelStatus::Failed,
    ];

    /// MLflow's word in capitals: `UNSPECIFIED`, `PENDING`, `READY` or `FAILED`.
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

    /// Reads MLflow's word in any case; any other text is [`ErrorKind::InvalidInput`].
    fn from_str(text: &str) -> Result<Self> {
        let mut all = LoggedModelStatus::ALL.into_iter();
        all.find(|it| it.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
            let message = format!(
                "{text:?} is not the status of a logged model: UNSPECIFIED, PENDING, READY or \
                 FAILED"
            );
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

/// A value that was measured of a logged model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoggedModelMetric {
    /// The metric's key.
    pub key: String,
    /// The value, bit for bit as logged.
    pub value: f64,
    /// The training step.
    pub step: i64,
    /// When it was measured.
    pub time: Timestamp,
    /// The run that measured it.
    pub run: Option<RunId>,
    /// Name and digest of the dataset on which it was measured.
    pub dataset: Option<(String, String)>,
}

impl LoggedModelMetric {
    /// A value that is measured now, on no dataset that has a name.
    #[must_use]
    pub fn new(key: impl Into<String>, value: f64, step: i64) -> Self {
        let (key, time) = (key.into(), Timestamp::now());
        LoggedModelMetric { key, value, step, time, run: None, dataset: None }
    }

    /// The same, measured at this time.
    #[must_use]
    pub fn time(mut self, time: Timestamp) -> Self {
        self.time = time;
        self
    }

    /// The same, measured by this run.
    #[must_use]
    pub fn run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// The same, measured on the dataset of this name and digest.
    #[must_use]
    pub fn dataset(mut self, name: impl Into<String>, digest: impl Into<String>) -> Self {
        self.dataset = Some((name.into(), digest.into()));
        self
    }
}

/// A logged model as it was read from the file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoggedModelInfo {
    /// The model's id.
    pub id: LoggedModelId,
    /// The experiment that holds it.
    pub experiment: ExperimentId,
    /// Its name, given or generated; names need not be unique.
    pub name: String,
    /// What kind of model it is, in the user's words.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run: Option<RunId>,
    /// How far it has come.
    pub status: LoggedModelStatus,
    /// What is to be said of the status.
    pub status_message: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed; metrics, params and tags do not count (MLflow's rule).
    pub updated: Timestamp,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// Params by key.
    pub params: BTreeMap<String, String>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// All values that were measured of it, in the order of logging.
    pub metrics: Vec<LoggedModelMetric>,
    /// Its signature as the JSON of MLflow; see [`Signature`](crate::Signature).
    pub signature: Option<String>,
    /// An example of its input, as JSON.
    pub input_example: Option<String>,
}
