"""Rows with features, and where they came from."""

from __future__ import annotations

from typing import Any

from tracklite._tracklite import Database, Table
from tracklite.exceptions import InvalidInputError
from tracklite.feature_store.frames import columns_of, like, to_arrow, with_columns, without
from tracklite.feature_store.functions import FunctionError, outputs


def outputs_of(spec: dict[str, Any]) -> list[str]:
    """Returns the names of the columns that lookups and functions add."""
    looked_up = [
        lookup["rename"].get(name, name)
        for lookup in spec["lookups"]
        for name in lookup["features"]
    ]
    return looked_up + [function["output"] for function in spec.get("functions", [])]


def with_functions(frame: Any, table: Table, functions: list[dict[str, Any]]) -> Any:
    """Returns a frame with the columns of functions of the same rows, which a table has too."""
    if not functions:
        return frame
    names = {name for function in functions for name in function["bindings"].values()}
    given = {function["output"] for function in functions}
    columns = {name: table[name] for name in table.columns if name in names | given}
    try:
        found = outputs(functions, columns, len(table))
    except FunctionError as error:
        raise InvalidInputError(str(error)) from error
    return with_columns(frame, found)


class TrainingSet:
    """Rows with labels, and lookups of the features for them.

    The versions of the feature tables are fixed, so that `load_df` returns the same rows at any
    later time.
    """

    def __init__(self, database: Database, df: Any, spec: dict[str, Any]) -> None:
        self._database = database
        self._df = df
        self.spec = spec
        """The lookups as JSON, as a model stores them."""

    def load_df(self) -> Any:
        """Returns the rows with their features, in the given order, without excluded columns."""
        joined = self._database.join_features(to_arrow(self._df), self.spec["lookups"])
        frame = like(joined["table"], self._df)
        frame = with_functions(frame, joined["table"], self.spec.get("functions", []))
        return without(frame, self.spec["exclude_columns"])

    @property
    def input_columns(self) -> list[str]:
        """The columns that a model gets: those of `load_df` but the labels."""
        outputs = outputs_of(self.spec)
        left_out = {*self.spec["exclude_columns"], *self.spec["labels"]}
        return [name for name in [*columns_of(self._df), *outputs] if name not in left_out]
