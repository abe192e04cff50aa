//! Arbitrary records of jobs and their runs.

use tracklite::internals::record::{
    Incarnation, JobAttemptEnded, JobAttemptStarted, JobDeleted, JobGrantsSet, JobRunCanceled,
    JobRunCreated, JobRunDeleted, JobRunEnded, JobRunNotified, JobRunRepaired, JobSaved, Record,
};
use tracklite::job::{
    JobEvent, JobGrant, JobId, JobLevel, JobPrincipal, JobResult, JobRunId, JobTrigger,
};
use tracklite_fuzz::Choices;

use super::text;

fn job(choices: &mut Choices<'_>) -> JobId {
    JobId::new(choices.below(3) as u64)
}

fn run(choices: &mut Choices<'_>) -> JobRunId {
    JobRunId::new(choices.below(4) as u64)
}

fn small(choices: &mut Choices<'_>) -> u64 {
    if choices.byte() < 240 { choices.below(4) as u64 } else { choices.integer().cast_unsigned() }
}

fn perhaps<'c, T>(
    choices: &mut Choices<'c>,
    draw: impl FnOnce(&mut Choices<'c>) -> T,
) -> Option<T> {
    (choices.byte() < 128).then(|| draw(choices))
}

fn result(choices: &mut Choices<'_>) -> JobResult {
    match choices.below(4) {
        0 => JobResult::Success,
        1 => JobResult::Failed,
        2 => JobResult::Canceled,
        _ => JobResult::InternalError,
    }
}

fn event(choices: &mut Choices<'_>) -> JobEvent {
    match choices.below(3) {
        0 => JobEvent::Started,
        1 => JobEvent::Succeeded,
        _ => JobEvent::Failed,
    }
}

pub(super) fn about_jobs(choices: &mut Choices<'_>) -> Record {
    let (author, time) = (text(choices), choices.integer());
    match choices.below(11) {
        0 => {
            let (job, settings, creator) = (job(choices), text(choices), text(choices));
            let (created, since, revision) = (choices.integer(), choices.integer(), small(choices));
            JobSaved { job, settings, creator, created, author, revision, since, time }.into()
        }
        1 => JobDeleted { job: job(choices), author, revision: small(choices), time }.into(),
        2 | 3 => created(choices, author, time),
        4 => about_attempts(choices, time),
        5 => {
            let (run, result, message) = (run(choices), result(choices), text(choices));
            JobRunEnded { run, result, message, time }.into()
        }
        6 => {
            let (run, reason) = (run(choices), result(choices));
            JobRunCanceled { run, reason, author, time }.into()
        }
        7 => {
            let (run, repair, request) = (run(choices), run(choices), text(choices));
            let tasks = vec![text(choices)];
            JobRunRepaired { run, repair, tasks, request, author, time }.into()
        }
        8 => {
            let (run, repair, event) = (run(choices), choices.below(3) as u32, event(choices));
            JobRunNotified { run, repair, event, time }.into()
        }
        9 => {
            let (job, revision, name) = (job(choices), small(choices), text(choices));
            let grants = vec![JobGrant::new(JobPrincipal::User(name), JobLevel::View)];
            JobGrantsSet { job, grants, author, revision, time }.into()
        }
        _ => {
            let (run, job) = (run(choices), perhaps(choices, job));
            let (number, nominal) = (small(choices), perhaps(choices, Choices::integer));
            JobRunDeleted { run, job, number, nominal, author, time }.into()
        }
    }
}

fn created(choices: &mut Choices<'_>, author: String, time: i64) -> Record {
    JobRunCreated {
        run: run(choices),
        job: perhaps(choices, job),
        number: small(choices),
        trigger: if choices.byte() < 128 { JobTrigger::Periodic } else { JobTrigger::OneTime },
        nominal: perhaps(choices, |choices| choices.below(3) as i64),
        token: perhaps(choices, text),
        settings: text(choices),
        request: text(choices),
        zones: None,
        author,
        time,
    }
    .into()
}

fn about_attempts(choices: &mut Choices<'_>, time: i64) -> Record {
    let (run, attempt, task) = (run(choices), run(choices), text(choices));
    let (number, repair) = (choices.below(3) as u32, choices.below(3) as u32);
    if choices.byte() < 128 {
        let incarnation = Incarnation(small(choices));
        return JobAttemptStarted { run, attempt, task, number, repair, incarnation, time }.into();
    }
    JobAttemptEnded {
        run,
        attempt,
        task,
        number,
        repair,
        result: result(choices),
        exit: perhaps(choices, |choices| i32::from(choices.byte())),
        message: text(choices),
        output: text(choices),
        time,
    }
    .into()
}
