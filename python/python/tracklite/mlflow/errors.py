"""Translation of the engine's errors to MLflow's, with its codes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    NOT_IMPLEMENTED,
    ErrorCode,
)

from tracklite.exceptions import TrackliteError
from tracklite.mlflow.address import AddressError

Method = TypeVar("Method", bound=Callable[..., Any])

# The kinds of failures of the file itself. Their messages begin with its path.
_OF_THE_FILE = {
    "read_only",
    "locked",
    "not_tracklite",
    "unsupported_format",
    "damaged",
    "storage_full",
    "poisoned",
    "forked",
    "io",
    "index",
}


def as_mlflow_error(error: Exception) -> MlflowException:
    """Converts an error to MLflow's. The engine knows the codes and texts of MLflow."""
    if isinstance(error, TrackliteError):
        text = str(error) if error.kind in _OF_THE_FILE else error.message
        return MlflowException(text, error_code=ErrorCode.Value(error.mlflow_code))
    if _is_of_argument(error):
        # The engine's notes name the argument. Python 3.10 has no notes.
        parts = [str(error), *getattr(error, "__notes__", ())]
        return MlflowException(", ".join(parts), error_code=INVALID_PARAMETER_VALUE)
    return MlflowException(f"{type(error).__name__}: {error}", error_code=INTERNAL_ERROR)


def _is_of_argument(error: Exception) -> bool:
    """Returns whether an error is about an argument, and not a bug in a method.

    A `TypeError` is about an argument if it comes from the engine's argument conversion, which
    adds a note with its name, or from MLflow's own checks.
    """
    if isinstance(error, (AddressError, ValueError, OverflowError)):
        return True
    if not isinstance(error, TypeError):
        return False
    has_note = bool(getattr(error, "__notes__", ())) or sys.version_info < (3, 11)
    return has_note or _raised_in(error) == "mlflow.utils.validation"


def _raised_in(error: Exception) -> str:
    """Returns the module that raised an error."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return "" if place is None else str(place.tb_frame.f_globals.get("__name__"))


def wrong_argument(message: str) -> MlflowException:
    """Returns an error about an argument."""
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


def translated(method: Method) -> Method:
    """Makes a method raise only MLflow's errors."""

    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except MlflowException:
            raise
        except Exception as error:
            raise as_mlflow_error(error) from error

    return wrapped  # type: ignore[return-value]


def left_out(what: str) -> NoReturn:
    """Raises the error for things that a tracklite file does not keep."""
    raise MlflowException(
        f"A tracklite file does not keep {what}.",
        error_code=NOT_IMPLEMENTED,
    )


def refuses(
    base: type, kept: set[str], groups: dict[str, str], others: dict[str, str]
) -> Callable[[type], type]:
    """Makes a class refuse the methods of `base` that are not overridden and not in `kept`.

    `groups` maps parts of method names to the topic in the error. `others` maps whole names, for
    methods that no group matches or that `base` does not declare.
    """

    def complete(cls: type) -> type:
        for name, what in others.items():
            setattr(cls, name, _refusing(name, what))
        for name in dir(base):
            is_method = callable(getattr(base, name)) and not name.startswith("__")
            is_own = getattr(cls, name) is not getattr(base, name)
            if not is_method or is_own or name in kept:
                continue
            found = [group for part, group in groups.items() if part in name]
            if found:
                setattr(cls, name, _refusing(name, found[0]))
        return cls

    return complete


def _refusing(name: str, what: str) -> Callable[..., NoReturn]:
    def method(self: object, *args: Any, **kwargs: Any) -> NoReturn:
        left_out(what)

    method.__name__ = name
    method.__doc__ = f"Refused: a tracklite file does not keep {what}."
    return method
