//! The one way into the engine: without the interpreter, with errors and Ctrl-C told to Python.

use pyo3::prelude::*;

use crate::error::python_error;

/// Runs what may block without holding the interpreter, so that other threads of Python go on.
///
/// An error becomes Python's exception of its kind. Afterwards signals are looked at: whoever
/// pressed Ctrl-C meanwhile gets the `KeyboardInterrupt` here, after the call has done its work.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    call: impl FnOnce() -> tracklite::Result<T> + Send,
) -> PyResult<T> {
    let outcome = py.detach(call);
    py.check_signals()?;
    outcome.map_err(|error| python_error(py, &error))
}
