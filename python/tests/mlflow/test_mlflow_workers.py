"""Workers of joblib, data loaders, Ray, Spark and torch log to the file."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import mlflow
import pytest
import tracklite
from mlflow import MlflowClient


def _fit(uri: str, parent: str, depth: int) -> float:
    """Logs a nested run in a worker that only has the address and the ID of the parent."""
    mlflow.set_tracking_uri(uri)
    with mlflow.start_run(run_name=f"depth {depth}", parent_run_id=parent):
        mlflow.log_param("depth", depth)
        for step in range(20):
            mlflow.log_metric("loss", depth + step, step=step)
    return depth / 2


def _check_children(parent: str, count: int) -> None:
    found = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent}'", order_by=["params.depth"]
    )
    assert list(found["metrics.loss"]) == [depth + 19 for depth in range(count)]
    assert set(found["status"]) == {"FINISHED"}
    client = MlflowClient()
    assert all(len(client.get_metric_history(run, "loss")) == 20 for run in found["run_id"])


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_workers_of_joblib_log_to_the_file(tracking: str, backend: str) -> None:
    joblib = pytest.importorskip("joblib", reason="joblib comes with scikit-learn")
    with mlflow.start_run() as parent:
        run_id = parent.info.run_id
        if backend == "threading":
            # The stack of active runs is local to a thread.
            work = joblib.delayed(_log_in_thread)
        else:
            work = joblib.delayed(_fit)
        results = joblib.Parallel(n_jobs=2, backend=backend)(
            work(tracking, run_id, depth) for depth in range(3)
        )
    assert results == [0.0, 0.5, 1.0]
    _check_children(run_id, 3)


def _log_in_thread(uri: str, parent: str, depth: int) -> float:
    client = MlflowClient(uri)
    tags = {"mlflow.parentRunId": parent}
    run_id = client.create_run("0", run_name=f"depth {depth}", tags=tags).info.run_id
    client.log_param(run_id, "depth", depth)
    for step in range(20):
        client.log_metric(run_id, "loss", depth + step, step=step)
    client.set_terminated(run_id)
    return depth / 2


class Samples:
    """A dataset that loaders pickle for their workers, with the run it logs to."""

    def __init__(self, run: tracklite.Run, uri: str) -> None:
        self.run, self.uri = run, uri

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        self.run.log_metric("loaded", float(index), step=index)
        MlflowClient(self.uri).set_tag(self.run.id, f"sample {index}", "seen")
        return index * index


def _check_loaded(run: tracklite.Run, count: int) -> None:
    history = run.history("loaded")
    assert sorted(history.steps.tolist()) == list(range(count))
    assert {key for key in run.tags() if key.startswith("sample")} == {
        f"sample {index}" for index in range(count)
    }


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pickled_dataset_logs_to_its_run_in_the_workers_of_a_loader(
    uri: str, tmp_path: Path, method: str
) -> None:
    database = tracklite.Database.create(tmp_path / "runs.tracklite")
    run = database.default_experiment().start_run("loading")
    samples = Samples(run, uri)
    context: Any = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        # Pickling the method pickles the dataset.
        assert pool.map(samples.__getitem__, range(8)) == [index**2 for index in range(8)]
        pool.close()
        pool.join()
    _check_loaded(run, 8)


def test_a_pickled_dataset_logs_to_its_run_in_the_workers_of_torch(
    uri: str, tmp_path: Path
) -> None:
    data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    run = tracklite.Database.create(tmp_path / "runs.tracklite").default_experiment().start_run()
    loader = data.DataLoader(Samples(run, uri), batch_size=2, num_workers=2)
    assert [int(value) for batch in loader for value in batch] == [index**2 for index in range(8)]
    _check_loaded(run, 8)


def test_workers_of_ray_log_to_the_file(tracking: str) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    with mlflow.start_run() as parent:
        work = ray.remote(_fit)
        ray.get([work.remote(tracking, parent.info.run_id, depth) for depth in range(3)])
    _check_children(parent.info.run_id, 3)


def test_workers_of_spark_log_to_the_file(tracking: str) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="Spark is not installed")
    # The workers cannot import this file.
    pytest.importorskip("pyspark.cloudpickle").register_pickle_by_value(sys.modules[__name__])
    session = sql.SparkSession.builder.master("local[2]").getOrCreate()
    with mlflow.start_run() as parent:
        run_id = parent.info.run_id
        numbers = session.sparkContext.parallelize(range(3))
        numbers.map(lambda depth: _fit(tracking, run_id, depth)).collect()
    _check_children(run_id, 3)
