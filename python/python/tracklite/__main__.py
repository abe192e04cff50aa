"""Runs the command line program: `python -m tracklite`."""

import sys

from tracklite._command import main

sys.exit(main())
