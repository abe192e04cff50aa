//! The crate's error type: a kind, a message, the file and the cause.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::Range;
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
    /// The access token is not valid. The message does not name the part that is wrong.
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
    /// MLflow's error code, if it is not that of the kind.
    mlflow_code: Option<&'static str>,
    /// The bytes of the given text that the message points at.
    place: Option<Range<usize>>,
}

impl Error {
    /// Creates an error. If MLflow has a text for it, the message begins with that text. Else it is
    /// one sentence without a full stop.
    #[cold]
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        let (path, source, mlflow_code, place) = (None, None, None, None);
        Error(Box::new(Inner { kind, message, path, source, mlflow_code, place }))
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

    /// Sets MLflow's error code, where it is not that of the kind.
    #[must_use]
    pub(crate) fn with_mlflow_code(mut self, code: &'static str) -> Self {
        self.0.mlflow_code = Some(code);
        self
    }

    /// Sets the bytes of the given text that the message points at.
    #[must_use]
    pub(crate) fn with_place(mut self, place: Range<usize>) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Returns the bytes of a filter or an order that the message points at.
    #[must_use]
    pub fn place(&self) -> Option<Range<usize>> {
        self.0.place.clone()
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the message without the file. It begins with MLflow's text, if MLflow has one.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the code of this error in MLflow, such as `RESOURCE_DOES_NOT_EXIST`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let error = database.experiment_by_id(tracklite::ExperimentId::new(7)).unwrap_err();
    /// assert_eq!(error.message(), "No Experiment with id=7 exists");
    /// assert_eq!(error.mlflow_code(), "RESOURCE_DOES_NOT_EXIST");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn mlflow_code(&self) -> &'static str {
        self.0.mlflow_code.unwrap_or(match self.0.kind {
            ErrorKind::NotFound => "RESOURCE_DOES_NOT_EXIST",
            ErrorKind::AlreadyExists => "RESOURCE_ALREADY_EXISTS",
            // MLflow has the same code for writes to deleted things.
            ErrorKind::InvalidInput
            | ErrorKind::InvalidState
            | ErrorKind::NotTracklite
            | ErrorKind::UnsupportedFormat => "INVALID_PARAMETER_VALUE",
            ErrorKind::Conflict => "RESOURCE_CONFLICT",
            ErrorKind::Unauthenticated => "UNAUTHENTICATED",
            ErrorKind::PermissionDenied | ErrorKind::ReadOnly => "PERMISSION_DENIED",
            ErrorKind::Locked => "TEMPORARILY_UNAVAILABLE",
            ErrorKind::Damaged => "DATA_LOSS",
            ErrorKind::StorageFull => "RESOURCE_EXHAUSTED",
            ErrorKind::Unresolved
            | ErrorKind::Poisoned
            | ErrorKind::Forked
            | ErrorKind::Io
            | ErrorKind::Index => "INTERNAL_ERROR",
        })
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
