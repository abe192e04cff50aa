//! Runs of jobs: `w.jobs.run_now`, `submit`, `get_run`, `cancel_run`, `repair_run` and more.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tracklite::artifact::ArtifactOwner;
use tracklite::job::{
    JobAttempt, JobId, JobLevel, JobOutput, JobRunId, JobRunInfo, JobRunRequest, JobRunSearch,
    RepairRequest,
};
use tracklite::{ErrorKind, Timestamp};

use super::job_found::{jobs, refused};
use super::job_objects::{
    AnyJson, CalledRun, CreatedRepair, CreatedRun, ExportedView, ExportedViews, NotebookOutput,
    RunList, TaskOutput, attempt_object, run_object,
};
use super::job_rights::{is_visible, must_for_run};
use super::jobs::{in_all_versions, kept, known, page};
use crate::access::Scope::{self, Admin, Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, flag, missing, object, objects, text, texts, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const ONE: &[Field] = &[whole("run_id").required()];

/// The parameters of a request for a run.
const PARAMETERS: &[&str] = &[
    "job_parameters",
    "notebook_params",
    "python_params",
    "python_named_params",
    "spark_submit_params",
    "only",
    "queue",
];

const RUN_NOW: &[Field] = &[
    whole("job_id").required(),
    text("idempotency_token"),
    object("job_parameters", &[]),
    object("notebook_params", &[]),
    texts("python_params"),
    object("python_named_params", &[]),
    texts("spark_submit_params"),
    texts("only"),
    object("queue", &[flag("enabled")]),
];

const SUBMIT: &[Field] = &[
    text("run_name"),
    objects("tasks", &[]),
    text("idempotency_token"),
    whole("timeout_seconds"),
    kept("access_control_list"),
];

const RUNS: &[Field] = &[
    whole("job_id"),
    flag("active_only"),
    flag("completed_only"),
    whole("limit"),
    whole("offset"),
    text("run_type"),
    whole("start_time_from"),
    whole("start_time_to"),
    flag("expand_tasks"),
    text("page_token"),
];

const REPAIR: &[Field] = &[
    whole("run_id").required(),
    texts("rerun_tasks"),
    flag("rerun_all_failed_tasks"),
    flag("rerun_dependent_tasks"),
    whole("latest_repair_id"),
    object("job_parameters", &[]),
    object("notebook_params", &[]),
    texts("python_params"),
    object("python_named_params", &[]),
];

const GET: &[Field] = &[
    whole("run_id").required(),
    flag("include_history"),
    flag("include_resolved_values"),
    text("page_token"),
];

const CANCEL_ALL: &[Field] = &[whole("job_id"), flag("all_queued_runs")];
const EXPORT: &[Field] = &[whole("run_id").required(), text("views_to_export")];

pub(super) const ROUTES: &[Route] = in_all_versions! {
    "run-now": Post, Read, RUN_NOW, CreatedRun, run_now;
    // The code of the tasks runs on the machine of the server.
    "runs/submit": Post, Admin, SUBMIT, CreatedRun, submit;
    "runs/get": Get, Read, GET, AnyJson, get;
    "runs/list": Get, Read, RUNS, RunList, list;
    "runs/get-output": Get, Read, ONE, TaskOutput, output;
    "runs/export": Get, Read, EXPORT, ExportedViews, export;
    "runs/cancel": Post, Read, ONE, Nothing, cancel;
    "runs/cancel-all": Post, Read, CANCEL_ALL, Nothing, cancel_all;
    "runs/repair": Post, Read, REPAIR, CreatedRepair, repair;
    "runs/delete": Post, Read, ONE, Nothing, delete;
};

/// The most runs of a page.
const PAGE_MAX: i64 = 25;
/// The most bytes of output in an answer.
const OUTPUT_BYTES_MAX: usize = 5 * 1024 * 1024;

fn run_id(call: &Call) -> Outcome<JobRunId> {
    let id = call.args.whole("run_id").ok_or_else(|| missing("run_id"))?;
    let number = u64::try_from(id);
    number.map(JobRunId::new).map_err(|_| Failure::invalid(format!("Run {id} does not exist.")))
}

/// Returns the parameters of a request as JSON.
fn parameters(call: &Call) -> String {
    let given = |name: &&&str| call.args.get(**name).is_some_and(|value| !value.is_null());
    let all = PARAMETERS.iter().filter(given);
    let all: Map<String, Value> =
        all.map(|name| ((*name).to_owned(), call.args[*name].clone())).collect();
    if all.is_empty() { String::new() } else { Value::Object(all).to_string() }
}

fn run_now(call: &Call) -> Outcome<Reply> {
    let mut request = JobRunRequest::new(parameters(call));
    if let Some(token) = call.args.text("idempotency_token") {
        request = request.token(token);
    }
    let job = known(call, JobLevel::ManageRun)?.id;
    let run = jobs(call).run_now(job, &request).map_err(refused)?;
    Ok(Reply::json(&CreatedRun { run_id: run.id.get(), number_in_job: run.number }))
}

fn submit(call: &Call) -> Outcome<Reply> {
    let mut settings = call.args.clone();
    for name in ["idempotency_token", "access_control_list"] {
        settings.remove(name);
    }
    let token = call.args.text("idempotency_token");
    let run = jobs(call).submit(&Value::Object(settings).to_string(), token).map_err(refused)?;
    Ok(Reply::json(&CreatedRun { run_id: run.id.get(), number_in_job: run.number }))
}

/// A run, or an attempt at one of its tasks.
enum Found {
    Run(JobRunInfo),
    Attempt(JobRunInfo, Box<JobAttempt>),
}

/// Returns the run that a request names, if the caller has this right to its job. A run without a
/// job needs this scope.
fn known_run(call: &Call, needs: JobLevel, scope: Scope) -> Outcome<JobRunInfo> {
    let run = jobs(call).run(run_id(call)?).map_err(refused)?;
    must_for_run(call, &run, needs, scope)?;
    Ok(run)
}

fn find(call: &Call) -> Outcome<Found> {
    let found = find_any(call)?;
    let (Found::Run(run) | Found::Attempt(run, _)) = &found;
    must_for_run(call, run, JobLevel::View, Read)?;
    Ok(found)
}

fn find_any(call: &Call) -> Outcome<Found> {
    let id = run_id(call)?;
    match jobs(call).run(id) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let run = jobs(call).run_of_attempt(id).map_err(refused)?;
            let attempt = run.attempts.iter().find(|attempt| attempt.id == id).cloned();
            let attempt =
                attempt.ok_or_else(|| Failure::invalid(format!("Run {id} does not exist.")))?;
            Ok(Found::Attempt(run, Box::new(attempt)))
        }
        run => Ok(Found::Run(run?)),
    }
}

fn get(call: &Call) -> Outcome<Reply> {
    let object = match find(call)? {
        Found::Run(run) => run_object(call, &run, true),
        Found::Attempt(run, attempt) => task_run(call, &run, &attempt),
    };
    Ok(Reply::json(&object))
}

/// Returns an attempt in the form of a run.
fn task_run(call: &Call, run: &JobRunInfo, attempt: &JobAttempt) -> Value {
    let mut object = run_object(call, run, false);
    if let (Value::Object(all), Value::Object(own)) = (&mut object, attempt_object(attempt)) {
        all.extend(own);
        all.insert("task_key".to_owned(), attempt.task.clone().into());
        all.insert("parent_run_id".to_owned(), run.id.get().into());
    }
    object
}

fn list(call: &Call) -> Outcome<Reply> {
    let (offset, limit) = page(call, PAGE_MAX)?;
    let mut search = JobRunSearch::new();
    if let Some(job) = call.args.whole("job_id") {
        search = search.job(JobId::new(u64::try_from(job).unwrap_or(0)));
    }
    let is_set = |name: &str| call.args.flag(name) == Some(true);
    match (is_set("active_only"), is_set("completed_only")) {
        (true, true) => {
            return Err(Failure::invalid(
                "active_only and completed_only cannot be combined: remove one of them",
            ));
        }
        (true, false) => search = search.ended(false),
        (false, true) => search = search.ended(true),
        (false, false) => {}
    }
    match call.args.text("run_type") {
        Some("JOB_RUN") => search = search.with_job(true),
        Some("SUBMIT_RUN") => search = search.with_job(false),
        _ => {}
    }
    let time = |name: &str| call.args.whole(name).map(Timestamp::from_millis).transpose();
    if let Some(time) = time("start_time_from")? {
        search = search.from(time);
    }
    if let Some(time) = time("start_time_to")? {
        search = search.to(time);
    }
    let found = visible(call, search, offset, limit)?;
    let has_more = found.len() > limit;
    let with_tasks = is_set("expand_tasks");
    let runs = found.iter().take(limit).map(|run| AnyJson(run_object(call, run, with_tasks)));
    let next_page_token = has_more.then(|| (offset + limit).to_string());
    Ok(Reply::json(&RunList { runs: runs.collect(), has_more, next_page_token }))
}

/// Returns a page of the runs that the caller may see, and one more if there is another page.
fn visible(
    call: &Call,
    search: JobRunSearch,
    offset: usize,
    limit: usize,
) -> Outcome<Vec<JobRunInfo>> {
    let all = jobs(call).list()?;
    let hidden = all.iter().filter(|info| !is_visible(&call.caller, info));
    let hidden: HashSet<JobId> = hidden.map(|info| info.id).collect();
    if hidden.is_empty() {
        return Ok(jobs(call).runs(&search.page(offset as u64, limit as u64 + 1))?);
    }
    let all = jobs(call).runs(&search)?.into_iter();
    let seen = all.filter(|run| run.job.is_none_or(|job| !hidden.contains(&job)));
    Ok(seen.skip(offset).take(limit + 1).collect())
}

fn output(call: &Call) -> Outcome<Reply> {
    let (run, attempt) = match find(call)? {
        Found::Attempt(run, attempt) => (run, *attempt),
        Found::Run(run) => only_attempt(run)?,
    };
    let mut answer = TaskOutput {
        metadata: AnyJson(task_run(call, &run, &attempt)),
        notebook_output: None,
        run_job_output: jobs(call)
            .run_called_by(attempt.id)
            .ok()
            .map(|run| CalledRun { run_id: run.id.get() }),
        logs: None,
        logs_truncated: None,
        error: None,
        error_trace: None,
    };
    if let Some(end) = &attempt.end {
        answer.error = (!end.result.is_good()).then(|| end.message.clone());
        answer.error_trace.clone_from(&end.output.trace);
        answer.notebook_output = end.output.exit_value.clone().map(|result| {
            let truncated = false;
            NotebookOutput { result, truncated }
        });
        if let Some((text, is_cut)) = printed(call, &end.output) {
            answer.logs = Some(text);
            answer.logs_truncated = Some(is_cut);
        }
    }
    Ok(Reply::json(&answer))
}

/// Returns the only attempt of a run with one task.
fn only_attempt(run: JobRunInfo) -> Outcome<(JobRunInfo, JobAttempt)> {
    let last = run.attempts.last().cloned();
    let is_only =
        run.attempts.iter().all(|other| Some(&other.task) == last.as_ref().map(|a| &a.task));
    match last.filter(|_| is_only) {
        Some(attempt) => Ok((run, attempt)),
        None => Err(Failure::invalid(
            "Retrieving the output of runs with multiple tasks is not supported. Retrieve the \
             output of each individual task run instead.",
        )),
    }
}

/// Returns the printed output: its end, if it is long.
fn printed(call: &Call, output: &JobOutput) -> Option<(String, bool)> {
    let run = output.log_run()?;
    let artifacts = call.database().artifacts_of(ArtifactOwner::Run(run)).ok()?;
    let bytes = artifacts.read(JobOutput::FILE).ok()?;
    let first = bytes.len().saturating_sub(OUTPUT_BYTES_MAX);
    let text = String::from_utf8_lossy(bytes.get(first..)?).into_owned();
    Some((text, output.is_cut || first > 0))
}

fn export(call: &Call) -> Outcome<Reply> {
    let (run, attempt) = match find(call)? {
        Found::Attempt(run, attempt) => (run, *attempt),
        Found::Run(run) => only_attempt(run)?,
    };
    let printed = attempt.end.as_ref().and_then(|end| printed(call, &end.output));
    let (text, _) = printed.unwrap_or_default();
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
    let name = format!("{}/{}", run.id, attempt.task);
    let content = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>{name}</title></head>\
         <body><pre>{escaped}</pre></body></html>"
    );
    let view = ExportedView { content, name: attempt.task.clone(), kind: "NOTEBOOK" };
    Ok(Reply::json(&ExportedViews { views: vec![view] }))
}

fn cancel(call: &Call) -> Outcome<Reply> {
    jobs(call).cancel(known_run(call, JobLevel::ManageRun, Write)?.id).map_err(refused)?;
    Ok(Reply::done())
}

fn cancel_all(call: &Call) -> Outcome<Reply> {
    let job = match call.args.whole("job_id") {
        Some(_) => Some(known(call, JobLevel::ManageRun)?.id),
        None if call.args.flag("all_queued_runs") == Some(true) => {
            for run in jobs(call).runs(&JobRunSearch::new().ended(false))? {
                must_for_run(call, &run, JobLevel::ManageRun, Write)?;
            }
            None
        }
        None => return Err(missing("job_id")),
    };
    jobs(call).cancel_all(job).map_err(refused)?;
    Ok(Reply::done())
}

fn repair(call: &Call) -> Outcome<Reply> {
    let mut request = RepairRequest::default();
    let is_set = |name: &str| call.args.flag(name) == Some(true);
    request.tasks = call.args.texts("rerun_tasks").into_iter().map(str::to_owned).collect();
    request.all_failed = is_set("rerun_all_failed_tasks");
    request.dependent = is_set("rerun_dependent_tasks");
    let latest = call.args.whole("latest_repair_id").and_then(|id| u64::try_from(id).ok());
    request.latest = latest.map(JobRunId::new);
    request.parameters = parameters(call);
    let run = known_run(call, JobLevel::ManageRun, Write)?.id;
    let repair = jobs(call).repair(run, &request).map_err(refused)?;
    Ok(Reply::json(&CreatedRepair { repair_id: repair.get() }))
}

fn delete(call: &Call) -> Outcome<Reply> {
    jobs(call).delete_run(known_run(call, JobLevel::Manage, Admin)?.id).map_err(refused)?;
    Ok(Reply::done())
}
