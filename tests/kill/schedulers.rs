//! Four schedulers of one file that are killed at random moments: no fire is lost, and none, no
//! task and no notification happens twice.
//!
//! The years are simulated: the coordinator moves a clock that the schedulers read from a file.
//! Clocks of schedulers differ, and some are set back by hours. `TRACKLITE_JOB_DAYS` sets the
//! number of days (default 40).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tracklite::internals::mutant::{self, Mutant};
use tracklite::job::{Ended, JobId, JobResult, JobRunInfo, JobRunSearch, Jobs, Planner};
use tracklite::schedule::CronSchedule;
use tracklite::{Database, Timestamp};

use crate::random::Random;

const SCHEDULERS: u64 = 4;
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 2027-01-01 in UTC.
const START: i64 = 1_798_761_600 * SECOND;
const CRON: &str = "0 0 6,18 * * ?";
const ZONE: &str = "America/New_York";
const ROLE: &str = "TRACKLITE_KILL_SCHEDULER";

/// A job with two fires a day, and a task that is repeated until it succeeds.
const TICKS: &str = r#"{"name": "ticks",
    "tasks": [{"task_key": "t", "max_retries": -1, "command_task": {"command": ["x"]}}],
    "schedule": {"quartz_cron_expression": "0 0 6,18 * * ?", "timezone_id": "America/New_York"},
    "webhook_notifications": {"on_success": [{"id": "https://example.com/"}]},
    "tracklite": {"missed_fires": "all", "missed_fires_max": 100000, "overlap": "allow"}}"#;

static NOW: AtomicI64 = AtomicI64::new(START);

/// The clock of this process.
fn now() -> Timestamp {
    Timestamp::from_nanos(NOW.load(Ordering::Relaxed))
}

/// The files of a round.
struct Places {
    file: PathBuf,
    clock: PathBuf,
    /// One line for each notification that was taken.
    notices: PathBuf,
}

impl Places {
    fn of(folder: &Path) -> Places {
        Places {
            file: folder.join("runs.tracklite"),
            clock: folder.join("clock"),
            notices: folder.join("notices"),
        }
    }
}

/// Runs this process as a scheduler, if it was started as one.
pub(crate) fn child() -> Option<ExitCode> {
    let role = std::env::var(ROLE).ok()?;
    let (number, folder) = role.split_once(' ')?;
    let (number, is_broken) = match number.strip_prefix('!') {
        Some(number) => (number, true),
        None => (number, false),
    };
    let seed = number.parse().ok()?;
    let broken = is_broken.then_some(Mutant::UndecidedAppend);
    let result = mutant::with_mutant(broken, || schedule(&Places::of(Path::new(folder)), seed));
    if let Err(error) = result {
        eprintln!("a scheduler failed: {error}");
        return Some(ExitCode::FAILURE);
    }
    Some(ExitCode::SUCCESS)
}

/// Fires, runs tasks and takes notifications until it is killed.
fn schedule(places: &Places, seed: u64) -> tracklite::Result<()> {
    let database = Database::open(&places.file)?;
    let jobs = database.jobs().with_clock(now);
    let mut random = Random::new(seed);
    let mut planner = Planner::default();
    let clock = File::open(&places.clock).expect("the clock exists");
    let mut notices = OpenOptions::new().append(true).create(true).open(&places.notices).unwrap();
    loop {
        let mut bytes = [0; 8];
        clock.read_exact_at(&mut bytes, 0).expect("the clock has a time");
        let off = match random.below(10) {
            0 => -(random.below(30 * 3600) as i64) * SECOND,
            _ => random.below(3) as i64 * SECOND - SECOND,
        };
        NOW.store(i64::from_le_bytes(bytes) + off, Ordering::Relaxed);
        jobs.fire(&mut planner)?;
        for task in jobs.advance(4)?.tasks {
            let mut ended = Ended::default();
            ended.result = match random.below(8) {
                0 => JobResult::Failed,
                _ => JobResult::Success,
            };
            std::thread::sleep(Duration::from_micros(random.below(500)));
            jobs.end_attempt(&task, &ended)?;
        }
        for notice in jobs.take_notices()?.taken {
            writeln!(notices, "{} {}", notice.run, notice.event).expect("it is written");
        }
        std::thread::sleep(Duration::from_micros(random.below(3000)));
    }
}

fn spawn(folder: &Path, seed: u64, is_broken: bool) -> Child {
    let mark = if is_broken { "!" } else { "" };
    let mut command = Command::new(std::env::current_exe().expect("the program has a path"));
    command.env(ROLE, format!("{mark}{seed} {}", folder.display()));
    command.spawn().expect("a scheduler starts")
}

fn kill(child: &mut Child) {
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
}

/// Plays the days. Returns the complaints.
fn play(days: i64, seed: u64, is_broken: bool) -> Vec<String> {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let places = Places::of(folder.path());
    let database = Database::create(&places.file).unwrap();
    let jobs = database.jobs().with_clock(now);
    NOW.store(START, Ordering::Relaxed);
    let ticks = jobs.create(TICKS).unwrap().id;
    let called = jobs
        .create(
            r#"{"name": "called", "max_concurrent_runs": 1000, "tasks": [{"task_key": "t",
            "max_retries": -1, "command_task": {"command": ["x"]}}]}"#,
        )
        .unwrap()
        .id;
    let calls = TICKS.replace(
        "\"command_task\": {\"command\": [\"x\"]}",
        &format!("\"run_job_task\": {{\"job_id\": {called}}}"),
    );
    let calls = jobs.create(&calls.replace("6,18 * * ?", "12 * * ?")).unwrap().id;
    let clock = File::create(&places.clock).unwrap();
    let set = |time: i64| clock.write_all_at(&time.to_le_bytes(), 0).unwrap();
    set(START);
    let mut random = Random::new(seed);
    let mut seeds = Random::new(seed + 1);
    let mut children: Vec<Child> =
        (0..SCHEDULERS).map(|_| spawn(folder.path(), seeds.next() >> 1, is_broken)).collect();
    let (began, mut kills, mut time) = (Instant::now(), 0, START);
    let mut steps = 0;
    while time < START + days * DAY {
        time += (random.below(20 * 3600) as i64 + 1) * SECOND;
        set(time);
        std::thread::sleep(Duration::from_millis(random.below(40)));
        steps += 1;
        if steps % 16 == 0 {
            wait_for_few(&jobs);
        }
        if random.below(3) == 0 {
            let one = random.below(SCHEDULERS) as usize;
            let is_alive = children[one].try_wait().expect("it is observed").is_none();
            kill(&mut children[one]);
            kills += 1;
            if !is_alive && !is_broken {
                return vec!["a scheduler ended early".to_owned()];
            }
            children[one] = spawn(folder.path(), seeds.next() >> 1, is_broken);
        }
    }
    children.iter_mut().for_each(kill);
    NOW.store(time, Ordering::Relaxed);
    finish(&jobs);
    let taken = std::fs::read_to_string(&places.notices).unwrap_or_default();
    let mut complaints = complaints_about(&jobs, ticks, (CRON, time), &taken);
    complaints.extend(complaints_about(&jobs, calls, ("0 0 12 * * ?", time), &taken));
    let all = |job: JobId| jobs.runs(&JobRunSearch::new().job(job)).unwrap();
    let attempts: usize = all(calls).iter().map(|run| run.attempts.len()).sum();
    if attempts != all(called).len() {
        complaints.push(format!("{attempts} calls made {} runs", all(called).len()));
    }
    let runs = all(ticks).len() + all(calls).len();
    drop(jobs);
    database.close().unwrap();
    let damages = Database::verify(&places.file).unwrap().damages;
    complaints.extend(damages.iter().map(|damage| format!("{damage:?}")));
    println!(
        "{kills} kills of {SCHEDULERS} schedulers in {days} days with {runs} fires, {:.1} s: {} \
         complaints",
        began.elapsed().as_secs_f64(),
        complaints.len()
    );
    complaints
}

/// Waits until few runs are open, because each round of a scheduler reads all of them. So the years
/// are as fast as the schedulers are.
fn wait_for_few(jobs: &Jobs) {
    let open = JobRunSearch::new().ended(false);
    // Broken schedulers may never get there.
    for _ in 0..500 {
        if jobs.runs(&open).unwrap().len() < 100 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Does what is left, without kills.
fn finish(jobs: &Jobs) {
    jobs.fire(&mut Planner::default()).unwrap();
    loop {
        let advance = jobs.advance(64).unwrap();
        for task in &advance.tasks {
            let mut ended = Ended::default();
            ended.result = JobResult::Success;
            jobs.end_attempt(task, &ended).unwrap();
        }
        if !advance.is_active {
            return;
        }
    }
}

/// Compares the runs of a job with the fires of its schedule.
fn complaints_about(
    jobs: &Jobs,
    job: JobId,
    (cron, until): (&str, i64),
    taken: &str,
) -> Vec<String> {
    let mut runs = jobs.runs(&JobRunSearch::new().job(job)).unwrap();
    runs.sort_by_key(|run| run.nominal);
    let schedule = CronSchedule::parse(cron, ZONE).unwrap();
    let fires = schedule.fires_after(Timestamp::from_nanos(START));
    let wanted: Vec<Timestamp> =
        fires.take_while(|fire| fire.as_nanos() <= until + SECOND).collect();
    let found: Vec<Timestamp> = runs.iter().filter_map(|run| run.nominal).collect();
    let certain = wanted.iter().filter(|fire| fire.as_nanos() <= until).count();
    let mut complaints = Vec::new();
    if found.len() < certain || found != wanted[..found.len().min(wanted.len())] {
        complaints.push(format!("{} fires of {cron}, expected {certain}", found.len()));
    }
    let numbers: std::collections::BTreeSet<u64> = runs.iter().map(|run| run.number).collect();
    if numbers.len() != runs.len() {
        complaints.push("two runs have the same number".to_owned());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    taken.lines().for_each(|line| *counts.entry(line).or_default() += 1);
    for (line, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
        complaints.push(format!("notification {line} was taken {count} times"));
    }
    complaints.extend(runs.iter().filter_map(complaint_about));
    complaints
}

/// Checks that the attempts of a run follow one another, and that exactly the last one succeeded.
fn complaint_about(run: &JobRunInfo) -> Option<String> {
    let results: Vec<JobResult> =
        run.attempts.iter().filter_map(|attempt| Some(attempt.end.as_ref()?.result)).collect();
    let good = results.iter().filter(|result| **result == JobResult::Success).count();
    let numbers: Vec<u32> = run.attempts.iter().map(|attempt| attempt.number).collect();
    let wanted: Vec<u32> = (0..u32::try_from(numbers.len()).unwrap_or(0)).collect();
    let is_well = run.end.as_ref().is_some_and(|end| end.result == JobResult::Success)
        && good == 1
        && results.last() == Some(&JobResult::Success)
        && results.len() == run.attempts.len()
        && numbers == wanted;
    (!is_well).then(|| format!("run {} has the attempts {numbers:?} with {results:?}", run.id))
}

/// Plays the days that the variable names, and checks that the check itself sees a fault.
pub(crate) fn schedulers() -> bool {
    let days = crate::number("TRACKLITE_JOB_DAYS").unwrap_or(40);
    let complaints = play(i64::try_from(days).expect("days"), crate::seed(), false);
    complaints.iter().take(20).for_each(|complaint| println!("  {complaint}"));
    // Schedulers that do not look again before they append must be seen to do things twice.
    let is_seen = (0..5).any(|round| !play(40, crate::seed() + round, true).is_empty());
    if !is_seen {
        println!("  schedulers that never look again are not noticed");
    }
    complaints.is_empty() && is_seen
}
