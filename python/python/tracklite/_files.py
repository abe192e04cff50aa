"""Artifacts as files of Python."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracklite._tracklite import ArtifactReader

_BUFFER_BYTES = 128 * 1024


class ArtifactFile(io.RawIOBase):
    """A seekable file over an artifact, for reading."""

    def __init__(self, reader: ArtifactReader, name: str) -> None:
        self._reader = reader
        self._position = 0
        self.name = name

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves to a position, and returns it."""
        self._check_open()
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._reader.length}
        if whence not in starts:
            raise ValueError(f"invalid whence {whence}: expected 0, 1 or 2")
        position = starts[whence] + offset
        if position < 0:
            raise ValueError(f"negative position {position}")
        self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        """Reads bytes into a buffer, and returns their number. 0 is the end."""
        self._check_open()
        with memoryview(buffer).cast("B") as view:
            data = self._reader.read_at(self._position, len(view))
            view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def opened(reader: ArtifactReader, path: str) -> io.BufferedReader:
    """Returns a buffered file over an artifact."""
    return io.BufferedReader(ArtifactFile(reader, path), _BUFFER_BYTES)
