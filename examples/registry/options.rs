//! The command line of the example.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Result;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Registers the best network of a sweep as ml.production.digits, challenges it, and predicts with the
champion: all in the file of the sweep.

Usage: cargo registry [OPTIONS]

  --file PATH    the file of `cargo sweep`; one without a sweep gets a short one of its own
                 [default: runs.tracklite]
  --help         this text
";

/// What to do.
pub(crate) enum Command {
    /// Work on this file.
    Run(PathBuf),
    /// Print the help text.
    Help,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Command> {
    let mut file = PathBuf::from("runs.tracklite");
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--file") => {
                let value = arguments.next().ok_or("--file needs a value; see --help")?;
                file = value.into();
            }
            Some("--help" | "-h") => return Ok(Command::Help),
            _ => return Err(format!("unknown argument {argument:?}; see --help").into()),
        }
    }
    Ok(Command::Run(file))
}
