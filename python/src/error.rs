//! Errors of the engine as exceptions of `tracklite.exceptions`.

use std::error::Error as _;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tracklite::{Error, ErrorKind};

/// The word for a kind, which is never renamed: `tracklite.exceptions` has a class for each.
fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "not_found",
        ErrorKind::AlreadyExists => "already_exists",
        ErrorKind::InvalidInput => "invalid_input",
        ErrorKind::InvalidState => "invalid_state",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Unresolved => "unresolved",
        ErrorKind::ReadOnly => "read_only",
        ErrorKind::Locked => "locked",
        ErrorKind::NotTracklite => "not_tracklite",
        ErrorKind::UnsupportedFormat => "unsupported_format",
        ErrorKind::Damaged => "damaged",
        ErrorKind::StorageFull => "storage_full",
        ErrorKind::Poisoned => "poisoned",
        ErrorKind::Forked => "forked",
        ErrorKind::Io => "io",
        ErrorKind::Index => "index",
        // The list may grow in the crate before it does here.
        _ => "other",
    }
}

const KINDS: [ErrorKind; 16] = [
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::InvalidInput,
    ErrorKind::InvalidState,
    ErrorKind::Conflict,
    ErrorKind::Unresolved,
    ErrorKind::ReadOnly,
    ErrorKind::Locked,
    ErrorKind::NotTracklite,
    ErrorKind::UnsupportedFormat,
    ErrorKind::Damaged,
    ErrorKind::StorageFull,
    ErrorKind::Poisoned,
    ErrorKind::Forked,
    ErrorKind::Io,
    ErrorKind::Index,
];

/// The words for all kinds of errors of the engine.
#[pyfunction]
pub(crate) fn error_kinds() -> Vec<&'static str> {
    KINDS.into_iter().map(kind_name).collect()
}

/// An error of the engine as Python's exception of its kind, with its path and its causes.
pub(crate) fn python_error(py: Python<'_>, error: &Error) -> PyErr {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        causes.push(next.to_string());
        cause = next.source();
    }
    raise(py, kind_name(error.kind()), &error.to_string(), error.path(), causes)
}

/// Whether it is the exception of a thing that is not in a state for the call.
pub(crate) fn is_invalid_state(py: Python<'_>, error: &PyErr) -> bool {
    let kind = error.value(py).getattr("kind").and_then(|kind| kind.extract::<String>());
    kind.is_ok_and(|kind| kind == kind_name(ErrorKind::InvalidState))
}

/// The exception for an argument that breaks a rule; the message names it.
pub(crate) fn invalid_input(py: Python<'_>, message: &str) -> PyErr {
    raise(py, kind_name(ErrorKind::InvalidInput), message, None, Vec::new())
}

fn raise(
    py: Python<'_>,
    kind: &str,
    message: &str,
    path: Option<&std::path::Path>,
    causes: Vec<String>,
) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE
        .import(py, "tracklite.exceptions", "_of_kind")
        .and_then(|make| make.call1((kind, message, path, causes)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
