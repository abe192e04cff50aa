"""Runs the command line program: `python -m tracklite`."""

import sys

from tracklite._command import main

if __name__ == "__main__":
    sys.exit(main())
