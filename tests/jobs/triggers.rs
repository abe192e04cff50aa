//! Triggers: runs at events of the registry and of tables, when files arrive, and of other jobs.

use std::cell::Cell;

use serde_json::{Value, json};
use tracklite::job::{
    JobId, JobResult, JobRunInfo, JobRunRequest, JobRunSearch, JobTrigger, Jobs, Planner,
};
use tracklite::table::{ColumnType, Table, TableSpec, Values};
use tracklite::{Database, ErrorKind, Timestamp};

use super::{command, create, end, file, result, result_of, run, run_all};

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_nanos(NOW.get())
}

const SECOND: i64 = 1_000_000_000;

fn triggered(jobs: &Jobs, trigger: &Value) -> JobId {
    let settings = json!({
        "tasks": [command("t")], "trigger": trigger, "tracklite": {"overlap": "allow"}});
    create(jobs, &settings)
}

/// Lets two planners look, and returns the runs of a job, oldest first.
fn fired(databases: &[&Database], planners: &mut [Planner], job: JobId) -> Vec<JobRunInfo> {
    for (database, planner) in databases.iter().zip(planners) {
        database.jobs().fire(planner).unwrap();
    }
    let mut runs = databases[0].jobs().runs(&JobRunSearch::new().job(job)).unwrap();
    runs.reverse();
    runs
}

#[test]
fn a_job_runs_once_when_an_alias_is_set_or_a_version_is_ready() {
    let (_folder, database) = file();
    let other = Database::open(database.path()).unwrap();
    let (both, mut planners) = ([&database, &other], [Planner::default(), Planner::default()]);
    let model = database.registry().create_model("ml.prod.churn").unwrap();
    let version = |name: &str| model.new_version(name).create().unwrap().version();
    version("file:///a");
    let event = |condition: &str, name: &str, aliases: &[&str]| {
        let model = json!({"condition": condition, "securable_name": name, "aliases": aliases});
        json!({"model": model})
    };
    let jobs = database.jobs();
    let alias = triggered(&jobs, &event("MODEL_ALIAS_SET", "ml.prod.churn", &["champion"]));
    let ready = triggered(&jobs, &event("MODEL_VERSION_READY", "ml.prod", &[]));
    let created = triggered(&jobs, &event("MODEL_CREATED", "", &[]));
    for job in [alias, ready, created] {
        assert_eq!(fired(&both, &mut planners, job).len(), 0, "earlier events do not count");
    }
    model.set_alias("other", 1).unwrap();
    assert_eq!(fired(&both, &mut planners, alias).len(), 0);
    model.set_alias("champion", 1).unwrap();
    let runs = fired(&both, &mut planners, alias);
    assert_eq!((runs.len(), runs[0].trigger), (1, JobTrigger::Model));
    let second = version("file:///b");
    let runs = fired(&both, &mut planners, ready);
    assert_eq!(runs.len(), 1);
    assert!(runs[0].request.contains(&format!("\"version\":\"{second}\"")), "{}", runs[0].request);
    // The same version again is an event too. A new planner sees each once.
    model.set_alias("champion", 1).unwrap();
    let mut new = [Planner::default(), Planner::default()];
    assert_eq!(fired(&both, &mut new, alias).len(), 2);
    assert_eq!(fired(&both, &mut planners, alias).len(), 2);
    assert_eq!(fired(&both, &mut planners, ready).len(), 1);
    database.registry().create_model("ml.prod.other").unwrap();
    assert_eq!(fired(&both, &mut planners, created).len(), 1);
}

#[test]
fn events_are_not_lost_when_the_clock_is_set_back_or_the_job_is_paused() {
    let (_folder, database) = file();
    NOW.set(1_000_000 * SECOND);
    let jobs = database.jobs().with_clock(now);
    let model = database.registry().create_model("m").unwrap();
    model.new_version("file:///a").create().unwrap();
    let trigger = json!({"model": {"condition": "MODEL_ALIAS_SET", "securable_name": "m"}});
    let job = triggered(&jobs, &trigger);
    let mut planner = Planner::default();
    let mut count = || {
        jobs.fire(&mut planner).unwrap();
        jobs.runs(&JobRunSearch::new().job(job)).unwrap().len()
    };
    for (clock, expected) in [(2_000_000, 1), (5, 2), (3_000_000, 3)] {
        NOW.set(clock * SECOND + Timestamp::now().as_nanos());
        model.set_alias("a", 1).unwrap();
        assert_eq!(count(), expected, "at {clock}");
        assert_eq!(count(), expected, "at {clock}, again");
    }
    jobs.set_paused(job, true).unwrap();
    model.set_alias("a", 1).unwrap();
    assert_eq!(count(), 3);
    NOW.set(NOW.get() + SECOND);
    jobs.set_paused(job, false).unwrap();
    assert_eq!(count(), 3, "events while it was paused are not made up for");
    model.set_alias("a", 1).unwrap();
    assert_eq!(count(), 4);
    let run = jobs.runs(&JobRunSearch::new().job(job)).unwrap().remove(0);
    jobs.cancel(run.id).unwrap();
    jobs.advance(1).unwrap();
    jobs.delete_run(run.id).unwrap();
    assert_eq!(count(), 3, "the run was deleted, and its event was had");
}

#[test]
fn a_job_runs_when_any_or_all_of_its_tables_are_written() {
    let (_folder, database) = file();
    let spec = TableSpec::new().column("x", ColumnType::Long);
    let tables = ["c.s.a", "c.s.b"].map(|name| database.tables().create(name, &spec).unwrap());
    let rows = || {
        let mut rows = Table::new();
        rows.add_column("x", Values::from(vec![1_i64])).unwrap();
        rows
    };
    let jobs = database.jobs();
    let update = |condition: &str| {
        let update = json!({"table_names": ["c.s.a", "c.s.b"], "condition": condition});
        json!({"table_update": update})
    };
    let (any, all) =
        (triggered(&jobs, &update("ANY_UPDATED")), triggered(&jobs, &update("ALL_UPDATED")));
    let mut planner = [Planner::default()];
    let mut counts = || {
        let any = fired(&[&database], &mut planner, any).len();
        (any, fired(&[&database], &mut planner, all).len())
    };
    assert_eq!(counts(), (0, 0));
    tables[0].append(&rows()).unwrap();
    assert_eq!(counts(), (1, 0));
    tables[1].append(&rows()).unwrap();
    assert_eq!(counts(), (2, 1));
    tables[1].append(&rows()).unwrap();
    assert_eq!(counts(), (3, 1), "the first one has not changed since");
}

#[test]
fn a_trigger_waits_after_the_last_change_and_between_runs() {
    let (_folder, database) = file();
    let start = Timestamp::now().as_nanos();
    NOW.set(start);
    let jobs = database.jobs().with_clock(now);
    let model = database.registry().create_model("m").unwrap();
    model.new_version("file:///a").create().unwrap();
    let trigger = json!({"model": {
        "condition": "MODEL_ALIAS_SET", "securable_name": "m",
        "wait_after_last_change_seconds": 60, "min_time_between_triggers_seconds": 600}});
    let job = triggered(&jobs, &trigger);
    model.set_alias("a", 1).unwrap();
    let mut planner = Planner::default();
    let mut count = |seconds: i64| {
        NOW.set(start + seconds * SECOND);
        let next = jobs.fire(&mut planner).unwrap();
        let runs = jobs.runs(&JobRunSearch::new().job(job)).unwrap().len();
        (runs, next.map(|next| (next.as_nanos() - start) / SECOND))
    };
    assert_eq!(count(10), (0, Some(60)));
    assert_eq!(count(100), (1, None));
    model.set_alias("a", 1).unwrap();
    assert_eq!(count(101), (1, Some(700)));
    assert_eq!(count(701), (2, None));
}

#[test]
fn files_that_arrived_make_a_job_run_once() {
    let (_folder, database) = file();
    NOW.set(1_000 * SECOND);
    let jobs = database.jobs().with_clock(now);
    let trigger = json!({"file_arrival": {"url": "/in", "min_time_between_triggers_seconds": 60}});
    let job = triggered(&jobs, &trigger);
    let mut planner = Planner::default();
    jobs.fire(&mut planner).unwrap();
    let watch = planner.file_watches().remove(0);
    assert_eq!((watch.job, watch.folder.as_str()), (job, "/in"));
    assert_eq!(watch.after, now());
    let at = |seconds: i64| Timestamp::from_nanos(seconds * SECOND);
    assert!(!jobs.files_arrived(job, at(1_000)).unwrap(), "it was there before");
    assert!(jobs.files_arrived(job, at(1_001)).unwrap());
    assert!(!jobs.files_arrived(job, at(1_001)).unwrap(), "another process has seen it");
    assert!(!jobs.files_arrived(job, at(1_002)).unwrap(), "a minute has not passed");
    NOW.set(1_061 * SECOND);
    assert!(jobs.files_arrived(job, at(1_002)).unwrap());
    let runs = jobs.runs(&JobRunSearch::new().job(job)).unwrap();
    assert_eq!((runs.len(), runs[0].trigger), (2, JobTrigger::FileArrival));
    jobs.fire(&mut planner).unwrap();
    assert_eq!(planner.file_watches()[0].after, at(1_002));
    jobs.set_paused(job, true).unwrap();
    jobs.fire(&mut planner).unwrap();
    assert_eq!(planner.file_watches(), []);
    assert!(!jobs.files_arrived(job, at(5_000)).unwrap());
}

/// Creates a job with a task that runs another job.
fn calling(jobs: &Jobs, other: JobId, more: &Value) -> JobId {
    let work = json!({"job_id": other.get(), "job_parameters": {"p": "{{job.run_id}}"}});
    let mut task = json!({"task_key": "call", "run_job_task": work});
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    create(jobs, &json!({"tasks": [task]}))
}

fn last(jobs: &Jobs, job: JobId) -> JobRunInfo {
    jobs.runs(&JobRunSearch::new().job(job)).unwrap().remove(0)
}

#[test]
fn a_task_runs_another_job_and_ends_like_it() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let mut task = command("t");
    task["command_task"]["command"] = json!(["{{job.parameters.p}}"]);
    let other =
        create(&jobs, &json!({"parameters": [{"name": "p", "default": "d"}], "tasks": [task]}));
    let job = calling(&jobs, other, &json!({"max_retries": 1}));
    let id = run(&jobs, job);
    assert_eq!(run_all(&jobs, &[]), ["t"]);
    assert_eq!(result(&jobs, id), Some(JobResult::Success));
    let child = last(&jobs, other);
    assert_eq!(child.trigger, JobTrigger::RunJobTask);
    assert!(child.request.contains(&id.to_string()), "{}", child.request);
    let attempt = jobs.run(id).unwrap().attempts.remove(0);
    assert_eq!(jobs.run_called_by(attempt.id).unwrap().id, child.id);

    let bad = run(&jobs, job);
    assert_eq!(run_all(&jobs, &["t"]), ["t", "t"], "the call is repeated");
    assert_eq!(result(&jobs, bad), Some(JobResult::Failed));
    let message = jobs.run(bad).unwrap().end.unwrap().message;
    assert!(message.contains("of the other job ended as FAILED"), "{message}");
}

#[test]
fn a_canceled_call_cancels_the_other_run_and_other_processes_may_end_it() {
    let (_folder, database) = file();
    let two = Database::open(database.path()).unwrap();
    let jobs = database.jobs();
    let other = create(&jobs, &json!({"tasks": [command("t")]}));
    let job = calling(&jobs, other, &json!({}));
    let id = run(&jobs, job);
    let task = jobs.advance(1).unwrap().tasks.remove(0);
    two.jobs().advance(1).unwrap();
    assert_eq!(result(&jobs, id), None, "the call needs no process that lives");
    jobs.cancel(id).unwrap();
    let advance = two.jobs().advance(1).unwrap();
    assert!(advance.canceled.contains(&(task.run, JobResult::Canceled)), "{advance:?}");
    end(&jobs, &task, JobResult::Canceled);
    two.jobs().advance(1).unwrap();
    assert_eq!(result(&jobs, id), Some(JobResult::Canceled));
    assert_eq!(result_of(&jobs, id, "call"), JobResult::Canceled);
}

#[test]
fn a_call_takes_no_longer_than_its_timeout() {
    let (_folder, database) = file();
    NOW.set(1_000 * SECOND);
    let jobs = database.jobs().with_clock(now);
    let other = create(&jobs, &json!({"tasks": [command("t")]}));
    let job = calling(&jobs, other, &json!({"timeout_seconds": 60}));
    let id = run(&jobs, job);
    let advance = jobs.advance(1).unwrap();
    assert_eq!(advance.wake, Some(Timestamp::from_nanos(1_060 * SECOND)));
    NOW.set(1_060 * SECOND);
    assert_eq!(jobs.advance(1).unwrap().canceled.len(), 1);
    end(&jobs, &advance.tasks[0], JobResult::TimedOut);
    jobs.advance(1).unwrap();
    assert_eq!(result_of(&jobs, id, "call"), JobResult::TimedOut);
}

#[test]
fn jobs_that_run_each_other_end_and_missing_ones_fail() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let gone = create(&jobs, &json!({"tasks": [command("t")]}));
    jobs.delete(gone).unwrap();
    let lost = calling(&jobs, gone, &json!({}));
    let id = run(&jobs, lost);
    run_all(&jobs, &[]);
    assert!(jobs.run(id).unwrap().end.unwrap().message.contains("does not exist"));

    let circle = calling(&jobs, gone, &json!({}));
    let tasks = json!({"max_concurrent_runs": 100, "tasks": [
        {"task_key": "call", "run_job_task": {"job_id": circle.get()}}]});
    jobs.update(circle, &tasks.to_string(), &[]).unwrap();
    let id = run(&jobs, circle);
    run_all(&jobs, &[]);
    assert_eq!(result(&jobs, id), Some(JobResult::Failed));
    let runs = jobs.runs(&JobRunSearch::new().job(circle)).unwrap();
    assert_eq!(runs.len(), 4, "three calls, and the first run");

    for (trigger, wanted) in [
        (json!({"table_update": {}}), "table_names"),
        (json!({"model": {"condition": "NEVER"}}), "MODEL_ALIAS_SET"),
        (
            json!({"model": {"condition": "MODEL_CREATED"}, "file_arrival": {"url": "/a"}}),
            "several",
        ),
        (json!({"file_arrival": {"url": "/../a"}}), "below the folder"),
    ] {
        let error = jobs.create(&json!({"trigger": trigger}).to_string()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(wanted), "{error}");
    }
}

#[test]
fn runs_that_are_created_together_have_numbers_and_rules_of_their_own() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let other = create(&jobs, &json!({"tasks": [command("t")]}));
    let call = |key: &str| json!({"task_key": key, "run_job_task": {"job_id": other.get()}});
    let job = create(&jobs, &json!({"tasks": [call("a"), call("b"), call("c")]}));
    jobs.run_now(job, &JobRunRequest::default()).unwrap();
    jobs.advance(16).unwrap();
    let runs = jobs.runs(&JobRunSearch::new().job(other)).unwrap();
    let mut numbers: Vec<u64> = runs.iter().map(|run| run.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);
    let skipped = runs.iter().filter_map(|run| run.end.as_ref());
    assert_eq!(skipped.filter(|end| end.result == JobResult::TooManyRuns).count(), 2);
}
