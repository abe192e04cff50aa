"""Errors of the engine as MLflow's, with its codes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    DATA_LOSS,
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    NOT_IMPLEMENTED,
    PERMISSION_DENIED,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_CONFLICT,
    RESOURCE_DOES_NOT_EXIST,
    RESOURCE_EXHAUSTED,
    TEMPORARILY_UNAVAILABLE,
)

from tracklite.exceptions import TrackliteError
from tracklite.mlflow.address import AddressError

Method = TypeVar("Method", bound=Callable[..., Any])

_CODES = {
    "not_found": RESOURCE_DOES_NOT_EXIST,
    "already_exists": RESOURCE_ALREADY_EXISTS,
    "invalid_input": INVALID_PARAMETER_VALUE,
    # MLflow says so of every write to something deleted.
    "invalid_state": INVALID_PARAMETER_VALUE,
    "conflict": RESOURCE_CONFLICT,
    "read_only": PERMISSION_DENIED,
    "locked": TEMPORARILY_UNAVAILABLE,
    "not_tracklite": INVALID_PARAMETER_VALUE,
    "unsupported_format": INVALID_PARAMETER_VALUE,
    "damaged": DATA_LOSS,
    "storage_full": RESOURCE_EXHAUSTED,
}


def as_mlflow_error(error: Exception, codes: dict[str, int] | None = None) -> MlflowException:
    """An error as MLflow's own; `codes` are those of some kinds in this place."""
    if isinstance(error, TrackliteError):
        code = (codes or {}).get(error.kind, _CODES.get(error.kind, INTERNAL_ERROR))
        return MlflowException(str(error), error_code=code)
    if _is_of_argument(error):
        # The engine's notes name the argument; Python 3.10 knows none.
        parts = [str(error), *getattr(error, "__notes__", ())]
        return MlflowException(", ".join(parts), error_code=INVALID_PARAMETER_VALUE)
    return MlflowException(f"{type(error).__name__}: {error}", error_code=INTERNAL_ERROR)


def _is_of_argument(error: Exception) -> bool:
    """Whether an error says that an argument is wrong, and not that a method is.

    A type is wrong where arguments are read: at the border of the engine, which notes the
    argument, and in MLflow's own checks.
    """
    if isinstance(error, (AddressError, ValueError, OverflowError)):
        return True
    if not isinstance(error, TypeError):
        return False
    has_note = bool(getattr(error, "__notes__", ())) or sys.version_info < (3, 11)
    return has_note or _raised_in(error) == "mlflow.utils.validation"


def _raised_in(error: Exception) -> str:
    """The module in which an error was raised."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return "" if place is None else str(place.tb_frame.f_globals.get("__name__"))


def wrong_argument(message: str) -> MlflowException:
    """Says that an argument is wrong."""
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


def translated(**codes: int) -> Callable[[Method], Method]:
    """Makes a method raise MLflow's errors only; `codes` are those of some kinds in it."""

    def wrap(method: Method) -> Method:
        @functools.wraps(method)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except MlflowException:
                raise
            except Exception as error:
                raise as_mlflow_error(error, codes) from error

        return wrapped  # type: ignore[return-value]

    return wrap


def left_out(what: str) -> NoReturn:
    """Says that there is no such thing in a tracklite file."""
    raise MlflowException(
        f"A tracklite file does not keep {what}.",
        error_code=NOT_IMPLEMENTED,
    )


def refuses(
    base: type, kept: set[str], groups: dict[str, str], others: dict[str, str]
) -> Callable[[type], type]:
    """Makes a class refuse those methods of `base` that it neither has itself nor keeps.

    `groups` says by parts of their names what the refused ones are about, and `others` by whole
    names what those are about that the groups do not reach, or `base` does not declare.
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
