//! The one way into the engine: without the interpreter, with errors and Ctrl-C told to Python.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

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

/// Options for opening a file; where the engine waits for long in a call that holds the
/// interpreter, it lets go of it meanwhile.
pub(crate) fn builder() -> tracklite::DatabaseBuilder {
    tracklite::Database::builder().waits_within(waiting)
}

fn waiting(work: &mut (dyn FnMut() + Send)) {
    let mut is_done = false;
    // Not where the interpreter is ending, or is not to be had.
    Python::try_attach(|py| {
        py.detach(&mut *work);
        is_done = true;
    });
    if !is_done {
        work();
    }
}

#[cfg(feature = "frames")]
/// Runs what cannot fail without holding the interpreter.
pub(crate) fn detached_plain<T: Send>(py: Python<'_>, call: impl FnOnce() -> T + Send) -> T {
    py.detach(call)
}

/// Hands a call on to a function of a Python module of the package, for what is written there.
pub(crate) fn delegated<'py>(
    target: &Bound<'py, PyAny>,
    module: &str,
    function: &str,
    arguments: impl IntoPyObject<
        'py,
        Target = PyTuple,
        Error: Into<PyErr>,
        Output = Bound<'py, PyTuple>,
    >,
) -> PyResult<Bound<'py, PyAny>> {
    let py = target.py();
    let given = arguments.into_pyobject(py).map_err(Into::into)?;
    let mut all = vec![target.clone()];
    all.extend(given.iter());
    let module = py.import(format!("tracklite.{module}"))?;
    module.getattr(function)?.call1(PyTuple::new(py, all)?)
}
