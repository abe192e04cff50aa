"""Nested params and metrics made flat."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any


def flat(params: Any) -> dict[str, Any]:
    """Params of nested mappings, dataclasses and namespaces, their keys joined by dots."""
    entries = _entries(params)
    if entries is None:
        kind = type(params).__name__
        raise TypeError(f"params must be a dict, a dataclass or a namespace, not {kind}")
    return dict(_leaves(entries, "", ".", "params"))


def flat_metrics(metrics: Any) -> dict[str, Any]:
    """Metrics of nested mappings, their keys joined by slashes."""
    if not isinstance(metrics, Mapping):
        raise TypeError(f"metrics must be a dict, not {type(metrics).__name__}")
    found: dict[str, Any] = {}
    for key, value in _leaves(metrics, "", "/", "metrics"):
        if key in found:
            raise ValueError(f"metric {key!r} stands twice in one row")
        found[key] = value
    return found


def _entries(value: Any) -> Mapping[Any, Any] | None:
    """What a nested value holds by name; None for what holds nothing by name."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    # argparse.Namespace and types.SimpleNamespace, and what is built like them.
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
        # An empty one has no leaves, and is told as it is.
        if inner is None or (not inner and what == "params"):
            yield prefix + key, value
        else:
            yield from _leaves(inner, prefix + key + separator, separator, what)
