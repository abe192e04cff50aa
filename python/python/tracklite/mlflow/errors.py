"""Errors of the engine as MLflow's, with its codes."""

from __future__ import annotations

import functools
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


def told(error: Exception, codes: dict[str, int] | None = None) -> MlflowException:
    """An error as MLflow's own; `codes` are those of some kinds in this place."""
    if isinstance(error, TrackliteError):
        code = (codes or {}).get(error.kind, _CODES.get(error.kind, INTERNAL_ERROR))
        return MlflowException(str(error), error_code=code)
    return MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE)


def translated(**codes: int) -> Callable[[Method], Method]:
    """Makes a method raise MLflow's errors only; `codes` are those of some kinds in it.

    What has the wrong type for the engine, or is too great a number, is a wrong argument.
    """

    def wrap(method: Method) -> Method:
        @functools.wraps(method)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except (TrackliteError, AddressError, OverflowError, TypeError) as error:
                raise told(error, codes) from error

        return wrapped  # type: ignore[return-value]

    return wrap


def left_out(what: str) -> NoReturn:
    """Says that there is no such thing in a tracklite file."""
    raise MlflowException(
        f"A tracklite file does not keep {what}.",
        error_code=NOT_IMPLEMENTED,
    )


def refuses(base: type, kept: set[str], groups: dict[str, str]) -> Callable[[type], type]:
    """Makes a class refuse those methods of `base` that it neither has itself nor keeps.

    `groups` says by parts of their names what the refused ones are about.
    """

    def complete(cls: type) -> type:
        for name in dir(base):
            is_method = callable(getattr(base, name)) and not name.startswith("__")
            is_own = getattr(cls, name) is not getattr(base, name)
            if not is_method or is_own or name in kept:
                continue
            what = next((told for part, told in groups.items() if part in name), None)
            if what is not None:
                setattr(cls, name, _refusing(name, what))
        return cls

    return complete


def _refusing(name: str, what: str) -> Callable[..., NoReturn]:
    def method(self: object, *args: Any, **kwargs: Any) -> NoReturn:
        left_out(what)

    method.__name__ = name
    method.__doc__ = f"Refused: a tracklite file does not keep {what}."
    return method
