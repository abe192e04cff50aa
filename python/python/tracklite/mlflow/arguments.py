"""Arguments of MLflow's calls, as the engine takes them; what is wrong is told by its name."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INVALID_PARAMETER_VALUE

from tracklite.mlflow.errors import wrong_argument

DEFAULT_EXPERIMENT = 0

_LEAST, _GREATEST = -(2**63), 2**63 - 1


def whole_number(name: str, value: Any) -> int:
    """A time or step as a whole number of 64 bits; a fraction is cut off."""
    if type(value) is int:
        number = value
    elif not isinstance(value, numbers.Number):
        raise wrong_argument(f"Invalid value {value!r} for {name}: a number is due")
    else:
        try:
            number = int(value)  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError) as error:
            raise wrong_argument(
                f"Invalid value {value!r} for {name}: a finite number is due"
            ) from error
    if not _LEAST <= number <= _GREATEST:
        raise wrong_argument(f"Invalid value {value!r} for {name}: it exceeds 64 bits")
    return int(number)


def experiment_number(experiment_id: str | int | None) -> int:
    """The number of an experiment; that of the default one for none."""
    return _number(experiment_id or DEFAULT_EXPERIMENT)


def _number(experiment_id: str | int) -> int:
    try:
        return int(experiment_id)
    except (TypeError, ValueError) as error:
        raise wrong_argument(
            f"Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer."
        ) from error


def experiment_numbers(experiment_ids: Iterable[str | int]) -> list[int]:
    """The numbers of experiments; what can be the number of none is left out."""
    known = [_number(experiment_id) for experiment_id in experiment_ids]
    return [number for number in known if 0 <= number < 2**63]


def tag_pairs(tags: Iterable[Any] | None) -> list[tuple[str, str]]:
    """Tags as pairs of texts; of a key that is given twice the last value."""
    return list({tag.key: tag_text(tag) for tag in tags or ()}.items())


def tag_text(tag: Any) -> str:
    """The text of a tag, which must have one: a file has no place for tags without."""
    return _text(tag, "tag", INVALID_PARAMETER_VALUE)


def valued_pairs(what: str, items: Iterable[Any] | None) -> list[tuple[str, str]]:
    """Params, or tags of logged models: to MLflow it is a bad request if one has no value."""
    return list({item.key: _text(item, what, BAD_REQUEST) for item in items or ()}.items())


def _text(item: Any, what: str, code: int) -> str:
    if item.value is None:
        raise MlflowException(f"The {what} {item.key!r} has no value.", error_code=code)
    return str(item.value)


def check_max_results(max_results: object, *, most: int, allow_none: bool = False) -> None:
    """Raises MLflow's error for a number of results that is no number, or out of bounds."""
    if max_results is None and allow_none:
        return
    is_number = isinstance(max_results, int) and not isinstance(max_results, bool)
    if not is_number or not 1 <= max_results <= most:  # type: ignore[operator]
        raise wrong_argument(
            f"Invalid value {max_results!r} for parameter 'max_results': 1 to {most} is allowed"
        )
