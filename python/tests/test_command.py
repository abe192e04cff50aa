"""The command line program of the package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tracklite

SCRIPT = Path(sys.executable).parent / "tracklite"
PROGRAMS = {"module": [sys.executable, "-m", "tracklite"], "script": [str(SCRIPT)]}


@pytest.fixture(params=["module", "script"])
def program(request: pytest.FixtureRequest) -> list[str]:
    """The words that start the program."""
    words: list[str] = PROGRAMS[request.param]
    return words


def call(program: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    words = [*program, *map(str, arguments)]
    return subprocess.run(words, timeout=120, check=False, capture_output=True, text=True)


def test_the_program_reads_a_file(program: list[str], path: Path) -> None:
    with tracklite.run(path, "churn", "first", params={"depth": 3}) as run:
        run.log({"loss": 0.5})
    listed = call(program, "runs", path)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "first" in listed.stdout
    shown = call(program, "search", path, "metrics.loss < 1", "--json")
    assert "first" in json.dumps(json.loads(shown.stdout))


def test_the_program_has_the_exit_codes_of_the_other_one(program: list[str], path: Path) -> None:
    missing = call(program, "runs", path)
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: ")
    unknown = call(program, "nonsense")
    assert unknown.returncode == 2
    assert "Usage: tracklite" in unknown.stderr
    version = call(program, "--version")
    assert (version.returncode, version.stdout.split()[0]) == (0, "tracklite")


def test_the_reader_of_the_output_may_stop(program: list[str], path: Path) -> None:
    experiment = tracklite.Database.create(path).default_experiment()
    for _ in range(200):
        experiment.start_run()
    words = [*program, "runs", str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0
