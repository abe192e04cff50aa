//! The command line of the example.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::digits::configuration::{self, Configuration};
use crate::{Failure, Result};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A sweep over 20 configurations x 3 seeds on the UCI handwritten digits, by several processes that
all log into one file.

Usage: cargo sweep [OPTIONS]

  --file PATH    the file to log into; one that exists is added to [default: runs.tracklite]
  --workers N    how many processes train [default: 4]
  --quick        only 2 configurations x 2 seeds, and short: a second or two
  --kill         kill -9 one worker in mid-training, to see that nothing is lost
  --help         this text
";

/// What to do.
pub(crate) enum Command {
    /// Run a sweep.
    Sweep(Options),
    /// Train what standard input asks for; what the sweep starts its processes with.
    Work(PathBuf),
    /// Print the help text.
    Help,
}

/// How to run the sweep.
pub(crate) struct Options {
    /// The tracklite file.
    pub(crate) file: PathBuf,
    /// How many processes train.
    pub(crate) workers: usize,
    /// Whether to run the short form.
    pub(crate) quick: bool,
    /// Whether to kill a worker on the way.
    pub(crate) kill: bool,
}

impl Options {
    /// The places in the grid of the configurations to try.
    pub(crate) fn selection(&self, grid: &[Configuration]) -> Vec<usize> {
        if self.quick { vec![0, grid.len() - 1] } else { (0..grid.len()).collect() }
    }

    /// How many runs each configuration gets, each from another random start.
    pub(crate) fn seeds(&self) -> u64 {
        if self.quick { 2 } else { 3 }
    }

    /// Passes over the data of each run.
    pub(crate) fn epochs(&self) -> u32 {
        if self.quick { configuration::QUICK_EPOCHS } else { configuration::EPOCHS }
    }
}

/// Reads the arguments after the program's name.
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
    number.ok_or_else(|| format!("--workers is a number from 1 to 256, not {value:?}").into())
}

fn missing_value(argument: &OsString) -> Failure {
    format!("{argument:?} needs a value; see --help").into()
}
