//! The program `tracklite`, run on real files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic fails the test, and clippy does not recognise test helpers"
)]

mod artifacts;
mod bad_input;
#[path = "../../../tests/common/mod.rs"]
#[allow(dead_code, reason = "the tests of the library use the rest")]
mod common;
mod compare;
mod endpoints;
mod experiments;
mod export;
mod groups;
mod importance;
mod job_daemon;
mod jobs;
mod memory;
mod models;
mod reading;
mod readme;
#[cfg(feature = "serve")]
mod report;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod tables;
mod token;
mod upkeep;
mod view;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tracklite::{Database, Run, RunId};

use crate::common::{TestFolder, start_run};

/// A closed file with two experiments and four runs.
///
/// - `first` is finished and has all kinds of values.
/// - `nested` is a failed child of `first`.
/// - `other` is in the default experiment. Its status is running, but its process has closed the
///   file.
/// - `deleted` is deleted and named `gone`.
struct Sample {
    folder: TestFolder,
    file: PathBuf,
    first: RunId,
    nested: RunId,
    other: RunId,
    deleted: RunId,
}

impl Sample {
    fn new() -> Sample {
        let folder = TestFolder::new();
        let file = folder.file();
        let database = Database::create(&file).expect("the file can be created");
        let churn = database.experiment("/Shared/team/churn").expect("a valid path");
        let first = churn.new_run().name("first").param("rate", 0.1).param("depth", 3);
        let first = first.tag("note", "two\nlines").start().expect("the run starts");
        fill(&first).expect("the metrics are logged");
        let id = first.id();
        let nested = churn.new_run().name("nested").parent(id).param("rate", 0.5).param("depth", 3);
        let nested = nested.start().expect("the run starts");
        nested.log_metric("loss", 0.25, 0).expect("a metric is logged");
        let deleted = churn.start_run("gone").expect("the run starts");
        let other = start_run(&database, "\u{4e2d}\u{6587} \u{fc}ber");
        let sample = Sample {
            folder,
            file,
            first: id,
            nested: nested.id(),
            other: other.id(),
            deleted: deleted.id(),
        };
        first.finish().expect("the run ends");
        nested.finish_as(tracklite::RunStatus::Failed).expect("the run ends");
        deleted.delete().expect("the run is deleted");
        drop(other);
        database.close().expect("the file is closed");
        sample
    }

    /// Runs `tracklite COMMAND FILE ARGUMENTS`.
    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        program(self.folder.path())
            .arg(command)
            .arg(&self.file)
            .args(arguments)
            .output()
            .expect("the program starts")
    }

    /// Runs `tracklite COMMAND ARGUMENTS`.
    fn run_any(&self, command: &str, arguments: &[&str]) -> Output {
        program(self.folder.path())
            .arg(command)
            .args(arguments)
            .output()
            .expect("the program starts")
    }

    /// Returns the output of a command that must succeed without messages.
    fn print(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert_eq!(errors(&output), "", "{command} {arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{command} {arguments:?}");
        String::from_utf8(output.stdout).expect("the output is UTF-8")
    }

    /// Returns the output of a command with `--json`.
    fn json(&self, command: &str, arguments: &[&str]) -> Value {
        let printed = self.print(command, &[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// Returns the message of a command that must fail with exit code 1 and print nothing else.
    fn failure(&self, command: &str, arguments: &[&str]) -> String {
        failure_of(&self.run(command, arguments))
    }

    /// Returns the message of a command that must fail, such as several lines for a bad filter.
    fn failure_lines(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert_eq!(output.status.code(), Some(1), "{command} {arguments:?}");
        assert!(output.stdout.is_empty(), "{command} {arguments:?}");
        errors(&output)
    }
}

/// Logs metrics: `loss` falls from 1, `acc` ends with NaN, `wild` has one value of each kind.
fn fill(run: &Run) -> tracklite::Result<()> {
    for step in 0..100_i32 {
        run.log_metric("loss", 1.0 / f64::from(step + 1), step)?;
    }
    run.log_metric("acc", 0.5, 0)?;
    run.log_metric("acc", f64::NAN, 1)?;
    let wild = [-2.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 7.0];
    for (step, value) in (0_i64..).zip(wild) {
        run.log_metric("wild", value, step)?;
    }
    Ok(())
}

/// Returns a command for the program that keeps its caches in this folder.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracklite"));
    command.env("XDG_CACHE_HOME", folder).env_remove("COLUMNS");
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn failure_of(output: &Output) -> String {
    let message = errors(output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: "), "{message}");
    assert!(message.lines().skip(1).all(|line| line.starts_with("caused by: ")), "{message}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, "", "the output of a failure must be empty: {message}");
    message
}
