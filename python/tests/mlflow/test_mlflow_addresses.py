"""Valid and invalid addresses, and the calls that the plug-in refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.model_registry.abstract_store import AbstractStore as AbstractRegistry
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.utils.uri import append_to_uri_path

from tracklite.mlflow import address
from tracklite.mlflow.registry_store import TrackliteRegistryStore
from tracklite.mlflow.tracking_store import TrackliteTrackingStore


@pytest.mark.parametrize("slashes", ["///", "/"])
@pytest.mark.parametrize(
    "name", ["runs.tracklite", "my runs", "\u00fc\u0645", "a%b", "a?b#c", "plain"]
)
def test_a_file_with_special_characters_is_used(tmp_path: Path, name: str, slashes: str) -> None:
    path = tmp_path / "a folder" / name
    path.parent.mkdir()
    uri = f"tracklite:{slashes}{quote(str(path)).lstrip('/')}"
    client = MlflowClient(uri)
    run = client.create_run("0")
    client.log_text(run.info.run_id, "hello", "folder/note.txt")
    assert path.is_file()
    # Addresses as MLflow builds them, including the form without the empty host.
    below = append_to_uri_path(run.info.artifact_uri, "folder")
    for artifact_uri in (f"{run.info.artifact_uri}/folder", below):
        repository = get_artifact_repository(artifact_uri)
        assert [file.path for file in repository.list_artifacts()] == ["note.txt"]
        copy = repository.download_artifacts("note.txt", str(tmp_path))
        assert Path(copy).read_text() == "hello"
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/folder/note.txt") == "hello"


def test_a_path_may_be_relative_and_unescaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    MlflowClient("tracklite:my runs.tracklite").create_run("0")
    assert (tmp_path / "my runs.tracklite").is_file()
    assert len(MlflowClient(f"tracklite://{tmp_path}/my runs.tracklite").search_runs(["0"])) == 1


@pytest.mark.parametrize(
    ("uri", "part"),
    [
        ("tracklite://host/runs.tracklite", "'host'"),
        ("tracklite://runs.tracklite", "three slashes"),
        ("tracklite:///tmp/x?mode=ro", "query"),
        ("tracklite:///tmp/x#part", "fragment"),
        ("tracklite:", "no path of a file"),
        ("tracklite:///", "no path of a file"),
        ("tracklite:///tmp/", "folder"),
        ("tracklite:///no/such/folder/runs", "no folder"),
        ("tracklite:///tmp", "tmp"),
        (f"tracklite://{__file__}", "not a tracklite file"),
    ],
)
def test_an_invalid_address_is_an_error(uri: str, part: str) -> None:
    for store in (TrackliteTrackingStore, TrackliteRegistryStore):
        with pytest.raises(MlflowException) as failed:
            store(uri)
        assert failed.value.error_code in ("INVALID_PARAMETER_VALUE", "INTERNAL_ERROR")
        assert part in str(failed.value)


def test_a_moved_file_keeps_its_content(tmp_path: Path) -> None:
    script = """if True:
        import sys
        from mlflow import MlflowClient
        client = MlflowClient(sys.argv[1])
        run = client.create_run(client.create_experiment("moved"))
        client.log_text(run.info.run_id, "hello", "note.txt")
        client.create_registered_model("model")
        client.create_model_version("model", f"{run.info.artifact_uri}", run.info.run_id)
        print(run.info.run_id)
    """
    here, there = tmp_path / "here.tracklite", tmp_path / "there.tracklite"
    words = [sys.executable, "-c", script, f"tracklite://{here}"]
    run_id = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[-1]
    here.rename(there)
    client = MlflowClient(f"tracklite://{there}")
    uri = client.get_run(run_id).info.artifact_uri
    assert uri == f"tracklite://{there}/1/{run_id}/artifacts"
    assert mlflow.artifacts.load_text(f"{uri}/note.txt") == "hello"
    source = client.get_model_version_download_uri("model", "1")
    assert mlflow.artifacts.load_text(f"{source}/note.txt") == "hello"


def test_an_experiment_stores_artifacts_at_an_explicit_location(tmp_path: Path, uri: str) -> None:
    client = MlflowClient(uri)
    place = tmp_path / "artifacts"
    experiment_id = client.create_experiment("elsewhere", str(place), {"team": "a"})
    experiment = client.get_experiment(experiment_id)
    assert experiment.artifact_location == str(place) and experiment.tags == {"team": "a"}
    run = client.create_run(experiment_id)
    assert run.info.artifact_uri == f"{place}/{run.info.run_id}/artifacts"
    client.log_text(run.info.run_id, "hello", "note.txt")
    assert (place / run.info.run_id / "artifacts" / "note.txt").read_text() == "hello"


def test_artifacts_need_an_owner(uri: str, tmp_path: Path) -> None:
    client = MlflowClient(uri)
    run_id = client.create_run("0").info.run_id
    file = tmp_path / "note.txt"
    file.write_text("hello")
    root = get_artifact_repository(uri)
    assert root.list_artifacts() == []
    for path in (None, "0", "0/traces/tr-1/artifacts", f"0/{run_id}"):
        with pytest.raises(MlflowException) as refused:
            root.log_artifact(str(file), path)
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException) as missing:
        root.log_artifact(str(file), f"0/{'0' * 32}/artifacts")
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    root.log_artifact(str(file), f"0/{run_id}/artifacts/a/b")
    assert [found.path for found in root.list_artifacts(f"0/{run_id}/artifacts/a")] == [
        f"0/{run_id}/artifacts/a/b"
    ]
    (found,) = client.list_artifacts(run_id, "a/b")
    assert (found.path, found.is_dir, found.file_size) == ("a/b/note.txt", False, 5)
    assert client.list_artifacts(run_id, "a/b/note.txt") == []
    assert client.list_artifacts(run_id, "nothing") == []
    repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri)
    for path in ("../x", "/x", "a\\b"):
        with pytest.raises(MlflowException) as unsafe:
            repository.log_artifact(str(file), path)
        assert unsafe.value.error_code == "INVALID_PARAMETER_VALUE", path
    repository.delete_artifacts("a")
    assert client.list_artifacts(run_id) == []


def test_an_address_of_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MlflowException) as failed:
        get_artifact_repository(f"tracklite://{tmp_path}/none.tracklite/0/x/artifacts")
    assert failed.value.error_code == "INVALID_PARAMETER_VALUE"
    assert list(tmp_path.iterdir()) == []


def test_a_path_in_a_file_has_an_owner() -> None:
    run, model = "a" * 32, "m-" + "b" * 32
    good = {
        f"0/{run}/artifacts": (("run", run, 0), ""),
        f"{run}/artifacts/x/y": (("run", run, 0), "x/y"),
        f"12/models/{model}/artifacts/MLmodel": (("model", model, 0), "MLmodel"),
        f"models/{model}/artifacts": (("model", model, 0), ""),
        f"versions/{run}/3/a": (("version", run, 3), "a"),
    }
    for path, wanted in good.items():
        assert address.owner_of(path) == wanted
    for path in (
        "",
        "0",
        run,
        f"0/{run}",
        f"0/{run}/other",
        "versions/x/1",
        f"models/{run}/artifacts",
    ):
        assert address.owner_of(path) is None
    assert address.engine_address(f"0/{run}/artifacts/x") == f"runs:/{run}/x"
    assert address.engine_address(f"versions/{run}/3/a") is None


def test_invalid_values_are_invalid_arguments(uri: str) -> None:
    store = TrackliteTrackingStore(uri)
    run_id = store.create_run("0", "ann", 1, [], "r").info.run_id
    calls: list[Callable[[], object]] = [
        lambda: store.log_metric(run_id, Metric("a", 1.0, 2**70, 0)),
        lambda: store.log_metric(run_id, Metric("a", 1.0, 0, 2**70)),
        lambda: store.log_metric(run_id, Metric("a", "1", 0, 0)),
        lambda: store.create_run("0", "ann", 2**70, [], "r"),
        lambda: store.get_experiment("x"),
        lambda: store.create_run("0", 5, 1, [], "r"),  # type: ignore[arg-type]
        lambda: store.search_runs(["0"], "metrics.a ?", ViewType.ALL),
        lambda: store.search_runs(["0"], None, ViewType.ALL, max_results=0),
        lambda: store.search_runs(["0"], None, ViewType.ALL, page_token="nonsense"),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(MlflowException) as failed:
            call()
        assert failed.value.error_code == "INVALID_PARAMETER_VALUE", number


def test_unsupported_calls_are_refused(uri: str) -> None:
    store, registry = TrackliteTrackingStore(uri), TrackliteRegistryStore(uri)
    calls: list[Callable[[], object]] = [
        lambda: store.start_trace(None),
        lambda: store.search_traces(["0"]),
        lambda: store.log_spans("0", []),
        lambda: store.create_dataset("x"),
        lambda: store.register_scorer("0", "x", "{}"),
        lambda: store.link_traces_to_run([], "x"),
    ]
    for call in calls:
        with pytest.raises(MlflowException, match="does not keep") as refused:
            call()
        assert refused.value.error_code == "NOT_IMPLEMENTED"


def test_all_abstract_methods_are_implemented_or_refused(uri: str) -> None:
    """Checks that no abstract method is left."""
    declared = {
        name
        for base in (AbstractStore, AbstractRegistry)
        for name in dir(base)
        if getattr(getattr(base, name), "__isabstractmethod__", False)
    }
    assert len(declared) > 30
    for store in (TrackliteTrackingStore, TrackliteRegistryStore):
        left = [name for name in declared if name in dir(store)]
        left = [
            name
            for name in left
            if getattr(getattr(store, name), "__isabstractmethod__", False)
            and not name.startswith("_")
        ]
        assert left == []


def test_the_package_does_not_import_mlflow() -> None:
    script = "import sys, tracklite; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], env=os.environ).returncode == 0
