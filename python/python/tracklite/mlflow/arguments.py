"""Converters of MLflow's arguments for the engine. Errors name the argument."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INVALID_PARAMETER_VALUE

from tracklite.mlflow.errors import wrong_argument

DEFAULT_EXPERIMENT = 0

_MIN, _MAX = -(2**63), 2**63 - 1


def whole_number(name: str, value: Any) -> int:
    """Converts a time or step to a 64-bit integer. Drops a fraction."""
    if type(value) is int:
        number = value
    elif not isinstance(value, numbers.Number):
        raise wrong_argument(f"Invalid value {value!r} for {name}: expected a number")
    else:
        try:
            number = int(value)  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError) as error:
            raise wrong_argument(
                f"Invalid value {value!r} for {name}: expected a finite number"
            ) from error
    if not _MIN <= number <= _MAX:
        raise wrong_argument(f"Invalid value {value!r} for {name}: it does not fit in 64 bits")
    return int(number)


def experiment_number(experiment_id: str | int | None) -> int:
    """Returns the number of an experiment, by default of the default experiment."""
    return _number(experiment_id or DEFAULT_EXPERIMENT)


def _number(experiment_id: str | int) -> int:
    try:
        return int(experiment_id)
    except (TypeError, ValueError) as error:
        raise wrong_argument(
            f"Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer."
        ) from error


def experiment_numbers(experiment_ids: Iterable[str | int]) -> list[int]:
    """Returns the numbers of experiments, without those out of range."""
    known = [_number(experiment_id) for experiment_id in experiment_ids]
    return [number for number in known if 0 <= number < 2**63]


def tag_pairs(tags: Iterable[Any] | None) -> list[tuple[str, str]]:
    """Converts tags to pairs of texts. The last value of a repeated key wins."""
    return list({tag.key: tag_text(tag) for tag in tags or ()}.items())


def tag_text(tag: Any) -> str:
    """Returns the text of a tag. None is an error, because a file cannot store it."""
    return _text(tag, "tag", INVALID_PARAMETER_VALUE)


def valued_pairs(what: str, items: Iterable[Any] | None) -> list[tuple[str, str]]:
    """Converts params or logged-model tags to pairs. None is a bad request, as in MLflow."""
    return list({item.key: _text(item, what, BAD_REQUEST) for item in items or ()}.items())


def _text(item: Any, what: str, code: int) -> str:
    if item.value is None:
        raise MlflowException(f"The {what} {item.key!r} has no value.", error_code=code)
    return str(item.value)


def count_of(max_results: Any, *, of_registry: bool = False) -> int:
    """Returns a number of results that the engine can check further: one that is not negative."""
    is_number = isinstance(max_results, int) and not isinstance(max_results, bool)
    if is_number and max_results >= 0:
        return min(max_results, _MAX)
    raise wrong_argument(
        f"Invalid value for max_results. It must be a positive integer, but got {max_results!r}"
        if of_registry
        else f"Invalid value {max_results!r} for parameter 'max_results' supplied. It must be a"
        " positive integer"
    )
