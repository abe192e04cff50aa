"""The values that the clients take and return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tracklite.exceptions import InvalidInputError


def names_of(value: str | Sequence[str] | None) -> list[str]:
    """Returns one name or several as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


@dataclass(frozen=True)
class FeatureTable:
    """A table of features."""

    name: str
    description: str | None
    primary_keys: list[str]
    timestamp_keys: list[str]
    features: list[str]
    """The names of all columns but those of the key and the timestamp."""
    column_types: dict[str, str]
    tags: dict[str, str]
    creation_timestamp: datetime
    table_id: str
    partition_columns: list[str] = field(default_factory=list)
    """Always empty: tables of a file have no partitions."""


@dataclass(frozen=True)
class FeatureFunction:
    """A column that a registered function returns for other columns, after the lookups.

    `input_bindings` names the column for each parameter; by default a parameter gets the column of
    its own name. The column is called `output_name`, by default like the last level of the
    function's name.
    """

    udf_name: str
    input_bindings: Mapping[str, str] | None = field(default=None, kw_only=True)
    output_name: str | None = field(default=None, kw_only=True)

    @property
    def output(self) -> str:
        """The name of the column."""
        return self.output_name or self.udf_name.rsplit(".", 1)[-1]

    def frozen(self, version: int, code: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the function as JSON, with its code fixed."""
        given = dict(self.input_bindings or {})
        unknown = [name for name in given if name not in code["parameters"]]
        if unknown:
            raise InvalidInputError(
                f"the function {self.udf_name!r} has no parameter {unknown[0]!r}: it has"
                f" {', '.join(code['parameters'])}"
            )
        return {
            "udf_name": self.udf_name,
            "version": version,
            "name": code["name"],
            "source": code["source"],
            "bindings": {name: given.get(name, name) for name in code["parameters"]},
            "output": self.output,
        }


@dataclass(frozen=True)
class FeatureLookup:
    """Features of one table, found by columns of the rows.

    `lookup_key` is a column of the rows, or several in the order of the table's key. Without
    `feature_names`, all columns but the key and the timestamp are looked up. With
    `timestamp_lookup_key`, a column of times, each row gets the newest values up to its time, and
    with `lookback_window` none that are older than this. `default_values` replace nulls.
    """

    table_name: str
    lookup_key: str | Sequence[str]
    feature_names: str | Sequence[str] | None = field(default=None, kw_only=True)
    rename_outputs: Mapping[str, str] | None = field(default=None, kw_only=True)
    timestamp_lookup_key: str | None = field(default=None, kw_only=True)
    lookback_window: timedelta | None = field(default=None, kw_only=True)
    default_values: Mapping[str, Any] | None = field(default=None, kw_only=True)

    def frozen(self, version: int, features: Sequence[str]) -> dict[str, Any]:
        """Returns the lookup as JSON, with the features and the version of the table fixed."""
        renamed = dict(self.rename_outputs or {})
        window = self.lookback_window
        return {
            "table": self.table_name,
            "keys": names_of(self.lookup_key),
            "features": list(features),
            "rename": {name: renamed[name] for name in features if name in renamed},
            "time": self.timestamp_lookup_key,
            "lookback": None if window is None else window.total_seconds(),
            "defaults": dict(self.default_values or {}),
            "version": version,
        }

    def outputs(self, features: Sequence[str]) -> list[str]:
        """Returns the names of features in the result."""
        renamed = self.rename_outputs or {}
        return [renamed.get(name, name) for name in features]
