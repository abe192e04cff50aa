//! The steps of runs, and the tasks that a runner takes.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::entity::id::Timestamp;
use crate::entity::wording::invalid;
use crate::entity::{JobId, JobResult, JobRunId, JobRunInfo, JobSettings, JobTask};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{Incarnation, JobAttemptStarted, JobRunCanceled, JobRunEnded, Record};
use crate::index::Index;
use crate::job::Jobs;
use crate::job::call::{Call, NO_PROCESS, called, waiting};
use crate::job::ended::{Ended, MESSAGE_MAX, end_of};
use crate::job::plan::{Place, Step, inputs, plan};
use crate::job::runs::Fresh;
use crate::job::values::{Scope, text_of, texts_of};

/// The most rounds of steps in one call. A round may make the next one possible.
const ROUNDS_MAX: usize = 64;

/// A task that a runner must run now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// The id of the attempt.
    pub attempt: JobRunId,
    /// The run.
    pub run: JobRunId,
    /// The job, if the run has one.
    pub job: Option<JobId>,
    /// The name of the job or of the submitted run.
    pub title: String,
    /// The user for whom it runs.
    pub user: String,
    /// The key of the task. An iteration of a loop has its index behind it: `train[3]`.
    pub key: String,
    /// The number of attempts before it.
    pub number: u32,
    /// The number of repairs of the run before it.
    pub repair: u32,
    /// The work. All references have their values.
    pub task: JobTask,
    /// The parameters of the job, and for a notebook its widgets.
    pub parameters: BTreeMap<String, String>,
    /// The values that earlier tasks have set, by task and name.
    pub values: BTreeMap<String, BTreeMap<String, Value>>,
}

/// The steps that [`Jobs::advance`] has made.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Advance {
    /// The tasks that the caller must run.
    pub tasks: Vec<Task>,
    /// When the next step is possible, if it is known.
    pub wake: Option<Timestamp>,
    /// The active runs that were canceled. Their processes must end.
    pub canceled: Vec<(JobRunId, JobResult)>,
    /// Whether there are runs that have not ended.
    pub is_active: bool,
    /// The runs that this call has begun.
    pub begun: Vec<JobRunId>,
    /// The runs that this call has ended.
    pub ended: Vec<JobRunId>,
}

impl Jobs {
    /// Makes all steps of active runs that are possible now, and takes at most `capacity` tasks for
    /// this process.
    ///
    /// Attempts of processes that have died end as `INTERNAL_ERROR`, and are repeated if their task
    /// is. Each attempt is taken by one process.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if the file is open read-only.
    ///
    /// # Performance
    ///
    /// Reads all active runs.
    pub fn advance(&self, capacity: usize) -> Result<Advance> {
        let engine = self.engine();
        let Some(writer) = engine.log.writer() else {
            let message = "the file is open read-only, so that its jobs cannot run";
            return Err(engine.locate(Error::new(ErrorKind::InvalidState, message)));
        };
        let mut all = Advance::default();
        for _ in 0..ROUNDS_MAX {
            let free = capacity.saturating_sub(all.tasks.len());
            let (found, is_changed) = match self.round(writer.incarnation, free) {
                // The tasks of earlier rounds are taken. Nobody else will run them.
                Err(_) if !all.tasks.is_empty() => break,
                round => round?,
            };
            all.tasks.extend(found.tasks);
            all.begun.extend(found.begun);
            all.ended.extend(found.ended);
            (all.wake, all.canceled) = (found.wake, found.canceled);
            all.is_active = found.is_active;
            if !is_changed {
                break;
            }
        }
        Ok(all)
    }

    /// Makes one round of steps. Returns what it has found, and whether it has changed something.
    fn round(&self, own: Incarnation, free: usize) -> Result<(Advance, bool)> {
        let dead = self.dead_incarnations()?;
        self.change(|index| {
            let mut round = Round::new(self, own, &dead, free);
            for run in index.active_job_runs()? {
                round.advance(index, &run)?;
            }
            let is_changed = !round.records.is_empty();
            Ok((round.records, (round.found, is_changed)))
        })
    }

    /// Reports the end of an attempt. Returns false if it had ended already.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if its run was deleted.
    pub fn end_attempt(&self, task: &Task, ended: &Ended) -> Result<bool> {
        let place = Place { task: task.key.clone(), number: task.number, repair: task.repair };
        self.change(|index| {
            let run = index.job_run(task.run)?;
            let run = run.ok_or_else(|| crate::job::no_such_run(task.run))?;
            let known = run.attempts.iter().find(|attempt| attempt.id == task.attempt);
            if known.is_none_or(|known| known.end.is_some()) {
                return Ok((Vec::new(), false));
            }
            let time = self.now().as_nanos();
            Ok((vec![end_of((task.run, task.attempt), &place, ended, time)], true))
        })
    }

    /// Returns the processes that have died while they ran attempts.
    fn dead_incarnations(&self) -> Result<HashSet<u64>> {
        let engine = self.engine();
        let runs = engine.with_index(|index, _| index.active_job_runs())?;
        let attempts = runs.iter().flat_map(|run| &run.attempts);
        let open = attempts.filter(|attempt| attempt.end.is_none());
        let mut all: HashSet<u64> = open.map(|attempt| attempt.incarnation).collect();
        all.remove(&NO_PROCESS.0);
        let mut dead = HashSet::new();
        for incarnation in all {
            if !engine.located(engine.log.is_alive(Incarnation(incarnation)))? {
                dead.insert(incarnation);
            }
        }
        Ok(dead)
    }
}

/// One round of steps.
struct Round<'a> {
    jobs: &'a Jobs,
    own: Incarnation,
    dead: &'a HashSet<u64>,
    free: usize,
    /// The number of runs of each job that have begun, or begin in this round.
    begun: HashMap<JobId, usize>,
    /// The runs of other jobs that this round has created.
    fresh: Fresh,
    records: Vec<Record>,
    found: Advance,
}

impl<'a> Round<'a> {
    fn new(jobs: &'a Jobs, own: Incarnation, dead: &'a HashSet<u64>, free: usize) -> Round<'a> {
        let (begun, records, found) = (HashMap::new(), Vec::new(), Advance::default());
        Round { jobs, own, dead, free, begun, fresh: Fresh::default(), records, found }
    }

    fn time(&self) -> i64 {
        self.jobs.now().as_nanos()
    }

    fn advance(&mut self, index: &Index, run: &JobRunInfo) -> Result<()> {
        let settings = match JobSettings::from_json(&run.settings) {
            Ok(settings) => settings,
            Err(error) => {
                self.end(run, JobResult::InternalError, error.message());
                return Ok(());
            }
        };
        self.found.is_active = true;
        if let Some(reason) = run.canceled {
            self.found.canceled.push((run.id, reason));
        }
        let is_reaped = self.reap(run);
        if self.look_at_calls(index, run, &settings)?
            || is_reaped
            || !self.may_begin(index, run, &settings)?
        {
            return Ok(());
        }
        let plan = plan(run, &settings, self.jobs.now());
        self.found.wake = [self.found.wake, plan.wake].into_iter().flatten().min();
        let mut is_begun = run.started.is_some();
        for step in plan.steps {
            match step {
                Step::Start(place) => self.start(run, &settings, place)?,
                Step::Call(place) => {
                    is_begun |= self.call(index, run, &settings, &place)?;
                }
                Step::Settle { place, result, message, output } => {
                    let attempt = self.jobs.new_run_id()?;
                    let ended = Ended { result, exit: None, message, output };
                    let time = self.time();
                    self.records.push(end_of((run.id, attempt), &place, &ended, time));
                }
                Step::Cancel(reason) => {
                    let (author, time) = (run.author.clone(), self.time());
                    let cancel = JobRunCanceled { run: run.id, reason, author, time };
                    self.records.push(cancel.into());
                }
                Step::End { result, message } => self.end(run, result, &message),
            }
            is_begun = is_begun || self.found.tasks.iter().any(|task| task.run == run.id);
        }
        if is_begun && run.started.is_none() {
            self.found.begun.push(run.id);
            if let Some(job) = run.job {
                *self.begun.entry(job).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Ends the attempts of dead processes. Returns whether there were any.
    fn reap(&mut self, run: &JobRunInfo) -> bool {
        let open = run.attempts.iter().filter(|attempt| attempt.end.is_none());
        let dead: Vec<_> =
            open.filter(|attempt| self.dead.contains(&attempt.incarnation)).collect();
        for attempt in &dead {
            let place = Place {
                task: attempt.task.clone(),
                number: attempt.number,
                repair: attempt.repair,
            };
            let message = "the process that ran the task has died".to_owned();
            let ended = Ended { message, ..Ended::default() };
            let time = self.time();
            self.records.push(end_of((run.id, attempt.id), &place, &ended, time));
        }
        !dead.is_empty()
    }

    /// Ends the attempts that were runs of other jobs. Returns whether something has changed.
    fn look_at_calls(
        &mut self,
        index: &Index,
        run: &JobRunInfo,
        settings: &JobSettings,
    ) -> Result<bool> {
        let mut is_changed = false;
        let open = run.attempts.iter().filter(|attempt| attempt.end.is_none());
        for attempt in open.filter(|attempt| attempt.incarnation == NO_PROCESS.0) {
            let waiting = waiting(index, run, settings, attempt, self.jobs.now())?;
            is_changed |= !waiting.records.is_empty();
            self.records.extend(waiting.records);
            self.found.wake = [self.found.wake, waiting.wake].into_iter().flatten().min();
        }
        Ok(is_changed)
    }

    /// Begins an attempt that is a run of another job. Returns whether it has begun.
    fn call(
        &mut self,
        index: &Index,
        run: &JobRunInfo,
        settings: &JobSettings,
        place: &Place,
    ) -> Result<bool> {
        let ids = (self.jobs.new_run_id()?, self.time());
        let attempt = self.jobs.new_run_id()?;
        let begun = task_of(run, settings, place, attempt).and_then(|task| {
            let work = task.task.work.run_job_task.unwrap_or_default();
            let call = Call { attempt, place, work };
            called(index, run, call, ids, &mut self.fresh)
        });
        match begun {
            Ok(records) => {
                self.records.extend(records);
                Ok(true)
            }
            Err(error) => {
                let message = error.message().to_owned();
                let ended = Ended { result: JobResult::Failed, message, ..Ended::default() };
                self.records.push(end_of((run.id, attempt), place, &ended, ids.1));
                Ok(false)
            }
        }
    }

    /// Returns whether a run may make steps: it has begun, or the job has room for it.
    fn may_begin(
        &mut self,
        index: &Index,
        run: &JobRunInfo,
        settings: &JobSettings,
    ) -> Result<bool> {
        let Some(job) = run.job else { return Ok(true) };
        if run.started.is_some() || run.canceled.is_some() || settings.overlap() == "allow" {
            return Ok(true);
        }
        let begun = match self.begun.get(&job) {
            Some(begun) => *begun,
            None => {
                let active = index.active_runs_of_job(job)?;
                let begun = active.iter().filter(|run| run.started.is_some()).count();
                *self.begun.entry(job).or_insert(begun)
            }
        };
        Ok(begun < settings.concurrent_runs())
    }

    fn start(&mut self, run: &JobRunInfo, settings: &JobSettings, place: Place) -> Result<()> {
        if self.free == 0 {
            return Ok(());
        }
        let attempt = self.jobs.new_run_id()?;
        let time = self.time();
        match task_of(run, settings, &place, attempt) {
            Ok(task) => {
                self.free -= 1;
                let Place { task: key, number, repair } = place;
                let (run, incarnation) = (run.id, self.own);
                let record = JobAttemptStarted {
                    run,
                    attempt,
                    task: key,
                    number,
                    repair,
                    incarnation,
                    time,
                };
                self.records.push(record.into());
                self.found.tasks.push(task);
            }
            Err(error) => {
                let message = error.message().to_owned();
                let ended = Ended { result: JobResult::Failed, message, ..Ended::default() };
                self.records.push(end_of((run.id, attempt), &place, &ended, time));
            }
        }
        Ok(())
    }

    fn end(&mut self, run: &JobRunInfo, result: JobResult, message: &str) {
        let message = message.chars().take(MESSAGE_MAX).collect();
        let time = self.time();
        self.records.push(JobRunEnded { run: run.id, result, message, time }.into());
        self.found.ended.push(run.id);
    }
}

/// Returns a task with the values of its references.
fn task_of(
    run: &JobRunInfo,
    settings: &JobSettings,
    place: &Place,
    attempt: JobRunId,
) -> Result<Task> {
    let mut scope = Scope::new(settings, run, &place.task);
    let (name, index) = match place.task.split_once('[') {
        Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
        None => (place.task.as_str(), None),
    };
    let mut sent = sent_task(run, name)?;
    if let Some(index) = index {
        let each = settings.tasks.iter().find(|task| task.task_key == name);
        let each = each.and_then(|task| task.work.for_each_task.as_ref());
        let all = each.map(|each| inputs(&scope, each)).transpose().map_err(invalid)?;
        scope.input = all.and_then(|all| all.get(index).cloned());
        sent = sent["for_each_task"]["task"].take();
    }
    scope.resolve_all(&mut sent)?;
    let mut task: JobTask = serde_json::from_value(sent)
        .map_err(|error| invalid(format!("task {:?} cannot be read: {error}", place.task)))?;
    let mut parameters = scope.parameters.clone();
    apply_request(&mut task, &mut parameters, run);
    let values = run.attempts.iter().filter_map(|attempt| {
        Some((attempt.task.clone(), attempt.end.as_ref()?.output.values.clone()))
    });
    Ok(Task {
        attempt,
        run: run.id,
        job: run.job,
        title: settings.title().to_owned(),
        user: run.author.clone(),
        key: place.task.clone(),
        number: place.number,
        repair: place.repair,
        task,
        parameters,
        values: values.collect(),
    })
}

/// Returns the JSON of a task as it was sent.
fn sent_task(run: &JobRunInfo, key: &str) -> Result<Value> {
    let mut sent: Value = serde_json::from_str(&run.settings).unwrap_or_default();
    let tasks = sent.get_mut("tasks").and_then(Value::as_array_mut);
    let is_it = |task: &&mut Value| task.get("task_key").and_then(Value::as_str) == Some(key);
    if let Some(task) = tasks.and_then(|tasks| tasks.iter_mut().find(is_it)) {
        return Ok(task.take());
    }
    // A job of the first API has its only task at the top.
    if let Some(settings) = sent.as_object_mut() {
        settings.insert("task_key".to_owned(), key.into());
        settings.remove("parameters");
        return Ok(sent);
    }
    Err(invalid(format!("the settings of the run have no task {key:?}")))
}

/// Replaces the parameters of a task by those of the requests for the run.
fn apply_request(task: &mut JobTask, parameters: &mut BTreeMap<String, String>, run: &JobRunInfo) {
    let repairs = run.repairs.iter().map(|repair| repair.request.as_str());
    let requests: Vec<&str> = std::iter::once(run.request.as_str()).chain(repairs).collect();
    let last = |name: &str| {
        requests.iter().rev().find_map(|request| {
            let request: Value = serde_json::from_str(request).ok()?;
            let found = request.get(name)?.as_array()?;
            Some(found.iter().map(text_of).collect::<Vec<String>>())
        })
    };
    let work = &mut task.work;
    if let Some(notebook) = &work.notebook_task {
        let mut widgets = notebook.base_parameters.clone();
        widgets.append(parameters);
        for request in &requests {
            widgets.extend(texts_of(request, "notebook_params"));
        }
        *parameters = widgets;
    }
    if let (Some(python), Some(given)) = (&mut work.spark_python_task, last("python_params")) {
        python.parameters = given;
    }
    if let Some(wheel) = &mut work.python_wheel_task {
        if let Some(given) = last("python_params") {
            wheel.parameters = given;
        }
        for request in &requests {
            wheel.named_parameters.extend(texts_of(request, "python_named_params"));
        }
    }
    if let (Some(spark), Some(given)) = (&mut work.spark_submit_task, last("spark_submit_params")) {
        spark.parameters = given;
    }
}
