//! A real sweep: several processes train small networks on handwritten digits, and all of them log
//! into one file. `cargo sweep` runs it; `cargo sweep --help` lists the options.
//!
//! This program is both sides: the coordinator starts itself again with `--worker`, hands out the
//! trainings one by one, and reads the result back from the file.

mod configuration;
mod coordinator;
mod data;
mod leaderboard;
mod messages;
mod model;
mod options;
mod pool;
mod progress;
mod random;
mod training;
mod worker;

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use tracklite::Database;

use crate::coordinator::Coordinator;
use crate::leaderboard::{Leaderboard, Row};
use crate::options::{Command, HELP, Options};

/// Any failure; it is told to the user and ends the program.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The result of nearly every function of this example.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let done = match options::parse(arguments) {
        Ok(Command::Sweep(options)) => sweep(&options),
        Ok(Command::Work(path)) => worker::work(&path),
        Ok(Command::Help) => print(HELP),
        Err(problem) => Err(problem),
    };
    let Err(failure) = done else { return ExitCode::SUCCESS };
    eprintln!("sweep: {failure}");
    let mut cause = failure.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

/// Trains everything, then prints the leaderboard and where the file is.
fn sweep(options: &Options) -> Result<()> {
    let database = Database::create(&options.file)?;
    let earlier = database.runs()?.len();
    if earlier > 0 {
        let file = options.file.display();
        eprintln!("{file} has {earlier} runs already: this sweep is added to them");
    }
    let rows = Coordinator::new(&database, options)?.run()?;
    database.close()?;
    print(&report(&options.file, rows)?)
}

/// What is printed at the end; reads the closed file.
fn report(file: &Path, rows: Vec<Row>) -> Result<String> {
    let database = Database::open_read_only(file)?;
    let leaderboard = Leaderboard::read(&database, rows)?;
    let info = database.info()?;
    let (runs, points) = (info.runs, info.points);
    let size = leaderboard::human_bytes(info.allocated_bytes);
    let path = std::path::absolute(file)?;
    let path = path.display();
    let next = leaderboard.next_commands(file);
    Ok(format!("{leaderboard}\n{path}\n{size} on disk, {points} points in {runs} runs\n\n{next}"))
}

/// Prints to standard output; that nobody reads on is no failure.
fn print(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
