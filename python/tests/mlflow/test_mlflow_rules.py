"""Rules of MLflow's SQL store that are easy to get wrong, each compared with that store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from differential import Pair
from mlflow import MlflowClient
from mlflow.entities import Metric, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

import tracklite
from tracklite.exceptions import InvalidStateError
from tracklite.mlflow import address
from tracklite.mlflow.tracking_store import TrackliteTrackingStore


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}", str(path.parent))
    return path


@pytest.fixture
def pair(tmp_path: Path, template: Path) -> Iterator[Pair]:
    yield Pair(tmp_path / "pair", template)


def _both(pair: Pair, call: Any) -> list[Any]:
    return [call(side.tracking, side.registry) for side in pair.sides]


@pytest.mark.parametrize("run_id", [42, "elsewhere/7", " ", "f" * 32, "F" * 32])
def test_the_run_of_a_version_or_logged_model_is_any_text(pair: Pair, run_id: Any) -> None:
    def call(tracking: Any, registry: Any) -> Any:
        registry.create_registered_model("m")
        version = registry.create_model_version("m", "s3://a", run_id)
        found = registry.search_model_versions(f"run_id = '{run_id}'")
        model = tracking.create_logged_model("0", "m", run_id)
        again = tracking.get_logged_model(model.model_id)
        return str(version.run_id), [each.run_id for each in found], again.source_run_id

    theirs, ours = _both(pair, call)
    assert theirs == ours == (str(run_id), [str(run_id)], str(run_id))


def test_a_whole_number_is_a_run_that_does_not_exist(pair: Pair) -> None:
    calls = [
        lambda tracking: tracking.get_run(7),
        lambda tracking: tracking.delete_run(7),
        lambda tracking: tracking.log_metric(7, Metric("a", 1.0, 0, 0)),
        lambda tracking: tracking.get_metric_history(7, "a"),
    ]
    for number, call in enumerate(calls):
        codes = []
        for side in pair.sides:
            try:
                codes.append(list(call(side.tracking)))
            except MlflowException as error:
                codes.append(error.error_code)
        assert codes[0] == codes[1] in ("RESOURCE_DOES_NOT_EXIST", []), number


def test_a_deleted_run_is_the_run_of_a_version(pair: Pair) -> None:
    def call(tracking: Any, registry: Any) -> Any:
        run_id = tracking.create_run("0", "ann", 1, [], "r").info.run_id
        tracking.delete_run(run_id)
        registry.create_registered_model("m")
        sources = [f"runs:/{run_id}/model", "s3://a", "runs:/nowhere", "any text", "x:y"]
        made = [registry.create_model_version("m", source, run_id) for source in sources]
        return [(version.run_id == run_id, version.source == source)
                for version, source in zip(made, sources, strict=True)]

    theirs, ours = _both(pair, call)
    assert theirs == ours == [(True, True)] * 5
    assert pair.ours.registry.get_model_version_download_uri("m", 3) == "runs:/nowhere"


def test_a_thing_that_was_just_deleted_counts_as_deleted(uri: str) -> None:
    store = TrackliteTrackingStore(uri)
    for _ in range(100):
        run_id = store.create_run("0", "ann", 1, [], "r").info.run_id
        store.delete_run(run_id)
        assert run_id in store._get_deleted_runs()
        model_id = store.create_logged_model("0").model_id
        store.delete_logged_model(model_id)
        assert model_id in store._get_deleted_logged_models()
    assert store._get_deleted_runs(older_than=60_000) == []
    assert store._get_deleted_logged_models(older_than=60_000) == []


def test_experiment_0_can_be_deleted_and_restored(uri: str, tmp_path: Path) -> None:
    client = MlflowClient(uri)
    run_id = client.create_run("0").info.run_id
    client.delete_experiment("0")
    assert client.get_experiment("0").lifecycle_stage == "deleted"
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(MlflowException) as refused:
        client.create_run("0")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    path = address.file_of(uri)
    for call in (
        lambda: tracklite.run(path),
        lambda: tracklite.init(file=path),
        lambda: tracklite.Database.open(path).default_experiment().start_run(),
    ):
        with pytest.raises(InvalidStateError, match="Restore it first"):
            call()
    client.restore_experiment("0")
    assert client.get_run(run_id).info.lifecycle_stage == "active"
    tracklite.run(path).finish()


def test_samples_are_those_of_sql(pair: Pair) -> None:
    def call(tracking: Any, registry: Any) -> Any:
        run_id = tracking.create_run("0", "ann", 1, [], "r").info.run_id
        values = [float("nan"), *(float(number * 37 % 11) for number in range(60))]
        metrics = [
            Metric("a", value, 5 + number % 7, number // 20) for number, value in enumerate(values)
        ]
        for first in range(0, len(metrics), 20):
            tracking.log_batch(run_id, metrics[first : first + 20], [], [])
        samples = []
        for steps in ((None, None), (0, 0), (1, 2), (7, 9)):
            for most in (-1, 0, 1, 2, 3, 7, 10, 59, 60, 61, 320):
                found = tracking.get_metric_history_bulk_interval([run_id], "a", most, *steps)
                points = [(each.step, each.timestamp, str(each.value)) for each in found]
                samples.append((steps, most, points))
        return samples

    theirs, ours = _both(pair, call)
    for their_sample, our_sample in zip(theirs, ours, strict=True):
        assert their_sample == our_sample


@pytest.mark.parametrize("root", ["s3://bucket/deep", "s3://bucket/?a=b", "folder"])
def test_another_root_of_artifacts_has_a_folder_for_each_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    monkeypatch.chdir(tmp_path)
    own = f"tracklite://{tmp_path}/runs.tracklite"
    stores = [SqlAlchemyStore(f"sqlite:///{tmp_path}/mlflow.db", root)]
    # Two workers of a server open the file at about the same time.
    stores += [TrackliteTrackingStore(own, root) for _ in range(2)]
    places = []
    for store in stores[:2]:
        made = store.create_experiment("one")
        explicit = store.create_experiment("two", "s3://explicit")
        run = store.create_run(made, "ann", 1, [], "r")
        model = store.create_logged_model("0")
        found = [
            *(store.get_experiment(each).artifact_location for each in ("0", made, explicit)),
            store.artifact_root_uri,
            run.info.artifact_uri.replace(run.info.run_id, "RUN"),
            model.artifact_location.replace(model.model_id, "MODEL"),
        ]
        places.append(found)
        query = f"artifact_uri = '{run.info.artifact_uri}'"
        assert len(store.search_runs([made], query, ViewType.ALL)) == 1
        query = f"artifact_location = '{model.artifact_location}'"
        assert len(store.search_logged_models(["0"], query)) == 1
    assert places[0] == places[1]
    assert stores[2].get_experiment("0").artifact_location == places[0][0]
    assert len({place for place in places[1]}) == 6
    # With another root, the experiments stay where they are.
    later = TrackliteTrackingStore(own, "s3://later")
    assert later.get_experiment("0").artifact_location == places[0][0]
    assert later.get_experiment("1").artifact_location == places[0][1]
    assert TrackliteTrackingStore(own).get_experiment("0").tags == {}


def test_a_used_default_experiment_stays_in_the_file(uri: str) -> None:
    run_id = MlflowClient(uri).create_run("0").info.run_id
    store = TrackliteTrackingStore(uri, "s3://bucket")
    assert store.get_experiment("0").artifact_location == f"{uri}/0"
    assert store.get_run(run_id).info.artifact_uri == f"{uri}/0/{run_id}/artifacts"


def test_an_address_with_dots_is_the_folder_that_it_leads_to(uri: str, tmp_path: Path) -> None:
    client = MlflowClient(uri)
    run = client.create_run("0")
    client.log_text(run.info.run_id, "hello", "folder/note.txt")
    client.log_text(run.info.run_id, "top", "top.txt")
    place = run.info.artifact_uri
    for number, (dotted, name) in enumerate(
        [
            (f"{place}/.", "top.txt"),
            (f"{place}/./folder/.", "note.txt"),
            (f"{place}/folder/../.", "top.txt"),
            (f"{place}/folder/../folder", "note.txt"),
            (f"{place}/folder/../folder/note.txt", ""),
            (f"runs:/{run.info.run_id}/folder/../.", "top.txt"),
            (f"runs:/{run.info.run_id}/./folder", "note.txt"),
        ]
    ):
        target = tmp_path / str(number)
        target.mkdir()
        mlflow.set_tracking_uri(uri)
        found = Path(mlflow.artifacts.download_artifacts(dotted, dst_path=str(target)))
        assert (found / name if name else found).read_text() in ("hello", "top"), dotted
    assert mlflow.artifacts.load_text(f"{place}/folder/./note.txt") == "hello"
    # MLflow takes the last part of an address as a path in the folder above, which it leaves.
    for outside in (f"{place}/folder/..", f"runs:/{run.info.run_id}/folder/.."):
        with pytest.raises(MlflowException, match="leads out of|Failed to download"):
            mlflow.artifacts.download_artifacts(outside, dst_path=str(tmp_path))
    listed = get_artifact_repository(f"{place}/folder/..").list_artifacts("folder/.")
    assert [file.path for file in listed] == ["folder/note.txt"]


def test_a_path_does_not_lead_out_of_its_repository(uri: str, tmp_path: Path) -> None:
    client = MlflowClient(uri)
    secret, run = client.create_run("0"), client.create_run("0")
    client.log_text(secret.info.run_id, "secret", "note.txt")
    repository = get_artifact_repository(run.info.artifact_uri)
    out = f"../../{secret.info.run_id}/artifacts"
    for path in (out, f"x/../{out}", f"{out}/note.txt", f"/0/{secret.info.run_id}/artifacts"):
        for call in (
            lambda path=path: repository.list_artifacts(path),
            lambda path=path: repository.download_artifacts(path, str(tmp_path)),
            lambda path=path: repository.delete_artifacts(path),
        ):
            with pytest.raises(MlflowException) as refused:
                call()
            assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    (kept,) = client.list_artifacts(secret.info.run_id)
    assert kept.path == "note.txt"
