//! Jobs: their schedules in words, their next fires, and their runs.

use serde::Serialize;
use serde_json::Value;
use tracklite::job::{
    JobAttempt, JobCron, JobId, JobInfo, JobRunInfo, JobRunSearch, JobSettings, Jobs,
};
use tracklite::schedule::{CronSchedule, DaylightSaving};
use tracklite::{Result, Timestamp};
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, flag, whole};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/jobs",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Listing>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/jobs/{id}",
        needs: Scope::Read,
        takes: &[whole("limit")],
        returns: shape::<Whole>(),
        handler: get,
    },
    Route {
        method: Verb::Post,
        path: "/jobs/{id}/pause",
        // A change of the settings, which only admins make.
        needs: Scope::Admin,
        takes: &[flag("paused").required()],
        returns: shape::<Line>(),
        handler: pause,
    },
];

/// How many fires are announced.
const NEXT: usize = 5;
/// The runs that the list has of each job, for its last results.
const RECENT: u64 = 10;
/// The runs of a history, by default and at most.
const HISTORY: u64 = 50;
const HISTORY_MAX: u64 = 500;

/// All jobs.
#[derive(Serialize, ToSchema)]
#[schema(as = PageJobs)]
struct Listing {
    jobs: Vec<Line>,
}

/// A job.
#[derive(Serialize, ToSchema)]
#[schema(as = PageJob)]
struct Line {
    id: u64,
    name: String,
    creator: String,
    created: i64,
    paused: bool,
    /// `cron`, `periodic`, `continuous`, `file_arrival` or `model`. A job without one only runs on
    /// request.
    trigger: Option<&'static str>,
    /// When it runs, in words.
    words: String,
    zone: Option<String>,
    /// The next fires in milliseconds. A paused job has none.
    next: Vec<i64>,
    tasks: usize,
    /// The last runs, newest first, without their tasks.
    runs: Vec<RunLine>,
}

/// A job with its history.
#[derive(Serialize, ToSchema)]
#[schema(as = PageJobHistory)]
struct Whole {
    job: Line,
    /// The settings as they were sent.
    #[schema(value_type = Object)]
    settings: Value,
    /// Whether there are earlier runs.
    more: bool,
}

/// A run of a job.
#[derive(Serialize, ToSchema)]
#[schema(as = PageJobRun)]
struct RunLine {
    id: u64,
    number: u64,
    trigger: &'static str,
    user: String,
    /// `QUEUED`, `RUNNING`, `CANCELING`, or its result.
    state: &'static str,
    message: String,
    created: i64,
    started: Option<i64>,
    ended: Option<i64>,
    tasks: Vec<TaskLine>,
}

/// An attempt at a task.
#[derive(Serialize, ToSchema)]
#[schema(as = PageJobTask)]
struct TaskLine {
    key: String,
    attempt: u32,
    state: &'static str,
    message: String,
    started: Option<i64>,
    ended: Option<i64>,
    /// The run whose artifact `output.txt` has what it printed.
    log: Option<String>,
}

fn jobs(call: &Call) -> Jobs {
    call.database().jobs().acting_for(&call.caller.user)
}

fn asked(call: &Call) -> Outcome<JobInfo> {
    let id = call.args.need("id")?;
    let id: JobId = id.parse().map_err(|_| {
        Failure::missing(format!("{id:?} is not the id of a job: expected a number"))
    })?;
    Ok(jobs(call).get(id)?)
}

fn list(call: &Call) -> Outcome<Reply> {
    let found = jobs(call);
    let lines = found.list()?.into_iter().map(|info| {
        let runs = found.runs(&JobRunSearch::new().job(info.id).page(0, RECENT))?;
        Ok(line(&info, runs.iter().map(|run| run_line(run, false))))
    });
    let jobs = lines.collect::<Result<Vec<Line>>>()?;
    Ok(Reply::json(&Listing { jobs }))
}

fn get(call: &Call) -> Outcome<Reply> {
    let info = asked(call)?;
    let limit = call.args.whole("limit").and_then(|limit| u64::try_from(limit).ok());
    let limit = limit.unwrap_or(HISTORY).clamp(1, HISTORY_MAX);
    // One more than fits shows whether there are earlier ones.
    let runs = jobs(call).runs(&JobRunSearch::new().job(info.id).page(0, limit + 1))?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let settings = serde_json::from_str(&info.settings).unwrap_or_default();
    let job = line(&info, runs.iter().take(shown).map(|run| run_line(run, true)));
    Ok(Reply::json(&Whole { job, settings, more: runs.len() > shown }))
}

fn pause(call: &Call) -> Outcome<Reply> {
    let info = asked(call)?;
    let is_paused = call.args.flag("paused").unwrap_or_default();
    let info = jobs(call).set_paused(info.id, is_paused)?;
    Ok(Reply::json(&line(&info, [])))
}

fn line(info: &JobInfo, runs: impl IntoIterator<Item = RunLine>) -> Line {
    let settings = JobSettings::from_json(&info.settings).unwrap_or_default();
    let (trigger, words) = occasion(&settings);
    let zone = settings.schedule.as_ref().map(|cron| cron.timezone_id.clone());
    Line {
        id: info.id.get(),
        name: settings.title().to_owned(),
        creator: info.creator.clone(),
        created: info.created.as_millis(),
        paused: settings.is_paused(),
        trigger,
        words,
        zone,
        next: next(info, &settings),
        tasks: settings.tasks.len(),
        runs: runs.into_iter().collect(),
    }
}

fn schedule(cron: &JobCron, settings: &JobSettings) -> Result<CronSchedule> {
    let mode = settings.tracklite.daylight_saving.as_deref().map(str::parse::<DaylightSaving>);
    let schedule = CronSchedule::parse(&cron.quartz_cron_expression, &cron.timezone_id)?;
    Ok(schedule.daylight_saving(mode.transpose()?.unwrap_or_default()))
}

/// Returns what makes a job run, as a word and in words.
fn occasion(settings: &JobSettings) -> (Option<&'static str>, String) {
    if let Some(cron) = &settings.schedule {
        let words = match schedule(cron, settings) {
            Ok(schedule) => schedule.expression().explain(),
            Err(_) => cron.quartz_cron_expression.clone(),
        };
        return (Some("cron"), words);
    }
    if settings.continuous.is_some() {
        return (Some("continuous"), "again after each run".to_owned());
    }
    let Some(trigger) = &settings.trigger else { return (None, String::new()) };
    if let Some(periodic) = &trigger.periodic {
        let unit = periodic.unit.to_lowercase();
        let words = match periodic.interval {
            1 => format!("every {}", unit.trim_end_matches('s')),
            interval => format!("every {interval} {unit}"),
        };
        (Some("periodic"), words)
    } else if let Some(model) = &trigger.model {
        let what = if model.condition == "MODEL_ALIAS_SET" { "an alias" } else { "a version" };
        (Some("model"), format!("when {what} of {} changes", model.securable_name))
    } else if let Some(files) = &trigger.file_arrival {
        (Some("file_arrival"), format!("when files arrive in {}", files.url))
    } else {
        (None, String::new())
    }
}

/// Returns the next fires of a schedule by the clock.
fn next(info: &JobInfo, settings: &JobSettings) -> Vec<i64> {
    let cron = settings.schedule.as_ref().filter(|_| !settings.is_paused());
    let Some(Ok(schedule)) = cron.map(|cron| schedule(cron, settings)) else {
        return Vec::new();
    };
    // A fire that is due but not yet taken is the next one.
    let after = info.last_fire.map_or_else(Timestamp::now, |last| last.max(Timestamp::now()));
    schedule.fires_after(after).take(NEXT).map(Timestamp::as_millis).collect()
}

fn run_line(run: &JobRunInfo, with_tasks: bool) -> RunLine {
    let state = match (&run.end, run.canceled, run.started) {
        (Some(end), ..) => end.result.as_str(),
        (None, Some(_), _) => "CANCELING",
        (None, None, Some(_)) => "RUNNING",
        (None, None, None) => "QUEUED",
    };
    let attempts = run.attempts.iter().filter(|_| with_tasks);
    RunLine {
        id: run.id.get(),
        number: run.number,
        trigger: run.trigger.as_str(),
        user: run.author.clone(),
        state,
        message: run.end.as_ref().map(|end| end.message.clone()).unwrap_or_default(),
        created: run.created.as_millis(),
        started: run.started.map(Timestamp::as_millis),
        ended: run.end.as_ref().map(|end| end.time.as_millis()),
        tasks: attempts.map(task_line).collect(),
    }
}

fn task_line(attempt: &JobAttempt) -> TaskLine {
    let end = attempt.end.as_ref();
    TaskLine {
        key: attempt.task.clone(),
        attempt: attempt.number,
        state: end.map_or("RUNNING", |end| end.result.as_str()),
        message: end.map(|end| end.message.clone()).unwrap_or_default(),
        started: attempt.started.map(Timestamp::as_millis),
        ended: end.map(|end| end.time.as_millis()),
        log: end.and_then(|end| end.output.log_run()).map(|run| run.to_string()),
    }
}
