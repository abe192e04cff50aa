"""The files that this process has open, each once, however many stores and repositories use it."""

from __future__ import annotations

import os
import threading
from typing import NamedTuple

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from tracklite import _tracklite


class Identity(NamedTuple):
    """Which file it is, whatever it is called."""

    device: int
    inode: int


class Handle:
    """An open file, by what is asked of it."""

    def __init__(self, path: str, *, create: bool) -> None:
        store = _tracklite.Store.open(path, create)
        self.store = store
        self.identity = _identity_at(path)
        self.experiments = _tracklite.StoreExperiments(store)
        self.runs = _tracklite.StoreRuns(store)
        self.histories = _tracklite.StoreHistories(store)
        self.logged_models = _tracklite.StoreLoggedModels(store)
        self.registry = _tracklite.StoreRegistry(store)
        self.versions = _tracklite.StoreVersions(store)
        self.artifacts = _tracklite.StoreArtifacts(store)


class StoredFile:
    """The file that a store was made on: at its path lies that file, or none, but no other one."""

    def __init__(self, path: str, *, create: bool) -> None:
        self._path = os.path.realpath(path)
        self.identity = _opened_anew(self._path, create=create).identity

    @property
    def handle(self) -> Handle:
        """The open file, of which nothing says that it is still at its path."""
        found = _opened(self._path)
        if found.identity != self.identity:
            raise _lost(self._path, "another file lies there now")
        return found

    @property
    def present(self) -> Handle:
        """The open file, for what must not be written into one that was deleted or replaced."""
        found, lies_there = self.handle, _identity_at(self._path)
        if lies_there is None:
            raise _lost(self._path, "it is gone")
        if lies_there != found.identity:
            raise _lost(self._path, "another file lies there now")
        return found


_open: dict[str, Handle] = {}
_lock = threading.Lock()


def _identity_at(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return Identity(found.st_dev, found.st_ino)


def _lost(path: str, what: str) -> MlflowException:
    return MlflowException(
        f"{path} is not the file any more that was opened: {what}. What is written would be lost"
        " with the file that was there; start anew with the file that is to be used.",
        RESOURCE_DOES_NOT_EXIST,
    )


def _opened(path: str) -> Handle:
    """The open file of this path, which a forked child opens when it first needs it."""
    known = _open.get(path)
    if known is not None:
        return known
    with _lock:
        known = _open.get(path)
        if known is None:
            known = _open[path] = Handle(path, create=False)
        return known


def _opened_anew(path: str, *, create: bool) -> Handle:
    """The file that lies at this path now: an open one counts only if it is that."""
    with _lock:
        known = _open.get(path)
        if known is None or known.identity != _identity_at(path):
            known = _open[path] = Handle(path, create=create)
        return known


def _forget_in_child() -> None:
    """A forked child opens its files anew; the lock may have been held by another thread."""
    global _open, _lock
    _open, _lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget_in_child)
