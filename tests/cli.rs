//! The program `tracklite` as a person or a script meets it: the built binary on real files.

mod artifacts;
mod bad_input;
mod compare;
mod experiments;
mod export;
mod models;
mod reading;
mod readme;
mod search;
mod upkeep;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use tracklite::{Database, Run, RunId};

/// A file with two experiments and four runs, closed.
///
/// `first` is finished and has all kinds of values; `nested` is a failed child of it; `other`
/// is in another experiment, running, and its process has let go of the file; `gone` is deleted.
struct Sample {
    folder: TempDir,
    file: PathBuf,
    first: RunId,
    nested: RunId,
    other: RunId,
    gone: RunId,
}

impl Sample {
    fn new() -> Sample {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("runs.tracklite");
        let database = Database::create(&file).expect("the file can be created");
        let churn = database.experiment("/Shared/team/churn").expect("a legal path");
        let first = churn.new_run().name("first").param("rate", 0.1).param("depth", 3);
        let first = first.tag("note", "two\nlines").start().expect("the run starts");
        fill(&first).expect("the metrics are logged");
        let id = first.id();
        let nested = churn.new_run().name("nested").parent(id).param("rate", 0.5).param("depth", 3);
        let nested = nested.start().expect("the run starts");
        nested.log_metric("loss", 0.25, 0).expect("a metric is logged");
        let gone = churn.start_run("gone").expect("the run starts");
        let default = database.default_experiment().expect("there is always one");
        let other = default.start_run("\u{4e2d}\u{6587} \u{fc}ber").expect("the run starts");
        let sample = Sample {
            folder,
            file,
            first: id,
            nested: nested.id(),
            other: other.id(),
            gone: gone.id(),
        };
        first.finish().expect("the run ends");
        nested.finish_as(tracklite::RunStatus::Failed).expect("the run ends");
        gone.delete().expect("the run is deleted");
        drop(other);
        database.close().expect("the file is closed");
        sample
    }

    /// Runs the program on the file: the command, the file, the other arguments.
    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        program(self.folder.path())
            .arg(command)
            .arg(&self.file)
            .args(arguments)
            .output()
            .expect("the program starts")
    }

    /// Runs the program with these arguments.
    fn run_any(&self, command: &str, arguments: &[&str]) -> Output {
        program(self.folder.path())
            .arg(command)
            .args(arguments)
            .output()
            .expect("the program starts")
    }

    /// What the program prints when all goes well.
    fn print(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert_eq!(errors(&output), "", "{command} {arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{command} {arguments:?}");
        String::from_utf8(output.stdout).expect("the output is UTF-8")
    }

    /// What the program prints as JSON.
    fn json(&self, command: &str, arguments: &[&str]) -> Value {
        let printed = self.print(command, &[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// The message of a failure, which must be one: exit code 1, nothing printed but the message.
    fn failure(&self, command: &str, arguments: &[&str]) -> String {
        failure_of(&self.run(command, arguments))
    }

    /// The message of a failure to read a filter, which takes several lines.
    fn failure_lines(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert_eq!(output.status.code(), Some(1), "{command} {arguments:?}");
        assert!(output.stdout.is_empty(), "{command} {arguments:?}");
        errors(&output)
    }
}

/// Loss falls from 1, `acc` ends in NaN, `wild` has one value of each kind.
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

/// The program, with its caches in this folder.
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
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing is printed beside {message}");
    message
}
