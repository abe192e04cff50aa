"""Repeated fields in `order_by`, handled like in MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR
from mlflow.utils.search_utils import (
    SearchExperimentsUtils,
    SearchModelUtils,
    SearchModelVersionUtils,
    SearchUtils,
)

from tracklite.exceptions import InvalidInputError

# The parsers of the filter and of an item of the order, for each search.
_PARSERS = {
    "runs": (SearchUtils.parse_search_filter, SearchUtils.parse_order_by_for_search_runs),
    "registered models": (
        SearchModelUtils.parse_search_filter,
        SearchUtils.parse_order_by_for_search_registered_models,
    ),
    "model versions": (
        SearchModelVersionUtils.parse_search_filter,
        SearchModelVersionUtils.parse_order_by_for_search_model_versions,
    ),
}


def _field_of(name: str) -> str:
    """Returns the canonical name of a field."""
    return _OTHER_NAMES.get(name, str(SearchUtils.translate_key_alias(name)))


_OTHER_NAMES = {"timestamp": "last_updated_timestamp"}


def first_of_each(order_by: Sequence[str] | None) -> list[str]:
    """Returns an order of experiments without repeated fields, which MLflow ignores."""
    kept: dict[object, str] = {}
    try:
        for item in order_by or ():
            field = SearchExperimentsUtils.parse_order_by_for_search_experiments(item)[:-1]
            kept.setdefault(field, item)
    except MlflowException:
        return list(order_by or ())
    return list(kept.values())


@contextmanager
def repeated_fields(
    what: str, filter_string: str | None, order_by: Sequence[str] | None
) -> Iterator[None]:
    """Translates the error of a search whose order repeats a field to MLflow's.

    MLflow raises that error without a code, which makes it an internal error. All other invalid
    orders are invalid arguments.
    """
    try:
        yield
    except InvalidInputError as error:
        if _is_repeated(what, filter_string, order_by or ()):
            raise MlflowException(
                f"`order_by` contains duplicate fields: {order_by}", INTERNAL_ERROR
            ) from error
        raise


def _is_repeated(what: str, filter_string: str | None, order_by: Sequence[str]) -> bool:
    parse_filter, parse_item = _PARSERS[what]
    try:
        parse_filter(filter_string)
        # The last two parts are the name of the field and the direction.
        fields = [(*parse_item(item)[:-2], _field_of(parse_item(item)[-2])) for item in order_by]
    except MlflowException:
        return False
    return len(set(fields)) < len(fields)
