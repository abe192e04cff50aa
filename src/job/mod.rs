//! Jobs: programs that run by the clock, by events or on request, with all their runs in the file.
//!
//! The file has the intent and the history: settings, runs, attempts. A process that runs tasks, a
//! *runner*, calls [`Jobs::fire`] and [`Jobs::advance`], runs what the latter returns, and reports
//! its end. Several runners need no leader, because each decision is one atomic append.

pub(crate) mod call;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod ended;
pub(crate) mod fire;
pub(crate) mod notice;
pub(crate) mod plan;
pub(crate) mod rules;
pub(crate) mod runs;
pub(crate) mod trigger;
pub(crate) mod values;
pub(crate) mod when;
pub(crate) mod work;

use std::fmt;
use std::ops::RangeInclusive;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::JobChange;
use crate::entity::id::Timestamp;
use crate::entity::wording::invalid;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{JOB_KINDS, Position, REGISTRY_KINDS, Record, TABLE_KINDS};
use crate::index::Index;
use crate::index::jobs::JobRunQuery;
use crate::sys::user::user_name;

pub use crate::entity::EndpointPrincipal as JobPrincipal;
pub use crate::entity::{
    CommandWork, ConditionWork, FileArrivalEvent, ForEachWork, JobAttempt, JobAttemptEnd,
    JobContinuous, JobCron, JobDependency, JobEmails, JobEvent, JobEvents, JobExtras, JobGrant,
    JobHealth, JobHealthRule, JobId, JobInfo, JobLevel, JobNotifications, JobOutput, JobParameter,
    JobQueue, JobQuiet, JobReceiver, JobRepair, JobResult, JobRunEnd, JobRunId, JobRunInfo,
    JobSettings, JobTask, JobTrigger, JobWork, ModelEvent, NotebookWork, PeriodicEvent,
    PythonFileWork, PythonWheelWork, RegisterWork, RunJobWork, SparkSubmitWork, TableEvent,
};
pub use crate::job::ended::Ended;
pub use crate::job::fire::Planner;
pub use crate::job::notice::{Notice, Notices};
pub use crate::job::runs::{JobRunRequest, RepairRequest};
pub use crate::job::trigger::FileWatch;
pub use crate::job::work::{Advance, Task};

/// The kinds of records that a change of a job or of its runs depends on.
const KINDS: [RangeInclusive<u16>; 1] = [JOB_KINDS];
/// The kinds of records that the triggers of jobs depend on.
pub(crate) const EVENT_KINDS: [RangeInclusive<u16>; 3] = [JOB_KINDS, REGISTRY_KINDS, TABLE_KINDS];

/// A handle of the jobs of a file, which is cheap to clone. See [`Database::jobs`].
///
/// Each change is synced before the call returns. Changes of different processes are made one after
/// the other.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::job::{Ended, JobOutput, JobResult, JobRunRequest};
///
/// let jobs = database.jobs();
/// let settings = r#"{"name": "greet", "tasks": [
///     {"task_key": "hello", "command_task": {"command": ["echo", "hello"]}}]}"#;
/// let job = jobs.create(settings)?;
/// let run = jobs.run_now(job.id, &JobRunRequest::default())?;
/// // A runner takes the task, runs it, and reports its end.
/// let task = jobs.advance(1)?.tasks.remove(0);
/// assert_eq!(task.task.work.command_task.as_ref().unwrap().command, ["echo", "hello"]);
/// let mut ended = Ended::default();
/// ended.result = JobResult::Success;
/// ended.exit = Some(0);
/// jobs.end_attempt(&task, &ended)?;
/// jobs.advance(1)?;
/// assert_eq!(jobs.run(run.id)?.end.unwrap().result, JobResult::Success);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Jobs {
    database: Database,
    user: Option<String>,
    clock: fn() -> Timestamp,
}

/// The runs that [`Jobs::runs`] returns, newest first.
#[derive(Clone, Debug, Default)]
#[must_use = "pass it to `Jobs::runs`"]
pub struct JobRunSearch {
    query: JobRunQuery,
}

impl JobRunSearch {
    /// Creates a search for all runs.
    pub fn new() -> Self {
        JobRunSearch::default()
    }

    /// Restricts it to the runs of a job.
    pub fn job(mut self, job: JobId) -> Self {
        self.query.job = Some(job);
        self
    }

    /// Restricts it to runs that have ended, or to those that have not.
    pub fn ended(mut self, is_ended: bool) -> Self {
        self.query.is_ended = Some(is_ended);
        self
    }

    /// Restricts it to runs with a job, or to those that were submitted without one.
    pub fn with_job(mut self, has_job: bool) -> Self {
        self.query.has_job = Some(has_job);
        self
    }

    /// Restricts it to runs that were created at this time or later.
    pub fn from(mut self, time: Timestamp) -> Self {
        self.query.from = Some(time);
        self
    }

    /// Restricts it to runs that were created at this time or earlier.
    pub fn to(mut self, time: Timestamp) -> Self {
        self.query.to = Some(time);
        self
    }

    /// Leaves out the first runs, and returns at most `limit`.
    pub fn page(mut self, offset: u64, limit: u64) -> Self {
        (self.query.offset, self.query.limit) = (offset, limit);
        self
    }
}

impl Database {
    /// Returns the jobs of the file.
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        Jobs { database: self.clone(), user: None, clock: Timestamp::now }
    }
}

impl Jobs {
    /// Returns the same jobs, acting for a user other than that of the process.
    #[must_use]
    pub fn acting_for(&self, user: &str) -> Jobs {
        Jobs { user: Some(user.to_owned()), ..self.clone() }
    }

    /// Returns the same jobs with another clock, for tests.
    #[must_use]
    pub fn with_clock(&self, clock: fn() -> Timestamp) -> Jobs {
        Jobs { clock, ..self.clone() }
    }

    /// Returns all jobs, newest first.
    pub fn list(&self) -> Result<Vec<JobInfo>> {
        self.engine().with_index(|index, _| index.jobs())
    }

    /// Returns a job.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    pub fn get(&self, job: JobId) -> Result<JobInfo> {
        let found = self.engine().with_index(|index, _| index.job_change(job))?;
        self.engine().located(existing(job, found))
    }

    /// Returns the job with an id or a name, as people write it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    /// - [`ErrorKind::InvalidInput`] if several jobs have the name.
    ///
    /// # Performance
    ///
    /// Reads all jobs, unless it is an id.
    pub fn find(&self, name: &str) -> Result<JobInfo> {
        if let Ok(id) = name.parse()
            && let Ok(info) = self.get(id)
        {
            return Ok(info);
        }
        let mut found = Vec::new();
        for info in self.list()? {
            // Those of a later version may have settings that this one cannot read.
            if JobSettings::from_json(&info.settings).is_ok_and(|read| read.title() == name) {
                found.push(info);
            }
        }
        let one = one_of(name, found);
        self.engine().located(one)
    }

    /// Returns a run with its attempts.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such run.
    pub fn run(&self, run: JobRunId) -> Result<JobRunInfo> {
        let found = self.engine().with_index(|index, _| index.job_run(run))?;
        self.engine().located(found.ok_or_else(|| no_such_run(run)))
    }

    /// Returns the run to which an attempt at a task belongs.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such attempt.
    pub fn run_of_attempt(&self, attempt: JobRunId) -> Result<JobRunInfo> {
        let found = self.engine().with_index(|index, _| index.job_run_of_attempt(attempt))?;
        self.engine().located(found.ok_or_else(|| no_such_run(attempt)))
    }

    /// Returns runs, newest first.
    pub fn runs(&self, search: &JobRunSearch) -> Result<Vec<JobRunInfo>> {
        let mut query = search.query.clone();
        if query.limit == 0 {
            query.limit = u64::MAX;
        }
        self.engine().with_index(|index, _| index.job_runs(&query))
    }

    /// Returns whether a job, a run, the registry or a stored table may have changed since `mark`,
    /// and a new mark. Begin with 0.
    ///
    /// # Performance
    ///
    /// Reads only what was appended since the last call: without changes, one word of the file.
    pub fn changed_since(&self, mark: u64) -> Result<(bool, u64)> {
        self.engine().state(|state, cursor| {
            let is_changed = mark == 0 || state.has_since(&EVENT_KINDS, Position(mark));
            (is_changed, cursor.next.0)
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.database.engine()
    }

    /// Returns the file of the jobs.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the user for whom the changes are made.
    pub(crate) fn user(&self) -> String {
        self.user.clone().unwrap_or_else(user_name)
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn new_run_id(&self) -> Result<JobRunId> {
        Ok(JobRunId::from_random(self.engine().random_bits()?))
    }

    /// Appends the records that `build` returns for the index, then syncs.
    pub(crate) fn change<T>(
        &self,
        build: impl FnMut(&Index) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        self.engine().append_synced(&KINDS, build)
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jobs").field(&self.database.path()).finish()
    }
}

/// Returns the job that the last change has left.
pub(crate) fn existing(job: JobId, last: Option<JobChange>) -> Result<JobInfo> {
    match last {
        Some(JobChange::Saved(info)) => Ok(*info),
        _ => Err(Error::new(ErrorKind::NotFound, format!("Job {job} does not exist."))),
    }
}

fn one_of(name: &str, mut found: Vec<JobInfo>) -> Result<JobInfo> {
    let ids: Vec<String> = found.iter().map(|info| info.id.to_string()).collect();
    match (found.pop(), ids.len()) {
        (Some(info), 1) => Ok(info),
        (None, _) => Err(Error::new(ErrorKind::NotFound, format!("there is no job {name:?}"))),
        (Some(_), count) => Err(invalid(format!(
            "{count} jobs have the name {name:?}: use one of the ids {}",
            ids.join(", ")
        ))),
    }
}

#[cold]
pub(crate) fn no_such_run(run: JobRunId) -> Error {
    Error::new(ErrorKind::NotFound, format!("Run {run} does not exist."))
}
