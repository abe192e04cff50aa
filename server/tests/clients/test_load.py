"""Clients and direct writers at the same time, while the server is killed and started again.

Nothing that was acknowledged is lost, and nothing is there twice.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

SECONDS = float(os.environ.get("TRACKLITE_LOAD_SECONDS", "12"))
CLIENTS, WRITERS, KILLS = 8, 4, 3


def _serve(path: Path, port: int) -> subprocess.Popen[str]:
    program = os.environ["TRACKLITE_PROGRAM"]
    command = [program, "serve", str(path), "--port", str(port), "--quiet"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdout.readline().startswith("http://")
    return server


def _send(connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    return json.loads(text)


def _client(port: int, run: str, until: float, acknowledged: Any, restarts: Any) -> None:
    """Logs one point after the other, and sends each again until it is acknowledged."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    step = 0
    while time.time() < until:
        body = {"run_id": run, "key": "m", "value": step / 3, "timestamp": step + 1, "step": step}
        try:
            _send(connection, "/api/2.0/mlflow/runs/log-metric", body)
        except (OSError, http.client.HTTPException):
            # The server is gone, and nobody knows whether it kept the point.
            with restarts.get_lock():
                restarts.value += 1
            connection.close()
            time.sleep(0.05)
            continue
        step += 1
        acknowledged.value = step
    connection.close()


def _writer(path: str, until: float, acknowledged: Any, name: Any) -> None:
    """Logs to the file itself."""
    tracklite = pytest.importorskip("tracklite")
    with tracklite.Database.open(path) as database:
        run = database.experiment("/Shared/direct").start_run()
        name.value = run.id.encode()
        while time.time() < until:
            run.log_metric("m", float(acknowledged.value), step=acknowledged.value)
            acknowledged.value += 1
            time.sleep(0.0002)
        run.finish()


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return json.load(answer)


def test_nothing_is_lost_or_doubled_when_the_server_is_killed(path: Path) -> None:
    tracklite = pytest.importorskip("tracklite")
    assert tracklite is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = _serve(path, port)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    create = "/api/2.0/mlflow/runs/create"
    runs = [
        _send(connection, create, {"experiment_id": "0", "start_time": 1})["run"]["info"]["run_id"]
        for _ in range(CLIENTS)
    ]
    connection.close()
    spawn = multiprocessing.get_context("spawn")
    until = time.time() + SECONDS
    counts = [spawn.Value("q", 0) for _ in range(CLIENTS + WRITERS)]
    names = [spawn.Array("c", 64) for _ in range(WRITERS)]
    restarts = spawn.Value("q", 0)
    workers = [
        spawn.Process(target=_client, args=(port, run, until, count, restarts))
        for run, count in zip(runs, counts, strict=False)
    ]
    workers += [
        spawn.Process(target=_writer, args=(str(path), until, count, name))
        for count, name in zip(counts[CLIENTS:], names, strict=True)
    ]
    for worker in workers:
        worker.start()
    for _ in range(KILLS):
        time.sleep(SECONDS / (KILLS + 1))
        server.send_signal(signal.SIGKILL)
        server.wait()
        server = _serve(path, port)
    for worker in workers:
        worker.join(SECONDS + 60)
        assert worker.exitcode == 0
    try:
        assert restarts.value >= KILLS, "the clients did not notice the kills"
        everybody = runs + [bytes(name[:]).rstrip(b"\0").decode() for name in names]
        for run, count in zip(everybody, counts, strict=True):
            _check(port, run, count.value)
        assert all(count.value > 50 for count in counts), [count.value for count in counts]
    finally:
        server.terminate()
        assert server.wait(30) == 0
    program = os.environ["TRACKLITE_PROGRAM"]
    subprocess.run([program, "verify", str(path)], check=True)


def _check(port: int, run: str, acknowledged: int) -> None:
    """Checks that a run has each acknowledged point once, and at most one more."""
    history = _get(port, f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m")
    steps = [point["step"] for point in history["metrics"]]
    assert sorted(steps) == list(range(len(steps))), "a point is missing or there twice"
    assert acknowledged <= len(steps) <= acknowledged + 1, (acknowledged, len(steps))
