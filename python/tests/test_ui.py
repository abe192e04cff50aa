"""The web page: its server, its address, and its frame in a notebook."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest
import tracklite
from tracklite import _ui
from tracklite.exceptions import InvalidStateError


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    for server in _ui._servers.values():
        server.stop()
    _ui._servers.clear()


def parts(url: str) -> tuple[str, str]:
    """Splits an address into that of the server and the token."""
    place, _, token = url.partition("#token=")
    return "/".join(place.split("/")[:3]), token


def ask(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    server, token = parts(url)
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urlopen(Request(server + path, data, headers), timeout=60) as answer:
        return json.load(answer)


def is_served(url: str) -> bool:
    try:
        urlopen(parts(url)[0], timeout=60).close()
    except URLError:
        return False
    return True


def check_it_ends(url: str) -> None:
    deadline = time.monotonic() + 30
    while is_served(url):
        assert time.monotonic() < deadline, "the server runs on"
        time.sleep(0.05)


def test_a_program_prints_the_address(
    database: tracklite.Database, capsys: pytest.CaptureFixture[str]
) -> None:
    run = database.default_experiment().start_run("first")
    page = database.ui()
    assert capsys.readouterr().out == f"{page.url}\n"
    assert page.url.startswith("http://127.0.0.1:")
    assert ask(page.url, f"/api/2.0/mlflow/runs/get?run_id={run.id}")["run"]["info"]["run_id"]
    server, token = parts(page.url)
    assert len(token) > 32
    with urlopen(f"{server}/", timeout=60) as site:
        assert "frame-ancestors http://localhost:*" in site.headers["Content-Security-Policy"]
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"{server}/api/v1/file", timeout=60)
    assert token not in repr(page)
    assert "open" in repr(page)


def test_calls_for_a_file_share_a_server(database: tracklite.Database) -> None:
    page = database.ui()
    view = database.ui("/runs?f=metrics.loss < 0.1")
    server, token = parts(page.url)
    assert view.url == f"{server}/ui/runs?f=metrics.loss%20%3C%200.1#token={token}"
    page.close()
    assert (page.closed, view.closed) == (True, True)
    assert not is_served(page.url)
    page.close()
    again = database.ui()
    assert not again.closed
    assert is_served(again.url)


def test_a_notebook_shows_a_frame(
    database: tracklite.Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    notebook = ModuleType("IPython")
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setattr(notebook, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    page = database.ui("runs?a='\"<&", height=500)
    assert capsys.readouterr().out == ""
    link, frame, script = ElementTree.fromstring(f"<div>{page._repr_html_()}</div>")
    assert link.attrib["href"] == frame.attrib["src"] == page.url
    assert (frame.tag, frame.attrib["height"]) == ("iframe", "500")
    assert "localhost" in (script.text or "")
    page.close()
    assert "iframe" not in page._repr_html_()


def test_a_terminal_of_ipython_prints_the_address(
    database: tracklite.Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = ModuleType("IPython")
    monkeypatch.setattr(terminal, "get_ipython", lambda: SimpleNamespace(), raising=False)
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert database.ui().url in capsys.readouterr().out


def test_a_file_opened_for_reading_is_served_for_reading(path: Path) -> None:
    tracklite.Database.create(path).close()
    with tracklite.Database.open_read_only(path) as database:
        page = database.ui()
        with pytest.raises(HTTPError, match="403"):
            ask(page.url, "/api/2.0/mlflow/experiments/create", {"name": "new"})


def test_the_reason_is_reported_if_the_server_does_not_start(
    database: tracklite.Database, path: Path
) -> None:
    path.unlink()
    with pytest.raises(InvalidStateError, match=r"did not start: error: .*no such file"):
        database.ui()
    database.close()
    with pytest.raises(InvalidStateError, match="closed"):
        database.ui()


ENDS = {
    "the end of the program": "",
    "a kill": "os.kill(os.getpid(), 9)",
    "an exception": "raise SystemExit(1)",
    "a kill while a forked child lives": """
if os.fork() == 0:
    os.close(1)
    time.sleep(600)
    os._exit(0)
os.kill(os.getpid(), 9)
""",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_server_ends_with_the_program(path: Path, end: str) -> None:
    start = """
        import os, sys, time, tracklite
        database = tracklite.Database.create(sys.argv[1])
        page = database.ui()
        sys.stdin.readline()
    """
    program = textwrap.dedent(start) + end
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        try:
            assert is_served(url)
            child.communicate("\n", timeout=60)
            check_it_ends(url)
        finally:
            kill_group(child.pid)


def kill_group(leader: int) -> None:
    """Ends a forked child that outlives its parent."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
