//! Runs: executions of a training program, with their inputs and results.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DatasetInput, MetricPoint, ModelOutput};
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// The status of a run, as defined by MLflow.
///
/// This is the last status written, not an observation. A run whose process was killed stays
/// `Running` (see `Run::is_alive`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RunStatus {
    /// Started and not ended.
    Running,
    /// Waiting for a scheduler to start it.
    Scheduled,
    /// Ended successfully.
    Finished,
    /// Ended with an error.
    Failed,
    /// Stopped from outside.
    Killed,
}

impl RunStatus {
    /// All statuses, in the order of MLflow's numbers 1 to 5.
    pub const ALL: [RunStatus; 5] = [
        RunStatus::Running,
        RunStatus::Scheduled,
        RunStatus::Finished,
        RunStatus::Failed,
        RunStatus::Killed,
    ];

    /// Returns MLflow's name: `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Running => "RUNNING",
            RunStatus::Scheduled => "SCHEDULED",
            RunStatus::Finished => "FINISHED",
            RunStatus::Failed => "FAILED",
            RunStatus::Killed => "KILLED",
        }
    }

    /// Returns whether the run has ended: finished, failed or killed.
    #[must_use]
    pub fn is_terminated(self) -> bool {
        matches!(self, RunStatus::Finished | RunStatus::Failed | RunStatus::Killed)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RunStatus {
    type Err = Error;

    /// Parses MLflow's name, ignoring case.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such status.
    fn from_str(text: &str) -> Result<Self> {
        let found =
            RunStatus::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "unknown run status {text:?}: expected RUNNING, SCHEDULED, FINISHED, FAILED or \
                     KILLED"
                ),
            )
        })
    }
}

/// Whether a run or experiment is deleted. Until `gc` purges it, it can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lifecycle {
    /// In use.
    Active,
    /// Marked as deleted: read-only, and hidden from lists by default.
    Deleted,
}

impl Lifecycle {
    /// Returns MLflow's name: `active` or `deleted`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Lifecycle::Active => "active",
            Lifecycle::Deleted => "deleted",
        }
    }
}

/// A run without its params, tags and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInfo {
    /// The id.
    pub id: RunId,
    /// The experiment that holds it.
    pub experiment: ExperimentId,
    /// The name, given or generated. Names need not be unique.
    pub name: String,
    /// The run in which this one is nested.
    pub parent: Option<RunId>,
    /// The user who started it.
    pub user: String,
    /// The last status written.
    pub status: RunStatus,
    /// The start time.
    pub started: Timestamp,
    /// The end time, if the run has ended.
    pub ended: Option<Timestamp>,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
}

/// A run with its params, tags, latest metrics, inputs and outputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunRecord {
    /// The name, status, times and experiment.
    pub info: RunInfo,
    /// The params by key.
    pub params: BTreeMap<String, String>,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
    /// The latest point of each metric by key.
    pub metrics: BTreeMap<String, MetricPoint>,
    /// The datasets used as inputs, in the order of logging.
    pub datasets: Vec<DatasetInput>,
    /// The ids of the logged models used as inputs, in the order of logging.
    pub model_inputs: Vec<String>,
    /// The models created by the run, in the order of logging.
    pub model_outputs: Vec<ModelOutput>,
}

impl RunRecord {
    /// Creates a record of a run about which only `info` is known.
    pub(crate) fn new(info: RunInfo) -> Self {
        RunRecord {
            info,
            params: BTreeMap::new(),
            tags: BTreeMap::new(),
            metrics: BTreeMap::new(),
            datasets: Vec::new(),
            model_inputs: Vec::new(),
            model_outputs: Vec::new(),
        }
    }
}
