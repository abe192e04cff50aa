"""The exception that ended a run, as a tag of the run."""

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
# Well below the maximum length of a tag.
_CHARACTERS_MAX = 4000


def set_exception_tag(run: Run, exception: BaseException) -> None:
    """Sets the traceback as a tag. Keeps the end of a long one, which has the exception."""
    text = "".join(traceback.format_exception(exception))
    if len(text) > _CHARACTERS_MAX:
        text = "...\n" + text[-_CHARACTERS_MAX:]
    # The block may have finished or deleted the run.
    with contextlib.suppress(InvalidStateError):
        run.set_tag(EXCEPTION_TAG, text)


_watched: weakref.WeakSet[Run] = weakref.WeakSet()
_excepthook = None


def watch(run: Run) -> None:
    """Fails the run if an uncaught exception ends the program."""
    global _excepthook
    _watched.add(run)
    if _excepthook is None:
        _excepthook, sys.excepthook = sys.excepthook, _fail_all


def _fail_all(
    kind: type[BaseException], exception: BaseException, trace: TracebackType | None
) -> None:
    for run in list(_watched):
        # It may be finished or closed, or belong to the parent process.
        with contextlib.suppress(Exception):
            if run.info().status.value == "RUNNING":
                set_exception_tag(run, exception)
                run.finish("KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED")
    (_excepthook or sys.__excepthook__)(kind, exception, trace)
