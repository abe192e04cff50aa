//! Notifications: each event is taken once, by one process.

use std::cell::Cell;

use serde_json::{Value, json};
use tracklite::job::{JobEvent, JobId, JobResult, Jobs, RepairRequest};
use tracklite::{Database, ErrorKind, Timestamp};

use super::{command, create, end, file, result, run, run_all};

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_nanos(NOW.get())
}

const SECOND: i64 = 1_000_000_000;

/// Creates a job with a receiver for each event.
fn loud(jobs: &Jobs, more: &Value) -> JobId {
    let to = |name: &str| json!([{"id": format!("https://example.com/{name}")}]);
    let mut settings = json!({
        "name": "loud",
        "tasks": [command("t")],
        "webhook_notifications": {
            "on_start": to("start"),
            "on_success": to("success"),
            "on_failure": to("failure"),
            "on_duration_warning_threshold_exceeded": to("long"),
        },
    });
    let more = more.as_object().unwrap().clone();
    settings.as_object_mut().unwrap().extend(more);
    create(jobs, &settings)
}

/// Takes what is due: the event and the end of the first address of each notification.
fn taken(jobs: &Jobs) -> Vec<(JobEvent, String)> {
    let notices = jobs.take_notices().unwrap().taken;
    let last = |receiver: Option<&String>| {
        receiver.and_then(|text| text.rsplit('/').next()).unwrap_or_default().to_owned()
    };
    notices.iter().map(|notice| (notice.event, last(notice.receivers.first()))).collect()
}

fn event(event: JobEvent, receiver: &str) -> (JobEvent, String) {
    (event, receiver.to_owned())
}

#[test]
fn each_event_is_taken_by_one_of_several_processes() {
    let (_folder, database) = file();
    let other = Database::open(database.path()).unwrap();
    let (one, two) = (database.jobs(), other.jobs());
    let job = loud(&one, &json!({}));
    run(&one, job);
    assert_eq!(taken(&two), [], "nothing has begun");
    let task = one.advance(1).unwrap().tasks.remove(0);
    assert_eq!(taken(&two), [event(JobEvent::Started, "start")]);
    assert_eq!(taken(&one), []);
    end(&one, &task, JobResult::Failed);
    one.advance(1).unwrap();
    assert_eq!(taken(&one), [event(JobEvent::Failed, "failure")]);
    assert_eq!(taken(&two), []);

    let mut request = RepairRequest::default();
    request.all_failed = true;
    two.repair(task.run, &request).unwrap();
    run_all(&two, &[]);
    let again = [event(JobEvent::Started, "start"), event(JobEvent::Succeeded, "success")];
    assert_eq!(taken(&two), again);
    assert_eq!(taken(&one), []);
}

#[test]
fn a_skipped_run_notifies_like_a_failed_one_unless_it_must_not() {
    for (is_quiet, expected) in [(false, vec![event(JobEvent::Skipped, "failure")]), (true, vec![])]
    {
        let (_folder, database) = file();
        let jobs = database.jobs();
        let quiet = json!({"notification_settings": {
            "no_alert_for_skipped_runs": is_quiet, "no_alert_for_canceled_runs": is_quiet}});
        let job = loud(&jobs, &quiet);
        let first = run(&jobs, job);
        jobs.advance(1).unwrap();
        taken(&jobs);
        let second = run(&jobs, job);
        assert_eq!(result(&jobs, second), Some(JobResult::TooManyRuns));
        assert_eq!(taken(&jobs), expected, "quiet: {is_quiet}");
        jobs.cancel(first).unwrap();
        assert_eq!(taken(&jobs), [], "it has not ended");
    }
}

#[test]
fn a_run_that_takes_too_long_is_reported_once_while_it_runs() {
    let (_folder, database) = file();
    NOW.set(1_000 * SECOND);
    let jobs = database.jobs().with_clock(now);
    let rule = json!({"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 60});
    let job = loud(&jobs, &json!({"health": {"rules": [rule]}}));
    run(&jobs, job);
    let task = jobs.advance(1).unwrap().tasks.remove(0);
    let first = jobs.take_notices().unwrap();
    assert_eq!(first.wake, Some(Timestamp::from_nanos(1_060 * SECOND)));
    NOW.set(1_059 * SECOND);
    assert_eq!(taken(&jobs), []);
    NOW.set(1_060 * SECOND);
    assert_eq!(taken(&jobs), [event(JobEvent::RunsLong, "long")]);
    // The clock is set back, and then forward.
    NOW.set(500 * SECOND);
    assert_eq!(taken(&jobs), []);
    NOW.set(1_070 * SECOND);
    assert_eq!(taken(&jobs), []);
    end(&jobs, &task, JobResult::Success);
    jobs.advance(1).unwrap();
    assert_eq!(taken(&jobs), [event(JobEvent::Succeeded, "success")]);
}

#[test]
fn the_body_has_the_words_of_databricks_and_emails_are_named_as_unsent() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let more = json!({
        "email_notifications": {"on_failure": ["ada@example.com"]},
        "tracklite": {"notification_command": ["notify", "me"]},
    });
    let job = loud(&jobs, &more);
    let id = run(&jobs, job);
    run_all(&jobs, &["t"]);
    let notices = jobs.take_notices().unwrap().taken;
    let failed = notices.iter().find(|notice| notice.event == JobEvent::Failed).unwrap();
    assert_eq!(failed.command, ["notify", "me"]);
    assert_eq!(failed.emails, ["ada@example.com"]);
    let body: Value = serde_json::from_str(&failed.body).unwrap();
    assert_eq!(body["event_type"], "jobs.on_failure");
    assert_eq!(body["job"], json!({"job_id": job.get(), "name": "loud"}));
    assert_eq!(body["run"]["run_id"], id.get());
    assert_eq!(body["run"]["result_state"], "FAILED");
}

#[test]
fn notices_survive_copies_and_bad_rules_are_refused() {
    let (folder, database) = file();
    let jobs = database.jobs();
    let job = loud(&jobs, &json!({}));
    run(&jobs, job);
    run_all(&jobs, &[]);
    assert_eq!(taken(&jobs).len(), 2);
    let path = folder.path().join("backup");
    database.backup(&path).unwrap();
    assert_eq!(taken(&Database::open(&path).unwrap().jobs()), []);

    let receiver = json!({"id": "https://example.com/"});
    for (bad, wanted) in [
        (json!({"webhook_notifications": {"on_start": vec![receiver; 4]}}), "4 receivers"),
        (json!({"webhook_notifications": {"on_start": [{"id": ""}]}}), "the id of a webhook"),
        (json!({"health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "LESS"}]}}), "op"),
    ] {
        let error = jobs.create(&bad.to_string()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(wanted), "{error}");
    }
}
