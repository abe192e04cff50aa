"""The same work in each library: one function each.

A function takes an empty folder and returns four functions: log a row of metrics at a step, finish,
read one metric, and count the bytes on disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Work: TypeAlias = tuple[
    Callable[[dict[str, float], int], None],
    Callable[[], None],
    Callable[[str], Sequence[float]],
    Callable[[], int],
]


def bytes_in(folder: Path) -> int:
    """Returns the disk space of all files of a folder."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def with_tracklite(folder: Path) -> Work:
    import tracklite

    database = tracklite.Database.create(folder / "runs.tracklite")
    run = database.default_experiment().start_run()
    again = database.run(run.id)
    return (
        lambda row, step: run.log(row, step),
        run.finish,
        lambda key: again.history(key).to_numpy()["value"],
        lambda: bytes_in(folder),
    )


def with_sqlite(folder: Path) -> Work:
    """A table of points in WAL mode, with one transaction a step."""
    connection = sqlite3.connect(folder / "runs.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE points (key TEXT, step INTEGER, time REAL, value REAL)")

    def log(row: dict[str, float], step: int) -> None:
        now = time.time()
        with connection:
            points = [(key, step, now, value) for key, value in row.items()]
            connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", points)

    def read(key: str) -> list[float]:
        found = connection.execute("SELECT value FROM points WHERE key = ? ORDER BY step", (key,))
        return [value for (value,) in found]

    return log, lambda: None, read, lambda: bytes_in(folder)


def with_mlflow(folder: Path) -> Work:
    """MLflow's client with its SQLite store, one batch a step."""
    import mlflow
    from mlflow.entities import Metric

    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    run: Any = client.create_run("0")

    def log(row: dict[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(key, value, now, step) for key, value in row.items()]
        client.log_batch(run.info.run_id, metrics)

    def read(key: str) -> list[float]:
        return [point.value for point in client.get_metric_history(run.info.run_id, key)]

    return log, lambda: client.set_terminated(run.info.run_id), read, lambda: bytes_in(folder)


def with_tensorboardx(folder: Path) -> Work:
    """Event files. A background thread writes them, so a kill loses buffered events."""
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder))

    def log(row: dict[str, float], step: int) -> None:
        for key, value in row.items():
            writer.add_scalar(key, value, step)

    def read(key: str) -> list[float]:
        from tensorboardX.proto.event_pb2 import Event

        values = []
        for file in folder.glob("events.*"):
            data, at = file.read_bytes(), 0
            while at < len(data):
                length = int.from_bytes(data[at : at + 8], "little")
                event = Event.FromString(data[at + 12 : at + 12 + length])
                values += [one.simple_value for one in event.summary.value if one.tag == key]
                at += 12 + length + 4
        return values

    return log, writer.close, read, lambda: bytes_in(folder)


ADAPTERS: dict[str, Callable[[Path], Work]] = {
    "tracklite": with_tracklite,
    "plain SQLite": with_sqlite,
    "MLflow SQLite": with_mlflow,
    "tensorboardX": with_tensorboardx,
}
