//! The forms of jobs and their runs in answers.

use serde::Serialize;
use serde_json::{Value, json};
use tracklite::Timestamp;
use tracklite::job::{JobAttempt, JobResult, JobRunInfo, JobSettings, JobTask, JobTrigger};
use utoipa::ToSchema;

use crate::call::Call;

/// Any JSON.
#[derive(Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(super) struct AnyJson(pub(super) Value);

/// The id of a new job.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedJob {
    pub(super) job_id: u64,
}

/// A job.
#[derive(Serialize, ToSchema)]
pub(super) struct Job {
    pub(super) job_id: u64,
    pub(super) creator_user_name: String,
    pub(super) run_as_user_name: String,
    /// In milliseconds since 1970.
    pub(super) created_time: i64,
    pub(super) settings: AnyJson,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub(super) struct JobList {
    pub(super) jobs: Vec<Job>,
    pub(super) has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_page_token: Option<String>,
}

/// The id of a new run.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedRun {
    pub(super) run_id: u64,
    pub(super) number_in_job: u64,
}

/// The id of a new repair.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedRepair {
    pub(super) repair_id: u64,
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
#[schema(as = JobRunList)]
pub(super) struct RunList {
    pub(super) runs: Vec<AnyJson>,
    pub(super) has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_page_token: Option<String>,
}

/// The output of a task.
#[derive(Serialize, ToSchema)]
pub(super) struct TaskOutput {
    pub(super) metadata: AnyJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notebook_output: Option<NotebookOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run_job_output: Option<CalledRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logs_truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_trace: Option<String>,
}

/// The run of another job that a task has created.
#[derive(Serialize, ToSchema)]
pub(super) struct CalledRun {
    pub(super) run_id: u64,
}

/// The value with which a notebook has ended.
#[derive(Serialize, ToSchema)]
pub(super) struct NotebookOutput {
    pub(super) result: String,
    pub(super) truncated: bool,
}

/// The pages of an exported run.
#[derive(Serialize, ToSchema)]
pub(super) struct ExportedViews {
    pub(super) views: Vec<ExportedView>,
}

/// A page of an exported run.
#[derive(Serialize, ToSchema)]
pub(super) struct ExportedView {
    pub(super) content: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// Reads the JSON of the file. Other text is an empty object.
pub(super) fn object_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!({}))
}

/// Returns the times of something: start, duration and end in milliseconds.
fn times(begin: Option<Timestamp>, end: Option<Timestamp>) -> Value {
    let millis = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis);
    let duration = match (begin, end) {
        (Some(begin), Some(end)) => (end.as_millis() - begin.as_millis()).max(0),
        _ => 0,
    };
    json!({
        "start_time": millis(begin),
        "end_time": millis(end),
        "setup_duration": 0,
        "execution_duration": duration,
        "cleanup_duration": 0,
        "run_duration": duration,
    })
}

/// Returns the state of something that has ended, in the words of both versions of the API.
fn ended(result: JobResult, message: &str) -> Value {
    let (life_cycle, code, kind) = match result {
        JobResult::Success => ("TERMINATED", "SUCCESS", "SUCCESS"),
        JobResult::SuccessWithFailures => ("TERMINATED", "SUCCESS_WITH_FAILURES", "SUCCESS"),
        JobResult::Canceled => ("TERMINATED", "USER_CANCELED", "SUCCESS"),
        JobResult::TimedOut => ("TERMINATED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
        JobResult::Failed => ("TERMINATED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
        JobResult::TooManyRuns => ("SKIPPED", "MAX_CONCURRENT_RUNS_EXCEEDED", "CLIENT_ERROR"),
        JobResult::InternalError => ("INTERNAL_ERROR", "INTERNAL_ERROR", "INTERNAL_ERROR"),
        JobResult::UpstreamFailed | JobResult::UpstreamCanceled => {
            ("TERMINATED", "SKIPPED", "CLIENT_ERROR")
        }
        JobResult::Excluded | JobResult::Disabled => ("TERMINATED", "SKIPPED", "SUCCESS"),
    };
    let mut state = json!({
        "life_cycle_state": life_cycle,
        "state_message": message,
        "user_cancelled_or_timedout":
            matches!(result, JobResult::Canceled | JobResult::TimedOut),
    });
    if result != JobResult::InternalError {
        state["result_state"] = result.as_str().into();
    }
    let details = json!({"code": code, "type": kind, "message": message});
    json!({"state": state, "status": {"state": "TERMINATED", "termination_details": details}})
}

/// Returns the state of something that has not ended.
fn active(life_cycle: &str) -> Value {
    let state = match life_cycle {
        "WAITING_FOR_RETRY" => "WAITING",
        other => other,
    };
    json!({
        "state": {
            "life_cycle_state": life_cycle,
            "state_message": "",
            "user_cancelled_or_timedout": false,
        },
        "status": {"state": state},
    })
}

/// Joins the members of objects.
fn joined(objects: impl IntoIterator<Item = Value>) -> Value {
    let mut all = serde_json::Map::new();
    for object in objects {
        if let Value::Object(members) = object {
            all.extend(members);
        }
    }
    Value::Object(all)
}

fn state_of_run(run: &JobRunInfo) -> Value {
    match (&run.end, run.canceled, run.started) {
        (Some(end), ..) => ended(end.result, &end.message),
        (None, Some(_), _) => active("TERMINATING"),
        (None, None, Some(_)) => active("RUNNING"),
        (None, None, None) => active(if run.job.is_some() { "QUEUED" } else { "PENDING" }),
    }
}

/// Returns a run.
pub(super) fn run_object(call: &Call, run: &JobRunInfo, with_tasks: bool) -> Value {
    let settings = JobSettings::from_json(&run.settings).unwrap_or_default();
    let kind = if run.job.is_some() { "JOB_RUN" } else { "SUBMIT_RUN" };
    let mut object = json!({
        "run_id": run.id.get(),
        "number_in_job": run.number,
        "original_attempt_run_id": run.id.get(),
        "attempt_number": 0,
        "run_name": settings.title(),
        "run_type": kind,
        "trigger": run.trigger.as_str(),
        "creator_user_name": run.author,
        "format": "MULTI_TASK",
        "run_page_url": format!("{}/#jobs/runs/{}", call.shared.url, run.id),
    });
    if let Some(job) = run.job {
        object["job_id"] = job.get().into();
    }
    if let Some(nominal) = run.nominal {
        object["nominal_time"] = nominal.as_millis().into();
    }
    // The token of such a run ends with the id of the attempt that called for it.
    let caller = run.token.as_deref().filter(|_| run.trigger == JobTrigger::RunJobTask);
    let caller = caller.and_then(|token| token.rsplit(' ').next()?.parse::<u64>().ok());
    if let Some(caller) = caller {
        object["trigger_info"] = json!({"run_id": caller});
    }
    for member in ["schedule", "continuous", "job_clusters"] {
        if let Some(value) = object_of(&run.settings).get_mut(member) {
            object[member] = value.take();
        }
    }
    let mut given = object_of(&run.request);
    if let Some(cause) = given.as_object_mut().and_then(|given| given.remove("trigger")) {
        object["trigger_event"] = cause;
    }
    object["job_parameters"] = settings
        .parameters
        .iter()
        .map(|parameter| {
            let value = given["job_parameters"].get(&parameter.name).and_then(Value::as_str);
            json!({
                "name": parameter.name,
                "default": parameter.default,
                "value": value.unwrap_or(&parameter.default),
            })
        })
        .collect();
    object["overriding_parameters"] = given;
    if with_tasks {
        object["tasks"] = tasks(run, &settings).into();
        object["repair_history"] = repairs(run);
    }
    let begin = run.started.or(Some(run.created));
    let end = run.end.as_ref().map(|end| end.time);
    joined([object, state_of_run(run), times(begin, end)])
}

fn repairs(run: &JobRunInfo) -> Value {
    let repair = |repair: &tracklite::job::JobRepair| {
        json!({
            "id": repair.id.get(),
            "type": "REPAIR",
            "start_time": repair.time.as_millis(),
        })
    };
    let first = json!({"type": "ORIGINAL", "start_time": run.created.as_millis()});
    std::iter::once(first).chain(run.repairs.iter().map(repair)).collect::<Vec<_>>().into()
}

/// Returns the tasks of a run, each with its last attempt.
fn tasks(run: &JobRunInfo, settings: &JobSettings) -> Vec<Value> {
    let sent = object_of(&run.settings);
    let task = |task: &JobTask| {
        let key = &task.task_key;
        let of_key = |sent: &&Value| sent["task_key"].as_str() == Some(key);
        let all = sent["tasks"].as_array().into_iter().flatten();
        let sent = all.into_iter().find(of_key).cloned().unwrap_or(json!({"task_key": key}));
        let last = run.attempts.iter().rev().find(|attempt| attempt.task == *key);
        joined([sent, last.map_or_else(|| waiting(run), attempt_object)])
    };
    settings.tasks.iter().map(task).collect()
}

/// Returns the state of a task that has no attempt.
fn waiting(run: &JobRunInfo) -> Value {
    let id = json!({"run_id": 0, "attempt_number": 0});
    let life_cycle = if run.started.is_some() { "BLOCKED" } else { "PENDING" };
    joined([id, active(life_cycle), times(None, None)])
}

/// Returns an attempt as a run of its task.
pub(super) fn attempt_object(attempt: &JobAttempt) -> Value {
    let id = json!({
        "run_id": attempt.id.get(),
        "attempt_number": attempt.number,
    });
    let (state, time) = match &attempt.end {
        Some(end) => (ended(end.result, &end.message), Some(end.time)),
        None => (active("RUNNING"), None),
    };
    joined([id, state, times(attempt.started, time)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_fails_is_terminated_and_a_dead_runner_is_an_internal_error() {
        let failed = ended(JobResult::Failed, "why");
        assert_eq!(failed["state"]["life_cycle_state"], "TERMINATED");
        assert_eq!(failed["state"]["result_state"], "FAILED");
        assert_eq!(failed["status"]["termination_details"]["message"], "why");
        let died = ended(JobResult::InternalError, "");
        assert_eq!(died["state"]["life_cycle_state"], "INTERNAL_ERROR");
        assert_eq!(died["state"].get("result_state"), None);
        let skipped = ended(JobResult::TooManyRuns, "");
        assert_eq!(skipped["state"]["life_cycle_state"], "SKIPPED");
    }
}
