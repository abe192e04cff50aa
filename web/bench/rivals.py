"""Writes the data of the page's measurements for MLflow and TensorBoard: `python rivals.py FOLDER [POINTS]`.

MLflow gets a SQLite store, which `mlflow server` must have opened once, so that its tables exist. TensorBoard gets
event files. POINTS is the number of points of each metric of the long run. The output has one line of JSON.
"""

from __future__ import annotations

import json
import random
import sqlite3
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

RUNS = 100_000
KEYS = 12_345
METRICS = 50
POINTS = 1_000_000

Row = tuple[str, float, int, str, int, bool]


def add_run(store: sqlite3.Connection, run: str, experiment: int, started: int) -> None:
    """Writes a finished run."""
    store.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
        " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
        " VALUES (?, ?, 'UNKNOWN', '', '', '', 'FINISHED', ?, ?, '', 'active', ?, ?)",
        (run, run[:8], started, started + 1, f"mlflow-artifacts:/{experiment}/{run}/artifacts", experiment),
    )


def add_metrics(store: sqlite3.Connection, rows: Iterator[Row] | list[Row], newest: list[Row]) -> None:
    """Writes points, and the newest ones of each metric."""
    columns = "(key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)"
    store.executemany(f"INSERT INTO metrics {columns}", rows)
    store.executemany(f"INSERT INTO latest_metrics {columns}", newest)


def many_runs(store: sqlite3.Connection) -> None:
    """Writes runs with 20 metrics and 20 params each."""
    chance = random.Random(7)
    for number in range(RUNS):
        run = f"{number:032x}"
        add_run(store, run, 0, 1_790_000_000_000 + number)
        metrics: list[Row] = [(f"m{at:02}", chance.random(), 1, run, 0, False) for at in range(20)]
        add_metrics(store, metrics, metrics)
        params = [(f"p{at:02}", f"value-{chance.randrange([3, 10, 100, 10**6][at % 4])}", run) for at in range(20)]
        store.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", params)


def wide_run(store: sqlite3.Connection, experiment: int, run: str) -> None:
    """Writes a run of very many metrics."""
    add_run(store, run, experiment, 1_790_000_000_000)
    keys = [f"layer{at % 50}/w{at}" for at in range(KEYS)]
    rows: list[Row] = [(key, float(step), step, run, step, False) for key in keys for step in (0, 1)]
    add_metrics(store, rows, rows[1::2])


def curve(step: int, chance: random.Random) -> float:
    """Returns a falling value with noise."""
    return 1.0 / (1.0 + step / 10_000.0) + chance.random() * 0.1


def long_run(store: sqlite3.Connection, experiment: int, run: str, points: int) -> None:
    """Writes a run of long curves."""
    add_run(store, run, experiment, 1_790_000_000_000)
    for at in range(METRICS):
        chance = random.Random(at)
        key = f"layer{at // 10}/metric{at}"
        rows = ((key, curve(step, chance), step, run, step, False) for step in range(points))
        add_metrics(store, rows, [(key, 0.1, points - 1, run, points - 1, False)])


def checksum_table() -> list[int]:
    """Returns the table of CRC-32C."""
    table = []
    for start in range(256):
        value = start
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = checksum_table()


def masked(data: bytes) -> bytes:
    """Returns the masked CRC-32C of a record of an event file."""
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 255] ^ value >> 8
    value ^= 0xFFFFFFFF
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(value: int) -> bytes:
    """Returns a number as protobuf has it."""
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def part(field: int, data: bytes) -> bytes:
    """Returns a field with a length."""
    return bytes([field << 3 | 2]) + varint(len(data)) + data


def event(step: int, values: list[tuple[bytes, float]]) -> bytes:
    """Returns a record with the values of a step."""
    summary = b"".join(part(1, tag + b"\x15" + struct.pack("<f", value)) for tag, value in values)
    data = b"\x09" + struct.pack("<d", 1.79e9 + step) + b"\x10" + varint(step) + part(5, summary)
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def event_file(folder: Path, events: Iterator[bytes]) -> None:
    """Writes an event file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.out.tfevents.1790000000.bench").open("wb") as file:
        for record in events:
            file.write(record)


def tensorboard(folder: Path, points: int) -> None:
    """Writes the wide and the long run."""
    tags = [part(1, f"layer{at % 50}/w{at}".encode()) for at in range(KEYS)]
    event_file(folder / "wide", (event(step, [(tag, float(step))]) for step in (0, 1) for tag in tags))
    long = [part(1, f"layer{at // 10}/metric{at}".encode()) for at in range(METRICS)]
    chance = random.Random(3)
    event_file(folder / "long", (event(step, [(tag, curve(step, chance)) for tag in long]) for step in range(points)))


def main() -> None:
    """Writes what does not exist yet."""
    folder = Path(sys.argv[1])
    points = int(sys.argv[2]) if len(sys.argv) > 2 else POINTS
    store = sqlite3.connect(folder / "mlflow.db")
    store.execute("PRAGMA synchronous = OFF")
    if store.execute("SELECT count(*) FROM runs").fetchone() == (0,):
        for experiment, name in ((1, "wide"), (2, "long")):
            store.execute(
                "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,"
                " last_update_time) VALUES (?, ?, ?, 'active', 1, 1)",
                (experiment, name, f"mlflow-artifacts:/{experiment}"),
            )
        many_runs(store)
        wide_run(store, 1, "a" * 32)
        long_run(store, 2, "b" * 32, points)
        store.commit()
    if not (folder / "events").exists():
        tensorboard(folder / "events", points)
    print(json.dumps({"wide": "a" * 32, "long": "b" * 32, "points": points}))


main()
