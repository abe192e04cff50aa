"""Shared fixtures: a server of its own for each test, and a clean environment for the clients.

The program that serves is named by the variable TRACKLITE_PROGRAM.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

OTHERS = ("DATABRICKS_", "_DATABRICKS_", "MLFLOW_", "ARM_", "GOOGLE_", "AZURE_", "AWS_")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Removes what the clients would read from the environment, and what they remember."""
    for name in list(os.environ):
        if name.startswith(OTHERS) or name in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")
    # A retry would hide a wrong status, and take minutes.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)
    yield
    if "mlflow" in sys.modules:
        _forget()


def _forget() -> None:
    """Ends what a test left in MLflow's global state."""
    import mlflow
    from mlflow.tracking import fluent

    while mlflow.active_run():
        mlflow.end_run()
    fluent._active_experiment_id = None
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)
    # MLflow keeps these in the environment for its children.
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "_MLFLOW_")):
            del os.environ[name]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the file that is served."""
    return tmp_path / "runs.tracklite"


@pytest.fixture
def url(path: Path) -> Iterator[str]:
    """The address of a server over a new file."""
    program = os.environ["TRACKLITE_PROGRAM"]
    log = path.with_suffix(".log")
    with log.open("wb") as lines:
        server = subprocess.Popen(
            [program, "serve", str(path), "--port", "0", "--python", sys.executable],
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http://"), log.read_text()
        yield address
    finally:
        server.terminate()
        code = server.wait(30)
    text = log.read_text()
    assert code == 0, text
    assert "panicked" not in text, text


@pytest.fixture
def databricks(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a server, set up as the host of Databricks's clients."""
    monkeypatch.setenv("DATABRICKS_HOST", url)
    monkeypatch.setenv("DATABRICKS_TOKEN", "anything")
    return url
