//! The files that `web/bench` opens: `cargo bench --bench page -- make FOLDER` writes them, and
//! `cargo bench --bench page -- live FILE SECONDS` logs to one from 16 processes.

#![allow(clippy::expect_used, reason = "a bench may panic")]

#[path = "common/mod.rs"]
mod common;
#[path = "common/runs.rs"]
mod runs;

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tracklite::Database;

/// Runs of the long table.
const RUNS: usize = 100_000;
/// Metrics of the wide run.
const KEYS: usize = 12_345;
/// Metrics of the long run.
const METRICS: usize = 50;
/// Points of each of them.
const POINTS: i64 = 1_000_000;
/// Processes that log at once, and what each of them logs.
const WRITERS: usize = 16;
const LIVE_METRICS: usize = 12;
const POINTS_A_SECOND: usize = 10_000;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["make", folder] => make(Path::new(folder)),
        ["live", path, seconds] => live(path, seconds),
        ["writer", path, seconds] => writer(Path::new(path), seconds),
        _ => println!("usage: cargo bench --bench page -- make FOLDER | live FILE SECONDS"),
    }
}

fn make(folder: &Path) {
    std::fs::create_dir_all(folder).expect("create the folder");
    let many = folder.join("many");
    if !many.exists() {
        std::fs::create_dir(&many).expect("create a folder");
        timed("many", || drop(runs::write(&many, RUNS)));
    }
    file(folder, "few", |database| keys(database, 10));
    file(folder, "wide", |database| keys(database, KEYS));
    file(folder, "long", long);
    file(folder, "live", |_| ());
}

fn timed(name: &str, work: impl FnOnce()) {
    let started = Instant::now();
    work();
    println!("{name} in {:.1} s", started.elapsed().as_secs_f64());
}

/// Writes a file that does not exist yet.
fn file(folder: &Path, name: &str, fill: impl FnOnce(&Database)) {
    let path = folder.join(format!("{name}.tracklite"));
    if path.exists() {
        return;
    }
    timed(name, || {
        let database = Database::create(&path).expect("create the file");
        fill(&database);
        database.close().expect("close the file");
    });
}

/// Logs two points of this number of metrics.
fn keys(database: &Database, count: usize) {
    let experiment = database.experiment("/keys").expect("open the experiment");
    let run = experiment.start_run("wide").expect("start a run");
    for at in 0..count {
        let key = format!("layer{}/w{at}", at % 50);
        for step in 0..2 {
            run.log_metric(&key, at as f64 + step as f64, step).expect("log a point");
        }
    }
    run.finish().expect("finish the run");
}

/// Logs falling curves with noise, step by step, in rows of ten.
fn long(database: &Database) {
    let experiment = database.experiment("/long").expect("open the experiment");
    let run = experiment.start_run("long").expect("start a run");
    let keys: Vec<String> = (0..METRICS).map(|at| format!("layer{}/metric{at}", at / 10)).collect();
    let rows: Vec<_> = keys
        .chunks(10)
        .map(|keys| {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            run.metric_row(&keys).expect("make a row")
        })
        .collect();
    let mut random = common::Random::new(11);
    let mut values = [0.0; 10];
    for step in 0..POINTS {
        let falling = 1.0 / (1.0 + step as f64 / 10_000.0);
        for (layer, row) in rows.iter().enumerate() {
            for value in &mut values {
                *value = falling + random.unit() * 0.1 + layer as f64;
            }
            row.log(&values, step).expect("log a row");
        }
    }
    drop(rows);
    run.finish().expect("finish the run");
}

fn live(path: &str, seconds: &str) {
    let program = std::env::current_exe().expect("find this program");
    let start = |_| {
        let mut command = Command::new(&program);
        command.args(["writer", path, seconds]).spawn().expect("start a writer")
    };
    let writers: Vec<Child> = (0..WRITERS).map(start).collect();
    for mut writer in writers {
        let status = writer.wait().expect("wait for a writer");
        assert!(status.success(), "a writer failed");
    }
}

/// Logs rows at a steady rate until the time is over.
fn writer(path: &Path, seconds: &str) {
    let seconds: u64 = seconds.parse().expect("parse the seconds");
    let database = Database::open(path).expect("open the file");
    let experiment = database.experiment("/live").expect("open the experiment");
    let run = experiment.start_run("").expect("start a run");
    let keys: Vec<String> = (0..LIVE_METRICS).map(|at| format!("metric{at:02}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let row = run.metric_row(&keys).expect("make a row");
    let mut random = common::Random::new(u64::from(std::process::id()));
    let started = Instant::now();
    let mut step: i64 = 0;
    while started.elapsed() < Duration::from_secs(seconds) {
        let rows = started.elapsed().as_secs_f64() * POINTS_A_SECOND as f64 / LIVE_METRICS as f64;
        while (step as f64) < rows {
            let values: Vec<f64> =
                keys.iter().map(|_| random.unit() + 1.0 / (1.0 + step as f64 / 500.0)).collect();
            row.log(&values, step).expect("log a row");
            step += 1;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(row);
    run.finish().expect("finish the run");
    database.close().expect("close the file");
}
