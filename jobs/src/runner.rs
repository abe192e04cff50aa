//! The loop of a runner: fires what is due, takes tasks, and ends those that were canceled.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracklite::job::{JobResult, JobRunId, Planner, Task};
use tracklite::{Database, Error, Result, Timestamp};

use crate::arrivals::newest;
use crate::command::Machine;
use crate::environment::{Environment, FileEnvironment};
use crate::execution::{Bell, Execution, Stop, execute};
use crate::notify::{Notifier, send};
use crate::workspace;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How often it is looked at when nothing has changed for [`QUIET`], so that waiting costs little.
const QUIET_LOOK: Duration = Duration::from_millis(500);
const QUIET: Duration = Duration::from_secs(10);
/// How often it is checked whether other runners have died, while there are runs.
const CHECK: Duration = Duration::from_secs(2);
/// How often folders are looked at in which files may arrive.
const FILES: Duration = Duration::from_secs(5);
/// The pause after a failure.
const FAILED: Duration = Duration::from_secs(1);

/// Builds a [`Runner`]. See [`Runner::builder`].
#[must_use = "a runner is started by `start`"]
pub struct RunnerBuilder {
    database: Database,
    machine: Machine,
    environment: Arc<dyn Environment>,
    notifier: Option<Arc<dyn Notifier>>,
    parallel: usize,
}

impl RunnerBuilder {
    /// Sets the folder that has the notebooks and files of the workspace. Default: none.
    pub fn workspace(mut self, folder: Option<PathBuf>) -> Self {
        self.machine.workspace = folder;
        self
    }

    /// Sets the Python of tasks. Default: `python3`.
    pub fn python(mut self, program: impl Into<PathBuf>) -> Self {
        self.machine.python = program.into();
        self
    }

    /// Sets how the programs of tasks find the file. Default: MLflow's plug-in of tracklite.
    pub fn environment(mut self, environment: Arc<dyn Environment>) -> Self {
        self.environment = environment;
        self
    }

    /// Sets how notifications reach webhooks. Default: they do not, and the log says so.
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifier = Some(notifier);
        self
    }

    /// Sets how many tasks run at once. Default: 16.
    pub fn parallel(mut self, tasks: usize) -> Self {
        self.parallel = tasks.max(1);
        self
    }

    /// Starts the runner on a thread of its own.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Io`](tracklite::ErrorKind::Io) if there are no threads.
    pub fn start(self) -> Result<Runner> {
        let shared = Arc::new(Shared::default());
        let state = State {
            database: self.database,
            machine: self.machine,
            environment: self.environment,
            notifier: self.notifier,
            parallel: self.parallel,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new().name("tracklite-jobs".to_owned());
        let thread = thread.spawn(move || state.run());
        let thread =
            thread.map_err(|source| Error::io("starting the thread of the runner", source))?;
        Ok(Runner { shared, thread: Some(thread) })
    }
}

/// Runs the jobs of a file until it is stopped or dropped.
pub struct Runner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Returns a builder for a runner of this file.
    pub fn builder(database: Database) -> RunnerBuilder {
        let environment = Arc::new(FileEnvironment::new(&database));
        let machine = Machine { workspace: None, python: PathBuf::from("python3") };
        RunnerBuilder { database, machine, environment, notifier: None, parallel: 16 }
    }

    /// Ends the tasks, and waits until their ends are in the file.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        self.shared.bell.ring();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the runner of jobs failed while it stopped");
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the threads of a runner share.
#[derive(Default)]
struct Shared {
    is_stopped: AtomicBool,
    bell: Bell,
    /// The attempts that run here, with their runs.
    live: Mutex<HashMap<JobRunId, (JobRunId, Arc<Stop>)>>,
}

impl Shared {
    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<JobRunId, (JobRunId, Arc<Stop>)>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self, run: Option<JobRunId>, reason: JobResult) {
        for (of, stop) in self.live().values() {
            if run.is_none_or(|run| run == *of) {
                stop.cancel(reason);
            }
        }
    }
}

/// The state of the loop.
struct State {
    database: Database,
    machine: Machine,
    environment: Arc<dyn Environment>,
    notifier: Option<Arc<dyn Notifier>>,
    parallel: usize,
    shared: Arc<Shared>,
}

/// When the loop must look again although nothing has changed.
struct Times {
    /// The next fire of a schedule or step of a run.
    due: Option<Timestamp>,
    /// The next check for dead runners.
    check: Option<Instant>,
    /// The next look at folders.
    files: Option<Instant>,
}

impl State {
    fn run(&self) {
        let (mut planner, mut mark, mut rung) = (Planner::default(), 0, 0);
        let mut times = Times { due: None, check: None, files: None };
        let mut last_step = Instant::now();
        while !self.shared.is_stopped.load(Ordering::Acquire) {
            let is_due = times.due.is_some_and(|due| due <= Timestamp::now())
                || [times.check, times.files].into_iter().flatten().any(|at| at <= Instant::now());
            let looked = self.database.jobs().changed_since(mark);
            let result = looked.and_then(|(is_changed, next)| {
                if is_changed || is_due {
                    last_step = Instant::now();
                    times = self.step(&mut planner, times.files)?;
                }
                mark = next;
                Ok(())
            });
            let pause = match result {
                Ok(()) => pause(&times, last_step.elapsed()),
                Err(error) => {
                    log::error!("jobs cannot run: {error}");
                    FAILED
                }
            };
            let now = self.shared.bell.wait(rung, pause);
            if now != rung {
                // An attempt has ended, so there is room for another one.
                times.check = Some(Instant::now());
            }
            rung = now;
        }
        self.shared.cancel(None, JobResult::InternalError);
        while !self.shared.live().is_empty() {
            rung = self.shared.bell.wait(rung, LOOK);
        }
    }

    /// Fires what is due, and makes all steps that are possible.
    fn step(&self, planner: &mut Planner, files: Option<Instant>) -> Result<Times> {
        let jobs = self.database.jobs();
        let due = jobs.fire(planner)?;
        let files = self.look_for_files(planner, files)?;
        let free = self.parallel.saturating_sub(self.shared.live().len());
        let advance = jobs.advance(free)?;
        for (run, reason) in &advance.canceled {
            self.shared.cancel(Some(*run), *reason);
        }
        for task in advance.tasks {
            self.begin(task);
        }
        let notices = jobs.take_notices()?;
        for notice in notices.taken {
            send(notice, self.notifier.as_deref());
        }
        let check = advance.is_active.then(|| Instant::now() + CHECK);
        let due = [due, advance.wake, notices.wake].into_iter().flatten().min();
        Ok(Times { due, check, files })
    }

    /// Creates the runs of jobs in whose folders files have arrived. Returns when to look again.
    fn look_for_files(&self, planner: &Planner, at: Option<Instant>) -> Result<Option<Instant>> {
        let watches = planner.file_watches();
        if watches.is_empty() {
            return Ok(None);
        }
        if let Some(at) = at.filter(|at| *at > Instant::now()) {
            return Ok(Some(at));
        }
        for watch in watches {
            let seconds = i64::try_from(watch.wait_seconds).unwrap_or(i64::MAX);
            let wait = seconds.saturating_mul(1_000_000_000);
            let found = workspace::folder(self.machine.workspace.as_deref(), &watch.folder);
            let newest = found.and_then(|folder| {
                let found = newest(&folder, watch.after, Timestamp::now(), wait);
                found.map_err(|error| format!("{:?} cannot be read: {error}", watch.folder))
            });
            match newest {
                Ok(Some(newest)) => drop(self.database.jobs().files_arrived(watch.job, newest)?),
                Ok(None) => {}
                Err(problem) => log::warn!("job {} sees no new files: {problem}", watch.job),
            }
        }
        Ok(Some(Instant::now() + FILES))
    }

    /// Runs a task on a thread of its own.
    fn begin(&self, task: Task) {
        let (attempt, run, stop) = (task.attempt, task.run, Arc::new(Stop::default()));
        self.shared.live().insert(attempt, (run, Arc::clone(&stop)));
        let (database, machine) = (self.database.clone(), self.machine.clone());
        let (environment, shared) = (Arc::clone(&self.environment), Arc::clone(&self.shared));
        let lost = Execution { task: task.clone(), stop: Arc::clone(&stop) };
        let execution = Execution { task, stop };
        let work = move || {
            let Execution { task, stop } = execution;
            execute(&database, &machine, environment.as_ref(), &task, &stop);
            shared.live().remove(&task.attempt);
            shared.bell.ring();
        };
        let thread = std::thread::Builder::new().name("tracklite-task".to_owned()).spawn(work);
        if let Err(error) = thread {
            log::error!("there is no thread for a task: {error}");
            self.shared.live().remove(&attempt);
            let mut ended = tracklite::job::Ended::default();
            ended.message = format!("there is no thread for the task: {error}");
            if let Err(error) = self.database.jobs().end_attempt(&lost.task, &ended) {
                log::error!("the end of a task is lost: {error}");
            }
        }
    }
}

/// Returns how long the loop may wait, after nothing has changed for a time.
fn pause(times: &Times, unchanged: Duration) -> Duration {
    let until_due = times.due.map(|due| {
        let nanos = due.as_nanos().saturating_sub(Timestamp::now().as_nanos());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    });
    let checks = [times.check, times.files].into_iter().flatten();
    let until_check = checks.map(|at| at.saturating_duration_since(Instant::now())).min();
    let look = if unchanged < QUIET { LOOK } else { QUIET_LOOK };
    [until_due, until_check].into_iter().flatten().fold(look, Duration::min)
}
