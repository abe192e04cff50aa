"""Artifacts by MLflow's client: over `http://` and over `databricks`, and models among them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException


@pytest.fixture(params=["http", "databricks"])
def client(request: pytest.FixtureRequest) -> MlflowClient:
    """A client of a new server, by each of the two ways."""
    if request.param == "databricks":
        request.getfixturevalue("databricks")
        mlflow.set_tracking_uri("databricks")
    else:
        mlflow.set_tracking_uri(request.getfixturevalue("url"))
    mlflow.set_experiment("/Shared/artifacts")
    return MlflowClient()


def names(client: MlflowClient, run_id: str, path: str | None = None) -> list[str]:
    """The paths in a folder of a run."""
    return [file.path for file in client.list_artifacts(run_id, path)]


def test_files_go_up_and_come_down(client: MlflowClient, tmp_path: Path) -> None:
    """A file, a folder, a text with a blank in its name, and an empty file."""
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    contents = {"a.bin": os.urandom(3 << 20), "inner/b c.txt": b"text", "inner/empty": b""}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(folder / "a.bin"))
        mlflow.log_artifacts(str(folder), "all")
        mlflow.log_text("hello", "notes/ä.txt")
        mlflow.log_dict({"a": 1}, "dict.json")
    run_id = run.info.run_id
    assert names(client, run_id) == ["a.bin", "all", "dict.json", "notes"]
    assert names(client, run_id, "all") == ["all/a.bin", "all/inner"]
    assert names(client, run_id, "all/inner") == ["all/inner/b c.txt", "all/inner/empty"]
    assert names(client, run_id, "missing") == []
    sizes = {file.path: (file.is_dir, file.file_size) for file in client.list_artifacts(run_id)}
    assert sizes["a.bin"] == (False, 3 << 20)
    assert sizes["all"][0]
    got = Path(download_artifacts(run_id=run_id, artifact_path="all", dst_path=str(tmp_path / "x")))
    for name, content in contents.items():
        assert (got / name).read_bytes() == content
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/ä.txt") == "hello"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/dict.json") == {"a": 1}
    whole = Path(client.download_artifacts(run_id, "", str(tmp_path)))
    assert (whole / "all/inner/empty").read_bytes() == b""


def test_a_missing_file_is_an_error(client: MlflowClient, tmp_path: Path) -> None:
    """The error comes at once, and leaves nothing."""
    with mlflow.start_run() as run:
        mlflow.log_text("x", "a.txt")
    with pytest.raises(Exception, match="(?i)not found|no artifact|does not exist|failed"):
        download_artifacts(run_id=run.info.run_id, artifact_path="b.txt", dst_path=str(tmp_path))


def test_many_threads_log_to_one_run(client: MlflowClient) -> None:
    """Each file arrives, whole."""
    run_id = client.create_run(client.get_experiment_by_name("/Shared/artifacts").experiment_id)
    run_id = run_id.info.run_id
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: client.log_text(run_id, f"{n}" * 1000, f"t/{n}.txt"), range(32)))
    assert len(names(client, run_id, "t")) == 32
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/t/31.txt") == "31" * 1000


def test_a_model_is_logged_and_loaded(client: MlflowClient) -> None:
    """As a logged model of a run, by its own address and by that of the run."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(model, name="line", input_example=[[1.0]])
    for uri in (logged.model_uri, f"runs:/{run.info.run_id}/line"):
        loaded = mlflow.pyfunc.load_model(uri)
        assert loaded.predict([[10.0]])[0] == pytest.approx(21.0)
    found = mlflow.get_logged_model(logged.model_id)
    assert found.status.value == "READY"
    assert mlflow.sklearn.load_model(logged.model_uri).coef_[0] == pytest.approx(2.0)


def test_images_and_tables_are_logged(client: MlflowClient) -> None:
    """Their paths have characters that addresses escape."""
    import numpy
    import pandas

    with mlflow.start_run() as run:
        mlflow.log_image(numpy.zeros((4, 4, 3), dtype="uint8"), key="dog/cat", step=1)
        mlflow.log_table({"a": [1, 2]}, "table.json")
    images = names(client, run.info.run_id, "images")
    assert len(images) == 2
    assert all(image.startswith("images/dog~cat+step+1+") for image in images)
    got = download_artifacts(run_id=run.info.run_id, artifact_path="images")
    assert {path.name for path in Path(got).iterdir()} == {path.split("/")[1] for path in images}
    table = mlflow.load_table("table.json", run_ids=[run.info.run_id])
    assert isinstance(table, pandas.DataFrame)
    assert list(table["a"]) == [1, 2]


def test_a_large_file_is_sent_in_parts(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the proxy's uploads in parts, which MLflow uses if the server announces them."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(1 << 20))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 << 20))
    mlflow.set_tracking_uri(url)
    content = os.urandom(12 << 20)
    (tmp_path / "large.bin").write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "large.bin"), "d")
    got = download_artifacts(run_id=run.info.run_id, artifact_path="d/large.bin")
    assert Path(got).read_bytes() == content


def test_the_spare_way_works(
    databricks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By signed addresses, as clients do that do not use the Files API."""
    monkeypatch.setenv("MLFLOW_DISABLE_DATABRICKS_SDK_FOR_RUN_ARTIFACTS", "true")
    mlflow.set_tracking_uri("databricks")
    mlflow.set_experiment("/Shared/spare")
    content = os.urandom(2 << 20)
    (tmp_path / "a.bin").write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "a.bin"), "d")
        mlflow.log_text("x", "b.txt")
    run_id = run.info.run_id
    assert names(MlflowClient(), run_id) == ["b.txt", "d"]
    got = download_artifacts(run_id=run_id, artifact_path="d", dst_path=str(tmp_path / "got"))
    assert (Path(got) / "a.bin").read_bytes() == content


def test_unsafe_paths_are_refused(url: str) -> None:
    """At once, and nothing is written."""
    mlflow.set_tracking_uri(url)
    with mlflow.start_run() as run:
        for path in ("../a.txt", "/a.txt", "a/../../b.txt"):
            with pytest.raises(MlflowException):
                mlflow.log_text("x", path)
    assert names(MlflowClient(), run.info.run_id) == []
