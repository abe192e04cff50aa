//! Results for docs/benchmarks.md about jobs: planning, the CPU of an idle runner, and jitter.
//!
//! `cargo bench -p tracklite-jobs --bench report [plan|idle|jitter ...]` runs the named parts or all.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench may panic")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tracklite::job::{JobRunSearch, Planner};
use tracklite::{Database, Timestamp};
use tracklite_jobs::Runner;

/// The number of jobs that are planned.
const JOBS: usize = 10_000;
/// How long an idle runner is observed.
const IDLE: Duration = Duration::from_secs(30);
/// The jobs that fire each ten seconds, and how long.
const TICKING: usize = 4;
const TICKS: Duration = Duration::from_secs(125);

fn main() {
    let names: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let parts: [(&str, fn()); 3] = [("plan", plan), ("idle", idle), ("jitter", jitter)];
    for (name, part) in parts {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            part();
        }
    }
}

fn print(what: &str, value: &str) {
    println!("{what:<58} {value}");
}

/// Creates a file in memory, so that creating jobs takes no syncs of a disk.
fn file() -> (TempDir, Database) {
    let folder = TempDir::new_in("/dev/shm").expect("create a folder");
    let database = Database::create(folder.path().join("runs.tracklite")).expect("create a file");
    (folder, database)
}

/// Creates jobs that fire at this time each day or more often.
fn create(database: &Database, count: usize, cron: impl Fn(usize) -> String) {
    let jobs = database.jobs();
    for number in 0..count {
        let settings = format!(
            r#"{{"name": "job {number}", "tasks": [{{"task_key": "t",
                "command_task": {{"command": ["true"]}}}}],
                "schedule": {{"quartz_cron_expression": "{}", "timezone_id": "America/New_York"}},
                "tracklite": {{"overlap": "allow"}}}}"#,
            cron(number)
        );
        jobs.create(&settings).expect("create a job");
    }
}

fn plan() {
    let (_folder, database) = file();
    create(&database, JOBS, |number| format!("0 {} {} * * ?", number % 60, number / 60 % 24));
    let jobs = database.jobs();
    let mut planner = Planner::default();
    let mut timed = |what: &str| {
        let began = Instant::now();
        jobs.fire(&mut planner).expect("fire");
        print(what, &format!("{:.2} ms", began.elapsed().as_secs_f64() * 1e3));
    };
    timed("10,000 schedules, first plan");
    let one = jobs.list().expect("list the jobs").remove(0).id;
    for _ in 0..3 {
        jobs.update(one, r#"{"timeout_seconds": 5}"#, &[]).expect("update a job");
        timed("10,000 schedules, plan after a change");
    }
    timed("10,000 schedules, without a change");
}

/// Returns the CPU time of each thread in nanoseconds, by name.
fn threads() -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/task").expect("list the threads").flatten() {
        let read = |name: &str| std::fs::read_to_string(entry.path().join(name)).ok();
        let (Some(name), Some(times)) = (read("comm"), read("schedstat")) else { continue };
        let nanos = times.split(' ').next().and_then(|word| word.parse::<u64>().ok());
        *found.entry(name.trim().to_owned()).or_default() += nanos.unwrap_or(0);
    }
    found
}

fn idle() {
    for count in [1, 1000] {
        let (_folder, database) = file();
        create(&database, count, |_| "0 0 0 1 1 ?".to_owned());
        let runner = Runner::builder(database).start().expect("start a runner");
        std::thread::sleep(Duration::from_secs(5));
        let before = threads();
        std::thread::sleep(IDLE);
        let after = threads();
        let mut sum = 0;
        for (name, nanos) in &after {
            let used = nanos - before.get(name).copied().unwrap_or(0);
            sum += used;
            let micros = used as f64 / 1e3 / IDLE.as_secs_f64();
            if micros >= 1.0 {
                print(
                    &format!("idle runner of {count} jobs, {name}"),
                    &format!("{micros:.0} us/s"),
                );
            }
        }
        let micros = sum as f64 / 1e3 / IDLE.as_secs_f64();
        print(&format!("idle runner of {count} jobs, all threads"), &format!("{micros:.0} us/s"));
        runner.stop();
    }
}

fn jitter() {
    let (_folder, database) = file();
    create(&database, TICKING, |_| "0/10 * * * * ?".to_owned());
    let runner = Runner::builder(database.clone()).start().expect("start a runner");
    std::thread::sleep(TICKS);
    let runs = database.jobs().runs(&JobRunSearch::new()).expect("list the runs");
    let late = |from: Option<Timestamp>, to: Option<Timestamp>| {
        Some((to?.as_nanos() - from?.as_nanos()) as f64 / 1e6)
    };
    for (what, times) in [
        ("created", runs.iter().map(|run| late(run.nominal, Some(run.created))).collect()),
        ("begun", runs.iter().map(|run| late(run.nominal, run.started)).collect::<Vec<_>>()),
    ] {
        let mut times: Vec<f64> = times.into_iter().flatten().collect();
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1));
        let text = format!("p50 {:.1?} ms, p99 {:.1?} ms of {}", at(50), at(99), times.len());
        print(&format!("lateness of fires until {what}"), &text);
    }
    runner.stop();
}
