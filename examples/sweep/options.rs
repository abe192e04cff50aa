//! The command line of the example.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::digits::configuration::{self, Configuration};
use crate::{Failure, Result};

/// The output of `--help`.
pub(crate) const HELP: &str = "\
Sweep 20 configurations x 3 seeds on the UCI handwritten digits, with several processes that log
into one file.

Usage: cargo sweep [OPTIONS]

  --file PATH    Log into this file, or add to it if it exists [default: runs.tracklite]
  --workers N    Train in N processes [default: 4]
  --quick        Run only 2 configurations x 2 seeds, in a second or two
  --kill         Kill one worker in mid-training (kill -9), to show that nothing is lost
  --help         Print this help
";

/// The command to run.
pub(crate) enum Command {
    /// Run a sweep.
    Sweep(Options),
    /// Train what standard input asks for. The sweep starts its worker processes this way.
    Work(PathBuf),
    /// Print the help text.
    Help,
}

/// How to run the sweep.
pub(crate) struct Options {
    /// The database file.
    pub(crate) file: PathBuf,
    /// The number of processes that train.
    pub(crate) workers: usize,
    /// Whether to run the short sweep.
    pub(crate) quick: bool,
    /// Whether to kill a worker during the sweep.
    pub(crate) kill: bool,
}

impl Options {
    /// Returns the grid indices of the configurations to try.
    pub(crate) fn selection(&self, grid: &[Configuration]) -> Vec<usize> {
        if self.quick { vec![0, grid.len() - 1] } else { (0..grid.len()).collect() }
    }

    /// Returns the number of runs for each configuration. Each starts from different weights.
    pub(crate) fn seeds(&self) -> u64 {
        if self.quick { 2 } else { 3 }
    }

    /// Returns the passes over the data for each run.
    pub(crate) fn epochs(&self) -> u32 {
        if self.quick { configuration::QUICK_EPOCHS } else { configuration::EPOCHS }
    }
}

/// Parses the arguments after the program name.
pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Command> {
    let file = PathBuf::from("runs.tracklite");
    let mut options = Options { file, workers: 4, quick: false, kill: false };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| missing_value(&argument));
        match argument.to_str() {
            Some("--file") => options.file = value()?.into(),
            Some("--workers") => options.workers = parse_workers(&value()?)?,
            Some("--quick") => options.quick = true,
            Some("--kill") => options.kill = true,
            Some("--worker") => return Ok(Command::Work(value()?.into())),
            Some("--help" | "-h") => return Ok(Command::Help),
            _ => return Err(format!("unknown argument {argument:?}; see --help").into()),
        }
    }
    Ok(Command::Sweep(options))
}

fn parse_workers(value: &OsString) -> Result<usize> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    let number = number.filter(|workers| (1..=256).contains(workers));
    number.ok_or_else(|| format!("--workers must be a number from 1 to 256, not {value:?}").into())
}

fn missing_value(argument: &OsString) -> Failure {
    format!("{argument:?} needs a value; see --help").into()
}
