//! The records of jobs in the golden file, and their expected effect.

use tracklite::internals::record::*;
use tracklite::internals::storage::{FaultPlan, MemoryFile};
use tracklite::job::{
    JobEvent, JobGrant, JobId, JobLevel, JobPrincipal, JobResult, JobRunId, JobTrigger,
};
use tracklite::{ErrorKind, Timestamp};

use super::writer::{TIME, WRITERS};
use crate::support::{self, Opening};

const KEPT: JobId = JobId::new(100_000_000_000_001);
const DELETED: JobId = JobId::new(100_000_000_000_002);
const RUN: JobRunId = JobRunId::new(200_000_000_000_001);
const DELETED_RUN: JobRunId = JobRunId::new(200_000_000_000_002);
const SETTINGS: &str = r#"{"name": "retrain", "tasks": [{"task_key": "train"}],
    "webhook_notifications": {"on_start": [{"id": "a"}], "on_success": [{"id": "b"}]}}"#;

fn saved(job: JobId, revision: u64, settings: &str) -> Record {
    JobSaved {
        job,
        settings: settings.to_owned(),
        creator: "ada".to_owned(),
        created: TIME,
        author: "bob".to_owned(),
        revision,
        since: TIME + 1,
        time: TIME + 2,
    }
    .into()
}

fn created(run: JobRunId, number: u64, nominal: Option<i64>) -> Record {
    JobRunCreated {
        run,
        job: Some(KEPT),
        number,
        trigger: JobTrigger::Periodic,
        nominal,
        token: Some(format!("token {number}")),
        settings: SETTINGS.to_owned(),
        request: "{}".to_owned(),
        zones: Some("2025b".to_owned()),
        author: "ada".to_owned(),
        time: TIME + 3,
    }
    .into()
}

fn started(attempt: u64, repair: u32) -> Record {
    JobAttemptStarted {
        run: RUN,
        attempt: JobRunId::new(attempt),
        task: "train".to_owned(),
        number: 0,
        repair,
        incarnation: WRITERS[0],
        time: TIME + 4,
    }
    .into()
}

fn attempt_ended(attempt: u64, repair: u32, result: JobResult) -> Record {
    JobAttemptEnded {
        run: RUN,
        attempt: JobRunId::new(attempt),
        task: "train".to_owned(),
        number: 0,
        repair,
        result,
        exit: Some(3),
        message: "why".to_owned(),
        output: r#"{"values": {"best": 0.5}, "exit_value": "done"}"#.to_owned(),
        time: TIME + 5,
    }
    .into()
}

fn ended(run: JobRunId, result: JobResult) -> Record {
    JobRunEnded { run, result, message: "end".to_owned(), time: TIME + 6 }.into()
}

fn notified(event: JobEvent) -> Record {
    JobRunNotified { run: RUN, repair: 1, event, time: TIME + 9 }.into()
}

fn grants(level: JobLevel) -> Vec<JobGrant> {
    vec![
        JobGrant::new(JobPrincipal::User("bob".to_owned()), level),
        JobGrant::new(JobPrincipal::Group("users".to_owned()), JobLevel::View),
    ]
}

fn granted(revision: u64, level: JobLevel) -> Record {
    let author = "ada".to_owned();
    JobGrantsSet { job: KEPT, grants: grants(level), author, revision, time: TIME + 10 }.into()
}

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let author = || "ada".to_owned();
    let deleted = JobDeleted { job: DELETED, author: author(), revision: 2, time: TIME };
    let canceled = JobRunCanceled {
        run: DELETED_RUN,
        reason: JobResult::Canceled,
        author: author(),
        time: TIME,
    };
    let repaired = JobRunRepaired {
        run: RUN,
        repair: JobRunId::new(300_000_000_000_001),
        tasks: vec!["train".to_owned()],
        request: "{}".to_owned(),
        author: author(),
        time: TIME + 7,
    };
    let run_deleted = JobRunDeleted {
        run: DELETED_RUN,
        job: Some(KEPT),
        number: 2,
        nominal: Some(TIME + 10),
        author: author(),
        time: TIME + 8,
    };
    vec![
        vec![saved(KEPT, 1, "{}"), saved(DELETED, 1, "{}"), saved(KEPT, 2, SETTINGS)],
        vec![deleted.into(), created(RUN, 1, Some(TIME)), created(DELETED_RUN, 2, None)],
        vec![started(1, 0), canceled.into(), ended(DELETED_RUN, JobResult::Canceled)],
        vec![attempt_ended(1, 0, JobResult::Failed), ended(RUN, JobResult::Failed)],
        vec![repaired.into(), run_deleted.into(), started(2, 1)],
        vec![attempt_ended(2, 1, JobResult::Success), ended(RUN, JobResult::Success)],
        vec![notified(JobEvent::Started)],
        vec![granted(1, JobLevel::View), granted(2, JobLevel::Manage)],
    ]
}

/// Reads and checks the jobs through the public API.
pub fn check(file: &MemoryFile) {
    let (database, _) = support::open(file, &Opening::write(), &FaultPlan::new());
    let database = database.unwrap();
    let jobs = database.jobs();
    let all = jobs.list().unwrap();
    let [info] = &all[..] else { panic!("{all:?}") };
    assert_eq!((info.id, info.revision, info.settings.as_str()), (KEPT, 2, SETTINGS));
    assert_eq!((info.creator.as_str(), info.author.as_str()), ("ada", "bob"));
    assert_eq!((info.created.as_nanos(), info.updated.as_nanos()), (TIME, TIME + 2));
    assert_eq!(info.grants, grants(JobLevel::Manage));
    let last = info.last_fire.map(Timestamp::as_nanos);
    assert_eq!((info.since.as_nanos(), last), (TIME + 1, Some(TIME + 10)));
    for missing in [jobs.get(DELETED).unwrap_err(), jobs.run(DELETED_RUN).unwrap_err()] {
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }
    let run = jobs.run(RUN).unwrap();
    assert_eq!((run.job, run.number, run.trigger), (Some(KEPT), 1, JobTrigger::Periodic));
    assert_eq!(run.nominal.map(Timestamp::as_nanos), Some(TIME));
    assert_eq!((run.token.as_deref(), run.settings.as_str()), (Some("token 1"), SETTINGS));
    let end = run.end.unwrap();
    assert_eq!((end.result, end.message.as_str()), (JobResult::Success, "end"));
    let results: Vec<_> = run
        .attempts
        .iter()
        .map(|attempt| {
            let end = attempt.end.as_ref().unwrap();
            (attempt.id.get(), attempt.repair, end.result, end.exit)
        })
        .collect();
    assert_eq!(results, [(1, 0, JobResult::Failed, Some(3)), (2, 1, JobResult::Success, Some(3))]);
    let output = &run.attempts[1].end.as_ref().unwrap().output;
    assert_eq!(output.exit_value.as_deref(), Some("done"));
    assert_eq!(output.values["best"], 0.5);
    assert_eq!(run.repairs.len(), 1);
    assert_eq!(run.repairs[0].tasks, ["train"]);
    let notices = jobs.take_notices().unwrap().taken;
    let events: Vec<JobEvent> = notices.iter().map(|notice| notice.event).collect();
    assert_eq!(events, [JobEvent::Succeeded], "the beginning was taken");
}
