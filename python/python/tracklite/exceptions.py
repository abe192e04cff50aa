"""What may go wrong, by what a handler would do.

TrackliteError
 +-- NotFoundError (LookupError)         what was named does not exist
 +-- AlreadyExistsError (ValueError)     something of this name exists
 +-- InvalidInputError (ValueError)      an argument breaks a rule
 +-- InvalidStateError (RuntimeError)    a deleted or finished run, say
 +-- ConflictError (RuntimeError)        somebody else was faster: look again
 +-- UnresolvedError (LookupError)       an address of a model leads nowhere
 +-- ReadOnlyError (RuntimeError)        the file is only read
 +-- LockedError (TimeoutError)          somebody else holds a lock
 +-- NotTrackliteError (ValueError)      the file is none of ours
 +-- UnsupportedFormatError (ValueError) the file was written by a newer build
 +-- DamagedError (OSError)              the bytes of the file contradict themselves
 +-- StorageFullError (OSError)          no space is left
 +-- PoisonedError (RuntimeError)        an earlier failure: open the file again
 +-- ForkedError (RuntimeError)          a forked child has the handle of its parent
 +-- IoError (OSError)                   the system reported an error
 +-- SearchIndexError (RuntimeError)     SQLite, which keeps the index, reported an error

Each has a `kind`, a word that is never renamed, and a `path`, the file it concerns, or None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class TrackliteError(Exception):
    """Something went wrong; the classes below say what kind of thing."""

    kind: ClassVar[str] = "other"
    """The kind of failure: a word that is never renamed."""

    path: Path | None = None
    """The file it concerns, when one is known."""


class NotFoundError(TrackliteError, LookupError):
    """The file, run, experiment or metric that was named does not exist."""

    kind = "not_found"


class AlreadyExistsError(TrackliteError, ValueError):
    """Something with this name exists already."""

    kind = "already_exists"


class InvalidInputError(TrackliteError, ValueError):
    """An argument breaks a rule; the message names the argument and the rule."""

    kind = "invalid_input"


class InvalidStateError(TrackliteError, RuntimeError):
    """The thing exists, but not in a state that allows the call: a deleted run, say."""

    kind = "invalid_state"


class ConflictError(TrackliteError, RuntimeError):
    """Somebody else has changed meanwhile what the call expected: look again, decide anew."""

    kind = "conflict"


class UnresolvedError(TrackliteError, LookupError):
    """An address of a model or of its files leads nowhere."""

    kind = "unresolved"


class ReadOnlyError(TrackliteError, RuntimeError):
    """The file was opened for reading only, or can only be read."""

    kind = "read_only"


class LockedError(TrackliteError, TimeoutError):
    """Somebody else holds a lock for longer than the call may wait."""

    kind = "locked"


class NotTrackliteError(TrackliteError, ValueError):
    """The file is not a tracklite file."""

    kind = "not_tracklite"


class UnsupportedFormatError(TrackliteError, ValueError):
    """The file was written by a build that knows more of the format than this one."""

    kind = "unsupported_format"


class DamagedError(TrackliteError, OSError):
    """The bytes of the file contradict themselves."""

    kind = "damaged"


class StorageFullError(TrackliteError, OSError):
    """No space is left for what was to be written."""

    kind = "storage_full"


class PoisonedError(TrackliteError, RuntimeError):
    """An earlier failure makes the handle refuse; the message says which and what to do."""

    kind = "poisoned"


class ForkedError(TrackliteError, RuntimeError):
    """The process has forked since the handle was made; open the file anew in the child."""

    kind = "forked"


class IoError(TrackliteError, OSError):
    """The operating system reported an error; the notes say which."""

    kind = "io"


class SearchIndexError(TrackliteError, RuntimeError):
    """SQLite, which keeps the index, reported an error; the notes say which."""

    kind = "index"


_CLASSES: dict[str, type[TrackliteError]] = {
    cls.kind: cls for cls in TrackliteError.__subclasses__()
}


def _of_kind(kind: str, message: str, path: Path | None, causes: list[str]) -> TrackliteError:
    """Make the exception of a kind; causes go into its message, in parentheses."""
    if causes:
        message = f"{message} ({': '.join(causes)})"
    error = _CLASSES.get(kind, TrackliteError)(message)
    error.path = path
    return error
