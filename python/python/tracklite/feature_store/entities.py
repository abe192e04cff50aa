"""The values that the clients take and return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


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
