"""Addresses under the scheme `tracklite`: which file is meant, and what in it.

An address is `tracklite:///folder/runs.tracklite`, or with one slash `tracklite:/folder/...`, as
MLflow writes it when it appends to one; a relative path follows the colon, as in
`tracklite:runs.tracklite`. In the path of the file `%20` stands for a space, and so on. What
follows the file is a path of artifacts:

    EXPERIMENT/RUN/artifacts/...              files of a run
    EXPERIMENT/models/MODEL/artifacts/...     files of a logged model
    versions/REGISTERED_MODEL/VERSION/...     files of a version of a registered model

and may begin with RUN or models, without the experiment.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

SCHEME = "tracklite"
PROXY_SCHEME = "mlflow-artifacts"

_RUN = re.compile(r"[0-9a-f]{32}")
_MODEL = re.compile(r"m-[0-9a-f]{32}")
_NUMBER = re.compile(r"[0-9]+")


class AddressError(ValueError):
    """An address that names no file, or nothing in one."""


class Owner(NamedTuple):
    """What holds artifacts: `run`, `model` or `version`, its id, and the number of a version."""

    kind: str
    id: str
    version: int = 0


def is_own(address: str) -> bool:
    """Whether an address is of this scheme."""
    return address.split(":", 1)[0].lower() == SCHEME


def file_of(address: str) -> str:
    """The absolute path of the file that the address of a store names; its folder is there."""
    path = _path(address)
    if path.endswith("/"):
        raise AddressError(f"{address!r} names a folder: the path of a file is due")
    file = os.path.abspath(unquote(path))
    if not os.path.isdir(os.path.dirname(file)):
        raise AddressError(f"{address!r}: there is no folder {os.path.dirname(file)}")
    return file


def split(address: str) -> tuple[str, str]:
    """The file that an address of artifacts leads into, and the path after it.

    The file is the shortest beginning of the path that is one.
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
    raise AddressError(f"{address!r} leads into no file that exists")


def _path(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise AddressError(f"{address!r} is no address: {error}") from error
    if parts.scheme != SCHEME:
        raise AddressError(f"{address!r} does not begin with {SCHEME}:")
    if parts.netloc:
        raise AddressError(
            f"{address!r} names the host {parts.netloc!r}: an absolute path has three slashes,"
            f" as {SCHEME}:///folder/runs.tracklite"
        )
    if parts.query or parts.fragment:
        raise AddressError(
            f"{address!r} has a query or fragment, which mean nothing here; in a path write"
            " %3F for a question mark and %23 for a number sign"
        )
    if not parts.path.strip("/"):
        raise AddressError(f"{address!r} names no file")
    return parts.path


def owner_of(path: str) -> tuple[Owner, str] | None:
    """What a path behind the file belongs to, and the path within that; None for neither."""
    parts = [part for part in path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "versions":
        if _RUN.fullmatch(parts[1]) and _NUMBER.fullmatch(parts[2]):
            return Owner("version", parts[1], int(parts[2])), "/".join(parts[3:])
        return None
    if parts and _NUMBER.fullmatch(parts[0]) and not _RUN.fullmatch(parts[0]):
        parts = parts[1:]
    if len(parts) >= 3 and parts[0] == "models" and parts[2] == "artifacts":
        if _MODEL.fullmatch(parts[1]):
            return Owner("model", parts[1]), "/".join(parts[3:])
    if len(parts) >= 2 and _RUN.fullmatch(parts[0]) and parts[1] == "artifacts":
        return Owner("run", parts[0]), "/".join(parts[2:])
    return None


def is_model(text: str) -> bool:
    """Whether a text can be the id of a logged model."""
    return _MODEL.fullmatch(text) is not None


def engine_address(path: str) -> str | None:
    """What the engine calls a path behind the file: `runs:/...` or `models:/m-...`."""
    found = owner_of(path)
    if found is None or found[0].kind == "version":
        return None
    owner, inner = found
    scheme = "runs" if owner.kind == "run" else "models"
    return f"{scheme}:/{owner.id}/{inner}" if inner else f"{scheme}:/{owner.id}"


class Root:
    """Where the artifacts of a file are given out: by its own address, or through a server."""

    def __init__(self, file_address: str, server_root: str | None) -> None:
        self.file_address = file_address
        self.is_proxied = bool(server_root) and urlsplit(server_root).scheme == PROXY_SCHEME
        self.text = server_root.rstrip("/") if server_root and self.is_proxied else file_address

    def experiment(self, experiment_id: int) -> str:
        """Where the artifacts of an experiment are."""
        return f"{self.text}/{experiment_id}"

    def inside(self, address: str) -> str | None:
        """The path behind the file of an address that leads into it, else None."""
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
