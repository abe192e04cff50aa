"""What a run keeps of the exception that ended it."""

from __future__ import annotations

import contextlib
import sys
import traceback
import weakref
from types import TracebackType
from typing import TYPE_CHECKING

from tracklite.exceptions import InvalidStateError

if TYPE_CHECKING:
    from tracklite import Run

EXCEPTION_TAG = "tracklite.exception"
# Well below the length that a tag may have.
_CHARACTERS_MAX = 4000


def tell(run: Run, exception: BaseException) -> None:
    """Keep the traceback as a tag; of a long one its end, where the exception is."""
    told = "".join(traceback.format_exception(exception))
    if len(told) > _CHARACTERS_MAX:
        told = "...\n" + told[-_CHARACTERS_MAX:]
    # A run that was finished or deleted within the block stays as it is.
    with contextlib.suppress(InvalidStateError):
        run.set_tag(EXCEPTION_TAG, told)


_watched: weakref.WeakSet[Run] = weakref.WeakSet()
_excepthook = None


def watch(run: Run) -> None:
    """Fail the run when an exception that nobody catches ends the program."""
    global _excepthook
    _watched.add(run)
    if _excepthook is None:
        _excepthook, sys.excepthook = sys.excepthook, _fail_all


def _fail_all(
    kind: type[BaseException], exception: BaseException, trace: TracebackType | None
) -> None:
    for run in list(_watched):
        # It may have been finished, or belong to the parent of this process.
        with contextlib.suppress(Exception):
            if run.info().status.value == "RUNNING":
                tell(run, exception)
                run.finish("KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED")
    (_excepthook or sys.__excepthook__)(kind, exception, trace)
