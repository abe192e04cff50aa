"""The files that this process has open, each once, however many stores and repositories use it."""

from __future__ import annotations

import os
import threading

from tracklite import _tracklite


class Handle:
    """An open file, by what is asked of it."""

    def __init__(self, path: str, *, create: bool) -> None:
        store = _tracklite.Store.open(path, create)
        self.store = store
        self.experiments = _tracklite.StoreExperiments(store)
        self.runs = _tracklite.StoreRuns(store)
        self.histories = _tracklite.StoreHistories(store)
        self.logged_models = _tracklite.StoreLoggedModels(store)
        self.registry = _tracklite.StoreRegistry(store)
        self.versions = _tracklite.StoreVersions(store)
        self.artifacts = _tracklite.StoreArtifacts(store)


_open: dict[str, Handle] = {}
_lock = threading.Lock()


def handle(path: str, *, create: bool = False) -> Handle:
    """The open file at this path, which is opened when it is not."""
    known = _open.get(path)
    if known is not None:
        return known
    with _lock:
        known = _open.get(path)
        if known is None:
            known = _open[path] = Handle(path, create=create)
        return known


def _forget_in_child() -> None:
    """A forked child opens its files anew; the lock may have been held by another thread."""
    global _open, _lock
    _open, _lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget_in_child)
