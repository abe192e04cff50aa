//! Errors of the engine as exceptions of `tracklite.exceptions`.

use std::error::Error as _;
use std::path::Path;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tracklite::{Error, ErrorKind};

/// Returns the name of a kind, which never changes. `tracklite.exceptions` has a class for each.
fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "not_found",
        ErrorKind::AlreadyExists => "already_exists",
        ErrorKind::InvalidInput => "invalid_input",
        ErrorKind::InvalidState => "invalid_state",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Unresolved => "unresolved",
        ErrorKind::Unauthenticated => "unauthenticated",
        ErrorKind::PermissionDenied => "permission_denied",
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
        // The crate may gain a kind before this list does.
        _ => "other",
    }
}

const KINDS: [ErrorKind; 18] = [
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::InvalidInput,
    ErrorKind::InvalidState,
    ErrorKind::Conflict,
    ErrorKind::Unresolved,
    ErrorKind::Unauthenticated,
    ErrorKind::PermissionDenied,
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

/// Returns the names of all error kinds of the engine.
#[pyfunction]
pub(crate) fn error_kinds() -> Vec<&'static str> {
    KINDS.into_iter().map(kind_name).collect()
}

/// Converts an error of the engine to the exception of its kind, with its path and causes.
pub(crate) fn python_error(py: Python<'_>, error: &Error) -> PyErr {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        causes.push(next.to_string());
        cause = next.source();
    }
    let mlflow = (error.mlflow_code(), error.message());
    exception(py, kind_name(error.kind()), &error.to_string(), error.path(), causes, mlflow)
}

/// Returns whether an exception is an `InvalidStateError`.
pub(crate) fn is_invalid_state(py: Python<'_>, error: &PyErr) -> bool {
    let kind = error.value(py).getattr("kind").and_then(|kind| kind.extract::<String>());
    kind.is_ok_and(|kind| kind == kind_name(ErrorKind::InvalidState))
}

/// Creates the exception for an argument that breaks a rule. The message names the argument.
pub(crate) fn invalid_input(py: Python<'_>, message: &str) -> PyErr {
    python_error(py, &Error::new(ErrorKind::InvalidInput, message))
}

/// Creates the exception for a handle that is not in a state for the call.
pub(crate) fn invalid_state(py: Python<'_>, message: &str, path: Option<&Path>) -> PyErr {
    let (kind, error) = (ErrorKind::InvalidState, Error::new(ErrorKind::InvalidState, message));
    let mlflow = (error.mlflow_code(), message);
    exception(py, kind_name(kind), message, path, Vec::new(), mlflow)
}

/// Creates an exception. `mlflow` is MLflow's error code, and the message without the path.
fn exception(
    py: Python<'_>,
    kind: &str,
    message: &str,
    path: Option<&Path>,
    causes: Vec<String>,
    mlflow: (&str, &str),
) -> PyErr {
    static CREATE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let created = CREATE
        .import(py, "tracklite.exceptions", "_of_kind")
        .and_then(|create| create.call1((kind, message, path, causes, mlflow)));
    match created {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
