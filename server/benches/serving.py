"""Served models beside `mlflow models serve`: the same models, one server after the other.

    python server/benches/serving.py [--seconds 5] [--requests 300] [--moves 50] [--small] [--alone]

The environment has MLflow and scikit-learn, and TRACKLITE_PROGRAM names the program. `wrk` must be
installed. The output is a table in Markdown. A request is one row of four numbers. `--small` tries
everything with few requests, whose numbers mean nothing. `--alone` leaves MLflow's servers out.

The CPU of a row of the table of requests is the difference between two endpoints with native
answers, one of them with a table. Both are asked in turns, and the kernel counts the nanoseconds of
each thread. So the threads that answer are counted apart from the one that writes.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import http.client
import io
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ["age", "tenure", "monthly_charges", "total_charges"]
PROGRAM = os.environ.get("TRACKLITE_PROGRAM", "tracklite")
JSON = {"Content-Type": "application/json", "Authorization": "Bearer anything"}
TICK = os.sysconf("SC_CLK_TCK")
# The thread that writes the tables of requests.
WRITER = "tracklite-rows"


def drawn(rows: int) -> list[list[float]]:
    """Returns rows of numbers as they are in practice: some whole, some with two digits."""
    draw = random.Random(7)
    return [
        [
            float(draw.randint(18, 90)),
            float(draw.randint(0, 72)),
            round(draw.uniform(15, 120), 2),
            round(draw.uniform(15, 8000), 2),
        ]
        for _ in range(rows)
    ]


def body_of(row: list[float]) -> bytes:
    return json.dumps({"dataframe_records": [dict(zip(NAMES, row, strict=True))]}).encode()


BODY = body_of(drawn(1)[0])
# The measured paths: name, model, and settings of the endpoint.
PATHS = [
    ("exact", "linear", ("--exact",)),
    ("lean", "linear", ()),
    ("native", "linear", ("--native",)),
    ("forest", "forest", ()),
    ("forest native", "forest", ("--native",)),
]


def save_models(folder: Path) -> dict[str, Path]:
    """Fits models, and saves them as MLflow does.

    `flipped` has the other label for each row, and `nothing` always predicts the same.
    """
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    rows = pd.DataFrame(drawn(2000), columns=NAMES)
    draw = random.Random(8)
    labels = [int(row[0] + draw.gauss(0, 20) > 54) for row in rows.to_numpy()]
    saved = {}
    flipped = [1 - label for label in labels]
    for name, model, wanted in [
        ("linear", LogisticRegression(max_iter=2000), labels),
        ("forest", RandomForestClassifier(100, random_state=0), labels),
        ("flipped", LogisticRegression(max_iter=2000), flipped),
        ("nothing", DummyClassifier(), labels),
    ]:
        model.fit(rows, wanted)
        saved[name] = folder / name
        mlflow.sklearn.save_model(
            model,
            saved[name],
            signature=infer_signature(rows, model.predict(rows)),
            input_example=rows[:2],
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )
    return saved


class Client:
    """One connection that is kept open."""

    def __init__(self, port: int, path: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.path = path

    def ask(self, body: bytes, name: str = "") -> tuple[int, bytes, http.client.HTTPMessage]:
        headers = {**JSON, **({"x-request-id": name} if name else {})}
        self.connection.request("POST", self.path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read(), answer.headers


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def latencies(client: Client, count: int) -> list[float]:
    """Returns the milliseconds of requests, one after the other."""
    for _ in range(20):
        assert client.ask(BODY)[0] == 200
    found = []
    for _ in range(count):
        began = time.perf_counter()
        status, text, _ = client.ask(BODY)
        found.append((time.perf_counter() - began) * 1000)
        assert status == 200, text
    return found


def rate(port: int, path: str, folder: Path, seconds: int, connections: int = 8) -> float:
    """Returns the requests in a second of several connections."""
    script = folder / "post.lua"
    lines = [
        'wrk.method = "POST"',
        f"wrk.body = [==[{BODY.decode()}]==]",
        *(f'wrk.headers["{name}"] = "{value}"' for name, value in JSON.items()),
    ]
    script.write_text("\n".join(lines))
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    done = subprocess.run(
        [*words, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    )
    assert "Non-2xx" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])  # type: ignore[index]


def family(root: int) -> list[int]:
    """Returns a process and its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        found.append(queue.pop())
        queue += parents.get(found[-1], [])
    return found


def cpu(processes: list[int]) -> float:
    """Returns the seconds of processors that processes have used."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def nanoseconds(process: int) -> dict[str, int]:
    """Returns the nanoseconds of processors that the threads of a process have used, by name."""
    found: dict[str, int] = {}
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):
            name = (thread / "comm").read_text().strip()
            used = int((thread / "schedstat").read_text().split()[0])
            found[name] = found.get(name, 0) + used
    return found


def memory(processes: list[int]) -> float:
    """Returns the resident memory in MiB."""
    pages = 0
    for process in processes:
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def wait_for(client: Client) -> None:
    while True:
        try:
            if client.ask(BODY)[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            client.connection.close()
        time.sleep(0.01)


def measured(client: Client, port: int, root: int, folder: Path, args: Any) -> dict[str, float]:
    """Returns latencies, rate and CPU of one model."""
    found = latencies(client, args.requests)
    before = cpu(family(root))
    began = time.perf_counter()
    per_second = rate(port, client.path, folder, args.seconds)
    took = time.perf_counter() - began
    used = cpu(family(root)) - before
    return {
        "p50": statistics.median(found),
        "p99": quantile(found, 0.99),
        "rate": per_second,
        "cpu": used / (per_second * took) * 1000,
    }


def of_mlflow(model: Path, folder: Path, args: Any) -> dict[str, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = ["models", "serve", "-m", str(model), "-p", str(port), "--env-manager", "local"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        client = Client(port, "/invocations")
        wait_for(client)
        first = time.perf_counter() - began
        return {**measured(client, port, server.pid, folder, args), "first": first}
    finally:
        os.killpg(server.pid, 15)
        server.wait(60)


class Tracklite:
    """A server of this program over one file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "runs.tracklite"
        self.folder = folder
        self.began = time.perf_counter()
        words = [PROGRAM, "serve", str(self.file), "--port", "0", "--python", sys.executable]
        log = (folder / "log").open("ab")
        self.server = subprocess.Popen(
            [*words, "--quiet"], stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert self.server.stdout is not None
        self.port = int(self.server.stdout.readline().strip().rsplit(":", 1)[1])

    def stop(self) -> None:
        self.server.terminate()
        assert self.server.wait(60) == 0

    def client(self, name: str) -> Client:
        return Client(self.port, f"/serving-endpoints/{name}/invocations")

    def run(self, *words: str) -> str:
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create(self, name: str, model: str, *more: str) -> Client:
        self.run("endpoints", "create", str(self.file), name, "-m", model, *more)
        client = self.client(name)
        wait_for(client)
        return client


def register(url: str, saved: dict[str, Path]) -> None:
    """Registers the saved models. The second version of `linear` predicts the other labels."""
    import mlflow
    from mlflow import MlflowClient

    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    for name, versions in [
        ("linear", ["linear", "flipped"]),
        ("forest", ["forest"]),
        ("nothing", ["nothing"]),
    ]:
        MlflowClient().create_registered_model(name)
        for version in versions:
            with mlflow.start_run() as run:
                mlflow.log_artifacts(str(saved[version]), "model")
            source = f"runs:/{run.info.run_id}/model"
            mlflow.register_model(source, name)


def moves(server: Tracklite, count: int) -> str:
    """Moves an alias under 200 requests a second."""
    from mlflow import MlflowClient

    client = MlflowClient()
    client.set_registered_model_alias("linear", "champion", 1)
    asking = server.create("moved", "models:/linear@champion")
    quiet = quantile(latencies(asking, 400), 0.99)
    stop, times, failed = threading.Event(), list[float](), list[str]()
    first = asking.ask(BODY)[1]
    mixed = list[str]()

    def ask() -> None:
        own = server.client("moved")
        due = time.perf_counter()
        while not stop.is_set():
            due += 1 / 50
            time.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            status, text, headers = own.ask(BODY)
            times.append((time.perf_counter() - began) * 1000)
            if status != 200:
                failed.append(f"{status} {text!r}")
            elif (text == first) != (headers["served-model-version"] == "1"):
                mixed.append(text.decode())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    for number in range(count):
        version = 2 - number % 2
        client.set_registered_model_alias("linear", "champion", version)
        while asking.ask(BODY)[2]["served-model-version"] != str(version):
            time.sleep(0.005)
    took = time.perf_counter() - began
    stop.set()
    for thread in threads:
        thread.join()
    server.run("endpoints", "delete", str(server.file), "moved")
    busy = quantile(times, 0.99)
    return (
        f"{len(failed)} of {len(times)} failed, {len(mixed)} mixed, p99 {busy:.1f} ms ({busy / quiet:.1f} x quiet), "
        f"{took / count:.2f} s a move"
    )


def overload(server: Tracklite, seconds: int) -> str:
    """Sends ten times what one process of a model can answer."""
    more = ("--exact", "--workers", "1", "--waiting", "16")
    asking = server.create("flooded", "models:/linear/1", *more)
    service = statistics.median(latencies(asking, 50)) / 1000
    processes = family(server.server.pid)
    before, stop = memory(processes), time.perf_counter() + seconds
    accepted, refused, other = list[float](), list[float](), list[int]()

    def flood() -> None:
        own = server.client("flooded")
        while time.perf_counter() < stop:
            began = time.perf_counter()
            status = own.ask(BODY)[0]
            took = (time.perf_counter() - began) * 1000
            if status in (200, 429):
                (accepted if status == 200 else refused).append(took)
            else:
                other.append(status)
            time.sleep(4 * service)

    # Each client waits four times the service, and 40 of them are ten times the capacity.
    threads = [threading.Thread(target=flood) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = memory(processes)
    server.run("endpoints", "delete", str(server.file), "flooded")
    most = max(accepted)
    return (
        f"{len(accepted)} answered, the longest in {most:.0f} ms ({most / service / 1000:.0f} times "
        f"the service of {service * 1000:.1f} ms); {len(refused)} got 429, p50 "
        f"{statistics.median(refused):.1f} ms, p99 {quantile(refused, 0.99):.1f} ms; "
        f"{len(other)} others; memory {before:.0f} to {after:.0f} MiB"
    )


def front(server: Tracklite, count: int) -> str:
    """Measures what the server adds to the time of a model that does nothing."""
    asking = server.create("idle", "models:/nothing/1", "--capture", "ml.live")
    latencies(asking, 20)
    found = {}
    for number, row in enumerate(drawn(count)):
        began = time.perf_counter()
        assert asking.ask(body_of(row), f"idle-{number:024x}")[0] == 200
        found[f"idle-{number:024x}"] = (time.perf_counter() - began) * 1e6
    time.sleep(2)
    text = server.run("endpoints", "requests", str(server.file), "idle")
    model = {
        row["databricks_request_id"]: float(row["execution_duration_us"])
        for row in csv.DictReader(io.StringIO(text))
    }
    over = [(took - model[name]) / 1000 for name, took in found.items()]
    server.run("endpoints", "delete", str(server.file), "idle")
    return f"p50 {statistics.median(over):.2f} ms, p99 {quantile(over, 0.99):.2f} ms"


def rows(server: Tracklite, count: int) -> str:
    """Measures the cost of a row in the table of requests."""
    bodies, turns = [body_of(row) for row in drawn(count)], 10
    clients = {
        "plain": server.create("plain", "models:/linear/1", "--native"),
        "captured": server.create("captured", "models:/linear/1", "--native", "--capture", "ml.live"),
    }
    used: dict[str, list[dict[str, int]]] = {name: [] for name in clients}
    for client in clients.values():
        latencies(client, 50)
    for turn in range(turns):
        for name, client in clients.items():
            time.sleep(1.5)
            before = nanoseconds(server.server.pid)
            for number, body in enumerate(bodies[turn::turns]):
                assert client.ask(body, f"{name}-{turn}-{number:020x}")[0] == 200
            time.sleep(1.5)
            after = nanoseconds(server.server.pid)
            used[name].append({key: after[key] - before.get(key, 0) for key in after})
    text = server.run("endpoints", "requests", str(server.file), "captured")
    written = sum(1 for _ in csv.DictReader(io.StringIO(text)))
    server.run("tables", "compact", str(server.file), "ml.live.captured_payload")
    copy = server.folder / "vacuumed.tracklite"
    server.run("backup", str(server.file), str(copy))
    with_rows = vacuumed(server, copy)
    server.run("tables", "drop", str(copy), "ml.live.captured_payload")
    bytes_a_row = (with_rows - vacuumed(server, copy)) / written
    each = count / turns

    def cost(name: str, is_writer: bool) -> float:
        parts = [
            sum(time for key, time in turn.items() if (key == WRITER) == is_writer)
            for turn in used[name]
        ]
        return statistics.median(parts) / each / 1000

    answering = cost("captured", is_writer=False) - cost("plain", is_writer=False)
    writing = cost("captured", is_writer=True) - cost("plain", is_writer=True)
    return (
        f"{answering:.1f} µs of the threads that answer, {writing:.1f} µs of the one that writes, "
        f"{bytes_a_row:.0f} bytes"
    )


def vacuumed(server: Tracklite, copy: Path) -> int:
    server.run("vacuum", str(copy))
    return copy.stat().st_size


def of_tracklite(folder: Path, saved: dict[str, Path], args: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    server = Tracklite(folder)
    register(f"http://127.0.0.1:{server.port}", saved)
    for name, model, more in PATHS:
        began = time.perf_counter()
        asking = server.create(name.replace(" ", "-"), f"models:/{model}/1", *more)
        found[f"first {name}"] = time.perf_counter() - began
        found[name] = measured(asking, server.port, server.server.pid, folder, args)
    found["moves"] = moves(server, args.moves)
    found["overload"] = overload(server, args.seconds)
    found["front"] = front(server, args.requests)
    found["rows"] = rows(server, args.rows)
    server.stop()
    again = Tracklite(folder)
    wait_for(again.client("lean"))
    found["cold"] = time.perf_counter() - again.began
    again.stop()
    return found


def print_table(own: dict[str, Any], others: dict[str, dict[str, float]]) -> None:
    print("| path | `mlflow models serve` | tracklite | ratio |")
    print("| --- | --- | --- | --- |")
    for name, model, _ in PATHS:
        found, nan = own[name], float("nan")
        theirs = others.get(model, {"p50": nan, "p99": nan, "rate": nan, "cpu": nan})
        print(
            f"| {name}, 1 row p50 / p99 | {theirs['p50']:.1f} / {theirs['p99']:.1f} ms "
            f"| {found['p50']:.2f} / {found['p99']:.2f} ms | 1/{theirs['p50'] / found['p50']:.1f} |"
        )
        print(
            f"| {name}, requests a second, 8 connections | {theirs['rate']:.0f} "
            f"| {found['rate']:.0f} | {found['rate'] / theirs['rate']:.1f} x |"
        )
        print(
            f"| {name}, CPU of a request | {theirs['cpu']:.2f} ms | {found['cpu']:.2f} ms "
            f"| 1/{theirs['cpu'] / found['cpu']:.1f} |"
        )
    first = others.get("linear", {}).get("first", float("nan"))
    print(f"| first answer, zygote warm | {first:.1f} s | {own['first lean']:.2f} s | |")
    print(f"| first answer, nothing warm | {first:.1f} s | {own['cold']:.2f} s | |")
    print(f"| front alone, over the time of the model | | {own['front']} | |")
    print(f"| alias moves under 200 requests a second | restart | {own['moves']} | |")
    print(f"| overload, 10 x | | {own['overload']} | |")
    print(f"| row of the table of requests | | {own['rows']} | |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--moves", type=int, default=50)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--alone", action="store_true")
    args = parser.parse_args()
    if args.small:
        args.seconds, args.requests, args.moves, args.rows = 1, 30, 3, 500
    folder = Path(tempfile.mkdtemp(prefix="serving-"))
    try:
        saved = save_models(folder)
        others = {
            name: of_mlflow(saved[name], folder, args)
            for name in ([] if args.alone else ["linear", "forest"])
        }
        own = of_tracklite(folder, saved, args)
        print_table(own, others)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
