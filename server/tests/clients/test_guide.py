"""Programs for Databricks: those of `tests/guide`, and the blocks of a guide, to the letter.

The variable TRACKLITE_GUIDE names the guide, which is not part of this repository.
"""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import guide_prelude
import pytest

PROGRAMS = Path(__file__).parents[3] / "tests" / "guide"
LIGHT = ["tracking", "experiments", "comparison", "autologging", "registry"]
WAYS = ["databricks", "http", "plug-in"]


@dataclass
class Block:
    """A block of Python in the guide: its topic, and why it does not run yet, if so.

    Each substitution mends a known mistake of the guide.
    """

    topic: str
    not_yet: str = ""
    mended: tuple[tuple[str, str], ...] = ()


# The order is that of the guide.
BLOCKS = [
    Block("tracking"),
    Block("experiments"),
    Block("spark"),
    # The client of the vendor is not free, a name is not imported, and names have three levels.
    Block(
        "features",
        mended=(
            (
                "from databricks.feature_store import FeatureStoreClient",
                "from tracklite.feature_store import FeatureLookup, FeatureStoreClient",
            ),
            ('"recommendation_model"', f'"{guide_prelude.RECOMMENDED}"'),
        ),
    ),
    Block("registry"),
    # The present SDK needs the name of the endpoint in its configuration too.
    Block(
        "endpoint",
        mended=(("EndpointCoreConfigInput(\n", "EndpointCoreConfigInput(name=endpoint_name,\n"),),
    ),
    # The server of the test has no certificate.
    Block("request to an endpoint", mended=(("https://", "http://"),)),
    Block("training job"),
    Block("schedule of a job"),
    Block("comparison"),
    Block("autologging"),
]


@pytest.fixture
def way(
    request: pytest.FixtureRequest, url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Points MLflow at the file in one of the three ways, while a server serves it."""
    name = str(request.param)
    if name == "databricks":
        monkeypatch.setenv("DATABRICKS_HOST", url)
        monkeypatch.setenv("DATABRICKS_TOKEN", "anything")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    elif name == "http":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    else:
        if importlib.util.find_spec("tracklite") is None:
            pytest.skip("the Python package tracklite is not installed")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"tracklite://{path}")
    return name


@pytest.fixture(scope="session")
def java() -> None:
    """Skips a test if there is no Spark to run, or no Java for it."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed")
    try:
        printed = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"Spark needs Java 17: {error}")
    version = re.search(r'version "(\d+)', printed.stderr)
    if version is None or int(version[1]) < 17:
        pytest.skip(f"Spark needs Java 17, found {printed.stderr.strip()!r}")


@pytest.fixture(scope="session")
def session(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One session of Spark for all tests, because its start takes seconds."""
    os.environ["PYSPARK_PIN_THREAD"] = "false"
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", "2")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    builder = builder.config("spark.driver.host", "127.0.0.1")
    warehouse = tmp_path_factory.mktemp("warehouse")
    session = builder.config("spark.sql.warehouse.dir", str(warehouse)).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def run_program(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs a program in this process, and prints what it has skipped."""
    import mlflow

    try:
        runpy.run_path(str(PROGRAMS / f"{name}.py"), run_name="__main__")
    finally:
        if name == "autologging":
            mlflow.sklearn.autolog(disable=True, silent=True)
    print_skipped(capsys.readouterr().out, capsys)


def print_skipped(printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for line in printed.splitlines():
            if line.startswith("SKIPPED"):
                print(f"\n!! {line}")


def run_process(command: list[str]) -> str:
    """Runs a command to its end, and returns what it has printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_program_has_a_test() -> None:
    found = {file.stem for file in PROGRAMS.glob("*.py")}
    assert found == {*LIGHT, "spark_training"}


@pytest.mark.parametrize("way", WAYS, indirect=True)
@pytest.mark.parametrize("name", LIGHT)
def test_a_program_runs(way: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_program(name, capsys)


@pytest.mark.parametrize("name", LIGHT)
def test_a_program_runs_beside_a_server_of_its_own(
    name: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec("tracklite") is None:
        pytest.skip("the Python package tracklite is not installed")
    command = [os.environ["TRACKLITE_PROGRAM"], "run", str(path), "--"]
    print_skipped(run_process([*command, sys.executable, str(PROGRAMS / f"{name}.py")]), capsys)


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_the_spark_program_runs(
    way: str,
    session: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_DFS_TMP", str(tmp_path / "dfs"))
    run_program("spark_training", capsys)


def blocks_of_guide() -> list[str]:
    """Returns the blocks of Python in the guide."""
    name = os.environ.get("TRACKLITE_GUIDE")
    if not name:
        pytest.skip("TRACKLITE_GUIDE names no guide, so its blocks are not run")
    blocks = re.findall(r"^```python\n(.*?)^```", Path(name).read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == len(BLOCKS), "the guide has other blocks than the table of this test"
    return [str(block) for block in blocks]


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[block.topic for block in BLOCKS])
def test_a_block_of_the_guide_runs_to_the_letter(
    number: int,
    databricks: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, block = blocks_of_guide()[number], BLOCKS[number]
    if block.not_yet:
        pytest.skip(f"not yet: {block.not_yet}")
    for mistake, right in block.mended:
        assert code.count(mistake) == 1, f"the guide has no {mistake!r} to mend"
        code = code.replace(mistake, right)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    monkeypatch.setenv("MLFLOW_DFS_TMP", str(tmp_path / "dfs"))
    monkeypatch.setenv("TRACKLITE_FILE", str(tmp_path / "runs.tracklite"))
    if block.topic == "features" and importlib.util.find_spec("tracklite") is None:
        pytest.skip("the Python package tracklite is not installed")
    if block.topic == "autologging":
        # MLflow's listener for Spark needs a JAR if a session runs in the same process.
        file = tmp_path / "block.py"
        file.write_text(code)
        run_process([sys.executable, guide_prelude.__file__, block.topic, str(file)])
        return
    session = request.getfixturevalue("session") if block.topic == "spark" else None
    guide_prelude.run_block(block.topic, code, tmp_path, session)
