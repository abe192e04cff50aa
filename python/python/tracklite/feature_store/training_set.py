"""Rows with features, and where they came from."""

from __future__ import annotations

from typing import Any

from tracklite._tracklite import Database
from tracklite.feature_store.frames import columns_of, like, to_arrow, without


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
        return without(like(joined["table"], self._df), self.spec["exclude_columns"])

    @property
    def input_columns(self) -> list[str]:
        """The columns that a model gets: those of `load_df` but the labels."""
        outputs = [
            lookup["rename"].get(name, name)
            for lookup in self.spec["lookups"]
            for name in lookup["features"]
        ]
        left_out = {*self.spec["exclude_columns"], *self.spec["labels"]}
        return [name for name in [*columns_of(self._df), *outputs] if name not in left_out]
