//! The commands of `tracklite jobs` that look at jobs and change them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use tracklite::artifact::ArtifactOwner;
use tracklite::job::{
    JobId, JobInfo, JobOutput, JobRunId, JobRunInfo, JobRunRequest, JobRunSearch, JobSettings, Jobs,
};
use tracklite::{Database, Error, ErrorKind, Result};

use crate::common_args::{FileArg, FileArgs, JsonFlag};
use crate::json;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::{Exit, Outcome, text};

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    file: FileArg,
    /// File with the settings
    #[arg(value_name = "SETTINGS")]
    settings: PathBuf,
    #[command(flatten)]
    output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct RunNowArgs {
    #[command(flatten)]
    file: FileArg,
    /// Id or name of the job
    job: String,
    /// Parameter of the job; repeat it for more
    #[arg(long, short, value_name = "NAME=VALUE")]
    param: Vec<String>,
    #[command(flatten)]
    output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    #[command(flatten)]
    file: FileArg,
    /// Id or name of the job; for `cancel` also the id of a run
    job: String,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    file: FileArg,
    /// Id of a run, or id or name of a job
    run: String,
}

#[derive(Serialize)]
struct JobObject {
    job_id: u64,
    name: String,
    schedule: Option<String>,
    paused: bool,
    created_time: i64,
    last_run_id: Option<u64>,
    last_result: Option<&'static str>,
    settings: serde_json::Value,
}

fn object(jobs: &Jobs, info: &JobInfo) -> Result<JobObject> {
    let settings = JobSettings::from_json(&info.settings)?;
    let last = jobs.runs(&JobRunSearch::new().job(info.id).page(0, 1))?;
    let last = last.first();
    let schedule = settings.schedule.as_ref();
    let schedule = schedule
        .map(|cron| format!("{} {}", cron.quartz_cron_expression, cron.timezone_id))
        .or_else(|| settings.continuous.as_ref().map(|_| "continuous".to_owned()))
        .or_else(|| settings.trigger.as_ref().map(|_| "trigger".to_owned()));
    Ok(JobObject {
        job_id: info.id.get(),
        name: settings.title().to_owned(),
        schedule,
        paused: settings.is_paused(),
        created_time: info.created.as_millis(),
        last_run_id: last.map(|run| run.id.get()),
        last_result: last.map(state_of),
        settings: serde_json::from_str(&info.settings).unwrap_or_default(),
    })
}

fn state_of(run: &JobRunInfo) -> &'static str {
    match (&run.end, run.started) {
        (Some(end), _) => end.result.as_str(),
        (None, Some(_)) => "RUNNING",
        (None, None) => "QUEUED",
    }
}

/// Lists all jobs.
pub(crate) fn list(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let jobs = database.jobs();
    let all: Vec<JobObject> =
        jobs.list()?.iter().map(|info| object(&jobs, info)).collect::<Result<_>>()?;
    if args.output.json {
        json::print(terminal, &all)?;
        return Ok(Exit::Success);
    }
    let mut table = Table::default();
    table.words("id", all.iter().map(|job| job.job_id.to_string()));
    table.words("name", all.iter().map(|job| text::printable(&job.name)));
    let schedule = |job: &JobObject| {
        let schedule = job.schedule.clone().unwrap_or_default();
        if job.paused { format!("{schedule} (paused)") } else { schedule }
    };
    table.words("schedule", all.iter().map(schedule));
    table.words("last run", all.iter().map(|job| job.last_result.unwrap_or_default().to_owned()));
    table.print(terminal)?;
    Ok(Exit::Success)
}

/// Creates a job.
pub(crate) fn create(args: &CreateArgs, terminal: &mut Terminal) -> Outcome {
    let settings = std::fs::read_to_string(&args.settings)
        .map_err(|source| Error::io(format!("reading {:?}", args.settings.display()), source))?;
    let database = Database::open(&args.file.path)?;
    let info = database.jobs().create(&settings)?;
    database.close()?;
    if args.output.json {
        json::print(terminal, &json!({"job_id": info.id.get()}))?;
    } else {
        terminal.line(&info.id.to_string())?;
    }
    Ok(Exit::Success)
}

/// Returns the job with an id or a name.
fn find(jobs: &Jobs, name: &str) -> Result<JobId> {
    Ok(jobs.find(name)?.id)
}

/// Creates a run.
pub(crate) fn run(args: &RunNowArgs, terminal: &mut Terminal) -> Outcome {
    let mut parameters = BTreeMap::new();
    for pair in &args.param {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            let message = format!("the parameter {pair:?} has no value: expected NAME=VALUE");
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        parameters.insert(name, value);
    }
    let request = match parameters.is_empty() {
        true => JobRunRequest::default(),
        false => JobRunRequest::new(json!({"job_parameters": parameters}).to_string()),
    };
    let database = Database::open(&args.file.path)?;
    let jobs = database.jobs();
    let run = jobs.run_now(find(&jobs, &args.job)?, &request)?;
    database.close()?;
    if args.output.json {
        let object = json!({"run_id": run.id.get(), "number_in_job": run.number});
        json::print(terminal, &object)?;
    } else {
        terminal.line(&run.id.to_string())?;
    }
    Ok(Exit::Success)
}

/// Pauses a job, or lets it continue.
pub(crate) fn set_paused(args: &OneArgs, is_paused: bool, _terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file.path)?;
    let jobs = database.jobs();
    jobs.set_paused(find(&jobs, &args.job)?, is_paused)?;
    database.close()?;
    Ok(Exit::Success)
}

/// Cancels the runs of a job, or a run.
pub(crate) fn cancel(args: &OneArgs, _terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file.path)?;
    let jobs = database.jobs();
    let run = args.job.parse::<JobRunId>().ok().filter(|run| jobs.run(*run).is_ok());
    match run {
        Some(run) => jobs.cancel(run)?,
        None => jobs.cancel_all(Some(find(&jobs, &args.job)?))?,
    }
    database.close()?;
    Ok(Exit::Success)
}

/// Prints the output of the tasks of a run.
pub(crate) fn logs(args: &LogsArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let jobs = database.jobs();
    let run = args.run.parse::<JobRunId>().ok().and_then(|run| jobs.run(run).ok());
    let run = match run {
        Some(run) => run,
        None => {
            let job = find(&jobs, &args.run)?;
            let last = jobs.runs(&JobRunSearch::new().job(job).page(0, 1))?;
            last.into_iter().next().ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("job {job} has no runs: run it first"))
            })?
        }
    };
    for attempt in &run.attempts {
        let Some(end) = &attempt.end else {
            terminal.line(&format!("== {}: RUNNING", attempt.task))?;
            continue;
        };
        let reason =
            if end.message.is_empty() { String::new() } else { format!(": {}", end.message) };
        terminal.line(&text::printable(&format!("== {}: {}{reason}", attempt.task, end.result)))?;
        let Some(log) = end.output.log_run() else { continue };
        let bytes = database.artifacts_of(ArtifactOwner::Run(log))?.read(JobOutput::FILE)?;
        for line in String::from_utf8_lossy(&bytes).lines() {
            terminal.line(&text::printable(line))?;
        }
    }
    Ok(Exit::Success)
}
