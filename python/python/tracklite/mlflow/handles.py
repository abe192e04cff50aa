"""The files that this process has open. All stores and repositories of a file share one handle."""

from __future__ import annotations

import os
import threading
from typing import NamedTuple

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from tracklite import _tracklite


class Identity(NamedTuple):
    """The identity of a file, independent of its path."""

    device: int
    inode: int


class Handle:
    """An open file, with an object for each topic."""

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
        self.webhooks = _tracklite.StoreWebhooks(store)
        self.artifacts = _tracklite.StoreArtifacts(store)


class StoredFile:
    """The file of a store. Refuses another file that took its path."""

    def __init__(self, path: str, *, create: bool) -> None:
        self._path = os.path.realpath(path)
        self.identity = _reopened(self._path, create=create).identity

    @property
    def handle(self) -> Handle:
        """The open file, even if it was deleted since."""
        found = _opened(self._path)
        if found.identity != self.identity:
            raise _lost(self._path, "another file has its path")
        return found

    @property
    def present(self) -> Handle:
        """The open file, after checking that it was not deleted or replaced."""
        found, at_path = self.handle, _identity_at(self._path)
        if at_path is None:
            raise _lost(self._path, "it was deleted")
        if at_path != found.identity:
            raise _lost(self._path, "another file has its path")
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
        f"{path} is no longer the file that was opened: {what}. Writes would be lost with the"
        " earlier file. Restart the process to use the current one.",
        RESOURCE_DOES_NOT_EXIST,
    )


def _opened(path: str) -> Handle:
    """Returns the open file with this path. A forked child opens it on first use."""
    known = _open.get(path)
    if known is not None:
        return known
    with _lock:
        known = _open.get(path)
        if known is None:
            known = _open[path] = Handle(path, create=False)
        return known


def _reopened(path: str, *, create: bool) -> Handle:
    """Returns the file that is at this path now, and opens it unless it is open already."""
    with _lock:
        known = _open.get(path)
        if known is None or known.identity != _identity_at(path):
            known = _open[path] = Handle(path, create=create)
        return known


def _forget_in_child() -> None:
    """Clears all state in a forked child, where another thread may have held the lock."""
    global _open, _lock
    _open, _lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget_in_child)
