//! The command line `tracklite`: looks into a file, checks it and looks after it.
//!
//! Uses the public API of the crate alone. Commands that only read open the file for reading
//! only, so they work on a file that trainers are writing to and on media that cannot be written.
//!
//! # Exit codes
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done; also when the reader of the output went away (`tracklite dump f \| head`) |
//! | 1 | the command failed; standard error says `error: ...`, then `caused by: ...` lines |
//! | 2 | the command line was not understood |
//! | 3 | `verify` found damage |
//!
//! # JSON
//!
//! `--json` prints one JSON value. Names and units are those of MLflow where it has the thing:
//! `run_id`, `experiment_id` (a string), `start_time` and `end_time` (milliseconds since 1970),
//! `lifecycle_stage`. JSON has no NaN and no infinities: they are the strings `"NaN"`,
//! `"Infinity"` and `"-Infinity"`.

mod args;
mod artifacts;
mod columns;
mod commands;
mod compare;
mod export;
mod json;
mod lineage;
mod metrics;
mod models;
mod plot;
mod runs;
mod search;
mod show;
mod table;
mod terminal;
mod text;
mod ticks;
mod upkeep;

use std::error::Error as StdError;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Arguments, Command};
use self::terminal::Terminal;
use tracklite::{Database, Error, ErrorKind, Result, RunId};

/// How a command ended, unless it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Good,
    Damaged,
}

/// Why a command could not go on.
#[derive(Debug)]
enum Failure {
    /// What it asked of the library failed.
    Command(Error),
    /// Its output could not be written.
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Command(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

type Outcome = Result<Exit, Failure>;

/// Does what the process's arguments say; see the module for the exit codes.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => {
            // When even the message cannot be written, the exit code still tells.
            let _ = refusal.print();
            return if refusal.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let mut terminal = Terminal::standard();
    let outcome = dispatch(arguments.command, &mut terminal);
    let flushed = terminal.flush();
    finish(outcome.and_then(|exit| Ok(flushed.map(|()| exit)?)), &terminal)
}

fn finish(outcome: Outcome, terminal: &Terminal) -> ExitCode {
    let error = match outcome {
        Ok(Exit::Damaged) => return ExitCode::from(3),
        Ok(Exit::Good) => return ExitCode::SUCCESS,
        Err(_) if terminal.is_closed() => return ExitCode::SUCCESS,
        Err(Failure::Command(error)) => error,
        Err(Failure::Output(error)) => Error::io("write to standard output", error),
    };
    report(&error);
    ExitCode::FAILURE
}

/// Prints the error and what caused it to standard error.
fn report(error: &Error) {
    // A message about a filter has lines of its own, one of which points at the place.
    let message = error.to_string();
    let message: Vec<_> = message.lines().map(text::printable).collect();
    let mut lines = format!("error: {}\n", message.join("\n"));
    let mut cause = error.source();
    while let Some(beneath) = cause {
        lines.push_str(&format!("caused by: {}\n", text::printable(&beneath.to_string())));
        cause = beneath.source();
    }
    // There is nowhere left to say that standard error is closed.
    let _ = io::stderr().write_all(lines.as_bytes());
}

fn dispatch(command: Command, terminal: &mut Terminal) -> Outcome {
    match command {
        Command::Info(args) => commands::info(&args, terminal),
        Command::Experiments(args) => commands::experiments(&args, terminal),
        Command::Runs(args) => runs::runs(&args, terminal),
        Command::Search(args) => search::search(&args, terminal),
        Command::Show(args) => show::show(&args, terminal),
        Command::Compare(args) => compare::compare(&args, terminal),
        Command::Metrics(args) => metrics::metrics(&args, terminal),
        Command::Models(command) => models::models(&command, terminal),
        Command::Lineage(args) => lineage::lineage(&args, terminal),
        Command::Sql(args) => commands::sql(&args, terminal),
        Command::Export(args) => export::export(&args, terminal),
        Command::Dump(args) => upkeep::dump(&args, terminal),
        Command::Verify(args) => upkeep::verify(&args, terminal),
        Command::Backup(args) => upkeep::backup(&args, terminal),
        Command::Vacuum(args) => upkeep::vacuum(&args, terminal),
        Command::Gc(args) => upkeep::gc(&args, terminal),
        Command::Delete(args) => upkeep::delete(&args, terminal),
        Command::Restore(args) => upkeep::restore(&args, terminal),
        Command::Artifacts(command) => artifacts::artifacts(&command, terminal),
    }
}

/// The file, opened for reading only, and the run of this prefix.
fn find_run(file: &Path, prefix: &str) -> Result<(Database, RunId)> {
    let database = Database::open_read_only(file)?;
    let id = database.find_run(prefix)?;
    Ok((database, id))
}

fn not_found(file: &Path, what: String) -> Error {
    Error::new(ErrorKind::NotFound, what).with_path(file)
}
