"""What MLflow says of an order that names a field twice."""

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

# For each search what parses its filter, and what an item of its order.
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
    """The field that a name means, of which some have several."""
    return _OTHER_NAMES.get(name, str(SearchUtils.translate_key_alias(name)))


_OTHER_NAMES = {"timestamp": "last_updated_timestamp"}


def first_of_each(order_by: Sequence[str] | None) -> list[str]:
    """An order of experiments without fields that come again: to MLflow they change nothing."""
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
    """Within it a search that fails for such an order alone fails with MLflow's code for that.

    All other wrong orders are wrong arguments; this one MLflow gives no code, which makes it an
    internal error.
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
        # The direction comes last, and before it the name of the field.
        fields = [(*parse_item(item)[:-2], _field_of(parse_item(item)[-2])) for item in order_by]
    except MlflowException:
        return False
    return len(set(fields)) < len(fields)
