//! The clock of jobs: `cargo bench --package tracklite-jobs --bench report [NAME ...]`.
//!
//! It runs the named parts or all. Each result is one line. No result is judged.

#![allow(clippy::expect_used, reason = "a bench may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tracklite::job::{JobRunInfo, JobRunSearch, Planner};
use tracklite::schedule::CronSchedule;
use tracklite::{Database, IndexPlace, Timestamp};
use tracklite_jobs::Runner;

const JOBS: usize = 10_000;
/// How often the next fire is computed for one measured time.
const CALLS: u32 = 1000;
/// How long an idle runner is observed.
const IDLE: Duration = Duration::from_secs(10);
/// How long a runner looks often after its start.
const SETTLES: Duration = Duration::from_secs(12);
/// How long fires are observed.
const FIRES: Duration = Duration::from_secs(60);

/// A part of the report.
type Part = (&'static str, fn());

const PARTS: [Part; 5] =
    [("plan", plan), ("next", next), ("idle", idle), ("quiet", quiet), ("busy", busy)];

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    for (name, part) in PARTS {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            part();
        }
    }
}

fn print(what: &str, value: &str) {
    println!("{what:<58} {value}");
}

fn create() -> (TempDir, Database) {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    let database = builder.open(folder.path().join("runs.tracklite"));
    (folder, database.expect("create the database"))
}

/// Returns the settings of a job that does nothing on a schedule.
fn settings(number: usize, cron: &str) -> String {
    format!(
        r#"{{"name": "job {number}",
            "tasks": [{{"task_key": "t", "command_task": {{"command": ["true"]}}}}],
            "schedule": {{"quartz_cron_expression": "{cron}", "timezone_id": "UTC"}}}}"#
    )
}

/// Plans the schedules of all jobs in one pass, and again after a change of one job.
fn plan() {
    let (_folder, database) = create();
    let jobs = database.jobs();
    let mut last = None;
    for number in 0..JOBS {
        let cron = format!("{} {} {} * * ?", number % 60, number / 60 % 60, number % 24);
        last = Some(jobs.create(&settings(number, &cron)).expect("create a job").id);
    }
    let mut planner = Planner::default();
    let mut pass = |what: &str| {
        let began = Instant::now();
        jobs.fire(&mut planner).expect("plan the jobs");
        print(what, &format!("{:.2} ms", began.elapsed().as_secs_f64() * 1e3));
    };
    pass("plan of 10,000 jobs, first pass");
    pass("plan of 10,000 jobs, nothing changed");
    let last = last.expect("there are jobs");
    jobs.update(last, r#"{"timeout_seconds": 60}"#, &[]).expect("change a job");
    pass("plan of 10,000 jobs, one of them changed");
}

/// Computes the next fire of a schedule in a zone with daylight saving.
fn next() {
    let schedule = CronSchedule::parse("0 0 6 * * ?", "America/New_York").expect("a schedule");
    let mut at = Timestamp::from_nanos(1_798_761_600_000_000_000);
    let began = Instant::now();
    for _ in 0..CALLS {
        at = schedule.next_after(at).expect("there is a next fire");
    }
    print("the next fire of an expression", &format!("{:.0?}", began.elapsed() / CALLS));
}

/// Measures the processor time of a process whose runner has nothing to do.
fn idle() {
    let (_folder, database) = create();
    database.jobs().create(&settings(0, "0 0 0 1 1 ?")).expect("create a job");
    std::thread::sleep(Duration::from_secs(3));
    print("processor time of an idle writer", &processor_time());
    let runner = Runner::builder(database).start().expect("start a runner");
    std::thread::sleep(SETTLES);
    print("processor time of an idle writer with a runner", &processor_time());
    runner.stop();
}

fn processor_time() -> String {
    let before = nanoseconds_on_processor();
    std::thread::sleep(IDLE);
    let took = nanoseconds_on_processor() - before;
    format!("{:.0} us per second", took as f64 / 1e3 / IDLE.as_secs_f64())
}

/// Returns the processor time of all threads of this process so far.
fn nanoseconds_on_processor() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("list the threads").flatten();
    let time_of = |thread: std::fs::DirEntry| -> u64 {
        let path = thread.path().join("schedstat");
        let text = std::fs::read_to_string(path).expect("read the thread's statistics");
        let number = text.split_whitespace().next().expect("find the first number");
        number.parse().expect("parse the first number")
    };
    threads.map(time_of).sum()
}

fn quiet() {
    fires("quiet");
}

/// Observes fires while all processors compute.
fn busy() {
    let is_over = Arc::new(AtomicBool::new(false));
    let count = std::thread::available_parallelism().map_or(2, usize::from) * 2;
    let spin = |is_over: Arc<AtomicBool>| {
        move || {
            while !is_over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        }
    };
    let threads: Vec<_> =
        (0..count).map(|_| std::thread::spawn(spin(Arc::clone(&is_over)))).collect();
    fires("two busy threads a processor");
    is_over.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("the thread ends"));
}

/// Lets a job fire each second. Reports how late its runs and their tasks began.
fn fires(what: &str) {
    let (_folder, database) = create();
    let jobs = database.jobs();
    for second in 0..10 {
        let cron = format!("{second}/10 * * * * ?");
        jobs.create(&settings(second, &cron)).expect("create a job");
    }
    let runner = Runner::builder(database.clone()).start().expect("start a runner");
    std::thread::sleep(FIRES);
    runner.stop();
    let runs = jobs.runs(&JobRunSearch::new()).expect("read the runs");
    let created = |run: &JobRunInfo| Some((run.nominal?, run.created));
    print(&format!("fire jitter, {what}, p50 / p99"), &late(&runs, created));
    let begun = |run: &JobRunInfo| Some((run.nominal?, run.attempts.first()?.started?));
    print(&format!("begin of the task, {what}, p50 / p99"), &late(&runs, begun));
}

fn late(
    runs: &[JobRunInfo],
    times: impl Fn(&JobRunInfo) -> Option<(Timestamp, Timestamp)>,
) -> String {
    let times = runs.iter().filter_map(times);
    let mut all: Vec<i64> =
        times.map(|(nominal, at)| at.as_nanos().saturating_sub(nominal.as_nanos())).collect();
    all.sort_unstable();
    let at = |percent: usize| {
        all.get((all.len().saturating_sub(1)) * percent / 100).map_or(0.0, |nanos| *nanos as f64)
    };
    format!("{:.1} ms / {:.1} ms of {}", at(50) / 1e6, at(99) / 1e6, all.len())
}
