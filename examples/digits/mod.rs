//! The code that the examples share: handwritten digits, small networks that learn them, and
//! weight files.

pub(crate) mod configuration;
pub(crate) mod data;
pub(crate) mod model;
pub(crate) mod random;
pub(crate) mod text;
pub(crate) mod training;
pub(crate) mod weights;

use std::error::Error;
use std::process::ExitCode;

/// Any failure. It is printed and ends the program.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The result of nearly every function of the examples.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Returns the exit code of a program. Prints a failure and its causes.
pub(crate) fn ended(program: &str, done: Result<()>) -> ExitCode {
    let Err(failure) = done else { return ExitCode::SUCCESS };
    eprintln!("{program}: {failure}");
    let mut cause = failure.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}
