"""The same random requests to `mlflow server` over SQLite and to ours, compared field by field.

Each difference that is allowed is listed in ALLOWED with its reason.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from requests_at_random import Plan

Answer = tuple[int, dict[str, Any]]

STEPS = 220
SEEDS = range(1, 1 + int(os.environ.get("TRACKLITE_SEEDS", "2")))

# Members that differ by nature: times, and addresses of artifacts.
NATURAL = {
    "start_time",
    "creation_time",
    "last_update_time",
    "creation_timestamp",
    "last_updated_timestamp",
    "creation_timestamp_ms",
    "last_updated_timestamp_ms",
    "artifact_uri",
    "artifact_location",
    "next_page_token",
    "workspace",
    "effective_trace_archival_retention",
}

ALLOWED = {
    # A rule, and what makes an answer fall under it: the path, their answer, ours.
    "an internal error of MLflow is an error of the caller here, or works": (
        lambda path, theirs, ours: theirs[0] == 500 and ours[0] < 500
    ),
    "a logged model that is deleted cannot be changed here until it is restored": (
        lambda path, theirs, ours: "The logged model" in str(ours[1]) and "deleted" in str(ours[1])
    ),
    "a batch is all or nothing here, so that its errors come before anything is kept": (
        lambda path, theirs, ours: path.endswith("log-batch") and theirs[0] != 200 and ours[0] != 200
    ),
}


def call(url: str, method: str, path: str, body: dict[str, Any]) -> Answer:
    """Sends a request, and returns the status and the JSON of the answer."""
    data = None
    if method == "GET":
        from urllib.parse import urlencode

        path += "?" + urlencode(body, doseq=True)
    else:
        data = json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        text = error.read()
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, {"text": text.decode(errors="replace")}


@pytest.fixture(scope="module")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of MLflow's own server over SQLite."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (folder / "log").open("wb")
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    environment = dict(os.environ, HOME=str(folder), MLFLOW_DISABLE_TELEMETRY="true")
    server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(url + "/health", timeout=5)
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.3)
        yield url
    finally:
        server.terminate()
        server.wait(30)


class Pair:
    """Two servers that got the same requests, and the names that they gave to the same things."""

    def __init__(self, theirs: str, ours: str) -> None:
        self.urls = theirs, ours
        # Names of our plan, such as `run-3`, and what each server calls it.
        self.names: dict[str, tuple[str, str]] = {}

    def send(self, method: str, path: str, body: dict[str, Any]) -> tuple[Answer, Answer]:
        """Sends a request to both, each with its own names."""
        theirs, ours = (
            call(url, method, _renamed(path, self.names, side), _renamed(body, self.names, side))
            for side, url in enumerate(self.urls)
        )
        return theirs, ours

    def learn(self, name: str, theirs: str, ours: str) -> None:
        """Remembers what both call a new thing."""
        self.names[name] = theirs, ours

    def canonical(self, value: Any, side: int) -> Any:
        """Returns an answer with our plan's names, without what differs by nature."""
        if isinstance(value, dict):
            kept = {key: item for key, item in value.items() if key not in NATURAL}
            if "current_stage" in kept:
                # MLflow does not know who registered a version.
                kept.pop("user_id", None)
            return {key: self._member(key, item, side) for key, item in kept.items()}
        if isinstance(value, (list, tuple)):
            items = [self.canonical(item, side) for item in value]
            keys = [item.get("key") for item in items if isinstance(item, dict)]
            # Tags, params and latest metrics have no order of their own.
            is_map = None not in keys and len(keys) == len(set(keys)) == len(items)
            return sorted(items, key=json.dumps) if is_map else items
        if isinstance(value, str):
            for name, known in self.names.items():
                # Ids of experiments are small numbers, which also mean other things.
                if len(known[side]) > 8:
                    value = value.replace(known[side], name)
            return value
        return value

    def _member(self, key: str, value: Any, side: int) -> Any:
        if key == "experiment_id":
            names = [name for name, known in self.names.items() if known[side] == value]
            return names[0] if names else value
        return self.canonical(value, side)


def _renamed(value: Any, names: dict[str, tuple[str, str]], side: int) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names, side) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names, side) for item in value]
    if isinstance(value, str):
        found = re.fullmatch(r"(.*?)<([\w-]+)>(.*)", value, re.DOTALL)
        if found and found[2] in names:
            return found[1] + names[found[2]][side] + found[3]
    return value


def _first_sentence(message: str) -> str:
    """Returns the part of a message that programs match on."""
    sentence = re.split(r"(?<=[.\]')])\s|\n|; | \(", message.strip(), maxsplit=1)[0].rstrip(".: ")
    # The ids of experiments differ.
    return re.sub(r"\b\d+\b", "N", sentence)


def _differences(pair: Pair, theirs: Answer, ours: Answer) -> list[str]:
    left, right = (pair.canonical(answer[1], side) for side, answer in enumerate((theirs, ours)))
    found = []
    if theirs[0] != ours[0]:
        found.append(f"status {theirs[0]} and {ours[0]}")
    if theirs[0] == 200 == ours[0]:
        if left != right:
            found.append("the answers differ")
    else:
        if left.get("error_code") != right.get("error_code"):
            found.append(f"codes {left.get('error_code')} and {right.get('error_code')}")
        messages = [_first_sentence(str(side.get("message", ""))) for side in (left, right)]
        # A hint of ours may follow.
        if not messages[1].startswith(messages[0]):
            found.append(f"messages {messages[0]!r} and {messages[1]!r}")
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_both_servers_answer_alike(mlflow_url: str, url: str, seed: int) -> None:
    plan = Plan(random.Random(seed), f"s{seed}")
    pair = Pair(mlflow_url, url)
    problems = []
    for number in range(STEPS):
        step = plan.next()
        theirs, ours = pair.send(step.method, step.path, step.body)
        if theirs[0] == 200 == ours[0] and step.creates:
            name, place = step.creates
            pair.learn(name, _at(theirs[1], place), _at(ours[1], place))
            plan.exists(name)
        is_allowed = any(rule(step.path, theirs, ours) for rule in ALLOWED.values())
        found = [] if is_allowed else _differences(pair, theirs, ours)
        if found:
            shown = json.dumps(step.body)[:300]
            shorter = (pair.canonical(answer, side) for side, answer in enumerate((theirs, ours)))
            answers = "\n".join(f"    {str(answer)[:900]}" for answer in shorter)
            problems.append(
                f"step {number}: {step.method} {step.path} {shown}\n  {found}\n{answers}"
            )
    assert not problems, f"{len(problems)} of {STEPS} steps differ:\n" + "\n".join(problems[:60])


def _at(answer: dict[str, Any], place: str) -> str:
    value: Any = answer
    for part in place.split("."):
        value = value[part]
    return str(value)
