//! The rules for the settings of jobs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::entity::wording::invalid;
use crate::entity::{JobSettings, JobTask};
use crate::error::Result;
use crate::job::notice::DURATION;
use crate::job::rules::{check_path, check_word};
use crate::job::{values, when};

/// The most bytes of settings.
const BYTES_MAX: usize = 1024 * 1024;
/// The most bytes of the name of a job.
const NAME_BYTES_MAX: usize = 4096;
/// The most tasks.
const TASKS_MAX: usize = 1000;
/// The most characters of the key of a task.
const KEY_MAX: usize = 100;
/// The most runs that may be active.
const CONCURRENT_MAX: u32 = 1000;
/// The most webhooks of an event.
const RECEIVERS_MAX: usize = 3;
/// The conditions on the tasks before a task.
const RUN_IF: &[&str] = &[
    "ALL_SUCCESS",
    "AT_LEAST_ONE_SUCCESS",
    "NONE_FAILED",
    "ALL_DONE",
    "AT_LEAST_ONE_FAILED",
    "ALL_FAILED",
];
/// The operators of conditions.
const OPERATORS: &[&str] = &[
    "EQUAL_TO",
    "NOT_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL",
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL",
];

/// Reads settings and checks them.
pub(crate) fn checked(text: &str) -> Result<JobSettings> {
    if text.len() > BYTES_MAX {
        let found = text.len();
        return Err(invalid(format!(
            "the settings of the job have {found} bytes, at most {BYTES_MAX} are allowed"
        )));
    }
    let settings = JobSettings::from_json(text)?;
    let name = settings.title().len();
    if name > NAME_BYTES_MAX {
        return Err(invalid(format!(
            "the name of the job has {name} bytes, at most {NAME_BYTES_MAX} are allowed"
        )));
    }
    if settings.max_concurrent_runs.is_some_and(|runs| runs > CONCURRENT_MAX) {
        return Err(invalid(format!("max_concurrent_runs is above {CONCURRENT_MAX}")));
    }
    check_words(&settings)?;
    check_notifications(&settings)?;
    check_tasks(&settings)?;
    check_references(&settings, text)?;
    when::check(&settings)?;
    Ok(settings)
}

fn check_words(settings: &JobSettings) -> Result<()> {
    let extras = &settings.tracklite;
    let overlaps = ["skip", "queue", "allow", "cancel_other"];
    check_word("tracklite.overlap", extras.overlap.as_deref(), &overlaps)?;
    let missed = ["none", "latest", "all"];
    check_word("tracklite.missed_fires", extras.missed_fires.as_deref(), &missed)?;
    let mut names = BTreeSet::new();
    for parameter in &settings.parameters {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let name = &parameter.name;
        if name.is_empty() || !name.bytes().all(is_legal) {
            return Err(invalid(format!(
                "Invalid name {name:?} of a parameter: expected letters, digits, '_', '-' and '.'"
            )));
        }
        if !names.insert(name) {
            return Err(invalid(format!("two parameters have the name {name:?}: remove one")));
        }
    }
    Ok(())
}

fn check_notifications(settings: &JobSettings) -> Result<()> {
    let all = &settings.webhook_notifications;
    for (name, receivers) in [
        ("on_start", &all.on_start),
        ("on_success", &all.on_success),
        ("on_failure", &all.on_failure),
        ("on_duration_warning_threshold_exceeded", &all.on_duration_warning_threshold_exceeded),
    ] {
        if receivers.len() > RECEIVERS_MAX || receivers.iter().any(|one| one.id.is_empty()) {
            return Err(invalid(format!(
                "webhook_notifications.{name} has {} receivers: expected at most {RECEIVERS_MAX}, \
                 each with the id of a webhook or its address",
                receivers.len()
            )));
        }
    }
    let rules = settings.health.iter().flat_map(|health| &health.rules);
    for rule in rules {
        check_word("health.rules.op", Some(&rule.op), &["GREATER_THAN"])?;
        if rule.metric == DURATION && rule.value == 0 {
            return Err(invalid(
                "health.rules.value is 0, expected a duration of 1 second or more".to_owned(),
            ));
        }
    }
    Ok(())
}

fn check_tasks(settings: &JobSettings) -> Result<()> {
    let count = settings.tasks.len();
    if count > TASKS_MAX {
        return Err(invalid(format!("the job has {count} tasks, at most {TASKS_MAX} are allowed")));
    }
    let mut keys = BTreeSet::new();
    for task in &settings.tasks {
        check_key(&task.task_key)?;
        if !keys.insert(task.task_key.as_str()) {
            return Err(invalid(format!(
                "two tasks have the key {:?}: keys must be unique in a job",
                task.task_key
            )));
        }
        check_task(task)?;
    }
    check_graph(&settings.tasks)
}

fn check_key(key: &str) -> Result<()> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if key.is_empty() || key.len() > KEY_MAX || !key.bytes().all(is_legal) {
        return Err(invalid(format!(
            "Invalid task_key {key:?}: expected 1 to {KEY_MAX} letters, digits, '_' and '-'"
        )));
    }
    Ok(())
}

fn check_task(task: &JobTask) -> Result<()> {
    let key = &task.task_key;
    if task.work.count() > 1 {
        return Err(invalid(format!("task {key:?} has several kinds of work: keep one")));
    }
    check_word(&format!("run_if of task {key:?}"), task.run_if.as_deref(), RUN_IF)?;
    if task.max_retries < -1 {
        return Err(invalid(format!(
            "max_retries of task {key:?} is {}, expected -1 (without limit) or more",
            task.max_retries
        )));
    }
    if let Some(condition) = &task.work.condition_task {
        check_word(&format!("op of task {key:?}"), Some(&condition.op), OPERATORS)?;
    }
    if let Some(notebook) = &task.work.notebook_task {
        check_path(&format!("task {key:?}"), &notebook.notebook_path)?;
    }
    if let Some(python) = &task.work.spark_python_task {
        check_path(&format!("task {key:?}"), &python.python_file)?;
    }
    if task.work.command_task.as_ref().is_some_and(|work| work.command.is_empty()) {
        return Err(invalid(format!("task {key:?} has an empty command: expected a program")));
    }
    if task.work.run_job_task.as_ref().is_some_and(|work| work.job_id == 0) {
        return Err(invalid(format!("run_job_task of task {key:?} has no job_id: name a job")));
    }
    match &task.work.for_each_task {
        Some(each) if each.task.work.for_each_task.is_some() => {
            Err(invalid(format!("task {key:?} is a loop in a loop: expected another kind of task")))
        }
        Some(each) => check_task(&each.task),
        None => Ok(()),
    }
}

/// Checks that dependencies exist and have no circle.
fn check_graph(tasks: &[JobTask]) -> Result<()> {
    let by_key: BTreeMap<&str, &JobTask> =
        tasks.iter().map(|task| (task.task_key.as_str(), task)).collect();
    for task in tasks {
        for dependency in &task.depends_on {
            let Some(other) = by_key.get(dependency.task_key.as_str()) else {
                return Err(invalid(format!(
                    "task {:?} depends on {:?}, which is not a task of the job",
                    task.task_key, dependency.task_key
                )));
            };
            let outcome = dependency.outcome.as_deref();
            check_word("an outcome", outcome, &["true", "false"])?;
            if outcome.is_some() && other.work.condition_task.is_none() {
                return Err(invalid(format!(
                    "task {:?} waits for an outcome of {:?}, which is not a condition",
                    task.task_key, dependency.task_key
                )));
            }
        }
    }
    let mut left: BTreeMap<&str, &JobTask> = by_key;
    loop {
        let before = left.len();
        let waits = |task: &JobTask, left: &BTreeMap<&str, &JobTask>| {
            task.depends_on.iter().any(|other| left.contains_key(other.task_key.as_str()))
        };
        let free: Vec<&str> =
            left.iter().filter(|(_, task)| !waits(task, &left)).map(|(key, _)| *key).collect();
        left.retain(|key, _| !free.contains(key));
        if left.is_empty() {
            return Ok(());
        }
        if left.len() == before {
            let circle: Vec<&str> = left.into_keys().collect();
            return Err(invalid(format!(
                "the dependencies of the tasks have a cycle among {}: remove one of them",
                circle.join(", ")
            )));
        }
    }
}

fn check_references(settings: &JobSettings, text: &str) -> Result<()> {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let tasks = value.get("tasks").and_then(Value::as_array);
    for task in tasks.into_iter().flatten() {
        let key = task.get("task_key").and_then(Value::as_str).unwrap_or_default();
        values::check(settings, key, task)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_have_keys_kinds_and_no_circles() {
        let command = r#""command_task": {"command": ["true"]}"#;
        let good = format!(
            r#"{{"tasks": [{{"task_key": "b", "depends_on": [{{"task_key": "a"}}], {command}}},
                {{"task_key": "a", {command}}}]}}"#
        );
        checked(&good).unwrap();
        for (text, wanted) in [
            (r#"{"tasks": [{"task_key": "a b"}]}"#, "Invalid task_key"),
            (r#"{"tasks": [{"task_key": "a"}, {"task_key": "a"}]}"#, "two tasks"),
            (r#"{"tasks": [{"task_key": "a", "run_if": "NEVER"}]}"#, "run_if"),
            (r#"{"tasks": [{"task_key": "a", "depends_on": [{"task_key": "x"}]}]}"#, "\"x\""),
            (r#"{"tasks": [{"task_key": "a", "depends_on": [{"task_key": "a"}]}]}"#, "cycle"),
            (
                r#"{"tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/../x"}}]}"#,
                "below the folder",
            ),
            (
                r#"{"tasks": [{"task_key": "a", "command_task": {"command": ["x"]},
                    "notebook_task": {"notebook_path": "/x"}}]}"#,
                "several kinds",
            ),
            (
                r#"{"tasks": [{"task_key": "a", "command_task": {"command": ["{{job.naem}}"]}}]}"#,
                "job.naem",
            ),
            (r#"{"tracklite": {"overlap": "both"}}"#, "cancel_other"),
            (r#"{"max_concurrent_runs": 1001}"#, "above 1000"),
            ("[]", "Invalid settings"),
        ] {
            let error = checked(text).unwrap_err();
            assert!(error.message().contains(wanted), "{text}: {error}");
        }
    }
}
