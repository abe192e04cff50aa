//! The events of runs of jobs about which notifications are sent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An event of a run, about which its job notifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum JobEvent {
    /// Its first task has begun.
    Started,
    /// It has ended well.
    Succeeded,
    /// It has ended otherwise.
    Failed,
    /// It takes longer than a rule of its health allows.
    RunsLong,
    /// It did not begin, because the job had as many runs as it may.
    Skipped,
}

impl JobEvent {
    const ALL: [JobEvent; 5] = [
        JobEvent::Started,
        JobEvent::Succeeded,
        JobEvent::Failed,
        JobEvent::RunsLong,
        JobEvent::Skipped,
    ];

    /// Returns Databricks's name, such as `jobs.on_start`. A skipped run counts as failed there.
    #[must_use]
    pub fn event_type(self) -> &'static str {
        match self {
            JobEvent::Started => "jobs.on_start",
            JobEvent::Succeeded => "jobs.on_success",
            JobEvent::Failed | JobEvent::Skipped => "jobs.on_failure",
            JobEvent::RunsLong => "jobs.on_duration_warning_threshold_exceeded",
        }
    }

    /// Returns the name, such as `started`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobEvent::Started => "started",
            JobEvent::Succeeded => "succeeded",
            JobEvent::Failed => "failed",
            JobEvent::RunsLong => "runs_long",
            JobEvent::Skipped => "skipped",
        }
    }

    /// Returns whether the run has ended with it.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, JobEvent::Succeeded | JobEvent::Failed | JobEvent::Skipped)
    }

    pub(crate) fn from_text(text: &str) -> Option<JobEvent> {
        JobEvent::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

impl fmt::Display for JobEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
