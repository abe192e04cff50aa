//! Jobs: what to run and when, and their runs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entity::id::{RunId, Timestamp};
use crate::entity::job_rights::{JobGrant, JobLevel, job_level};
use crate::entity::wording::invalid;
use crate::error::{Error, Result};

/// The smallest id. All ids have 15 digits, so that every JSON reader keeps them exactly.
const FIRST_ID: u64 = 100_000_000_000_000;
/// The number of ids.
const IDS: u64 = 900_000_000_000_000;

macro_rules! number_id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The id of ", $what, ": a number of 15 digits.")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        pub struct $name(u64);

        impl $name {
            /// Creates an id from a number.
            #[must_use]
            pub const fn new(number: u64) -> Self {
                $name(number)
            }

            /// Creates an id from random bits.
            pub(crate) fn from_random(bits: u128) -> Self {
                // Truncating random bits leaves random bits.
                $name(FIRST_ID + (bits as u64) % IDS)
            }

            /// Returns the number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Parses the number.
            ///
            /// # Errors
            ///
            /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it is not a number.
            fn from_str(text: &str) -> Result<Self> {
                let number = text.trim().parse().ok();
                number
                    .map($name)
                    .ok_or_else(|| invalid(format!(concat!("{:?} is not the id of ", $what), text)))
            }
        }
    };
}

number_id!(JobId, "a job");
number_id!(JobRunId, "a run of a job, or of an attempt at one of its tasks");

/// A job as stored in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobInfo {
    /// The id.
    pub id: JobId,
    /// The settings as they were sent: a JSON object.
    pub settings: String,
    /// The user who created it.
    pub creator: String,
    /// The time of its creation.
    pub created: Timestamp,
    /// The user who made the last change.
    pub author: String,
    /// The time of the last change.
    pub updated: Timestamp,
    /// The number of the last change, from 1.
    pub revision: u64,
    /// The time since which its schedule holds. Earlier fires are not made up for.
    pub since: Timestamp,
    /// The nominal time of its last fire.
    pub last_fire: Option<Timestamp>,
    /// The rights of users. If there are none, the scope of a token decides alone.
    pub grants: Vec<JobGrant>,
}

impl JobInfo {
    /// Returns the highest level that the grants of the job give a user. A job without an owner
    /// among its grants belongs to its creator.
    #[must_use]
    pub fn level_of(&self, user: &str) -> Option<JobLevel> {
        job_level(&self.grants, &self.creator, user)
    }
}

/// The last change of a job, which may be its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobChange {
    Saved(Box<JobInfo>),
    /// It was deleted with this revision.
    Deleted(u64),
}

/// The reason why a run was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JobTrigger {
    /// A caller asked for it.
    OneTime,
    /// A schedule fired.
    Periodic,
    /// The run before has ended, and the job runs continuously.
    Continuous,
    /// Files arrived in a folder.
    FileArrival,
    /// An alias was set, or a version is ready.
    Model,
    /// A task of another job asked for it.
    RunJobTask,
    /// Rows were written to a table.
    Table,
}

impl JobTrigger {
    /// Returns Databricks's word, such as `ONE_TIME`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobTrigger::OneTime => "ONE_TIME",
            JobTrigger::Periodic => "PERIODIC",
            JobTrigger::Continuous => "CONTINUOUS",
            JobTrigger::FileArrival => "FILE_ARRIVAL",
            JobTrigger::Model => "MODEL",
            JobTrigger::RunJobTask => "RUN_JOB_TASK",
            JobTrigger::Table => "TABLE",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<JobTrigger> {
        let all = [
            JobTrigger::OneTime,
            JobTrigger::Periodic,
            JobTrigger::Continuous,
            JobTrigger::FileArrival,
            JobTrigger::Model,
            JobTrigger::RunJobTask,
            JobTrigger::Table,
        ];
        all.into_iter().find(|trigger| trigger.as_str() == text)
    }
}

/// How a run, or an attempt at a task, has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JobResult {
    /// It succeeded.
    Success,
    /// Its code failed.
    Failed,
    /// It took longer than it may.
    TimedOut,
    /// A caller has canceled it.
    Canceled,
    /// The job already had as many runs as it may, so this one did not begin.
    TooManyRuns,
    /// Its condition was not met, so it did not run.
    Excluded,
    /// A task before it failed, so it did not run.
    UpstreamFailed,
    /// A task before it was canceled, so it did not run.
    UpstreamCanceled,
    /// The last tasks succeeded, but some before them failed.
    SuccessWithFailures,
    /// The process that ran it has ended, or could not run it.
    InternalError,
    /// It is disabled, so it did not run.
    Disabled,
}

impl JobResult {
    const ALL: [JobResult; 11] = [
        JobResult::Success,
        JobResult::Failed,
        JobResult::TimedOut,
        JobResult::Canceled,
        JobResult::TooManyRuns,
        JobResult::Excluded,
        JobResult::UpstreamFailed,
        JobResult::UpstreamCanceled,
        JobResult::SuccessWithFailures,
        JobResult::InternalError,
        JobResult::Disabled,
    ];

    /// Returns Databricks's word, such as `SUCCESS`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobResult::Success => "SUCCESS",
            JobResult::Failed => "FAILED",
            JobResult::TimedOut => "TIMEDOUT",
            JobResult::Canceled => "CANCELED",
            JobResult::TooManyRuns => "MAXIMUM_CONCURRENT_RUNS_REACHED",
            JobResult::Excluded => "EXCLUDED",
            JobResult::UpstreamFailed => "UPSTREAM_FAILED",
            JobResult::UpstreamCanceled => "UPSTREAM_CANCELED",
            JobResult::SuccessWithFailures => "SUCCESS_WITH_FAILURES",
            JobResult::InternalError => "INTERNAL_ERROR",
            JobResult::Disabled => "DISABLED",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<JobResult> {
        JobResult::ALL.into_iter().find(|result| result.as_str() == text)
    }

    /// Returns whether a task with this result did what it should, or was left out on purpose.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(
            self,
            JobResult::Success
                | JobResult::SuccessWithFailures
                | JobResult::Excluded
                | JobResult::Disabled
        )
    }

    /// Returns whether the task ran and failed.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            JobResult::Failed
                | JobResult::TimedOut
                | JobResult::InternalError
                | JobResult::UpstreamFailed
        )
    }
}

impl fmt::Display for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A run of a job, or one that was submitted without a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobRunInfo {
    /// The id.
    pub id: JobRunId,
    /// Its job. One that was submitted has none.
    pub job: Option<JobId>,
    /// Its number among the runs of the job, from 1.
    pub number: u64,
    /// The reason why it was created.
    pub trigger: JobTrigger,
    /// The time at which its schedule fired. Later than that, it was made up for.
    pub nominal: Option<Timestamp>,
    /// The text by which a repeated request for it is recognized.
    pub token: Option<String>,
    /// The settings of the job at its creation.
    pub settings: String,
    /// The request for the run with its parameters: a JSON object.
    pub request: String,
    /// The user who asked for it.
    pub author: String,
    /// The time of its creation.
    pub created: Timestamp,
    /// The time at which its first task began.
    pub started: Option<Timestamp>,
    /// The reason why it must end early, if it must.
    pub canceled: Option<JobResult>,
    /// How it has ended.
    pub end: Option<JobRunEnd>,
    /// The attempts at its tasks, in the order of their beginnings.
    pub attempts: Vec<JobAttempt>,
    /// The repairs, in order.
    pub repairs: Vec<JobRepair>,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRunEnd {
    /// The result.
    pub result: JobResult,
    /// The reason, for people.
    pub message: String,
    /// The time.
    pub time: Timestamp,
}

/// An attempt at a task.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobAttempt {
    /// The id.
    pub id: JobRunId,
    /// The key of the task. An iteration of a loop has its index behind it: `train[3]`.
    pub task: String,
    /// The number of attempts before it, since the last repair of the task.
    pub number: u32,
    /// The number of repairs of the run before it.
    pub repair: u32,
    /// The time at which it began. One that did not run has none.
    pub started: Option<Timestamp>,
    /// How it has ended.
    pub end: Option<JobAttemptEnd>,
    /// The process that runs it.
    pub(crate) incarnation: u64,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct JobAttemptEnd {
    /// The result.
    pub result: JobResult,
    /// The code with which its process has ended. 128 and more are signals.
    pub exit: Option<i32>,
    /// The reason, for people.
    pub message: String,
    /// The values and the output that it left.
    pub output: JobOutput,
    /// The time.
    pub time: Timestamp,
}

/// The values and the output that an attempt has left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobOutput {
    /// The values that later tasks may refer to: JSON by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, serde_json::Value>,
    /// The value with which a notebook has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_value: Option<String>,
    /// The lines of the program at which it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The run that has the printed output among its artifacts, as `output.txt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Whether more was printed than is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

impl JobOutput {
    /// The name of the artifact that has the printed output.
    pub const FILE: &'static str = "output.txt";

    /// Returns the run that has the printed output.
    #[must_use]
    pub fn log_run(&self) -> Option<RunId> {
        self.log.as_deref()?.parse().ok()
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads an output. One that cannot be read is empty, because it is for people.
    pub(crate) fn from_json(text: &str) -> JobOutput {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// A repair: some tasks of an ended run run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRepair {
    /// The id.
    pub id: JobRunId,
    /// The keys of the tasks that run again.
    pub tasks: Vec<String>,
    /// The request with its parameters: a JSON object.
    pub request: String,
    /// The user who asked for it.
    pub author: String,
    /// The time.
    pub time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_15_digits() {
        for bits in [0, 1, u128::MAX, u128::from(u64::MAX) - 7] {
            let id = JobId::from_random(bits);
            assert_eq!(id.to_string().len(), 15, "{id}");
            assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
        }
        let error = "job 5".parse::<JobRunId>().unwrap_err();
        assert!(error.message().contains("not the id of a run of a job"), "{error}");
    }

    #[test]
    fn words_survive_printing_and_reading() {
        for result in JobResult::ALL {
            assert_eq!(JobResult::from_text(result.as_str()), Some(result));
        }
        assert_eq!(JobTrigger::from_text("PERIODIC"), Some(JobTrigger::Periodic));
        assert_eq!(JobTrigger::from_text("periodic"), None);
        let mut output = JobOutput { is_cut: true, ..JobOutput::default() };
        output.values.insert("best".to_owned(), serde_json::json!({"rate": 0.1}));
        assert_eq!(JobOutput::from_json(&output.to_json()), output);
        assert_eq!(JobOutput::from_json("no JSON"), JobOutput::default());
    }
}
