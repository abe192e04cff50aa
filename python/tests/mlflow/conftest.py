"""Shared fixtures of the MLflow tests: a file for each test, and MLflow set up to use it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # Its imports may warn.
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("mlflow.store.model_registry.sqlalchemy_store")

# Tests must not send telemetry.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# The `python3` on the PATH may lack the packages of these tests, which workers of Spark need.
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignores the warnings of MLflow and its dependencies."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """The address of a file that does not exist yet."""
    return f"tracklite://{tmp_path}/runs.tracklite"


@pytest.fixture(autouse=True)
def _mlflow_as_it_was() -> Iterator[None]:
    """Resets the global settings of MLflow after each test."""
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)
    for name in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    mlflow.tracking.fluent._active_experiment_id = None


@pytest.fixture
def tracking(uri: str) -> str:
    """The address of the file, set as MLflow's tracking address."""
    mlflow.set_tracking_uri(uri)
    return uri
