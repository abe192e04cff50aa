//! The crate's error type: a kind, a message, the file and the cause.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of a call that can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an [`Error`]. Match on it to decide what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The named file, run, experiment or metric does not exist.
    NotFound,
    /// Something with this name already exists.
    AlreadyExists,
    /// An argument breaks a rule. The message names the argument and the rule.
    InvalidInput,
    /// The object exists, but its state does not allow the call (for example, a deleted run).
    InvalidState,
    /// Another writer changed what the call expected. Read the current state and retry.
    Conflict,
    /// The URI of a model or of its files does not resolve to anything.
    Unresolved,
    /// The access token is not valid. The message does not tell which part of it is wrong.
    Unauthenticated,
    /// The access token is valid, but its scopes do not permit the call.
    PermissionDenied,
    /// The file is open read-only, or cannot be written.
    ReadOnly,
    /// Another process holds a lock for longer than the call may wait.
    Locked,
    /// The file is not a tracklite file.
    NotTracklite,
    /// The file was written by a newer build, in a format this build does not know.
    UnsupportedFormat,
    /// The file is damaged: its bytes are inconsistent.
    Damaged,
    /// No space is left on the device, or a quota is exceeded.
    StorageFull,
    /// The handle is unusable after an earlier failure. The message names it and the remedy.
    Poisoned,
    /// The process has forked since the handle was opened. Open the file again in the child.
    Forked,
    /// The operating system reported an error. See the source.
    Io,
    /// SQLite, which stores the index, reported an error. See the source.
    Index,
}

/// An error: a kind, a message, the file and a chain of causes. It is one word in size.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error. The message is one sentence without a full stop.
    #[cold]
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), path: None, source: None }))
    }

    /// Creates an error from a failed system call. `doing` describes the operation.
    ///
    /// The kind is [`ErrorKind::StorageFull`] for a full disk or quota, else [`ErrorKind::Io`].
    #[cold]
    #[must_use]
    pub fn io(doing: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
            _ => ErrorKind::Io,
        };
        Error::new(kind, doing).with_source(source)
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets the file that the error concerns, unless one is already set.
    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        if self.0.path.is_none() {
            self.0.path = Some(path.to_owned());
        }
        self
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the file that the error concerns, if it is known.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
