"""Embedded experiment tracking: runs, metrics and models in one crash-proof file, no server."""

from tracklite._tracklite import Database
from tracklite.exceptions import TrackliteError

__all__ = ["Database", "TrackliteError"]
