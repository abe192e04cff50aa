//! Jobs: runs and their steps, schedules with several planners, and copies.

#[path = "jobs/copies.rs"]
mod copies;
#[path = "jobs/notices.rs"]
mod notices;
#[path = "jobs/rights.rs"]
mod rights;
#[path = "jobs/schedules.rs"]
mod schedules;
#[path = "jobs/triggers.rs"]
mod triggers;

use serde_json::{Value, json};
use tempfile::TempDir;
use tracklite::job::{
    Advance, Ended, JobId, JobOutput, JobResult, JobRunId, JobRunRequest, JobRunSearch, Jobs,
    RepairRequest, Task,
};
use tracklite::{Database, ErrorKind};

fn file() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(folder.path().join("runs.tracklite")).unwrap();
    (folder, database)
}

fn command(key: &str) -> Value {
    json!({"task_key": key, "command_task": {"command": ["echo", key]}})
}

/// A task that waits for others.
fn after(key: &str, others: &[&str], run_if: &str) -> Value {
    let others: Vec<Value> = others.iter().map(|other| json!({"task_key": other})).collect();
    let mut task = command(key);
    task["depends_on"] = others.into();
    task["run_if"] = run_if.into();
    task
}

fn create(jobs: &Jobs, settings: &Value) -> JobId {
    jobs.create(&settings.to_string()).unwrap().id
}

fn run(jobs: &Jobs, job: JobId) -> JobRunId {
    jobs.run_now(job, &JobRunRequest::default()).unwrap().id
}

fn end(jobs: &Jobs, task: &Task, result: JobResult) {
    let mut ended = Ended::default();
    ended.result = result;
    assert!(jobs.end_attempt(task, &ended).unwrap());
}

/// Runs all tasks to the end. Those in `failing` fail. Returns the keys in the order of their
/// attempts.
fn run_all(jobs: &Jobs, failing: &[&str]) -> Vec<String> {
    let mut keys = Vec::new();
    loop {
        let Advance { tasks, .. } = jobs.advance(16).unwrap();
        if tasks.is_empty() {
            return keys;
        }
        for task in tasks {
            let is_failing = failing.contains(&task.key.as_str());
            let result = if is_failing { JobResult::Failed } else { JobResult::Success };
            end(jobs, &task, result);
            keys.push(task.key);
        }
    }
}

fn result(jobs: &Jobs, run: JobRunId) -> Option<JobResult> {
    jobs.run(run).unwrap().end.map(|end| end.result)
}

fn result_of(jobs: &Jobs, run: JobRunId, key: &str) -> JobResult {
    let run = jobs.run(run).unwrap();
    let last = run.attempts.iter().rev().find(|attempt| attempt.task == key).unwrap();
    last.end.as_ref().unwrap().result
}

#[test]
fn tasks_run_in_the_order_of_their_graph_and_by_their_conditions() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let settings = json!({"tasks": [
        after("last", &["left", "right"], "ALL_SUCCESS"),
        after("left", &["first"], "ALL_SUCCESS"),
        after("right", &["first"], "ALL_SUCCESS"),
        after("sorry", &["right"], "AT_LEAST_ONE_FAILED"),
        after("anyway", &["last"], "ALL_DONE"),
        command("first"),
    ]});
    let job = create(&jobs, &settings);
    let good = run(&jobs, job);
    assert_eq!(run_all(&jobs, &[]), ["first", "left", "right", "last", "anyway"]);
    assert_eq!(result(&jobs, good), Some(JobResult::Success));
    assert_eq!(result_of(&jobs, good, "sorry"), JobResult::Excluded);

    let bad = run(&jobs, job);
    assert_eq!(run_all(&jobs, &["right"]), ["first", "left", "right", "sorry", "anyway"]);
    assert_eq!(result_of(&jobs, bad, "last"), JobResult::UpstreamFailed);
    assert_eq!(result(&jobs, bad), Some(JobResult::SuccessWithFailures));

    let mut request = RepairRequest::default();
    request.all_failed = true;
    assert_eq!(
        jobs.repair(good, &request).unwrap_err().kind(),
        ErrorKind::InvalidInput,
        "nothing has failed"
    );
    jobs.repair(bad, &request).unwrap();
    assert_eq!(result(&jobs, bad), None);
    assert_eq!(run_all(&jobs, &[]), ["right", "last"]);
    assert_eq!(result(&jobs, bad), Some(JobResult::Success));
}

#[test]
fn failed_attempts_are_repeated_as_often_as_the_task_allows() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let mut task = command("t");
    task["max_retries"] = 2.into();
    let job = create(&jobs, &json!({"tasks": [task]}));
    let id = run(&jobs, job);
    assert_eq!(run_all(&jobs, &["t"]), ["t", "t", "t"]);
    assert_eq!(result(&jobs, id), Some(JobResult::Failed));
    let numbers = jobs.run(id).unwrap();
    let numbers: Vec<u32> = numbers.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [0, 1, 2]);
}

#[test]
fn an_attempt_is_taken_once_and_ends_once() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let job = create(&jobs, &json!({"tasks": [command("a"), command("b")]}));
    run(&jobs, job);
    let first = jobs.advance(1).unwrap().tasks;
    assert_eq!(first.len(), 1, "there is room for one");
    let second = jobs.advance(16).unwrap().tasks;
    assert_eq!(second.len(), 1, "the other one is taken");
    assert_ne!(first[0].key, second[0].key);
    end(&jobs, &first[0], JobResult::Success);
    assert!(!jobs.end_attempt(&first[0], &Ended::default()).unwrap(), "it has ended");
}

#[test]
fn values_pass_from_task_to_task_and_references_without_value_fail() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let mut use_it = after("use", &["set"], "ALL_SUCCESS");
    use_it["command_task"]["command"] =
        json!(["{{tasks.set.values.x}}", "{{job.parameters.p}}", "{{job.run_id}}"]);
    let settings = json!({
        "parameters": [{"name": "p", "default": "d"}],
        "tasks": [command("set"), use_it],
    });
    let job = create(&jobs, &settings);
    let parameters = JobRunRequest::new(r#"{"job_parameters": {"p": "given"}}"#);
    let id = jobs.run_now(job, &parameters).unwrap().id;
    let set = jobs.advance(16).unwrap().tasks.remove(0);
    let mut ended = Ended::default();
    ended.result = JobResult::Success;
    let mut output = JobOutput::default();
    output.values.insert("x".to_owned(), json!([1, "two"]));
    ended.output = output;
    jobs.end_attempt(&set, &ended).unwrap();
    let task = jobs.advance(16).unwrap().tasks.remove(0);
    let words = &task.task.work.command_task.as_ref().unwrap().command;
    assert_eq!(words, &[r#"[1,"two"]"#.to_owned(), "given".to_owned(), id.to_string()]);
    end(&jobs, &task, JobResult::Success);
    jobs.advance(16).unwrap();
    assert_eq!(result(&jobs, id), Some(JobResult::Success));

    let other = run(&jobs, job);
    run_all(&jobs, &[]);
    assert_eq!(result_of(&jobs, other, "use"), JobResult::Failed);
    assert_eq!(result(&jobs, other), Some(JobResult::Failed));
}

#[test]
fn a_loop_runs_its_task_for_each_input() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let mut one = command("one");
    one["command_task"]["command"] = json!(["{{input.name}}"]);
    let inputs = r#"[{"name": "a"}, {"name": "b"}, {"name": "c"}]"#;
    let all = json!({"task_key": "all",
        "for_each_task": {"inputs": inputs, "concurrency": 2, "task": one}});
    let job = create(&jobs, &json!({"tasks": [all]}));
    let id = run(&jobs, job);
    let first = jobs.advance(16).unwrap().tasks;
    let words = |task: &Task| task.task.work.command_task.as_ref().unwrap().command.join(" ");
    assert_eq!(first.iter().map(words).collect::<Vec<_>>(), ["a", "b"]);
    end(&jobs, &first[0], JobResult::Success);
    let second = jobs.advance(16).unwrap().tasks;
    assert_eq!(second.iter().map(words).collect::<Vec<_>>(), ["c"]);
    end(&jobs, &first[1], JobResult::Failed);
    end(&jobs, &second[0], JobResult::Success);
    jobs.advance(16).unwrap();
    assert_eq!(result(&jobs, id), Some(JobResult::Failed));
}

#[test]
fn overlapping_runs_are_skipped_queued_allowed_or_replace_others() {
    for (overlap, active, first, second) in [
        ("skip", 1, None, Some(JobResult::TooManyRuns)),
        ("queue", 2, None, None),
        ("allow", 2, None, None),
        ("cancel_other", 2, Some(JobResult::Canceled), None),
    ] {
        let (_folder, database) = file();
        let jobs = database.jobs();
        let settings = json!({"tasks": [command("t")], "tracklite": {"overlap": overlap}});
        let job = create(&jobs, &settings);
        let one = run(&jobs, job);
        let begun = jobs.advance(16).unwrap().tasks;
        let other = run(&jobs, job);
        let search = JobRunSearch::new().job(job).ended(false);
        assert_eq!(jobs.runs(&search).unwrap().len(), active, "{overlap}");
        let more = jobs.advance(16).unwrap();
        assert_eq!(more.tasks.len(), usize::from(overlap == "allow"), "{overlap}");
        if overlap == "cancel_other" {
            assert_eq!(more.canceled, [(one, JobResult::Canceled)]);
            end(&jobs, &begun[0], JobResult::Canceled);
            let next = jobs.advance(16).unwrap();
            assert_eq!((next.tasks.len(), next.tasks[0].run), (1, other));
        }
        assert_eq!((result(&jobs, one), result(&jobs, other)), (first, second), "{overlap}");
    }
}

#[test]
fn a_canceled_run_leaves_its_other_tasks_out() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let settings = json!({"tasks": [command("a"), after("b", &["a"], "ALL_DONE")]});
    let job = create(&jobs, &settings);
    let id = run(&jobs, job);
    let task = jobs.advance(16).unwrap().tasks.remove(0);
    let error = jobs.delete(job).unwrap_err();
    assert!(error.message().contains("1 active runs"), "{error}");
    jobs.cancel(id).unwrap();
    assert_eq!(jobs.advance(16).unwrap().canceled, [(id, JobResult::Canceled)]);
    assert_eq!(result(&jobs, id), None, "its process has not ended");
    end(&jobs, &task, JobResult::Canceled);
    assert_eq!(run_all(&jobs, &[]), Vec::<String>::new());
    assert_eq!(result(&jobs, id), Some(JobResult::Canceled));
    jobs.delete(job).unwrap();
    assert_eq!(jobs.get(job).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(jobs.run(id).unwrap().job, Some(job), "its runs stay");
}

#[test]
fn a_repeated_request_returns_the_first_run() {
    let (_folder, database) = file();
    let jobs = database.jobs();
    let job = create(&jobs, &json!({"tasks": [command("a")]}));
    let request = JobRunRequest::default().token("once");
    let first = jobs.run_now(job, &request).unwrap().id;
    assert_eq!(jobs.run_now(job, &request).unwrap().id, first);
    let settings = json!({"tasks": [command("a")]}).to_string();
    let submitted = jobs.submit(&settings, Some("other")).unwrap().id;
    assert_ne!(submitted, first);
    assert_eq!(jobs.submit(&settings, Some("other")).unwrap().id, submitted);
    let long = JobRunRequest::default().token("x".repeat(65));
    assert_eq!(jobs.run_now(job, &long).unwrap_err().kind(), ErrorKind::InvalidInput);
}
