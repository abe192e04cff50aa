"""A store detects that its file was deleted or replaced, so that no data is lost silently."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from tracklite.mlflow.registry_store import TrackliteRegistryStore
from tracklite.mlflow.tracking_store import TrackliteTrackingStore


def _start(store: TrackliteTrackingStore, name: str) -> str:
    return str(store.create_run("0", "ann", 1, [], name).info.run_id)


def _checked_calls(
    store: TrackliteTrackingStore, registry: TrackliteRegistryStore, run_id: str
) -> list[Callable[[], object]]:
    """Returns the calls that check whether the file is still there."""
    return [
        lambda: store.create_experiment("new"),
        lambda: _start(store, "new"),
        lambda: store.create_logged_model("0", "new"),
        lambda: store.update_run_info(run_id, 3, 5, None),
        lambda: registry.create_registered_model("new"),
        lambda: registry.create_model_version("model", "s3://x"),
    ]


def test_a_deleted_file_is_detected(uri: str, tmp_path: Path) -> None:
    store, registry = TrackliteTrackingStore(uri), TrackliteRegistryStore(uri)
    registry.create_registered_model("model")
    run_id = _start(store, "old")
    (tmp_path / "runs.tracklite").unlink()
    for number, call in enumerate(_checked_calls(store, registry, run_id)):
        with pytest.raises(MlflowException, match="it was deleted") as failed:
            call()
        assert failed.value.error_code == "RESOURCE_DOES_NOT_EXIST", number
    assert not (tmp_path / "runs.tracklite").exists()


def test_a_new_store_uses_the_current_file(uri: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.tracklite"
    old, old_registry = TrackliteTrackingStore(uri), TrackliteRegistryStore(uri)
    old_registry.create_registered_model("model")
    run_id = _start(old, "old")
    path.unlink()
    new = TrackliteTrackingStore(uri)
    assert new.search_runs(["0"], "", 3) == []
    _start(new, "new")
    assert [run.info.run_name for run in new.search_runs(["0"], "", 3)] == ["new"]
    for number, call in enumerate(_checked_calls(old, old_registry, run_id)):
        with pytest.raises(MlflowException, match="another file has its path") as failed:
            call()
        assert failed.value.error_code == "RESOURCE_DOES_NOT_EXIST", number


def test_a_replaced_file_is_not_written(uri: str, tmp_path: Path) -> None:
    path, other = tmp_path / "runs.tracklite", tmp_path / "other.tracklite"
    store, registry = TrackliteTrackingStore(uri), TrackliteRegistryStore(uri)
    registry.create_registered_model("model")
    run_id = _start(store, "old")
    _start(TrackliteTrackingStore(f"tracklite://{other}"), "other")
    # A copy, because the other file itself is open at its own path.
    shutil.copy(other, tmp_path / "copy")
    os.replace(tmp_path / "copy", path)
    for call in _checked_calls(store, registry, run_id):
        with pytest.raises(MlflowException, match="another file has its path"):
            call()
    (run,) = TrackliteTrackingStore(uri).search_runs(["0"], "", 3)
    assert run.info.run_name == "other"
    with pytest.raises(MlflowException) as missing:
        get_artifact_repository(f"{uri}/0/{run_id}/artifacts").log_artifact(__file__)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_fluent_program_detects_a_deleted_file(tracking: str, tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match="it was deleted"), mlflow.start_run():
        mlflow.log_metric("loss", 1)
        (tmp_path / "runs.tracklite").unlink()


def test_a_file_with_several_paths_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    addresses = [f"tracklite://{tmp_path}/{folder}/runs.tracklite" for folder in ("real", "link")]
    clients = [MlflowClient(address) for address in addresses]
    runs = [client.create_run("0").info for client in clients]
    assert all(len(client.search_runs(["0"])) == 2 for client in clients)
    clients[0].create_registered_model("model")
    clients[0].log_text(runs[0].run_id, "hello", "model/note.txt")
    source = f"{addresses[1]}/0/{runs[0].run_id}/artifacts/model"
    version = clients[0].create_model_version("model", source)
    assert version.run_id == runs[0].run_id
    files = clients[0].get_model_version_download_uri("model", version.version)
    assert mlflow.artifacts.load_text(f"{files}/note.txt") == "hello"


def test_a_store_is_pickled_by_its_path(uri: str, tmp_path: Path) -> None:
    store = TrackliteTrackingStore(uri)
    _start(store, "one")
    again = pickle.loads(pickle.dumps(store._stored))
    assert again.present is store._file
    (tmp_path / "runs.tracklite").unlink()
    with pytest.raises(MlflowException, match="it was deleted"):
        assert again.present


@pytest.mark.parametrize("inside", ["", "/0"])
def test_artifacts_in_another_tracklite_file_are_rejected(tmp_path: Path, inside: str) -> None:
    own, other = (f"tracklite://{tmp_path}/{name}.tracklite" for name in ("own", "other"))
    TrackliteTrackingStore(other)
    with pytest.raises(MlflowException, match="cannot hold the artifacts") as refused:
        TrackliteTrackingStore(own, other + inside)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException) as missing:
        TrackliteTrackingStore(own, f"tracklite://{tmp_path}/none.tracklite")
    assert missing.value.error_code == "INVALID_PARAMETER_VALUE"
    (tmp_path / "link").symlink_to(tmp_path)
    addresses = [
        f"tracklite:{tmp_path}/own.tracklite",
        f"tracklite://{tmp_path}/link/own.tracklite",
    ]
    for same in (own, *addresses):
        store = TrackliteTrackingStore(own, same)
        location = store.get_experiment("0").artifact_location
        assert location == f"{own}/0"
