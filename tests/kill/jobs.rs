//! Jobs: the changes that writers make, the expected result, and the observed state.

use std::collections::BTreeSet;

use tracklite::job::{
    JobGrant, JobId, JobInfo, JobLevel, JobPrincipal, JobRunRequest, JobRunSearch, Jobs,
};
use tracklite::{Database, Error, ErrorKind, Result};

use crate::models::Facts;
use crate::random::Random;
use crate::script::Life;
use crate::writer::tolerate_failed_sync;

/// A change that a writer makes to its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Create,
    Update {
        revision: u64,
    },
    Grant {
        revision: u64,
    },
    /// Creates a run, which is skipped at once.
    Run {
        number: u64,
    },
    DeleteRun {
        number: u64,
    },
    Delete,
}

/// The expected job of one writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    is_there: bool,
    /// How often a job was created, so that requests for runs of another one differ.
    created: u64,
    revision: u64,
    /// The revision that the last rights name.
    granted: u64,
    last: u64,
    runs: BTreeSet<u64>,
}

impl Job {
    /// Draws the next change.
    pub(crate) fn draw(&self, random: &mut Random) -> Step {
        if !self.is_there {
            return Step::Create;
        }
        match (random.below(8), self.runs.first()) {
            (0, _) => Step::Delete,
            (1 | 2, Some(number)) => Step::DeleteRun { number: *number },
            (3, _) => Step::Grant { revision: self.revision },
            (4, _) => Step::Update { revision: self.revision + 1 },
            _ => Step::Run { number: self.last + 1 },
        }
    }

    /// Applies a change. Returns the facts about the job, if it is still there.
    pub(crate) fn apply(&mut self, step: Step) -> Option<Facts> {
        match step {
            Step::Create => {
                let created = self.created + 1;
                *self = Job { is_there: true, created, revision: 1, ..Job::default() };
            }
            Step::Update { revision } => self.revision = revision,
            Step::Grant { revision } => self.granted = revision,
            Step::Run { number } => {
                self.last = number;
                self.runs.insert(number);
            }
            Step::DeleteRun { number } => drop(self.runs.remove(&number)),
            Step::Delete => self.is_there = false,
        }
        self.is_there.then(|| facts(self.revision, self.granted, &self.runs))
    }
}

pub(crate) fn name(life: Life) -> String {
    format!("{life} job")
}

fn facts(revision: u64, granted: u64, runs: &BTreeSet<u64>) -> Facts {
    let facts = [
        ("revision", revision.to_string()),
        ("granted", granted.to_string()),
        ("runs", format!("{runs:?}")),
    ];
    facts.map(|(fact, value)| (fact.to_owned(), value)).into()
}

fn own(jobs: &Jobs, life: Life) -> Result<JobId> {
    let found = jobs.list()?.into_iter().find(|info| info.creator == life.to_string());
    let missing = || Error::new(ErrorKind::NotFound, format!("{life} has no job"));
    found.map(|info| info.id).ok_or_else(missing)
}

/// Makes a change.
pub(crate) fn perform(database: &Database, life: Life, step: Step) -> Result<()> {
    let jobs = database.jobs().acting_for(&life.to_string());
    tolerate_failed_sync(match step {
        Step::Create => {
            let settings = r#"{"max_concurrent_runs": 0, "tasks": [{"task_key": "t",
                "command_task": {"command": ["x"]}}]}"#;
            jobs.create(settings).map(drop)
        }
        Step::Update { revision } => {
            let change = format!("{{\"timeout_seconds\": {revision}}}");
            jobs.update(own(&jobs, life)?, &change, &[]).map(drop)
        }
        Step::Grant { revision } => {
            let principal = JobPrincipal::User(revision.to_string());
            let grant = JobGrant::new(principal, JobLevel::View);
            jobs.set_grants(own(&jobs, life)?, |_| vec![grant.clone()]).map(drop)
        }
        Step::Run { number } => {
            let job = own(&jobs, life)?;
            let request = JobRunRequest::default().token(format!("{job} {number}"));
            jobs.run_now(job, &request).map(drop)
        }
        Step::DeleteRun { number } => {
            let runs = jobs.runs(&JobRunSearch::new().job(own(&jobs, life)?))?;
            let run = runs.into_iter().find(|run| run.number == number);
            let missing = || Error::new(ErrorKind::NotFound, format!("{life} has no such run"));
            jobs.delete_run(run.ok_or_else(missing)?.id)
        }
        Step::Delete => jobs.delete(own(&jobs, life)?),
    })
}

/// Reads all jobs, each with its writer.
pub(crate) fn observe(database: &Database) -> Result<Vec<(Life, String, Facts)>> {
    let jobs = database.jobs();
    let mut found = Vec::new();
    for info in jobs.list()? {
        let Ok(life) = info.creator.parse::<Life>() else { continue };
        let runs = jobs.runs(&JobRunSearch::new().job(info.id))?;
        let runs = runs.iter().map(|run| run.number).collect();
        found.push((life, name(life), facts(info.revision, granted(&info), &runs)));
    }
    Ok(found)
}

fn granted(info: &JobInfo) -> u64 {
    let first = info.grants.first();
    first.and_then(|grant| grant.principal.name().parse().ok()).unwrap_or(0)
}
