"""The command line program, which is the same one as the one built by Cargo."""

from __future__ import annotations

import signal
import sys

from tracklite import _tracklite


def main() -> int:
    """Runs the program with the arguments of the process, and returns the exit code."""
    # Ctrl-C ends native code at once. Python would wait for its end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _tracklite.run_command(["tracklite", *sys.argv[1:]])
