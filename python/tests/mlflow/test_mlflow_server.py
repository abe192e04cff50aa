"""`mlflow server` on a file that trainers also write directly, model serving, and `mlflow gc`."""

from __future__ import annotations

import math
import multiprocessing
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from servers import request, server
from sklearn.linear_model import LogisticRegression

from tracklite.mlflow.tracking_store import TrackliteTrackingStore


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def file(place: Path) -> str:
    return f"tracklite://{place}/runs.tracklite"


@pytest.fixture(scope="module")
def address(place: Path, file: str) -> Iterator[str]:
    """A server with the default number of four workers."""
    words = ["server", "--backend-store-uri", file, "--artifacts-destination", file]
    words += ["--host", "127.0.0.1"]
    with server(words, place / "server.log", "/health") as address:
        yield address


def _train(uri: str, number: int, steps: int) -> None:
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("shared")
    with mlflow.start_run(run_name=f"trainer {number}"):
        for step in range(steps):
            mlflow.log_metric("loss", number + step, step=step)
        mlflow.log_text(f"written by {number}", "note.txt")


def test_trainers_write_the_file_while_the_server_runs(address: str, file: str) -> None:
    context = multiprocessing.get_context("spawn")
    trainers = [context.Process(target=_train, args=(file, number, 200)) for number in range(2)]
    remote = context.Process(target=_train, args=(address, 7, 100))
    processes = [*trainers, remote]
    for process in processes:
        process.start()
    client = MlflowClient(address)
    seen: set[int] = set()
    while any(process.is_alive() for process in processes):
        # Every worker must see at least the runs seen before.
        experiment = client.get_experiment_by_name("shared")
        if experiment is None:
            continue
        runs = client.search_runs([experiment.experiment_id])
        assert len(runs) >= max(seen, default=0)
        seen.add(len(runs))
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    experiment = client.get_experiment_by_name("shared")
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.run_name"])
    assert [run.info.run_name for run in runs] == ["trainer 0", "trainer 1", "trainer 7"]
    for run, steps in zip(runs, (200, 200, 100), strict=True):
        number = int(run.info.run_name.split()[1])
        assert run.info.status == "FINISHED" and run.data.metrics["loss"] == number + steps - 1
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [point.step for point in history] == list(range(steps))
        # All runs are readable directly and through the server.
        assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
        direct = MlflowClient(file).get_run(run.info.run_id)
        assert direct.info.artifact_uri.startswith("tracklite:///")
        for uri in (address, file):
            mlflow.set_tracking_uri(uri)
            text = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/note.txt")
            assert text == f"written by {number}"
        mlflow.set_tracking_uri(None)


def test_a_model_is_logged_and_loaded_through_the_server(address: str, file: str) -> None:
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    model = LogisticRegression().fit(table, [0, 0, 1, 1])
    mlflow.set_tracking_uri(address)
    try:
        mlflow.set_experiment("models")
        with mlflow.start_run():
            mlflow.sklearn.log_model(model, name="model", registered_model_name="remote")
        MlflowClient().set_registered_model_alias("remote", "Champion", "1")
        loaded = mlflow.sklearn.load_model("models:/remote@Champion")
        assert (loaded.predict(table) == model.predict(table)).all()
    finally:
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
    mlflow.set_tracking_uri(file)
    loaded = mlflow.sklearn.load_model("models:/remote@Champion")
    assert (loaded.predict(table) == model.predict(table)).all()
    mlflow.set_tracking_uri(None)


def test_errors_pass_through_the_server(address: str) -> None:
    client = MlflowClient(address)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: client.get_run("0" * 32), "RESOURCE_DOES_NOT_EXIST"),
        (lambda: client.search_runs(["0"], "a OR b"), "INVALID_PARAMETER_VALUE"),
        (lambda: client.create_experiment("Default"), "RESOURCE_ALREADY_EXISTS"),
        (lambda: client.get_model_version("none", "1"), "RESOURCE_DOES_NOT_EXIST"),
    ]
    for call, code in calls:
        with pytest.raises(MlflowException) as failed:
            call()
        assert failed.value.error_code == code
    answer = request(address + "/api/3.0/mlflow/traces/tr-1")
    assert answer["status"] == 501, answer


def test_the_requests_of_the_run_page_are_answered(address: str, file: str) -> None:
    """Sends the requests of the browser for a run: REST, GraphQL and metric charts."""
    client = MlflowClient(file)
    experiment_id = client.create_experiment("page")
    run = client.create_run(experiment_id, run_name="shown", tags={"k": "v"})
    run_id = run.info.run_id
    for step in range(10):
        client.log_metric(run_id, "loss", math.nan if step == 3 else step, step=step)
    client.log_param(run_id, "depth", 3)
    client.log_text(run_id, "seen", "folder/note.txt")
    name = client.create_registered_model("page model").name
    client.create_model_version(name, f"runs:/{run_id}/folder", run_id)

    found = request(f"{address}/ajax-api/2.0/mlflow/runs/get?run_id={run_id}")["run"]
    assert found["info"]["run_name"] == "shown" and found["data"]["metrics"][0]["value"] == 9
    query = """query GetRun($data: MlflowGetRunInput!) { mlflowGetRun(input: $data) {
        apiError { message } run { info { runName status } experiment { name }
        data { params { key value } metrics { key value step } tags { key } }
        modelVersions { name version } inputs { datasetInputs { dataset { name } } } } } }"""
    answer = request(
        f"{address}/graphql",
        {"query": query, "variables": {"data": {"runId": run_id}}, "operationName": "GetRun"},
    )
    assert answer["errors"] is None, answer
    shown = answer["data"]["mlflowGetRun"]["run"]
    assert shown["info"]["runName"] == "shown" and shown["experiment"]["name"] == "page"
    assert shown["data"]["params"] == [{"key": "depth", "value": "3"}]
    assert shown["modelVersions"] == [{"name": "page model", "version": "1"}]
    query = """query Chart($data: MlflowGetMetricHistoryBulkIntervalInput!) {
        mlflowGetMetricHistoryBulkInterval(input: $data) { apiError { message }
        metrics { key runId step timestamp value } } }"""
    wanted = {"runIds": [run_id], "metricKey": "loss", "maxResults": 5}
    answer = request(
        f"{address}/graphql",
        {"query": query, "variables": {"data": wanted}, "operationName": "Chart"},
    )
    # MLflow's GraphQL schema has no NaN. It returns null and an error.
    assert answer["errors"] == ["Float cannot represent non numeric value: nan"]
    points = answer["data"]["mlflowGetMetricHistoryBulkInterval"]["metrics"]
    values = [None if step == 3 else step for step in range(10)]
    assert [(int(point["step"]), point["value"]) for point in points] == list(enumerate(values))
    bulk = request(
        f"{address}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
        f"?run_ids={run_id}&metric_key=loss&max_results=5"
    )["metrics"]
    assert [point["step"] for point in bulk] == [0, 2, 4, 6, 9]
    search = {"experiment_ids": [experiment_id], "filter": "params.depth = '3'"}
    found = request(f"{address}/ajax-api/2.0/mlflow/runs/search", search)["runs"]
    assert [run["info"]["run_id"] for run in found] == [run_id]
    listed = request(f"{address}/ajax-api/2.0/mlflow/artifacts/list?run_id={run_id}&path=folder")
    assert [file["path"] for file in listed["files"]] == ["folder/note.txt"]
    datasets = request(
        f"{address}/ajax-api/2.0/mlflow/experiments/search-datasets",
        {"experiment_ids": [experiment_id]},
    )
    assert datasets.get("dataset_summaries", []) == []
    text = urllib.request.urlopen(f"{address}/get-artifact?path=folder/note.txt&run_uuid={run_id}")
    assert text.read() == b"seen"
    assert b"<html" in urllib.request.urlopen(f"{address}/").read()


def _workers(log: Path) -> set[int]:
    """Returns the processes that the server has started, from its log."""
    found = re.findall(r"Started server process \[(\d+)\]", log.read_text(errors="replace"))
    return {int(number) for number in found}


def _has_open(process: int, file: Path) -> bool:
    links = Path(f"/proc/{process}/fd").iterdir()
    return any(os.path.realpath(link) == str(file) for link in links)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="requires /proc")
def test_four_workers_have_the_file_open(address: str, place: Path) -> None:
    workers = _workers(place / "server.log")
    assert len(workers) == 4
    file, end = place / "runs.tracklite", time.monotonic() + 60
    while not all(_has_open(worker, file) for worker in workers):
        # Any worker may accept each of these connections.
        with ThreadPoolExecutor(16) as pool:
            url = f"{address}/api/2.0/mlflow/experiments/get?experiment_id=0"
            list(pool.map(request, [url] * 32))
        assert time.monotonic() < end


def test_the_requests_of_the_experiment_and_chart_pages_are_answered(
    address: str, file: str
) -> None:
    client = MlflowClient(file)
    experiment_id = client.create_experiment("charts", tags={"team": "a"})
    runs = [client.create_run(experiment_id, run_name=name).info.run_id for name in ("one", "two")]
    for run_id in runs:
        for step in range(3):
            client.log_metric(run_id, "loss", step / 2, step=step)
    query = """query Get($data: MlflowGetExperimentInput!) { mlflowGetExperiment(input: $data) {
        apiError { message } experiment { experimentId name lifecycleStage artifactLocation
        tags { key value } } } }"""
    variables = {"data": {"experimentId": experiment_id}}
    answer = request(f"{address}/graphql", {"query": query, "variables": variables})
    assert answer["errors"] is None, answer
    shown = answer["data"]["mlflowGetExperiment"]["experiment"]
    assert shown["name"] == "charts" and shown["tags"] == [{"key": "team", "value": "a"}]
    query = """query Search($data: MlflowSearchRunsInput!) { mlflowSearchRuns(input: $data) {
        apiError { message } nextPageToken
        runs { info { runName status } data { metrics { key value step } } } } }"""
    wanted = {"experimentIds": [experiment_id], "orderBy": ["run_name"], "maxResults": 1}
    answer = request(f"{address}/graphql", {"query": query, "variables": {"data": wanted}})
    assert answer["errors"] is None, answer
    page = answer["data"]["mlflowSearchRuns"]
    assert [run["info"]["runName"] for run in page["runs"]] == ["one"] and page["nextPageToken"]
    assert page["runs"][0]["data"]["metrics"] == [{"key": "loss", "value": 1, "step": "2"}]
    wanted["pageToken"] = page["nextPageToken"]
    answer = request(f"{address}/graphql", {"query": query, "variables": {"data": wanted}})
    page = answer["data"]["mlflowSearchRuns"]
    assert [run["info"]["runName"] for run in page["runs"]] == ["two"]
    words = "&".join(f"run_id={run_id}" for run_id in runs)
    bulk = request(
        f"{address}/ajax-api/2.0/mlflow/metrics/get-history-bulk?{words}&metric_key=loss"
    )["metrics"]
    assert [(point["run_id"], point["step"], point["value"]) for point in bulk] == [
        (run_id, step, step / 2) for run_id in sorted(runs) for step in range(3)
    ]


def test_a_file_with_special_characters_is_served(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    path = folder / "\u00fc 100% runs"
    escaped = quote(str(path))
    words = ["server", "--backend-store-uri", f"tracklite:{escaped}"]
    words += ["--artifacts-destination", f"tracklite://{escaped}"]
    words += ["--host", "127.0.0.1", "--workers", "1"]
    with server(words, tmp_path / "server.log", "/health") as address:
        client = MlflowClient(address)
        run = client.create_run("0").info
        client.log_text(run.run_id, "hello", "folder/\u00fc note.txt")
        assert run.artifact_uri == f"mlflow-artifacts:/0/{run.run_id}/artifacts"
        (found,) = client.list_artifacts(run.run_id, "folder")
        copy = client.download_artifacts(run.run_id, found.path, str(tmp_path))
        assert Path(copy).read_text() == "hello"
        client.create_registered_model("model")
        version = client.create_model_version("model", f"{run.artifact_uri}/folder", run.run_id)
        assert client.get_model_version_download_uri("model", version.version).startswith(
            "mlflow-artifacts:/versions/"
        )
    direct = MlflowClient(f"tracklite:///{escaped.lstrip('/')}")
    assert [found.info.run_id for found in direct.search_runs(["0"])] == [run.run_id]
    assert path.is_file() and [path.name for path in folder.iterdir() if path.is_dir()] == []


def test_a_model_with_an_alias_is_served(place: Path, file: str) -> None:
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    model = LogisticRegression().fit(table, [0, 0, 1, 1])
    mlflow.set_tracking_uri(file)
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="model", registered_model_name="served")
    MlflowClient().set_registered_model_alias("served", "Champion", "1")
    mlflow.set_tracking_uri(None)
    words = ["models", "serve", "--model-uri", "models:/served@Champion"]
    words += ["--env-manager", "local", "--host", "127.0.0.1", "--workers", "1"]
    with server(words, place / "serve.log", "/ping", MLFLOW_TRACKING_URI=file) as serving:
        records = table.to_dict(orient="records")
        answer = request(f"{serving}/invocations", {"dataframe_records": records})
        assert answer == {"predictions": [0, 0, 1, 1]}
        wrong = request(f"{serving}/invocations", {"nothing": 1})
        assert wrong["status"] == 400


def test_gc_frees_space(tmp_path: Path) -> None:
    path = tmp_path / "runs.tracklite"
    uri = f"tracklite://{path}"
    client = MlflowClient(uri)
    kept = client.create_run("0").info.run_id
    gone = client.create_run("0").info.run_id
    content = os.urandom(8 << 20)
    for run_id in (kept, gone):
        # Different bytes for each, because equal chunks are stored once.
        content = bytes(reversed(content))
        (tmp_path / "blob").write_bytes(content)
        client.log_artifact(run_id, str(tmp_path / "blob"), "files")
    experiment_id = client.create_experiment("doomed")
    client.create_run(experiment_id)
    client.delete_run(gone)
    client.delete_experiment(experiment_id)
    before = path.stat().st_blocks * 512
    words = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri}
    early = subprocess.run(
        [*words, "--older-than", "10d"], env=environment, capture_output=True, timeout=300
    )
    assert early.returncode == 0 and client.get_run(gone).info.lifecycle_stage == "deleted"
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert gone in done.stdout and "permanently deleted" in done.stdout
    with pytest.raises(MlflowException):
        client.get_run(gone)
    with pytest.raises(MlflowException):
        client.get_experiment(experiment_id)
    assert before - path.stat().st_blocks * 512 > 7 << 20
    copy = client.download_artifacts(kept, "files/blob", str(tmp_path))
    assert Path(copy).read_bytes() == bytes(reversed(content))


def test_gc_purges_logged_models(tmp_path: Path) -> None:
    uri = f"tracklite://{tmp_path}/runs.tracklite"
    client = MlflowClient(uri)
    kept, gone = (client.create_logged_model("0", name).model_id for name in ("kept", "gone"))
    (tmp_path / "note.txt").write_text("hello")
    for model_id in (kept, gone):
        client.log_model_artifact(model_id, str(tmp_path / "note.txt"))
    client.delete_logged_model(gone)
    words = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert gone in done.stdout and kept not in done.stdout
    store = TrackliteTrackingStore(uri)
    with pytest.raises(MlflowException) as missing:
        store.get_logged_model(gone, allow_deleted=True)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert [file.path for file in client.list_logged_model_artifacts(kept)] == ["note.txt"]
