//! Creating, canceling, repairing and deleting runs.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::entity::limits::check_author;
use crate::entity::wording::invalid;
use crate::entity::{
    JobId, JobInfo, JobRepair, JobResult, JobRunId, JobRunInfo, JobSettings, JobTask, JobTrigger,
};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    JobRunCanceled, JobRunCreated, JobRunDeleted, JobRunEnded, JobRunRepaired, Record,
};
use crate::index::Index;
use crate::job::check::checked;
use crate::job::{Jobs, existing, no_such_run, when};

/// The most characters of a token.
const TOKEN_MAX: usize = 64;
/// The most bytes of the parameters of a request.
const REQUEST_BYTES_MAX: usize = 10_000;
/// The most runs of a job that wait.
const QUEUE_MAX: usize = 100;
/// The members of a request that replace the parameters of tasks.
const TASK_PARAMETERS: &[&str] = &[
    "notebook_params",
    "python_params",
    "python_named_params",
    "spark_submit_params",
    "jar_params",
    "command_params",
];

/// A request for a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobRunRequest {
    /// The parameters, in the words of Databricks: a JSON object with members such as
    /// `job_parameters`. Empty text means none.
    pub parameters: String,
    /// The text by which a repeated request is recognized: it then returns the first run.
    pub token: Option<String>,
}

impl JobRunRequest {
    /// Creates a request with these parameters.
    #[must_use]
    pub fn new(parameters: impl Into<String>) -> Self {
        JobRunRequest { parameters: parameters.into(), token: None }
    }

    /// Sets the text by which a repeated request is recognized.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
}

/// A request for a repair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairRequest {
    /// The keys of the tasks that run again.
    pub tasks: Vec<String>,
    /// Whether all tasks that failed run again.
    pub all_failed: bool,
    /// Whether the tasks that depend on them run again too.
    pub dependent: bool,
    /// The id of the last repair, if there is one.
    pub latest: Option<JobRunId>,
    /// The parameters, as in [`JobRunRequest::parameters`].
    pub parameters: String,
}

/// A run before it is created.
pub(crate) struct NewRun<'a> {
    pub(crate) id: JobRunId,
    pub(crate) job: Option<JobId>,
    pub(crate) settings: &'a str,
    pub(crate) read: &'a JobSettings,
    pub(crate) trigger: JobTrigger,
    pub(crate) nominal: Option<i64>,
    pub(crate) token: Option<String>,
    pub(crate) request: String,
    pub(crate) author: &'a str,
    pub(crate) time: i64,
}

impl Jobs {
    /// Creates a run of a job. While the job has as many runs as it may, the run waits or is
    /// skipped, by the rule of the job.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    /// - [`ErrorKind::InvalidInput`] if the parameters are not valid.
    pub fn run_now(&self, job: JobId, request: &JobRunRequest) -> Result<JobRunInfo> {
        let (engine, author) = (self.engine(), self.user());
        let parameters =
            engine.located(check_author(&author).and_then(|()| parameters(request)))?;
        let id = self.new_run_id()?;
        let run = self.change(|index| {
            let info = existing(job, index.job_change(job)?)?;
            if let Some(token) = &request.token
                && let Some(known) = index.job_run_of_token(token)?
            {
                return Ok((Vec::new(), known.id));
            }
            let read = JobSettings::from_json(&info.settings)?;
            check_only(&read, &parameters)?;
            let new = NewRun {
                id,
                job: Some(job),
                settings: &info.settings,
                read: &read,
                trigger: JobTrigger::OneTime,
                nominal: None,
                token: request.token.clone(),
                request: parameters.clone(),
                author: &author,
                time: self.now().as_nanos(),
            };
            Ok((created(index, new, &mut Fresh::default())?, id))
        })?;
        self.run(run)
    }

    /// Creates a run of tasks without a job.
    ///
    /// # Errors
    ///
    /// - Those of [`Jobs::create`](Jobs::create).
    pub fn submit(&self, settings: &str, token: Option<&str>) -> Result<JobRunInfo> {
        let (engine, author) = (self.engine(), self.user());
        let request = JobRunRequest { token: token.map(str::to_owned), ..Default::default() };
        let read = engine.located(
            check_author(&author)
                .and_then(|()| parameters(&request))
                .and_then(|_| checked(settings)),
        )?;
        if read.tasks.is_empty() {
            return Err(engine.locate(invalid("the run has no tasks: add one".to_owned())));
        }
        let id = self.new_run_id()?;
        let run = self.change(|index| {
            if let Some(token) = token
                && let Some(known) = index.job_run_of_token(token)?
            {
                return Ok((Vec::new(), known.id));
            }
            let new = NewRun {
                id,
                job: None,
                settings,
                read: &read,
                trigger: JobTrigger::OneTime,
                nominal: None,
                token: request.token.clone(),
                request: "{}".to_owned(),
                author: &author,
                time: self.now().as_nanos(),
            };
            Ok((created(index, new, &mut Fresh::default())?, id))
        })?;
        self.run(run)
    }

    /// Asks a run to end early. Its runner ends the processes; then the run is `CANCELED`. A run
    /// that has ended stays as it is.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such run.
    pub fn cancel(&self, run: JobRunId) -> Result<()> {
        let author = self.user();
        self.engine().located(check_author(&author))?;
        self.change(|index| {
            let info = index.job_run(run)?.ok_or_else(|| no_such_run(run))?;
            let time = self.now().as_nanos();
            Ok((canceled(&info, &author, time).into_iter().collect(), ()))
        })
    }

    /// Asks all active runs of a job to end early, or all runs of all jobs.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    pub fn cancel_all(&self, job: Option<JobId>) -> Result<()> {
        let author = self.user();
        self.engine().located(check_author(&author))?;
        self.change(|index| {
            let runs = match job {
                Some(job) => {
                    existing(job, index.job_change(job)?)?;
                    index.active_runs_of_job(job)?
                }
                None => index.active_job_runs()?,
            };
            let time = self.now().as_nanos();
            Ok((runs.iter().filter_map(|run| canceled(run, &author, time)).collect(), ()))
        })
    }

    /// Lets some tasks of an ended run run again. Returns the id of the repair.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such run.
    /// - [`ErrorKind::InvalidState`] if the run has not ended.
    /// - [`ErrorKind::InvalidInput`] if a task is unknown, if there is nothing to run again, or if
    ///   `latest` is not the id of the last repair.
    pub fn repair(&self, run: JobRunId, request: &RepairRequest) -> Result<JobRunId> {
        let (engine, author) = (self.engine(), self.user());
        let asked = JobRunRequest::new(request.parameters.clone());
        let asked = engine.located(check_author(&author).and_then(|()| parameters(&asked)))?;
        let repair = self.new_run_id()?;
        self.change(|index| {
            let info = index.job_run(run)?.ok_or_else(|| no_such_run(run))?;
            let (tasks, time) = (repaired(&info, request)?, self.now().as_nanos());
            let (request, author) = (asked.clone(), author.clone());
            let record = JobRunRepaired { run, repair, tasks, request, author, time };
            Ok((vec![record.into()], repair))
        })
    }

    /// Deletes an ended run permanently. The output of its tasks stays with the runs of the
    /// experiment that has it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such run.
    /// - [`ErrorKind::InvalidState`] if it has not ended.
    pub fn delete_run(&self, run: JobRunId) -> Result<()> {
        let author = self.user();
        self.engine().located(check_author(&author))?;
        self.change(|index| {
            let info = index.job_run(run)?.ok_or_else(|| no_such_run(run))?;
            if info.end.is_none() {
                let message = format!("Run {run} is active: cancel it, then delete it");
                return Err(Error::new(ErrorKind::InvalidState, message));
            }
            let record = JobRunDeleted {
                run,
                job: info.job,
                number: info.number,
                nominal: info.nominal.map(crate::entity::id::Timestamp::as_nanos),
                author: author.clone(),
                time: self.now().as_nanos(),
            };
            Ok((vec![record.into()], ()))
        })
    }
}

/// The runs that the same frame has created before. The index does not have them yet.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    jobs: HashMap<JobId, FreshRuns>,
}

#[derive(Debug, Default)]
struct FreshRuns {
    count: u64,
    active: Vec<JobRunId>,
}

/// Returns the records of a new run: its creation, and what follows from the runs that are active.
pub(crate) fn created(index: &Index, new: NewRun<'_>, fresh: &mut Fresh) -> Result<Vec<Record>> {
    let NewRun { id: run, job, read, author, time, .. } = new;
    let known = job.map_or_else(|| Ok(Vec::new()), |job| index.active_runs_of_job(job))?;
    let last = job.map_or(Ok(0), |job| index.last_job_run_number(job))?;
    let mut none = FreshRuns::default();
    let fresh = job.map_or(&mut none, |job| fresh.jobs.entry(job).or_default());
    fresh.count += 1;
    let number = last.saturating_add(fresh.count);
    let active = known.len() + fresh.active.len();
    let is_full = job.is_some() && active >= read.concurrent_runs();
    let waits = Value::Bool(true) == request_value(&new.request, "queue")["enabled"];
    let overlap = if waits { "queue" } else { read.overlap() };
    let zones = new.nominal.and_then(|_| when::zones());
    let mut records: Vec<Record> = vec![
        JobRunCreated {
            run,
            job,
            number,
            trigger: new.trigger,
            nominal: new.nominal,
            token: new.token,
            settings: new.settings.to_owned(),
            request: new.request,
            zones,
            author: author.to_owned(),
            time,
        }
        .into(),
    ];
    let is_never = job.is_some() && read.concurrent_runs() == 0;
    let is_skipped = match overlap {
        "allow" => false,
        "queue" => active >= read.concurrent_runs().saturating_add(QUEUE_MAX),
        "cancel_other" => false,
        _ => is_full,
    };
    if is_never || is_skipped {
        let message = format!(
            "the job has {active} active runs, and max_concurrent_runs is {}",
            read.concurrent_runs()
        );
        records.push(JobRunEnded { run, result: JobResult::TooManyRuns, message, time }.into());
        return Ok(records);
    }
    if overlap == "cancel_other" && is_full {
        records.extend(known.iter().filter_map(|other| canceled(other, author, time)));
        let canceled = |run: &JobRunId| -> Record {
            let (author, reason) = (author.to_owned(), JobResult::Canceled);
            JobRunCanceled { run: *run, reason, author, time }.into()
        };
        records.extend(fresh.active.drain(..).map(|run| canceled(&run)));
    }
    fresh.active.push(run);
    Ok(records)
}

/// Returns the record that cancels a run, unless it has ended or is canceled.
fn canceled(run: &JobRunInfo, author: &str, time: i64) -> Option<Record> {
    let is_active = run.end.is_none() && run.canceled.is_none();
    let (author, reason) = (author.to_owned(), JobResult::Canceled);
    is_active.then(|| JobRunCanceled { run: run.id, reason, author, time }.into())
}

/// Returns the parameters of a request as a JSON object, after checking them.
fn parameters(request: &JobRunRequest) -> Result<String> {
    if let Some(token) = &request.token
        && (token.is_empty() || token.chars().count() > TOKEN_MAX)
    {
        return Err(invalid(format!(
            "the idempotency_token has {} characters, expected 1 to {TOKEN_MAX}",
            token.chars().count()
        )));
    }
    if request.parameters.is_empty() {
        return Ok("{}".to_owned());
    }
    if request.parameters.len() > REQUEST_BYTES_MAX {
        return Err(invalid(format!(
            "the parameters of the run have {} bytes, at most {REQUEST_BYTES_MAX} are allowed",
            request.parameters.len()
        )));
    }
    let read: Map<String, Value> = serde_json::from_str(&request.parameters)
        .map_err(|error| invalid(format!("the parameters are not a JSON object: {error}")))?;
    let has = |name: &str| read.get(name).is_some_and(|value| !value.is_null());
    if let Some(other) = TASK_PARAMETERS.iter().find(|name| has(name))
        && has("job_parameters")
    {
        return Err(invalid(format!(
            "job_parameters and {other} cannot be combined: use job_parameters"
        )));
    }
    Ok(request.parameters.clone())
}

fn request_value(request: &str, member: &str) -> Value {
    let value: Value = serde_json::from_str(request).unwrap_or_default();
    value.get(member).cloned().unwrap_or_default()
}

/// Checks that the tasks to which a request restricts a run exist.
fn check_only(settings: &JobSettings, request: &str) -> Result<()> {
    if settings.tasks.is_empty() {
        return Err(invalid("the job has no tasks: add one with jobs/update".to_owned()));
    }
    let only = request_value(request, "only");
    for key in only.as_array().into_iter().flatten().filter_map(Value::as_str) {
        check_task_exists(settings, key)?;
    }
    Ok(())
}

fn check_task_exists(settings: &JobSettings, key: &str) -> Result<()> {
    if settings.tasks.iter().any(|task| task.task_key == key) {
        return Ok(());
    }
    let known: Vec<&str> = settings.tasks.iter().map(|task| task.task_key.as_str()).collect();
    Err(invalid(format!("there is no task {key:?}: the run has {}", known.join(", "))))
}

/// Returns the tasks that a repair lets run again.
fn repaired(run: &JobRunInfo, request: &RepairRequest) -> Result<Vec<String>> {
    if run.end.is_none() {
        let message = format!("Run {} is active: wait until it ends, then repair it", run.id);
        return Err(Error::new(ErrorKind::InvalidState, message));
    }
    let last = run.repairs.last().map(|repair: &JobRepair| repair.id);
    if request.latest.is_some() && request.latest != last {
        return Err(invalid(match last {
            Some(last) => format!("latest_repair_id is not that of the last repair, {last}"),
            None => "latest_repair_id is set, but the run was never repaired".to_owned(),
        }));
    }
    let settings = JobSettings::from_json(&run.settings)?;
    let mut tasks = request.tasks.clone();
    tasks.iter().try_for_each(|key| check_task_exists(&settings, key))?;
    for task in &settings.tasks {
        let of_task = run.attempts.iter().rev().find(|attempt| attempt.task == task.task_key);
        let result = of_task.and_then(|attempt| attempt.end.as_ref()).map(|end| end.result);
        let is_failed = result.is_none_or(|result| !result.is_good());
        if request.all_failed && is_failed && !tasks.contains(&task.task_key) {
            tasks.push(task.task_key.clone());
        }
    }
    if request.dependent {
        add_dependent(&settings, &mut tasks);
    }
    if tasks.is_empty() {
        return Err(invalid(format!(
            "there is no task of run {} to run again: name some in rerun_tasks",
            run.id
        )));
    }
    Ok(tasks)
}

/// Adds the tasks that depend on those in the list, also through others.
fn add_dependent(settings: &JobSettings, tasks: &mut Vec<String>) {
    loop {
        let is_after = |task: &&JobTask| {
            !tasks.contains(&task.task_key)
                && task.depends_on.iter().any(|other| tasks.contains(&other.task_key))
        };
        match settings.tasks.iter().find(is_after) {
            Some(task) => tasks.push(task.task_key.clone()),
            None => return,
        }
    }
}

/// Returns the settings of a job, read.
pub(crate) fn settings_of(info: &JobInfo) -> Result<JobSettings> {
    JobSettings::from_json(&info.settings)
}
