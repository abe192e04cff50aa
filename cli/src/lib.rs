//! The program `tracklite` as a library: inspects, queries and maintains a tracklite file.
//!
//! It uses only the public API of `tracklite`. Commands that only read open the file read-only, so
//! they work on a file that is being written and on read-only media.
//!
//! # Exit codes
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | success, also if the reader closes the pipe (`tracklite dump FILE \| head`) |
//! | 1 | the command failed; standard error has `error: ...`, then `caused by: ...` lines |
//! | 2 | invalid command line |
//! | 3 | `verify` found damage |
//!
//! `tracklite run` exits with the code of its command, or with 128 and the signal that ended it.
//!
//! # JSON
//!
//! `--json` prints one JSON value with MLflow's names and units: `run_id`, `experiment_id` (a
//! string), `start_time` and `end_time` (milliseconds since 1970), `lifecycle_stage`. JSON has no
//! NaN and no infinities, so they are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`.

mod args;
mod artifacts;
mod code;
mod columns;
mod common_args;
mod compare;
mod endpoint_args;
mod endpoints;
mod experiments;
mod export;
mod groups;
mod importance;
mod importance_args;
mod info;
mod job_commands;
#[cfg(feature = "serve")]
mod job_daemon;
mod jobs;
mod json;
mod lineage;
mod metrics;
mod models;
mod new_file;
mod plot;
#[cfg(feature = "serve")]
mod report;
mod runs;
mod search;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "serve")]
mod serve_args;
mod show;
mod sql;
mod table;
mod tables;
mod tables_args;
mod terminal;
mod text;
mod ticks;
mod token;
#[cfg(feature = "serve")]
mod ui;
mod upkeep;
mod view;
#[cfg(feature = "serve")]
mod warnings;

use std::error::Error as StdError;
use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::Parser as _;
use tracklite::{Database, Error, ErrorKind, Result, RunId};

pub use crate::metrics::no_such_metric;
pub use crate::plot::{PlotOptions, plot_text};

use crate::args::{Arguments, Command, FileArg, RunArg};
use crate::terminal::Terminal;

/// The outcome of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Success,
    Damaged,
    /// The code of another program.
    #[cfg(feature = "serve")]
    Code(u8),
}

/// The reason why a command failed.
#[derive(Debug)]
enum Failure {
    /// A call of the library failed.
    Command(Error),
    /// Standard output could not be written.
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

/// Runs the program with these arguments, of which the first is its name. Returns the exit code.
///
/// Reads and writes the standard streams of the process.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // If the message cannot be printed, the exit code still reports the error.
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let mut terminal = Terminal::standard();
    let outcome = dispatch(arguments.command, &mut terminal);
    let flushed = terminal.flush();
    exit_code(outcome.and_then(|exit| Ok(flushed.map(|()| exit)?)), &terminal)
}

fn exit_code(outcome: Outcome, terminal: &Terminal) -> u8 {
    let error = match outcome {
        Ok(Exit::Damaged) => return 3,
        Ok(Exit::Success) => return 0,
        #[cfg(feature = "serve")]
        Ok(Exit::Code(code)) => return code,
        Err(_) if terminal.is_closed() => return 0,
        Err(Failure::Command(error)) => error,
        Err(Failure::Output(error)) => Error::io("writing to standard output", error),
    };
    report(&error);
    1
}

/// Prints an error and its causes to standard error.
fn report(error: &Error) {
    // The message for a filter has several lines, one of which points at the position.
    let message = error.to_string();
    let message: Vec<_> = message.lines().map(text::printable).collect();
    let mut lines = format!("error: {}\n", message.join("\n"));
    let mut cause = error.source();
    while let Some(beneath) = cause {
        lines.push_str(&format!("caused by: {}\n", text::printable(&beneath.to_string())));
        cause = beneath.source();
    }
    // If standard error is closed, there is nowhere to report it.
    let _ = io::stderr().write_all(lines.as_bytes());
}

fn dispatch(command: Command, terminal: &mut Terminal) -> Outcome {
    match command {
        Command::Info(args) => info::info(&args, terminal),
        Command::Experiments(args) => experiments::experiments(&args, terminal),
        Command::Runs(args) => runs::runs(&args, terminal),
        Command::Search(args) => search::search(&args, terminal),
        Command::Show(args) => show::show(&args, terminal),
        Command::Compare(args) => compare::compare(&args, terminal),
        Command::Metrics(args) => metrics::metrics(&args, terminal),
        Command::Importance(args) => importance::importance(&args, terminal),
        Command::Models(command) => models::models(&command, terminal),
        Command::Lineage(args) => lineage::lineage(&args, terminal),
        Command::Sql(args) => sql::sql(&args, terminal),
        Command::Export(args) => export::export(&args, terminal),
        Command::Dump(args) => upkeep::dump(&args, terminal),
        Command::Verify(args) => upkeep::verify(&args, terminal),
        Command::Backup(args) => upkeep::backup(&args, terminal),
        Command::Vacuum(args) => upkeep::vacuum(&args, terminal),
        Command::Gc(args) => upkeep::gc(&args, terminal),
        Command::Delete(args) => upkeep::delete(&args, terminal),
        Command::Restore(args) => upkeep::restore(&args, terminal),
        Command::Artifacts(command) => artifacts::artifacts(&command, terminal),
        Command::Token(command) => token::token(&command, terminal),
        Command::Endpoints(command) => endpoints::endpoints(&command, terminal),
        Command::View(command) => view::view(&command, terminal),
        Command::Tables(command) => tables::tables(&command, terminal),
        Command::Jobs(command) => jobs::jobs(&command, terminal),
        #[cfg(feature = "serve")]
        Command::Ui(args) => ui::ui(&args, terminal),
        #[cfg(feature = "serve")]
        Command::Report(args) => report::report(&args, terminal),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::serve(&args, terminal),
        #[cfg(feature = "serve")]
        Command::Run(args) => serve::run(&args, terminal),
    }
}

/// Opens the file read-only and finds a run in it.
fn open_run(file: &FileArg, run: &RunArg) -> Result<(Database, RunId)> {
    let database = Database::open_read_only(&file.path)?;
    let id = database.run_by_prefix(&run.prefix)?.id();
    Ok((database, id))
}

fn not_found(database: &Database, message: String) -> Error {
    Error::new(ErrorKind::NotFound, message).with_path(database.path())
}
