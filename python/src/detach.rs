//! Calls into the engine without the interpreter lock, with its errors and Ctrl-C raised in Python.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::python_error;

/// Runs a call that may block without the interpreter lock, so that other threads continue.
///
/// An error becomes the Python exception of its kind. Signals are checked afterwards: Ctrl-C
/// during the call raises `KeyboardInterrupt` here, after the call has done its work.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    call: impl FnOnce() -> tracklite::Result<T> + Send,
) -> PyResult<T> {
    let outcome = py.detach(call);
    py.check_signals()?;
    outcome.map_err(|error| python_error(py, &error))
}

/// Returns options for opening a file that release the interpreter lock during long waits, even
/// in a call that holds it.
pub(crate) fn builder() -> tracklite::DatabaseBuilder {
    tracklite::Database::builder().waits_within(wait_detached)
}

fn wait_detached(work: &mut (dyn FnMut() + Send)) {
    let mut is_done = false;
    // Fails while the interpreter shuts down.
    Python::try_attach(|py| {
        py.detach(&mut *work);
        is_done = true;
    });
    if !is_done {
        work();
    }
}

/// Calls a function of a Python module of the package, with `target` as its first argument.
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
    let arguments = arguments.into_pyobject(py).map_err(Into::into)?;
    let mut all = vec![target.clone()];
    all.extend(arguments.iter());
    let module = py.import(format!("tracklite.{module}"))?;
    module.getattr(function)?.call1(PyTuple::new(py, all)?)
}
