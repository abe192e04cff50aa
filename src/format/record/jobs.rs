//! The records of jobs and their runs.

use serde::{Deserialize, Serialize};

use super::Incarnation;
use crate::entity::{JobEvent, JobGrant, JobId, JobResult, JobRunId, JobTrigger};

/// A job was created or changed. The record has the whole job, so that a copy needs only the last
/// one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSaved {
    /// The id.
    pub job: JobId,
    /// The settings as they were sent: a JSON object.
    pub settings: String,
    /// The user who created the job.
    pub creator: String,
    /// The time of its creation in nanoseconds since the epoch.
    pub created: i64,
    /// The user who made this change.
    pub author: String,
    /// The revision, higher than those of all earlier records of this job.
    pub revision: u64,
    /// The time since which its schedule holds, in nanoseconds since the epoch.
    pub since: i64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A job was deleted. Its runs stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobDeleted {
    /// The id.
    pub job: JobId,
    /// The user who deleted it.
    pub author: String,
    /// The revision, higher than those of all earlier records of this job.
    pub revision: u64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A run was created. A job has at most one run for each nominal time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRunCreated {
    /// The id.
    pub run: JobRunId,
    /// The job, if it has one.
    pub job: Option<JobId>,
    /// Its number among the runs of the job.
    pub number: u64,
    /// The reason why it was created.
    pub trigger: JobTrigger,
    /// The time at which the schedule fired, in nanoseconds since the epoch.
    pub nominal: Option<i64>,
    /// The text by which a repeated request is recognized.
    pub token: Option<String>,
    /// The settings of the job: a JSON object.
    pub settings: String,
    /// The request with its parameters: a JSON object.
    pub request: String,
    /// The version of the time zones by which the schedule fired.
    pub zones: Option<String>,
    /// The user who asked for it.
    pub author: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An attempt at a task has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobAttemptStarted {
    /// The run.
    pub run: JobRunId,
    /// The id of the attempt.
    pub attempt: JobRunId,
    /// The key of the task.
    pub task: String,
    /// The number of attempts before it, since the last repair of the task.
    pub number: u32,
    /// The number of repairs of the run before it.
    pub repair: u32,
    /// The process that runs it. It is known to be dead by its liveness byte.
    pub incarnation: Incarnation,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An attempt has ended, or was left out without a beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobAttemptEnded {
    /// The run.
    pub run: JobRunId,
    /// The id of the attempt.
    pub attempt: JobRunId,
    /// The key of the task.
    pub task: String,
    /// The number of attempts before it, since the last repair of the task.
    pub number: u32,
    /// The number of repairs of the run before it.
    pub repair: u32,
    /// The result.
    pub result: JobResult,
    /// The code with which its process has ended.
    pub exit: Option<i32>,
    /// The reason.
    pub message: String,
    /// The values and the output that it left: a JSON object.
    pub output: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A run has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRunEnded {
    /// The run.
    pub run: JobRunId,
    /// The result.
    pub result: JobResult,
    /// The reason.
    pub message: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A run must end early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRunCanceled {
    /// The run.
    pub run: JobRunId,
    /// `Canceled` or `TimedOut`.
    pub reason: JobResult,
    /// The user who asked for it.
    pub author: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Some tasks of an ended run run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRunRepaired {
    /// The run.
    pub run: JobRunId,
    /// The id of the repair.
    pub repair: JobRunId,
    /// The keys of the tasks.
    pub tasks: Vec<String>,
    /// The request with its parameters: a JSON object.
    pub request: String,
    /// The user who asked for it.
    pub author: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A run was deleted. Copies keep this record, so that its fire is not made up for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRunDeleted {
    /// The run.
    pub run: JobRunId,
    /// The job, if it had one.
    pub job: Option<JobId>,
    /// Its number among the runs of the job.
    pub number: u64,
    /// The time at which the schedule fired, in nanoseconds since the epoch.
    pub nominal: Option<i64>,
    /// The user who deleted it.
    pub author: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A process has taken a notification about a run, and sends it. No other process sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRunNotified {
    /// The run.
    pub run: JobRunId,
    /// The number of repairs of the run before the event.
    pub repair: u32,
    /// The event.
    pub event: JobEvent,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The rights to a job were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobGrantsSet {
    /// The job.
    pub job: JobId,
    /// All rights. They replace those before.
    pub grants: Vec<JobGrant>,
    /// The user who set them.
    pub author: String,
    /// The number of this change, higher than those of all earlier ones of the rights to this job.
    pub revision: u64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}
