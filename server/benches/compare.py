"""This server beside MLflow's own, over the same runs, in one process of each at a time.

    python server/benches/compare.py [--runs 10000] [--rounds 3] [--gib 1]

The environment has MLflow, and TRACKLITE_PROGRAM names the program. `wrk` must be installed. The output
is a table in Markdown with medians. Memory is that of the whole process tree.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

KEYS = 45
RESULTS = 1000


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Client:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Sends JSON, and returns the JSON of the answer."""
        return json.loads(self.raw(method, path, body) or b"{}")

    def raw(self, method: str, path: str, body: Any = None) -> bytes:
        """Sends JSON, and returns the bytes of the answer."""
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text[:500]
        return text


class Rival:
    """A server that is started and measured."""

    def __init__(self, name: str, command: Callable[[Path, int], list[str]]) -> None:
        self.name = name
        self.command = command
        self.values: dict[str, list[float]] = {}

    def note(self, work: str, value: float) -> None:
        """Keeps a measured value."""
        self.values.setdefault(work, []).append(value)

    @contextlib.contextmanager
    def running(self, folder: Path) -> Iterator[tuple[int, int, float]]:
        """Starts the server. Yields its port, its process, and the seconds to its first answer."""
        port = free_port()
        log = (folder / "log").open("ab")
        began = time.perf_counter()
        server = subprocess.Popen(
            self.command(folder, port), stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
        try:
            while True:
                try:
                    Client(port).send("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
                    break
                except (OSError, AssertionError):
                    assert server.poll() is None, (folder / "log").read_text()
                    time.sleep(0.002)
            yield port, server.pid, time.perf_counter() - began
        finally:
            server.terminate()
            server.wait(60)


def tracklite_command(folder: Path, port: int) -> list[str]:
    """Returns the command of this server."""
    program = os.environ["TRACKLITE_PROGRAM"]
    return [program, "serve", str(folder / "runs.tracklite"), "--port", str(port), "--quiet"]


def mlflow_command(folder: Path, port: int) -> list[str]:
    """Returns the command of MLflow's server, with its default of four workers."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]


def memory(root: int) -> float:
    """Returns the resident memory of a process and its descendants, in MiB."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    total, queue = 0, [root]
    while queue:
        process = queue.pop()
        queue += parents.get(process, [])
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def fill(client: Client, runs: int) -> None:
    """Makes runs with 45 keys each through the API."""
    for number, (metrics, params, tags) in enumerate(values(runs)):
        body = {"experiment_id": "0", "start_time": number + 1, "run_name": f"r{number}"}
        run = client.send("POST", "/api/2.0/mlflow/runs/create", body)["run"]["info"]["run_id"]
        batch = {
            "run_id": run,
            "metrics": [
                {"key": key, "value": value, "timestamp": 1, "step": 0} for key, value in metrics
            ],
            "params": [{"key": key, "value": value} for key, value in params],
            "tags": [{"key": key, "value": value} for key, value in tags],
        }
        client.send("POST", "/api/2.0/mlflow/runs/log-batch", batch)


def fill_mlflow(folder: Path, runs: int) -> None:
    """Makes the same runs in MLflow's database, because through its API that takes an hour."""
    with sqlite3.connect(folder / "mlflow.db") as database:
        for number, (metrics, params, tags) in enumerate(values(runs)):
            run = f"{number:032x}"
            database.execute(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,"
                " status, start_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
                " VALUES (?, ?, 'UNKNOWN', '', '', '', 'RUNNING', ?, '', 'active', ?, 0)",
                (run, f"r{number}", number + 1, f"mlflow-artifacts:/0/{run}/artifacts"),
            )
            rows = [(key, value, 1, run, 0, False) for key, value in metrics]
            for table in ("metrics", "latest_metrics"):
                database.executemany(
                    f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    rows,
                )
            named = [*tags, ("mlflow.runName", f"r{number}")]
            for table, pairs in (("params", params), ("tags", named)):
                texts = [(key, value, run) for key, value in pairs]
                database.executemany(
                    f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)", texts
                )


Pairs = list[tuple[str, Any]]


def values(runs: int) -> Iterator[tuple[Pairs, Pairs, Pairs]]:
    """Yields the 20 metrics, 20 params and 5 tags of each run."""
    chance = random.Random(1)
    for number in range(runs):
        metrics: Pairs = [(f"m{key}", chance.random()) for key in range(20)]
        params: Pairs = [(f"p{key}", str(chance.random())) for key in range(20)]
        tags: Pairs = [(f"t{key}", str(number)) for key in range(5)]
        yield metrics, params, tags


def new_run(client: Client) -> str:
    """Starts a run."""
    body = {"experiment_id": "0", "start_time": 1}
    run: str = client.send("POST", "/api/2.0/mlflow/runs/create", body)["run"]["info"]["run_id"]
    return run


def timed(call: Callable[[], Any]) -> float:
    """Returns the seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def small_calls(rival: Rival, port: int, count: int) -> None:
    """Measures single metrics and batches of one client."""
    client = Client(port)
    run = new_run(client)
    path = "/api/2.0/mlflow/runs/log-metric"

    def log(step: int) -> None:
        body = {"run_id": run, "key": "m", "value": 0.5, "timestamp": step + 1, "step": step}
        client.raw("POST", path, body)

    times = sorted(timed(lambda step=step: log(step)) for step in range(count))
    rival.note("log-metric, one client, p50 (ms)", times[len(times) // 2] * 1e3)
    rival.note("log-metric, one client, p99 (ms)", times[len(times) * 99 // 100] * 1e3)

    def batch(number: int) -> None:
        metrics = [
            {"key": f"b{step % 10}", "value": 0.5, "timestamp": number * 1000 + step, "step": step}
            for step in range(1000)
        ]
        client.raw("POST", "/api/2.0/mlflow/runs/log-batch", {"run_id": run, "metrics": metrics})

    times = sorted(timed(lambda number=number: batch(number + 1)) for number in range(10))
    rival.note("log-batch of 1,000 metrics (ms)", statistics.median(times) * 1e3)


def many_clients(rival: Rival, port: int, folder: Path, seconds: int) -> None:
    """Measures 8 connections that log as fast as they can."""
    run = new_run(Client(port))
    script = folder / "log.lua"
    script.write_text(
        f"""
        local step = 0
        request = function()
            step = step + 1
            local body = string.format(
                '{{"run_id": "{run}", "key": "m%d", "value": 0.5, "timestamp": %d, "step": %d}}',
                math.random(1, 8), step, step)
            return wrk.format(
                "POST", "/api/2.0/mlflow/runs/log-metric",
                {{["Content-Type"] = "application/json"}}, body)
        end
        """
    )
    url = f"http://127.0.0.1:{port}"
    command = ["wrk", "-t1", "-c8", f"-d{seconds}s", "-s", str(script), url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    line = next(line for line in output.splitlines() if "Requests/sec" in line)
    rival.note("log-metric, 8 clients (requests/s)", float(line.split()[1]))


def search(rival: Rival, port: int, process: int) -> None:
    """Measures a search with a filter and an order, and the memory after it."""
    client = Client(port)
    body = {
        "experiment_ids": ["0"],
        "filter": "metrics.m1 > 0.1",
        "order_by": ["metrics.m2 DESC"],
        "max_results": RESULTS,
    }
    answer = client.send("POST", "/api/2.0/mlflow/runs/search", body)
    assert len(answer["runs"]) == RESULTS
    times = [timed(lambda: client.raw("POST", "/api/2.0/mlflow/runs/search", body)) for _ in range(3)]
    rival.note(f"runs/search, {RESULTS} of the runs (ms)", statistics.median(times) * 1e3)
    rival.note("memory after it (MiB)", memory(process))


def artifact(rival: Rival, port: int, process: int, folder: Path, mib: int) -> None:
    """Measures a large artifact up and down, and the memory at its peak."""
    source = folder / "large"
    if not source.exists():
        with source.open("wb") as file:
            for number in range(mib):
                file.write(random.Random(number).randbytes(2**20))
    run = new_run(Client(port))
    path = f"http://127.0.0.1:{port}/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/large"
    curl = ["curl", "-sS", "-f", "-o", "/dev/null"]
    up = timed(lambda: subprocess.run([*curl, "-T", str(source), path], check=True))
    down = timed(lambda: subprocess.run([*curl, path], check=True))
    rival.note("artifact up (MB/s)", mib * 2**20 / up / 1e6)
    rival.note("artifact down (MB/s)", mib * 2**20 / down / 1e6)
    rival.note("memory after it (MiB), artifact", memory(process))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    rivals = [Rival("tracklite", tracklite_command), Rival("mlflow server", mlflow_command)]
    folders = {rival.name: Path(tempfile.mkdtemp(prefix="compare-")) for rival in rivals}
    try:
        ours, theirs = rivals
        with ours.running(folders[ours.name]) as (port, _, _):
            fill(Client(port), options.runs)
        with theirs.running(folders[theirs.name]):
            pass  # This makes the tables.
        fill_mlflow(folders[theirs.name], options.runs)
        for _ in range(options.rounds):
            for rival in rivals:
                folder = folders[rival.name]
                with rival.running(folder) as (port, process, start):
                    rival.note("start to the first answer (ms)", start * 1e3)
                    search(rival, port, process)
                    small_calls(rival, port, 300)
                    many_clients(rival, port, folder, options.seconds)
                    artifact(rival, port, process, folder, options.mib)
    finally:
        for folder in folders.values():
            shutil.rmtree(folder)
    print(f"| work | {rivals[0].name} | {rivals[1].name} | ratio |")
    print("| --- | --- | --- | --- |")
    for work in rivals[0].values:
        own, other = (statistics.median(rival.values[work]) for rival in rivals)
        ratio = own / other if "/s)" in work else other / own
        print(f"| {work} | {own:,.2f} | {other:,.2f} | {ratio:,.1f} |")


if __name__ == "__main__":
    main()
