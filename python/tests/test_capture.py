"""Capture of the environment of runs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
import tracklite
from tracklite import Capture, RunStatus, exceptions

# Python 3.12 and newer warn about forking with threads, which is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def run_program(program: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "train.py"
    file.write_text(textwrap.dedent(program))
    command = [sys.executable, str(file), *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, timeout=120, check=False, capture_output=True, text=True
    )


def git(folder: Path, *words: str) -> None:
    user = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", *user, *words], cwd=folder, check=True, capture_output=True)


PROGRAM = """
    import sys
    import tracklite
    database = tracklite.Database.create(sys.argv[1])
    with database.default_experiment().start_run(capture=tracklite.Capture(system_metrics=None)):
        pass
"""


def test_code_and_command_are_captured(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "train.py").write_text("old")
    git(folder, "init", "--initial-branch", "try")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    done = run_program(PROGRAM, path, "--rate", "0.1 or so", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    database = tracklite.Database.open(path)
    [record] = database.runs()
    tags = record.tags
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["mlflow.source.git.branch"] == "try"
    assert tags["mlflow.source.git.dirty"] == "true"
    assert tags["mlflow.source.name"].endswith("train.py")
    assert tags["tracklite.command"].endswith("train.py " + f"{path} --rate '0.1 or so'")
    assert tags["tracklite.host"]
    patch = database.run(record.id).artifacts().read("git/dirty.patch").decode()
    assert "-old" in patch
    assert "+import sys" in patch.replace("+    ", "+")


def test_nothing_is_captured_by_default(database: tracklite.Database) -> None:
    quiet = Capture(
        git=False, command=False, host=False, user=False, exceptions=False, system_metrics=None
    )
    for capture in (None, False, quiet):
        with database.default_experiment().start_run(capture=capture) as run:
            pass
        assert set(run.tags()) <= {"mlflow.runName", "mlflow.user"}
        assert run.metrics() == {}


def test_system_metrics_are_sampled_until_the_run_ends(database: tracklite.Database) -> None:
    with database.default_experiment().start_run(capture=Capture(system_metrics=0.02)) as run:
        time.sleep(0.5)
    key = "system/system_memory_usage_percentage"
    logged = len(run.history(key))
    assert logged >= 3
    assert all(0 < value <= 100 for value in run.history(key).values)
    assert "system/cpu_utilization_percentage" in run.metrics()
    assert run.metrics()["system/disk_available_megabytes"].value > 0
    time.sleep(0.2)
    assert len(run.history(key)) == logged


def test_dropping_a_run_stops_its_samples(database: tracklite.Database) -> None:
    run = database.default_experiment().start_run(capture=Capture(system_metrics=0.01))
    id = run.id
    del run
    again = database.run(id)
    logged = len(again.history("system/cpu_utilization_percentage"))
    time.sleep(0.2)
    assert len(again.history("system/cpu_utilization_percentage")) == logged


UNCAUGHT = """
    import sys
    import tracklite
    database = tracklite.Database.create(sys.argv[1])
    run = database.default_experiment().start_run(capture=True)
    finished = database.default_experiment().start_run(capture=True)
    finished.finish()
    raise ZeroDivisionError("on purpose")
"""


def test_an_uncaught_exception_fails_the_run(path: Path, tmp_path: Path) -> None:
    done = run_program(UNCAUGHT, path, folder=tmp_path)
    assert done.returncode == 1
    assert "ZeroDivisionError: on purpose" in done.stderr
    finished, failed = tracklite.Database.open(path).runs()
    assert finished.info.status is RunStatus.FINISHED
    assert failed.info.status is RunStatus.FAILED
    assert "ZeroDivisionError: on purpose" in failed.tags["tracklite.exception"]


def test_a_forked_child_drops_the_run_without_waiting(database: tracklite.Database) -> None:
    import os

    run = database.default_experiment().start_run(capture=Capture(system_metrics=0.001))
    for _ in range(20):
        child = os.fork()
        if child == 0:
            del run
            os._exit(0)
        deadline = time.monotonic() + 30
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            assert time.monotonic() < deadline, "the child hangs"
            time.sleep(0.001)


def test_invalid_selections_are_rejected(database: Any) -> None:
    for bad in (1, "all", object()):
        with pytest.raises(TypeError, match="capture must be"):
            database.default_experiment().start_run(capture=bad)
    with pytest.raises(exceptions.InvalidInputError, match="system_metrics"):
        database.default_experiment().start_run(capture=Capture(system_metrics=-1.0))
    assert database.all_runs() == []
