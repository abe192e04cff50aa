"""Iteration over the pages of a search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def iterate(target: Any, method: str, arguments: dict[str, Any]) -> Iterator[Any]:
    """Yields the items of all pages. The first page is read now, so that errors are raised now."""
    search = getattr(target, method)
    return _items(search, arguments, search(**arguments))


def _items(search: Any, arguments: dict[str, Any], page: Any) -> Iterator[Any]:
    yield from page.items
    while page.next_page_token is not None:
        page = search(**arguments, page_token=page.next_page_token)
        yield from page.items
