//! The one error type: what kind of failure, what was being done to what, and what lay beneath.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of nearly every call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure an [`Error`] is; match on this to decide what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file, run, experiment or metric that was named does not exist.
    NotFound,
    /// Something with this name exists already.
    AlreadyExists,
    /// An argument breaks a rule; the message names the argument and the rule.
    InvalidInput,
    /// The thing exists, but not in a state that allows the call (a deleted run, say).
    InvalidState,
    /// Somebody else has changed meanwhile what the call expected: look again, and decide anew.
    Conflict,
    /// An address of a model or of its files leads nowhere.
    Unresolved,
    /// The file was opened for reading only, or can only be read.
    ReadOnly,
    /// Somebody else holds a lock for longer than the call may wait.
    Locked,
    /// The file is not a tracklite file.
    NotTracklite,
    /// The file was written by a build that knows more of the format than this one.
    UnsupportedFormat,
    /// The file's bytes contradict themselves.
    Damaged,
    /// No space is left for what was to be written.
    StorageFull,
    /// An earlier failure makes the handle refuse; the message says which and what to do.
    Poisoned,
    /// The process has forked since the handle was opened; open the file anew in the child.
    Forked,
    /// The operating system reported an error; see the source.
    Io,
    /// SQLite, which keeps the index, reported an error; see the source.
    Index,
}

/// What went wrong, where, and why: one word long, with a kind and a chain of causes.
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
    /// A failure of this kind, told in one sentence without a full stop.
    #[cold]
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), path: None, source: None }))
    }

    /// The failure of a call to the operating system, told as what was being done.
    ///
    /// A full disk or quota becomes [`ErrorKind::StorageFull`], all else [`ErrorKind::Io`].
    #[cold]
    #[must_use]
    pub fn io(doing: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
            _ => ErrorKind::Io,
        };
        Error::new(kind, doing).with_source(source)
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with the file it concerns, unless one is named already.
    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        if self.0.path.is_none() {
            self.0.path = Some(path.to_owned());
        }
        self
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file it concerns, when one is known.
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
