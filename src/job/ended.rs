//! The end of an attempt.

use crate::entity::{JobOutput, JobResult, JobRunId};
use crate::format::record::{JobAttemptEnded, Record};
use crate::job::plan::Place;

/// The most characters of the reason of an end.
pub(crate) const MESSAGE_MAX: usize = 4096;

/// The end of an attempt, as its runner reports it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ended {
    /// The result.
    pub result: JobResult,
    /// The code with which its process has ended.
    pub exit: Option<i32>,
    /// The reason, for people. More than 4096 characters are cut.
    pub message: String,
    /// The values and the output that it left.
    pub output: JobOutput,
}

impl Default for Ended {
    fn default() -> Self {
        Ended {
            result: JobResult::InternalError,
            exit: None,
            message: String::new(),
            output: JobOutput::default(),
        }
    }
}

/// Returns the record of the end of an attempt.
pub(crate) fn end_of(
    (run, attempt): (JobRunId, JobRunId),
    place: &Place,
    ended: &Ended,
    time: i64,
) -> Record {
    JobAttemptEnded {
        run,
        attempt,
        task: place.task.clone(),
        number: place.number,
        repair: place.repair,
        result: ended.result,
        exit: ended.exit,
        message: ended.message.chars().take(MESSAGE_MAX).collect(),
        output: ended.output.to_json(),
        time,
    }
    .into()
}
