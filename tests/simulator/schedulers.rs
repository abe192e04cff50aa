//! Several schedulers of one file. One of them dies, then the power is cut: each fire has one run,
//! each task one good end, each notification one sender, and no right is lost.

use std::cell::Cell;
use std::collections::BTreeMap;

use tracklite::internals::storage::simulated::{
    ProcessControl, Random, SimulatedDisk, run_together,
};
use tracklite::job::{
    Ended, JobEvent, JobGrant, JobId, JobLevel, JobPrincipal, JobResult, JobRunId, JobRunInfo,
    JobRunSearch, Jobs, Planner,
};
use tracklite::{Database, ErrorKind, Result, Timestamp};

use crate::engine::Opening;
use crate::rules::{CREATE, context, open};
use crate::world::{Verdict, describe};

const SCHEDULERS: usize = 3;
const ROUNDS: i64 = 3;
const START: i64 = 1_798_761_600_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

/// A job that runs each hour, and notifies about the begin and the end of each run.
const TICKS: &str = r#"{"name": "ticks",
    "tasks": [{"task_key": "t", "max_retries": -1, "command_task": {"command": ["x"]}}],
    "trigger": {"periodic": {"interval": 1, "unit": "HOURS"}},
    "webhook_notifications": {"on_start": [{"id": "https://example.com/"}],
        "on_success": [{"id": "https://example.com/"}]},
    "tracklite": {"missed_fires": "all", "overlap": "allow"}}"#;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(START) };
}

/// The clock of the scheduler on this thread.
fn now() -> Timestamp {
    Timestamp::from_nanos(NOW.get())
}

/// The calls of a scheduler that were acknowledged.
#[derive(Debug, Default)]
struct Done {
    ended: Vec<JobRunId>,
    notices: Vec<(JobRunId, JobEvent)>,
    grants: Vec<String>,
    /// Whether its last call failed, so that nobody knows whether it has changed something.
    is_unknown: bool,
}

/// Runs the schedulers together, one of which may die. Then cuts the power and lets one finish.
pub fn schedulers(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    NOW.set(START);
    let disk = SimulatedDisk::new(random.bits());
    let (first, control) = open(&disk, CREATE)?;
    let job = context(first.jobs().with_clock(now).create(TICKS), "creating the job")?.id;
    let mut opened = vec![(first, control)];
    for _ in 1..SCHEDULERS {
        opened.push(open(&disk, Opening::WRITE)?);
    }
    let dying = random.below(SCHEDULERS);
    opened[dying].1.kill_after(random.below(600) as u64);
    let mut works: Vec<Box<dyn FnOnce() -> Verdict<Done> + Send + '_>> = Vec::new();
    for (number, (database, control)) in opened.iter().enumerate() {
        let random = Random::new(random.bits());
        let is_dying = number == dying;
        works.push(Box::new(move || work(database, job, (number, random), (control, is_dying))));
    }
    let all = run_together(random.bits(), works).into_iter().collect::<Verdict<Vec<Done>>>()?;
    for (_, control) in &opened {
        control.kill();
    }
    let image = disk.crash_image(&mut random);
    let (database, _control) = open(&image, Opening::WRITE)?;
    NOW.set(START + ROUNDS * HOUR);
    let jobs = database.jobs().with_clock(now);
    let last = finish(&jobs).map_err(|error| describe("the last scheduler", &error))?;
    let runs = context(jobs.runs(&JobRunSearch::new().job(job)), "reading the runs")?;
    let info = context(jobs.get(job), "reading the job")?;
    check_runs(&runs, &all)?;
    check_notices(&runs, &all, &last)?;
    check_grants(&info.grants, &all)
}

/// Works for some hours, or until the process dies.
fn work(
    database: &Database,
    job: JobId,
    (number, mut random): (usize, Random),
    (control, is_dying): (&ProcessControl, bool),
) -> Verdict<Done> {
    let jobs = database.jobs().with_clock(now);
    let (mut done, mut planner) = (Done::default(), Planner::default());
    for round in 1..=ROUNDS {
        // Clocks differ by some minutes.
        NOW.set(START + round * HOUR - random.below(10) as i64 * HOUR / 60);
        let granted = format!("u{number}.{round}");
        match step(&jobs, &mut planner, (job, &granted), &mut done) {
            Ok(()) => {}
            // A sync fails after a death during a sync, because nobody knows what it has lost.
            Err(_) if is_dying && control.is_dead() => done.is_unknown = true,
            Err(error) if error.kind() == ErrorKind::Poisoned => done.is_unknown = true,
            Err(error) => return Err(describe("a scheduler", &error)),
        }
        if done.is_unknown {
            break;
        }
    }
    Ok(done)
}

/// Fires, runs the tasks that it gets, takes notifications, and adds a right.
fn step(
    jobs: &Jobs,
    planner: &mut Planner,
    (job, granted): (JobId, &str),
    done: &mut Done,
) -> Result<()> {
    jobs.fire(planner)?;
    for task in jobs.advance(2)?.tasks {
        take(jobs, &mut done.notices)?;
        jobs.end_attempt(&task, &success())?;
        done.ended.push(task.attempt);
    }
    take(jobs, &mut done.notices)?;
    let user = JobPrincipal::User(granted.to_owned());
    let more = JobGrant::new(user, JobLevel::View);
    jobs.set_grants(job, |grants| grants.iter().cloned().chain([more.clone()]).collect())?;
    done.grants.push(granted.to_owned());
    Ok(())
}

fn success() -> Ended {
    let mut ended = Ended::default();
    ended.result = JobResult::Success;
    ended
}

fn take(jobs: &Jobs, notices: &mut Vec<(JobRunId, JobEvent)>) -> Result<()> {
    let taken = jobs.take_notices()?.taken;
    notices.extend(taken.iter().map(|notice| (notice.run, notice.event)));
    Ok(())
}

/// Does what is left. Returns the notifications that it took.
fn finish(jobs: &Jobs) -> Result<Vec<(JobRunId, JobEvent)>> {
    let mut notices = Vec::new();
    jobs.fire(&mut Planner::default())?;
    loop {
        let advance = jobs.advance(8)?;
        take(jobs, &mut notices)?;
        for task in &advance.tasks {
            jobs.end_attempt(task, &success())?;
        }
        if !advance.is_active {
            return Ok(notices);
        }
    }
}

/// Checks that there is one run for each hour, with one good attempt, and that each acknowledged
/// end is among those.
fn check_runs(runs: &[JobRunInfo], all: &[Done]) -> Verdict<()> {
    let mut hours: Vec<Option<i64>> =
        runs.iter().map(|run| Some((run.nominal?.as_nanos() - START) / HOUR)).collect();
    hours.sort_unstable();
    if hours != (1..=ROUNDS).map(Some).collect::<Vec<_>>() {
        return Err(format!("there are runs for the hours {hours:?}"));
    }
    let mut good = Vec::new();
    for run in runs {
        let ends =
            run.attempts.iter().filter_map(|attempt| Some((attempt.id, attempt.end.as_ref()?)));
        let ends: Vec<JobRunId> = ends
            .filter(|(_, end)| end.result == JobResult::Success)
            .map(|(attempt, _)| attempt)
            .collect();
        if ends.len() != 1 {
            return Err(format!("a task has {} good ends: {run:?}", ends.len()));
        }
        good.extend(ends);
    }
    let mut ended = all.iter().flat_map(|done| &done.ended);
    match ended.find(|attempt| !good.contains(attempt)) {
        Some(attempt) => Err(format!("the end of attempt {attempt} is lost")),
        None => Ok(()),
    }
}

/// Checks that each event was taken once. One of a process that died in the call is not known.
fn check_notices(runs: &[JobRunInfo], all: &[Done], last: &[(JobRunId, JobEvent)]) -> Verdict<()> {
    let mut counts: BTreeMap<(JobRunId, JobEvent), usize> = BTreeMap::new();
    for notice in all.iter().flat_map(|done| &done.notices).chain(last) {
        *counts.entry(*notice).or_default() += 1;
    }
    let is_unknown = all.iter().any(|done| done.is_unknown);
    for run in runs {
        for event in [JobEvent::Started, JobEvent::Succeeded] {
            let count = counts.get(&(run.id, event)).copied().unwrap_or(0);
            if count > 1 || (count == 0 && !is_unknown) {
                return Err(format!("{event} of run {} was taken {count} times", run.id));
            }
        }
    }
    Ok(())
}

/// Checks that each acknowledged right is there, in the order of the calls of its scheduler.
fn check_grants(grants: &[JobGrant], all: &[Done]) -> Verdict<()> {
    let found: Vec<&str> = grants.iter().map(|grant| grant.principal.name()).collect();
    for done in all {
        let places = done.grants.iter().map(|name| found.iter().position(|found| found == name));
        let places: Vec<Option<usize>> = places.collect();
        if places.contains(&None) || !places.is_sorted() {
            return Err(format!("the rights {:?} are not all in {found:?}", done.grants));
        }
    }
    Ok(())
}
