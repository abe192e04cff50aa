//! Handwritten digits, small networks that learn them, and their weights as files: what the
//! examples have in common.

pub(crate) mod configuration;
pub(crate) mod data;
pub(crate) mod model;
pub(crate) mod random;
pub(crate) mod text;
pub(crate) mod training;
pub(crate) mod weights;

use std::error::Error;
use std::process::ExitCode;

/// Any failure; it is told to the user and ends the program.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The result of nearly every function of the examples.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Ends a program: with a failure, tells it and what caused it.
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
