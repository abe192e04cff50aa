"""Flattening of nested params and metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any


def flat(params: Any) -> dict[str, Any]:
    """Flattens nested mappings, dataclasses and namespaces, and joins their keys by dots."""
    entries = _entries(params)
    if entries is None:
        kind = type(params).__name__
        raise TypeError(f"params must be a dict, a dataclass or a namespace, not {kind}")
    return dict(_leaves(entries, "", ".", "params"))


def flat_metrics(metrics: Any) -> dict[str, Any]:
    """Flattens nested mappings of metrics, and joins their keys by slashes."""
    if not isinstance(metrics, Mapping):
        raise TypeError(f"metrics must be a dict, not {type(metrics).__name__}")
    found: dict[str, Any] = {}
    for key, value in _leaves(metrics, "", "/", "metrics"):
        if key in found:
            raise ValueError(f"duplicate metric {key!r} in one row")
        found[key] = value
    return found


def _entries(value: Any) -> Mapping[Any, Any] | None:
    """Returns the named parts of a nested value, or None for a leaf."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    # argparse.Namespace, types.SimpleNamespace, and classes like these.
    if type(value).__name__ in ("Namespace", "SimpleNamespace") and hasattr(value, "__dict__"):
        return dict(vars(value))
    return None


def _leaves(
    entries: Mapping[Any, Any], prefix: str, separator: str, what: str
) -> Iterator[tuple[str, Any]]:
    for key, value in entries.items():
        if not isinstance(key, str):
            raise TypeError(f"the keys of {what} must be str, not {key!r}")
        inner = _entries(value)
        # An empty mapping of params has no leaves, so it is kept as a value.
        if inner is None or (not inner and what == "params"):
            yield prefix + key, value
        else:
            yield from _leaves(inner, prefix + key + separator, separator, what)
