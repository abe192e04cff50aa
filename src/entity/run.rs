//! Runs: one execution of a training program, with what it was given and what came out.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DatasetInput, MetricPoint, ModelOutput};
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// How far a run has come, in MLflow's words. It is what was written last, not an observation:
/// a run whose process was killed stays `Running` (see `Run::is_alive`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RunStatus {
    /// Started and not ended.
    Running,
    /// Waiting to be started by a scheduler.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended by an error.
    Failed,
    /// Ended from outside.
    Killed,
}

impl RunStatus {
    /// Every status, in MLflow's order of numbers 1 to 5.
    pub const ALL: [RunStatus; 5] = [
        RunStatus::Running,
        RunStatus::Scheduled,
        RunStatus::Finished,
        RunStatus::Failed,
        RunStatus::Killed,
    ];

    /// MLflow's word in capitals: `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED`, `KILLED`.
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

    /// Whether the run has ended: finished, failed or killed.
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

    /// Reads MLflow's word in any case; any other text is [`ErrorKind::InvalidInput`].
    fn from_str(text: &str) -> Result<Self> {
        let found = RunStatus::ALL.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{text:?} is not a run status: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED"
                ),
            )
        })
    }
}

/// Whether a run or an experiment is deleted. Deleted ones can be restored until `gc` purges them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lifecycle {
    /// In use.
    Active,
    /// Marked deleted: read-only, and left out of lists unless asked for.
    Deleted,
}

impl Lifecycle {
    /// MLflow's word: `active` or `deleted`.
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
    /// The run's id.
    pub id: RunId,
    /// The experiment that holds it.
    pub experiment: ExperimentId,
    /// Its name, given or generated; names need not be unique.
    pub name: String,
    /// The run that it is nested in.
    pub parent: Option<RunId>,
    /// The user who started it.
    pub user: String,
    /// The status written last.
    pub status: RunStatus,
    /// When it started.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
}

impl RunInfo {
    /// Where its artifacts are, below the address of the file.
    pub(crate) fn artifact_uri(&self, root: &str) -> String {
        format!("{root}/{}/{}/artifacts", self.experiment, self.id)
    }
}

/// A run with its params, tags, the latest point of each metric, inputs and outputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunRecord {
    /// Name, status, times and place.
    pub info: RunInfo,
    /// Params by key.
    pub params: BTreeMap<String, String>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// The latest point of each metric by key.
    pub metrics: BTreeMap<String, MetricPoint>,
    /// The datasets that it was given, in the order of logging.
    pub datasets: Vec<DatasetInput>,
    /// The ids of logged models that it was given, in the order of logging.
    pub model_inputs: Vec<String>,
    /// The models that it has made, in the order of logging.
    pub model_outputs: Vec<ModelOutput>,
}

impl RunRecord {
    /// A run of which nothing else is known yet.
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
