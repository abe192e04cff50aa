"""The shortest ways to log: `run`, and `init`, `log` and `finish`."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import tracklite
from tracklite import RunStatus, exceptions


@pytest.fixture(autouse=True)
def _no_active_run() -> Iterator[None]:
    yield
    tracklite.finish()


def test_a_run_is_started_in_one_line(path: Path) -> None:
    with tracklite.run(path, "churn", "first", params={"depth": 3}) as run:
        run.log({"loss": 0.5})
    record = run.record()
    assert (record.info.name, record.info.status) == ("first", RunStatus.FINISHED)
    assert record.params == {"depth": "3"}
    assert [info.path for info in run.database.experiments()] == ["Default", "churn"]
    with pytest.raises(TypeError, match="unexpected keyword"):
        tracklite.run(path, nonsense=1)


def test_init_log_and_finish(path: Path) -> None:
    run = tracklite.init("churn", "first", {"optimizer": {"rate": 0.1}}, file=path)
    tracklite.log({"loss": 0.5})
    tracklite.log({"loss": 0.4, "validation": {"loss": 0.6}})
    tracklite.log({"loss": 0.3}, step=10)
    tracklite.log({"accuracy": 0.9})
    tracklite.finish()
    tracklite.finish()
    assert run.params()["optimizer.rate"] == "0.1"
    assert run.history("loss").steps.tolist() == [0, 1, 10]
    metrics = run.metrics()
    assert (metrics["validation/loss"].step, metrics["accuracy"].step) == (1, 11)
    assert run.info().status is RunStatus.FINISHED


def test_init_finishes_the_run_before(path: Path) -> None:
    first = tracklite.init(capture=False, file=path)
    tracklite.log({"loss": 0.5})
    second = tracklite.init(capture=False, file=path)
    tracklite.log({"loss": 0.5})
    assert first.info().status is RunStatus.FINISHED
    assert second.history("loss").steps.tolist() == [0]
    tracklite.finish(exit_code=1)
    assert second.info().status is RunStatus.FAILED


def test_logging_without_a_run_is_an_error() -> None:
    with pytest.raises(exceptions.InvalidStateError, match=r"call tracklite.init\(\) first"):
        tracklite.log({"loss": 0.5})


@pytest.mark.parametrize(
    ("ending", "status"), [("", "FINISHED"), ("raise ZeroDivisionError", "FAILED")]
)
def test_the_end_of_the_program_ends_the_run(tmp_path: Path, ending: str, status: str) -> None:
    program = f"""
        import tracklite
        tracklite.init("churn")
        tracklite.log({{"loss": 0.5}})
        {ending}
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    subprocess.run(command, cwd=tmp_path, timeout=120, check=False, capture_output=True)
    [record] = tracklite.Database.open(tmp_path / "runs.tracklite").runs()
    assert record.info.status.value == status
    assert record.metrics["loss"].value == 0.5


def test_the_file_may_be_an_environment_variable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKLITE_FILE", str(path))
    assert tracklite.init(capture=False).database.path == path
