"""The exceptions of the package.

TrackliteError
 +-- NotFoundError (LookupError)         the named thing does not exist
 +-- AlreadyExistsError (ValueError)     the name is taken
 +-- InvalidInputError (ValueError)      an argument breaks a rule
 +-- InvalidStateError (RuntimeError)    for example, the run is deleted or finished
 +-- ConflictError (RuntimeError)        another process changed it first: read it again
 +-- UnresolvedError (LookupError)       the address of a model leads nowhere
 +-- UnauthenticatedError (ValueError)   the access token is not valid
 +-- PermissionDeniedError (RuntimeError) the token's scopes do not permit the call
 +-- ReadOnlyError (RuntimeError)        the file is open for reading only
 +-- LockedError (TimeoutError)          another process holds a lock
 +-- NotTrackliteError (ValueError)      the file is not a tracklite file
 +-- UnsupportedFormatError (ValueError) a newer version wrote the file
 +-- DamagedError (OSError)              the file is damaged
 +-- StorageFullError (OSError)          the disk is full
 +-- PoisonedError (RuntimeError)        an earlier failure: open the file again
 +-- ForkedError (RuntimeError)          the handle belongs to the parent process
 +-- IoError (OSError)                   the operating system reported an error
 +-- SearchIndexError (RuntimeError)     SQLite reported an error about the index

Each has a `kind`, a name that never changes, and a `path`, the file concerned or None. Its
`message` is the text without the path. If MLflow has a text for the error, the message begins with
it. `mlflow_code` is MLflow's error code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class TrackliteError(Exception):
    """The base class of all exceptions of the package."""

    kind: ClassVar[str] = "other"
    """The kind of failure, a name that never changes."""

    path: Path | None = None
    """The file concerned, if it is known."""

    message: str = ""
    """The text without the path."""

    mlflow_code: str = "INTERNAL_ERROR"
    """The error code of MLflow, such as RESOURCE_DOES_NOT_EXIST."""


class NotFoundError(TrackliteError, LookupError):
    """The named file, run, experiment or metric does not exist."""

    kind = "not_found"


class AlreadyExistsError(TrackliteError, ValueError):
    """The name is taken."""

    kind = "already_exists"


class InvalidInputError(TrackliteError, ValueError):
    """An argument breaks a rule. The message names the argument and the rule."""

    kind = "invalid_input"


class InvalidStateError(TrackliteError, RuntimeError):
    """The state does not allow the call: for example, the run is deleted or the file closed."""

    kind = "invalid_state"


class ConflictError(TrackliteError, RuntimeError):
    """Another process changed the expected value first. Read it again and decide again."""

    kind = "conflict"


class UnresolvedError(TrackliteError, LookupError):
    """An address of a model or of its files leads nowhere."""

    kind = "unresolved"


class UnauthenticatedError(TrackliteError, ValueError):
    """The access token is not valid. The message does not name the part that is wrong."""

    kind = "unauthenticated"


class PermissionDeniedError(TrackliteError, RuntimeError):
    """The access token is valid, but its scopes do not permit the call."""

    kind = "permission_denied"


class ReadOnlyError(TrackliteError, RuntimeError):
    """The file is open for reading only, or cannot be written."""

    kind = "read_only"


class LockedError(TrackliteError, TimeoutError):
    """Another process held a lock for longer than the timeout."""

    kind = "locked"


class NotTrackliteError(TrackliteError, ValueError):
    """The file is not a tracklite file."""

    kind = "not_tracklite"


class UnsupportedFormatError(TrackliteError, ValueError):
    """A newer version of the package wrote the file."""

    kind = "unsupported_format"


class DamagedError(TrackliteError, OSError):
    """The file is damaged."""

    kind = "damaged"


class StorageFullError(TrackliteError, OSError):
    """The disk is full."""

    kind = "storage_full"


class PoisonedError(TrackliteError, RuntimeError):
    """An earlier failure disabled the handle. The message names it and what to do."""

    kind = "poisoned"


class ForkedError(TrackliteError, RuntimeError):
    """The handle belongs to the parent process. Open the file again in the child."""

    kind = "forked"


class IoError(TrackliteError, OSError):
    """The operating system reported an error, which the message includes."""

    kind = "io"


class SearchIndexError(TrackliteError, RuntimeError):
    """SQLite reported an error about the index, which the message includes."""

    kind = "index"


_CLASSES: dict[str, type[TrackliteError]] = {
    cls.kind: cls for cls in TrackliteError.__subclasses__()
}


def _of_kind(
    kind: str, message: str, path: Path | None, causes: list[str], mlflow: tuple[str, str]
) -> TrackliteError:
    """Creates the exception of a kind, with the causes in parentheses in its message.

    `mlflow` is MLflow's code, and the message without the path.
    """
    causes_text = f" ({': '.join(causes)})" if causes else ""
    error = _CLASSES.get(kind, TrackliteError)(message + causes_text)
    error.path = path
    error.mlflow_code, error.message = mlflow[0], mlflow[1] + causes_text
    return error
