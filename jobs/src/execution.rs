//! One attempt at a task: its process from start to end, and its report to the file.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tracklite::job::{Ended, JobOutput, JobResult, Task};
use tracklite::{Database, ErrorKind, Result, Run, RunStatus};

use crate::command::{Machine, command_of};
use crate::environment::Environment;
use crate::output::Output;
use crate::process::{Group, code_of};
use crate::register::register;

/// The experiment of the runs that have the output of tasks.
const EXPERIMENT: &str = "/Jobs";
/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);
/// The pause before the end of an attempt is written again.
const RETRY: Duration = Duration::from_secs(1);
/// How long output is awaited that a process outside of the group may still hold.
const OUTPUT_GRACE: Duration = Duration::from_secs(2);
/// The pause between two looks at a process. It doubles from the first to the last.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));
/// The largest result of a Python task.
const RESULT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The variables that the clients of Databricks would take for another way to sign in.
const OTHER_SIGN_INS: &[&str] = &[
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_CONFIG_FILE",
    "DATABRICKS_CONFIG_PROFILE",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_USERNAME",
    "DATABRICKS_WORKSPACE_ID",
];

/// The reason why an attempt must end early.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    reason: AtomicU8,
    is_runner_ending: AtomicBool,
}

impl Stop {
    const NONE: u8 = 0;
    const CANCELED: u8 = 1;
    const TIMED_OUT: u8 = 2;
    const RUNNER_ENDS: u8 = 3;

    pub(crate) fn cancel(&self, reason: JobResult) {
        let reason = match reason {
            JobResult::TimedOut => Stop::TIMED_OUT,
            JobResult::InternalError => Stop::RUNNER_ENDS,
            _ => Stop::CANCELED,
        };
        if reason == Stop::RUNNER_ENDS {
            self.is_runner_ending.store(true, Ordering::Release);
        }
        // The first reason counts.
        let _ =
            self.reason.compare_exchange(Stop::NONE, reason, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Returns whether the runner ends, whatever ended the attempt.
    fn is_of_runner(&self) -> bool {
        self.is_runner_ending.load(Ordering::Acquire)
    }

    fn reason(&self) -> Option<(JobResult, &'static str)> {
        match self.reason.load(Ordering::Acquire) {
            Stop::NONE => None,
            Stop::TIMED_OUT => Some((JobResult::TimedOut, "the run took longer than its timeout")),
            Stop::RUNNER_ENDS => Some((JobResult::InternalError, "the runner was stopped")),
            _ => Some((JobResult::Canceled, "the run was canceled")),
        }
    }
}

/// A number that threads wait for, such as the number of ended attempts.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<u64>,
    bell: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.bell.notify_all();
    }

    /// Waits until it is rung more often than `known`, or for a time. Returns how often it was.
    pub(crate) fn wait(&self, known: u64, time: Duration) -> u64 {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(rung, time, |rung| *rung <= known);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Runs a task to its end, and reports the end.
pub(crate) fn execute(
    database: &Database,
    machine: &Machine,
    environment: &dyn Environment,
    task: &Task,
    stop: &Stop,
) {
    let ended = match &task.task.work.register_task {
        Some(work) => register(database, task, work),
        None => run(database, machine, environment, task, stop),
    };
    let what = format!("the end of task {:?} of run {}", task.key, task.run);
    let (mut give_up, mut is_told) = (None, false);
    while let Err(error) = database.jobs().end_attempt(task, &ended) {
        if stop.is_of_runner() {
            give_up = give_up.or_else(|| Some(Instant::now() + GRACE));
        }
        let may_pass = matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::Io | ErrorKind::Locked | ErrorKind::Index
        );
        if !may_pass || give_up.is_some_and(|at| at <= Instant::now()) {
            log::error!("{what} is lost: {error}");
            return;
        }
        // Without its end, the run would never end. A full disk may have space again later.
        if !is_told {
            log::warn!("{what} is written later: {error}");
            is_told = true;
        }
        std::thread::sleep(RETRY);
    }
}

/// Runs the process of a task.
fn run(
    database: &Database,
    machine: &Machine,
    environment: &dyn Environment,
    task: &Task,
    stop: &Stop,
) -> Ended {
    let failed = |message: String| {
        let mut ended = Ended::default();
        (ended.result, ended.message) = (JobResult::Failed, message);
        ended
    };
    let folder = match tempfile::Builder::new().prefix("tracklite-task-").tempdir() {
        Ok(folder) => folder,
        Err(error) => return failed(format!("the task has no folder: {error}")),
    };
    let mut command = match command_of(machine, task, folder.path()) {
        Ok(command) => command,
        Err(message) => return failed(message),
    };
    let lease = environment.lend(task);
    for name in OTHER_SIGN_INS {
        command.env_remove(name);
    }
    command.envs(lease.variables.iter().map(|(name, value)| (name, value)));
    command.envs(variables(task));
    let log_run = log_run(database, task);
    if let Err(error) = &log_run {
        log::warn!("task {:?} of run {} has no log: {error}", task.key, task.run);
    }
    let output = Output::default();
    let mut ended = process(&mut command, &output, task, stop);
    take_result(folder.path(), &mut ended, &output);
    // What the task has left there may fill the disk of the file.
    drop(folder);
    if let Ok(log_run) = log_run {
        keep_output(log_run, &output, &mut ended);
    }
    ended
}

/// Starts the process, and waits until it has ended.
fn process(command: &mut Command, output: &Output, task: &Task, stop: &Stop) -> Ended {
    let mut ended = Ended::default();
    let program = command.get_program().to_owned();
    let (mut group, reader) = match Group::start(command) {
        Ok(started) => started,
        Err(error) => {
            ended.result = JobResult::Failed;
            ended.message = format!("{} cannot be started: {error}", program.display());
            return ended;
        }
    };
    let follower = output.follow(reader);
    let limit = match task.task.timeout_seconds {
        0 => None,
        seconds => Some(Instant::now() + Duration::from_secs(seconds.min(u64::from(u32::MAX)))),
    };
    let early = watch(&mut group, limit, stop, &mut ended);
    // Processes that the task has left behind end too.
    drop(group);
    match follower {
        Ok(follower) => {
            let until = Instant::now() + OUTPUT_GRACE;
            while !follower.is_finished() && Instant::now() < until {
                std::thread::sleep(LOOKS.0);
            }
        }
        Err(error) => log::warn!("the output of a task cannot be read: {error}"),
    }
    match (early, ended.exit) {
        (Some((result, message)), _) => {
            (ended.result, ended.message) = (result, message.to_owned());
        }
        (None, Some(0)) => ended.result = JobResult::Success,
        (None, Some(code)) => {
            ended.result = JobResult::Failed;
            let reason = match code {
                128.. => format!("it was ended by signal {}", code - 128),
                _ => format!("it ended with exit code {code}"),
            };
            let last = output.last_line();
            ended.message = if last.is_empty() { reason } else { format!("{last} ({reason})") };
        }
        (None, None) => {}
    }
    ended
}

/// Waits for the end of a process. Returns why it was ended early, if it was.
fn watch(
    group: &mut Group,
    limit: Option<Instant>,
    stop: &Stop,
    ended: &mut Ended,
) -> Option<(JobResult, &'static str)> {
    let (mut early, mut kill_at, mut pause) = (None, None, LOOKS.0);
    loop {
        match group.ended() {
            Ok(Some(status)) => {
                ended.exit = Some(code_of(status));
                return early;
            }
            Ok(None) => {}
            Err(error) => {
                ended.message = format!("its process cannot be observed: {error}");
                return early;
            }
        }
        let now = Instant::now();
        if early.is_none() {
            let is_late = limit.is_some_and(|limit| now >= limit);
            early = match is_late {
                true => Some((JobResult::TimedOut, "the task took longer than its timeout")),
                false => stop.reason(),
            };
            if early.is_some() {
                group.terminate();
                kill_at = Some(now + GRACE);
            }
        }
        if kill_at.is_some_and(|kill_at| now >= kill_at) {
            group.kill();
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LOOKS.1);
    }
}

/// Takes the values and the error over that the task has left in its folder.
fn take_result(folder: &Path, ended: &mut Ended, output: &Output) {
    let file = folder.join("result.json");
    let is_small = std::fs::metadata(&file).is_ok_and(|facts| facts.len() <= RESULT_BYTES_MAX);
    if !is_small {
        return;
    }
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let result: Map<String, Value> = match serde_json::from_str(&text) {
        Ok(result) => result,
        Err(error) => {
            output.add(format!("result.json of the task cannot be read: {error}\n").as_bytes());
            return;
        }
    };
    let text = |name: &str| result.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(Value::Object(values)) = result.get("values") {
        ended.output.values = values.clone().into_iter().collect();
    }
    ended.output.exit_value = text("exit_value");
    if ended.result == JobResult::Failed {
        ended.output.trace = text("trace");
        ended.message = text("error").unwrap_or_else(|| std::mem::take(&mut ended.message));
    }
}

/// Returns the tags that everything gets that a task logs.
fn tags(task: &Task) -> Vec<(&'static str, String)> {
    let job = task.job.map(|job| job.to_string()).unwrap_or_default();
    vec![
        ("mlflow.databricks.jobID", job),
        ("mlflow.databricks.jobRunID", task.run.to_string()),
        ("mlflow.databricks.jobType", "NORMAL".to_owned()),
        ("mlflow.source.type", "JOB".to_owned()),
        ("mlflow.source.name", format!("{}/{}", task.title, task.key)),
        ("tracklite.job.task", task.key.clone()),
        ("tracklite.job.attempt", task.attempt.to_string()),
    ]
}

fn variables(task: &Task) -> Vec<(&'static str, String)> {
    let tags: Map<String, Value> =
        tags(task).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let job = task.job.map(|job| job.to_string()).unwrap_or_default();
    vec![
        ("MLFLOW_RUN_CONTEXT", json!(tags).to_string()),
        ("TRACKLITE_JOB_ID", job),
        ("TRACKLITE_JOB_RUN_ID", task.run.to_string()),
        ("TRACKLITE_TASK_RUN_ID", task.attempt.to_string()),
        ("TRACKLITE_TASK_KEY", task.key.clone()),
    ]
}

/// Starts the run that gets the output of a task.
fn log_run(database: &Database, task: &Task) -> Result<Run> {
    let experiment = match database.experiment(EXPERIMENT) {
        Err(error) if error.kind() == ErrorKind::InvalidState => {
            // It was deleted, but its runs are needed again.
            if let Some(experiment) = database.find_experiment(EXPERIMENT)? {
                experiment.restore()?;
            }
            database.experiment(EXPERIMENT)?
        }
        experiment => experiment?,
    };
    let name = format!("{}/{}", task.title, task.key);
    let name: String = name.chars().take(200).collect();
    experiment.new_run().name(&name).user(&task.user).tags(tags(task)).start()
}

/// Stores the output, and ends its run.
fn keep_output(run: Run, output: &Output, ended: &mut Ended) {
    let (bytes, is_cut) = output.bytes();
    ended.output.is_cut = is_cut;
    let status = match ended.result {
        JobResult::Success => RunStatus::Finished,
        JobResult::Canceled => RunStatus::Killed,
        _ => RunStatus::Failed,
    };
    let id = run.id();
    let stored = run.log_bytes(&bytes, JobOutput::FILE).and_then(|()| run.finish_as(status));
    match stored {
        Ok(()) => ended.output.log = Some(id.to_string()),
        Err(error) => log::warn!("the output of a task cannot be stored: {error}"),
    }
}

/// What an attempt needs.
pub(crate) struct Execution {
    pub(crate) task: Task,
    pub(crate) stop: Arc<Stop>,
}
