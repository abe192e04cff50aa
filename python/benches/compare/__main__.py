"""The same work in tracklite, plain SQLite, MLflow's SQLite store and tensorboardX.

    python benches/compare [--steps 2000] [--rounds 5]

Logs five metrics at each step, such that each point survives the death of the process if the
library supports that. Then reads back one metric, and another one. Each round runs all libraries
once, in turn, so that other load on the machine affects all of them. Reports missing libraries.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from adapters import ADAPTERS

KEYS = [f"metric_{number}" for number in range(5)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    missing: dict[str, str] = {}
    for _ in range(options.rounds):
        for name, make in ADAPTERS.items():
            with tempfile.TemporaryDirectory() as folder:
                try:
                    log, close, read, size = make(Path(folder))
                except ImportError as error:
                    missing[name] = str(error)
                    continue
                started = time.perf_counter()
                for step in range(options.steps):
                    log({key: 1 / (step + 1) for key in KEYS}, step)
                logged = time.perf_counter()
                close()
                closed = time.perf_counter()
                values = read(KEYS[0])
                done = time.perf_counter()
                read(KEYS[1])
                again = time.perf_counter()
                if len(values) != options.steps:
                    raise SystemExit(f"{name} returned {len(values)} of {options.steps} points")
                took[name, "us a step"].append((logged - started) / options.steps * 1e6)
                took[name, "ms to close"].append((closed - logged) * 1e3)
                took[name, "ms to read"].append((done - closed) * 1e3)
                took[name, "ms to read another"].append((again - done) * 1e3)
                took[name, "KiB on disk"].append(size() / 1024)
    columns = ["us a step", "ms to close", "ms to read", "ms to read another", "KiB on disk"]
    print(
        f"{options.steps} steps of {len(KEYS)} metrics, medians of {options.rounds} rounds,", end=""
    )
    print(f" load {os.getloadavg()[0]:.1f}; in parentheses: times tracklite\n")
    print(f"{'':<14}" + "".join(f"{column:>22}" for column in columns))
    for name in ADAPTERS:
        if name in missing:
            print(f"{name:<14}  not installed: {missing[name]}")
            continue
        cells = []
        for column in columns:
            median = statistics.median(took[name, column])
            ours = statistics.median(took["tracklite", column])
            cells.append(f"{median:12.1f} ({median / ours:7.2f})" if ours else f"{median:12.1f}")
        print(f"{name:<14}" + "".join(f"{cell:>22}" for cell in cells))


if __name__ == "__main__":
    main()
