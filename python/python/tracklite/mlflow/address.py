"""Addresses with the scheme `tracklite`: the file, and a path of artifacts in it.

An address is `tracklite:///folder/runs.tracklite`. The form `tracklite:/folder/...` with one slash
is what MLflow makes when it appends to an address. A relative path follows the colon directly, as
in `tracklite:runs.tracklite`. The path of the file is percent-encoded: `%20` is a space. A path of
artifacts may follow:

    EXPERIMENT/RUN/artifacts/...              files of a run
    EXPERIMENT/models/MODEL/artifacts/...     files of a logged model
    versions/REGISTERED_MODEL/VERSION/...     files of a version of a registered model

The experiment may be omitted.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tracklite._tracklite import artifact_owner

SCHEME = "tracklite"
PROXY_SCHEME = "mlflow-artifacts"

_MODEL = re.compile(r"m-[0-9a-f]{32}")


class AddressError(ValueError):
    """An address without a file, or with an invalid path in it."""


class Owner(NamedTuple):
    """The owner of artifacts: `run`, `model` or `version`, its ID, and the number of a version."""

    kind: str
    id: str
    version: int = 0


def is_own(address: str) -> bool:
    """Returns whether an address has the scheme `tracklite`."""
    return address.split(":", 1)[0].lower() == SCHEME


def file_of(address: str) -> str:
    """Returns the absolute path of the file of a store. Its folder must exist."""
    path = _path(address)
    if path.endswith("/"):
        raise AddressError(f"{address!r} is a folder: expected the path of a file")
    file = os.path.abspath(unquote(path))
    if not os.path.isdir(os.path.dirname(file)):
        raise AddressError(f"{address!r}: there is no folder {os.path.dirname(file)}")
    return file


def split(address: str) -> tuple[str, str]:
    """Splits an address of artifacts into the file and the path in it.

    The file is the shortest prefix of the path that is a file.
    """
    path = _path(address)
    end = 0
    while end < len(path):
        end = path.find("/", end + 1)
        if end == -1:
            end = len(path)
        file = unquote(path[:end])
        if os.path.isfile(file):
            return os.path.abspath(file), path[end:].strip("/")
    raise AddressError(f"{address!r} has no existing file in its path")


def _path(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise AddressError(f"{address!r} is not an address: {error}") from error
    if parts.scheme != SCHEME:
        raise AddressError(f"{address!r} does not begin with {SCHEME}:")
    if parts.netloc:
        raise AddressError(
            f"{address!r} has a host {parts.netloc!r}: an absolute path needs three slashes, as in"
            f" {SCHEME}:///folder/runs.tracklite"
        )
    if parts.query or parts.fragment:
        raise AddressError(
            f"{address!r} has a query or fragment, which are not supported: in a path, write %3F"
            " for a question mark and %23 for a number sign"
        )
    if not parts.path.strip("/"):
        raise AddressError(f"{address!r} has no path of a file")
    return parts.path


def owner_of(path: str) -> tuple[Owner, str] | None:
    """Splits a path of artifacts into its owner and the path within. None if it has no owner."""
    # As in a file system, `.` is the same folder, and `..` is the one above.
    found = artifact_owner(posixpath.normpath(f"/{path.strip('/')}"))
    if found is None:
        return None
    kind, owner_id, version, inner = found
    return Owner(kind, owner_id, version), inner


def is_model(text: str) -> bool:
    """Returns whether a text has the form of a logged model ID."""
    return _MODEL.fullmatch(text) is not None


def engine_address(path: str) -> str | None:
    """Converts a path of artifacts to the engine's address: `runs:/...` or `models:/m-...`."""
    found = owner_of(path)
    if found is None or found[0].kind == "version":
        return None
    owner, inner = found
    scheme = "runs" if owner.kind == "run" else "models"
    return f"{scheme}:/{owner.id}/{inner}" if inner else f"{scheme}:/{owner.id}"


class Root:
    """The root address of the artifacts of a file: its own address, or one of a server."""

    def __init__(self, file_address: str, server_root: str | None) -> None:
        self.file_address = file_address
        self.is_proxied = bool(server_root) and urlsplit(server_root).scheme == PROXY_SCHEME
        self.text = server_root.rstrip("/") if server_root and self.is_proxied else file_address

    def experiment(self, experiment_id: int) -> str:
        """Returns the address of the artifacts of an experiment."""
        return f"{self.text}/{experiment_id}"

    def inside(self, address: str) -> str | None:
        """Returns the path in this file of an address, or None if it is elsewhere."""
        if is_own(address):
            try:
                file, path = split(address)
            except AddressError:
                return None
            own = unquote(urlsplit(self.file_address).path)
            is_this = os.path.realpath(file) == os.path.realpath(own)
            return path if is_this else None
        if urlsplit(address).scheme == PROXY_SCHEME and self.is_proxied:
            return urlsplit(address).path.strip("/")
        return None
