//! The command line program, for the console script `tracklite` and `python -m tracklite`.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command line program with these arguments, the first of which is its name.
///
/// Returns the exit code.
#[pyfunction]
pub(crate) fn run_command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| tracklite_cli::run(arguments))
}
