//! The command line of the example.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Result;

/// The output of `--help`.
pub(crate) const HELP: &str = "\
Register the best network of a sweep as ml.production.digits, train challengers, and predict with
the champion. Everything is stored in the file of the sweep.

Usage: cargo registry [OPTIONS]

  --file PATH    Use this file of `cargo sweep`; without a sweep in it, run a short one first
                 [default: runs.tracklite]
  --help         Print this help
";

/// The command to run.
pub(crate) enum Command {
    /// Work on this file.
    Run(PathBuf),
    /// Print the help text.
    Help,
}

/// Parses the arguments after the program name.
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
