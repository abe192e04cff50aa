"""Measures the package on this machine, and compares each result with its target.

Each result is the median of several rounds, followed by the best and the worst. Other load on the
machine is not corrected.

    python benches/reach.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tracklite

ROUNDS = 7


def rounds(work: Callable[[], float]) -> list[float]:
    """Returns the seconds of several rounds."""
    return [work() for _ in range(ROUNDS)]


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def report(what: str, seconds: list[float], target: float, unit: str) -> None:
    scale = {"ns": 1e9, "us": 1e6, "ms": 1e3}[unit]
    numbers = statistics.median(seconds), min(seconds), max(seconds)
    median, best, worst = (number * scale for number in numbers)
    verdict = "reached" if median <= target else "MISSED"
    print(f"{what:<36} {median:9.1f} {unit}  (best {best:.1f}, worst {worst:.1f})", end="")
    print(f"   target {target:g} {unit}: {verdict}")


def loop_metric(run: tracklite.Run, count: int = 100_000) -> float:
    log = run.log_metric

    def work() -> None:
        for step in range(count):
            log("loss", 0.5, step)

    return timed(work) / count


def loop_handle(run: tracklite.Run, count: int = 100_000) -> float:
    log = run.metric("loss").log

    def work() -> None:
        for step in range(count):
            log(0.5, step)

    return timed(work) / count


def loop_row(run: tracklite.Run, count: int = 50_000) -> float:
    log, row = run.log, {f"metric_{number}": 0.5 for number in range(8)}

    def work() -> None:
        for step in range(count):
            log(row, step)

    return timed(work) / count


def empty_call(count: int = 100_000) -> float:
    """Measures an empty function with three arguments, for comparison."""

    def log(key: str, value: float, step: int) -> None:
        pass

    def work() -> None:
        for step in range(count):
            log("loss", 0.5, step)

    return timed(work) / count


def importing() -> float:
    """Measures the import in a new interpreter, including the modules of Python it needs."""
    program = (
        "import time; t = time.perf_counter(); import tracklite; print(time.perf_counter() - t)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return float(done.stdout)


def opening(path: Path) -> float:
    program = (
        "import sys, time, tracklite; t = time.perf_counter(); "
        "d = tracklite.Database.open(sys.argv[1]); print(time.perf_counter() - t)"
    )
    command = [sys.executable, "-c", program, str(path)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def fill(database: tracklite.Database, runs: int) -> None:
    experiment = database.experiment("/bench")
    for number in range(runs):
        params = {"rate": number / runs, "depth": number % 7, "model": "tree", "seed": number}
        run = experiment.start_run(params=params, tags={"stage": "try", "team": "crm"})
        run.log({"loss": 1 / (number + 1), "accuracy": 0.5, "f1": 0.25})


def search_to_polars(database: tracklite.Database) -> float:
    import polars

    return timed(lambda: polars.DataFrame(database.runs_table()))


def history_to_numpy(run: tracklite.Run) -> float:
    return timed(lambda: run.history("long").to_numpy()["value"].sum())


def native_bytes() -> int:
    """Returns the size of the installed native module. The wheel is compressed and smaller."""
    return os.path.getsize(tracklite._tracklite.__file__)


def main() -> None:
    load = os.getloadavg()[0]
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.tracklite"
        database = tracklite.Database.create(path)
        run = database.default_experiment().start_run("loops")
        loop_metric(run)
        loop_row(run)
        report("log_metric", rounds(lambda: loop_metric(run)), 300, "ns")
        report("Metric.log", rounds(lambda: loop_handle(run)), 300, "ns")
        report("log of 8 keys", rounds(lambda: loop_row(run)), 1000, "ns")
        report("(an empty function of Python)", rounds(empty_call), 1000, "ns")
        report("import tracklite", rounds(importing), 50, "ms")
        fill(database, 1_000)
        database.tick()
        report("open, 1,000 runs, in a new process", rounds(lambda: opening(path)), 2, "ms")
        fill(database, 9_000)
        database.tick()
        report("open, 10,000 runs, in a new process", rounds(lambda: opening(path)), 2, "ms")
        long = database.default_experiment().start_run("long")
        long.metric("long").log_points([0.5] * 1_000_000)
        # Seal first, so that only reading is measured.
        database.tick()
        report("history of 1 M points -> numpy", rounds(lambda: history_to_numpy(long)), 20, "ms")
        if hasattr(tracklite, "Table"):
            took = rounds(lambda: search_to_polars(database))
            report("search 10,000 runs -> polars", took, 80, "ms")
        print(f"\nnative module: {native_bytes() / 1e6:.1f} MB installed (target: wheel <= 40 MB)")


if __name__ == "__main__":
    main()
