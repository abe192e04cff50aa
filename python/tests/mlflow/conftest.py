"""What the tests of the MLflow plug-in share: a file for each, and an MLflow that uses it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # What it imports is not under our control.
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("mlflow.store.model_registry.sqlalchemy_store")

# Calls home are no part of a test.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of MLflow and of what it imports are theirs."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """The address of a file that is not there yet."""
    return f"tracklite://{tmp_path}/runs.tracklite"


@pytest.fixture(autouse=True)
def _mlflow_as_it_was() -> Iterator[None]:
    """What a test sets in MLflow does not reach the next one."""
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
    """That file, as MLflow's tracking address."""
    mlflow.set_tracking_uri(uri)
    return uri
