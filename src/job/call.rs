//! Tasks that run another job. They need no process: their end follows from that of the other run.

use serde_json::json;

use crate::entity::id::Timestamp;
use crate::entity::wording::invalid;
use crate::entity::{
    JobAttempt, JobId, JobOutput, JobResult, JobRunId, JobRunInfo, JobSettings, JobTrigger,
    RunJobWork,
};
use crate::error::Result;
use crate::format::record::{Incarnation, JobAttemptStarted, JobRunCanceled, Record};
use crate::index::Index;
use crate::job::ended::{Ended, end_of};
use crate::job::plan::Place;
use crate::job::runs::{Fresh, NewRun, created, settings_of};
use crate::job::{Jobs, existing};

/// How deep jobs may run other jobs.
const DEPTH_MAX: usize = 3;
/// The process of attempts that need none. No process has this number.
pub(crate) const NO_PROCESS: Incarnation = Incarnation(0);

/// An attempt that is a run of another job.
pub(crate) struct Call<'a> {
    pub(crate) attempt: JobRunId,
    pub(crate) place: &'a Place,
    pub(crate) work: RunJobWork,
}

/// The consequences for an attempt that waits for another run.
pub(crate) struct Waiting {
    pub(crate) records: Vec<Record>,
    /// When it has waited long enough.
    pub(crate) wake: Option<Timestamp>,
}

impl Jobs {
    /// Returns the run that an attempt at a `run_job_task` has created.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such run.
    pub fn run_called_by(&self, attempt: JobRunId) -> Result<JobRunInfo> {
        let token = token_of(attempt);
        let found = self.engine().with_index(|index, _| index.job_run_of_token(&token))?;
        self.engine().located(found.ok_or_else(|| crate::job::no_such_run(attempt)))
    }
}

/// Returns the text by which the run of an attempt is found.
fn token_of(attempt: JobRunId) -> String {
    format!("run_job_task {attempt}")
}

/// Returns the records that begin an attempt with its run.
pub(crate) fn called(
    index: &Index,
    caller: &JobRunInfo,
    call: Call<'_>,
    (id, time): (JobRunId, i64),
    fresh: &mut Fresh,
) -> Result<Vec<Record>> {
    let Call { attempt, place, work } = call;
    let depth = depth_of(index, caller)?;
    if depth >= DEPTH_MAX {
        return Err(invalid(format!(
            "jobs run other jobs {DEPTH_MAX} deep at most: this run is the end of such a chain"
        )));
    }
    let job = JobId::new(work.job_id);
    let info = existing(job, index.job_change(job)?)?;
    let read = settings_of(&info)?;
    let parameters = json!({"job_parameters": work.job_parameters});
    let run = NewRun {
        id,
        job: Some(job),
        settings: &info.settings,
        read: &read,
        trigger: JobTrigger::RunJobTask,
        nominal: None,
        token: Some(token_of(attempt)),
        request: if work.job_parameters.is_empty() { json!({}) } else { parameters }.to_string(),
        author: &caller.author,
        time,
    };
    let started = JobAttemptStarted {
        run: caller.id,
        attempt,
        task: place.task.clone(),
        number: place.number,
        repair: place.repair,
        incarnation: NO_PROCESS,
        time,
    };
    let mut records = vec![started.into()];
    records.extend(created(index, run, fresh)?);
    Ok(records)
}

/// Returns how many runs have led to this one.
fn depth_of(index: &Index, run: &JobRunInfo) -> Result<usize> {
    let (mut depth, mut run) = (0, run.clone());
    while depth < DEPTH_MAX && run.trigger == JobTrigger::RunJobTask {
        let attempt = run.token.as_deref().and_then(|token| token.rsplit(' ').next()?.parse().ok());
        let Some(attempt) = attempt else { break };
        let Some(caller) = index.job_run_of_attempt(attempt)? else { break };
        (depth, run) = (depth + 1, caller);
    }
    Ok(depth)
}

/// Returns what follows for an attempt that waits for another run.
pub(crate) fn waiting(
    index: &Index,
    run: &JobRunInfo,
    settings: &JobSettings,
    attempt: &JobAttempt,
    now: Timestamp,
) -> Result<Waiting> {
    let mut waiting = Waiting { records: Vec::new(), wake: None };
    let found = index.job_run_of_token(&token_of(attempt.id))?;
    let Some(other) = found else {
        let message = "the run of the other job was deleted".to_owned();
        let ended = Ended { result: JobResult::Failed, message, ..Ended::default() };
        waiting.records.push(ended_record(run, attempt, &ended, now));
        return Ok(waiting);
    };
    if let Some(ended) = end_like(&other) {
        waiting.records.push(ended_record(run, attempt, &ended, now));
        return Ok(waiting);
    }
    let limit = time_limit(settings, attempt);
    let reason = run
        .canceled
        .or_else(|| limit.is_some_and(|limit| limit <= now).then_some(JobResult::TimedOut));
    match reason {
        Some(reason) if other.canceled.is_none() => {
            let (author, time) = (run.author.clone(), now.as_nanos());
            waiting.records.push(JobRunCanceled { run: other.id, reason, author, time }.into());
        }
        Some(_) => {}
        None => waiting.wake = limit,
    }
    Ok(waiting)
}

fn time_limit(settings: &JobSettings, attempt: &JobAttempt) -> Option<Timestamp> {
    let seconds = settings.task(&attempt.task)?.timeout_seconds;
    let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    let nanos = seconds.saturating_mul(1_000_000_000);
    Some(Timestamp::from_nanos(attempt.started?.as_nanos().saturating_add(nanos)))
}

fn ended_record(run: &JobRunInfo, attempt: &JobAttempt, ended: &Ended, now: Timestamp) -> Record {
    let place =
        Place { task: attempt.task.clone(), number: attempt.number, repair: attempt.repair };
    end_of((run.id, attempt.id), &place, ended, now.as_nanos())
}

/// Returns the end of an attempt whose run has ended.
fn end_like(other: &JobRunInfo) -> Option<Ended> {
    let end = other.end.as_ref()?;
    let result = match end.result {
        JobResult::Canceled | JobResult::TimedOut => end.result,
        result if result.is_good() => JobResult::Success,
        _ => JobResult::Failed,
    };
    let message = match result {
        JobResult::Success => String::new(),
        _ => format!("run {} of the other job ended as {}: {}", other.id, end.result, end.message),
    };
    let mut output = JobOutput::default();
    output.values.insert("run_id".to_owned(), other.id.to_string().into());
    Some(Ended { result, exit: None, message, output })
}
