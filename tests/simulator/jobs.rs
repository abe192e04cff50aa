//! Calls that create, change, run and delete jobs.

use std::collections::BTreeMap;

use tracklite::job::{
    Ended, JobGrant, JobId, JobInfo, JobLevel, JobPrincipal, JobResult, JobRunRequest,
    JobRunSearch, Jobs,
};
use tracklite::{Database, Result};

use crate::compare::event_in;
use crate::oracle::EventId;
use crate::things::{ThingKind, ThingSeen};
use crate::world::{Actor, Verdict};

/// The fact with the event of the last change, which its author names.
const CHANGED: &str = "changed";
const REVISION: &str = "revision";
/// The fact with the rights, one of which has the event in its name.
const GRANTS: &str = "grants";
/// The fact with the events of the runs that have ended well, joined.
const RUNS: &str = "runs";

fn author(event: EventId) -> String {
    format!("a{}", event.0)
}

fn settings(job: EventId) -> String {
    format!(
        r#"{{"name": "j{}", "tasks": [{{"task_key": "t", {}}}], {}}}"#,
        job.0,
        r#""command_task": {"command": ["x"]}"#,
        r#""webhook_notifications": {"on_success": [{"id": "https://example.com/"}]}"#
    )
}

/// Returns rights to a job that name an event.
fn grants(event: EventId) -> Vec<JobGrant> {
    let level = JobLevel::ALL[event.0 % JobLevel::ALL.len()];
    vec![JobGrant::new(JobPrincipal::User(format!("g{}", event.0)), level)]
}

fn grants_text(grants: &[JobGrant]) -> String {
    format!("{grants:?}")
}

fn facts(event: EventId, revision: u64) -> [(String, String); 2] {
    [(CHANGED.to_owned(), author(event)), (REVISION.to_owned(), revision.to_string())]
}

impl Actor {
    /// Creates, changes, runs or deletes a job.
    pub fn change_job(&mut self) -> Verdict<()> {
        // The effect of a failed call is not known yet.
        if self.is_unsettled {
            return Ok(());
        }
        let jobs = self.own_things(ThingKind::Job);
        if jobs.is_empty() || self.random.one_in(4) {
            return self.create_job();
        }
        let job = *self.random.pick(&jobs);
        let oracle = self.oracle.lock();
        let thing = &oracle.things[&job];
        let id = thing.id.as_deref().and_then(|id| id.parse().ok());
        let revision = thing.fact(REVISION).and_then(|revision| revision.parse().ok());
        let runs = thing.fact(RUNS).cloned().unwrap_or_default();
        drop(oracle);
        let (Some(id), Some(revision)) = (id, revision) else { return Ok(()) };
        match self.random.below(8) {
            0 => self.delete_job(job, id),
            1 | 2 => self.update_job(job, id, revision),
            3 | 4 => self.set_grants_of_job(job, id),
            _ => self.run_job(job, id, &runs),
        }
    }

    fn jobs_for(&self, event: EventId) -> Jobs {
        self.database.jobs().acting_for(&author(event))
    }

    fn create_job(&mut self) -> Verdict<()> {
        let event = self.issue_thing("create job", ThingKind::Job, None, |event| {
            let mut all = BTreeMap::from(facts(event, 1));
            all.insert(RUNS.to_owned(), String::new());
            all.insert(GRANTS.to_owned(), grants_text(&grants(event)));
            all
        });
        let created = self.jobs_for(event).create_with_grants(&settings(event), &grants(event));
        match self.note_change(event, created)? {
            Some(info) => self.oracle.lock().set_id(event, &info.id.to_string()),
            None => Ok(()),
        }
    }

    fn update_job(&mut self, job: EventId, id: JobId, revision: u64) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("update job");
        if let Some(thing) = oracle.things.get_mut(&job) {
            for (fact, value) in facts(event, revision + 1) {
                thing.set(fact, event, Some(value));
            }
        }
        drop(oracle);
        let updated = self.jobs_for(event).update(id, r#"{"timeout_seconds": 5}"#, &[]);
        self.note_change(event, updated).map(drop)
    }

    fn set_grants_of_job(&mut self, job: EventId, id: JobId) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("set grants of job");
        let grants = grants(event);
        if let Some(thing) = oracle.things.get_mut(&job) {
            thing.set(GRANTS.to_owned(), event, Some(grants_text(&grants)));
        }
        drop(oracle);
        let set = self.database.jobs().set_grants(id, |_| grants.clone());
        self.note_change(event, set).map(drop)
    }

    /// Submits a run and lets it end, in calls of its own. The last one is the event.
    fn run_job(&mut self, job: EventId, id: JobId, before: &str) -> Verdict<()> {
        let jobs = self.database.jobs();
        let begun = jobs.run_now(id, &JobRunRequest::default()).and_then(|_| jobs.advance(1));
        let task = match begun {
            Ok(advance) => advance.tasks.into_iter().next(),
            Err(error) if self.may_fail_by(&error) => None,
            Err(error) => return Err(format!("a run could not begin: {error:?}")),
        };
        let Some(task) = task.filter(|task| task.job == Some(id)) else { return Ok(()) };
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("end attempt");
        if let Some(thing) = oracle.things.get_mut(&job) {
            thing.set(RUNS.to_owned(), event, Some(format!("{before}{} ", event.0)));
        }
        drop(oracle);
        let mut ended = Ended::default();
        (ended.result, ended.message) = (JobResult::Success, event.0.to_string());
        let done = jobs.end_attempt(&task, &ended);
        if self.note_change(event, done)?.is_none() {
            return Ok(());
        }
        // The last step of the run, and the notification about it.
        match jobs.advance(0).and_then(|_| jobs.take_notices()) {
            Err(error) if !self.may_fail_by(&error) => {
                Err(format!("a run could not end: {error:?}"))
            }
            _ => Ok(()),
        }
    }

    fn delete_job(&mut self, job: EventId, id: JobId) -> Verdict<()> {
        let jobs = self.database.jobs();
        let active = jobs.runs(&JobRunSearch::new().job(id).ended(false));
        match active {
            Ok(active) if active.is_empty() => {}
            // A run whose last step was not made is in the way.
            _ => return Ok(()),
        }
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("delete job");
        if let Some(thing) = oracle.things.get_mut(&job) {
            thing.exists.set(event, false);
        }
        drop(oracle);
        let deleted = self.jobs_for(event).delete(id);
        self.note_change(event, deleted).map(drop)
    }
}

/// Reads all jobs.
pub fn jobs(database: &Database) -> Result<Vec<ThingSeen>> {
    database.jobs().list()?.iter().map(|info| seen(database, info)).collect()
}

fn seen(database: &Database, info: &JobInfo) -> Result<ThingSeen> {
    let settings: serde_json::Value = serde_json::from_str(&info.settings).unwrap_or_default();
    let name = settings["name"].as_str().unwrap_or_default();
    let event = event_in(name, 'j').unwrap_or(EventId(usize::MAX));
    let changed = event_in(&info.author, 'a').unwrap_or(EventId(usize::MAX));
    let mut facts = BTreeMap::from(facts(changed, info.revision));
    let mut runs = database.jobs().runs(&JobRunSearch::new().job(info.id))?;
    runs.sort_by_key(|run| run.number);
    let attempts = runs.iter().flat_map(|run| &run.attempts);
    let ends = attempts.filter_map(|attempt| attempt.end.as_ref());
    let ends = ends.filter(|end| end.result == JobResult::Success);
    facts.insert(RUNS.to_owned(), ends.map(|end| format!("{} ", end.message)).collect());
    facts.insert(GRANTS.to_owned(), grants_text(&info.grants));
    Ok(ThingSeen { event, id: info.id.to_string(), facts })
}
