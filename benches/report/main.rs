//! Results for docs/benchmarks.md other than the time of a call: sizes, memory, many processes.
//!
//! `cargo bench --bench report [NAME ...]` runs the named parts or all. Each result is one line.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench may panic")]

#[path = "../common/mod.rs"]
mod common;
mod idle;
mod latency;
mod points;
mod processes;
mod reading;
mod size;

use std::path::Path;

use tracklite::{Database, IndexPlace, Run};

/// A part of the report.
type Part = (&'static str, fn());

const PARTS: [Part; 8] = [
    ("latency", latency::report),
    ("idle", idle::report),
    ("burst", processes::burst),
    ("turn", processes::in_turn),
    ("memory", processes::memory),
    ("size", size::report),
    ("reading", reading::report),
    ("points", points::report),
];

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if processes::is_worker(&arguments) {
        return;
    }
    for (name, part) in PARTS {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            part();
        }
    }
}

fn create(path: &Path) -> Database {
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    builder.open(path).expect("create the database")
}

fn start_run(database: &Database) -> Run {
    let experiment = database.default_experiment().expect("open the experiment");
    experiment.start_run("").expect("start a run")
}

fn print(what: &str, value: &str) {
    println!("{what:<58} {value}");
}

/// Returns the bytes that the file takes on the medium.
fn allocated(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).expect("read the size of the file").blocks() * 512
}
