//! A real sweep: several processes train small networks on handwritten digits, and all log into
//! one file. `cargo sweep` runs it, `cargo sweep --help` lists the options.
//!
//! The program is both coordinator and worker. The coordinator starts itself with `--worker`,
//! assigns the trainings one by one, and reads the result back from the file.

mod coordinator;
#[path = "../digits/mod.rs"]
#[allow(dead_code, reason = "the example `registry` uses the rest of it")]
mod digits;
mod leaderboard;
mod messages;
mod options;
mod pool;
mod progress;
mod worker;

use std::path::Path;
use std::process::ExitCode;

use tracklite::Database;

use crate::coordinator::Coordinator;
use crate::digits::text::{human_bytes, print};
pub(crate) use crate::digits::{Failure, Result};
use crate::leaderboard::{Leaderboard, Row};
use crate::options::{Command, HELP, Options};

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let done = match options::parse(arguments) {
        Ok(Command::Sweep(options)) => sweep(&options),
        Ok(Command::Work(path)) => worker::work(&path),
        Ok(Command::Help) => print(HELP),
        Err(problem) => Err(problem),
    };
    digits::ended("sweep", done)
}

/// Trains everything, then prints the leaderboard and the path of the file.
fn sweep(options: &Options) -> Result<()> {
    let database = Database::create(&options.file)?;
    let earlier = database.runs()?.len();
    if earlier > 0 {
        let file = options.file.display();
        eprintln!("{file} already has {earlier} runs; this sweep is added to them");
    }
    let rows = Coordinator::new(&database, options)?.run()?;
    database.close()?;
    print(&report(&options.file, rows)?)
}

/// Returns the final output. Reads the closed file.
fn report(file: &Path, rows: Vec<Row>) -> Result<String> {
    let database = Database::open_read_only(file)?;
    let leaderboard = Leaderboard::read(&database, rows)?;
    let info = database.info()?;
    let (runs, points) = (info.runs, info.points);
    let size = human_bytes(info.allocated_bytes);
    let path = std::path::absolute(file)?;
    let path = path.display();
    let next = leaderboard.next_commands(file);
    Ok(format!("{leaderboard}\n{path}\n{size} on disk, {points} points in {runs} runs\n\n{next}"))
}
