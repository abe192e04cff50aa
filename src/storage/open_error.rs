//! Errors of opening a file, by what the system reports.

use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Describes why a file at `path` cannot be opened or created.
pub(crate) fn open_error(doing: &str, path: &Path, source: io::Error) -> Error {
    let error = match source.kind() {
        io::ErrorKind::NotFound => {
            Error::new(ErrorKind::NotFound, "there is no such file").with_source(source)
        }
        io::ErrorKind::IsADirectory => {
            Error::new(ErrorKind::NotTracklite, "this is a folder, not a file").with_source(source)
        }
        io::ErrorKind::PermissionDenied => {
            Error::new(ErrorKind::Io, format!("{doing}: permission denied")).with_source(source)
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            let message = "the file is on a read-only file system: open it for reading";
            Error::new(ErrorKind::ReadOnly, message).with_source(source)
        }
        // The path names nothing, or something other than a file, such as a device or a socket.
        io::ErrorKind::InvalidInput => {
            Error::new(ErrorKind::InvalidInput, doing).with_source(source)
        }
        _ => Error::io(doing, source),
    };
    error.with_path(path)
}
