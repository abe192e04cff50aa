//! Errors of input and output, with what was being done.

use std::io;

use crate::error::Error;

/// Converts an I/O error to an [`Error`] that names the failed operation.
pub(super) fn io_error(doing: String) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::io(doing, source)
}
