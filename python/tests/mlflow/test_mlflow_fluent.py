"""Programs of MLflow users: the fluent API, autologging, loading models, evaluation."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression


@pytest.fixture(scope="module")
def data() -> tuple[pd.DataFrame, pd.Series]:
    """A small table and its labels."""
    features, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    return features.iloc[:200, :5], labels.iloc[:200]


def test_all_kinds_of_data_are_logged_to_a_run(tracking: str, tmp_path: Path) -> None:
    mlflow.set_experiment("/Shared/team \u00fc/churn")
    with mlflow.start_run(run_name="first", tags={"team": "growth"}) as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"rate": 0.1, "kind": "tree"})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"accuracy": 0.5, "nothing": float("nan")}, step=1)
        mlflow.set_tag("reviewed", "no")
        mlflow.set_tags({"reviewed": "yes", "more": "x"})
        mlflow.log_text("hello", "notes/a.txt")
        mlflow.log_dict({"a": [1, 2]}, "a.json")
        mlflow.log_table({"x": [1, 2]}, "table.json")
        mlflow.log_image(np.zeros((4, 4, 3), np.uint8), key="a/b", step=1)
        file = tmp_path / "model.bin"
        file.write_bytes(bytes(range(256)) * 100)
        mlflow.log_artifact(str(file), "files")
        frame = pd.DataFrame({"x": [1.0, 2.0]})
        mlflow.log_input(mlflow.data.from_pandas(frame, name="train"), context="training")
    logged = mlflow.get_run(run.info.run_id)
    assert logged.info.status == "FINISHED" and logged.info.end_time >= logged.info.start_time
    assert logged.data.params == {"depth": "3", "rate": "0.1", "kind": "tree"}
    assert logged.data.metrics["loss"] == 0.2 and np.isnan(logged.data.metrics["nothing"])
    assert logged.data.tags["reviewed"] == "yes" and logged.data.tags["team"] == "growth"
    assert [given.dataset.name for given in logged.inputs.dataset_inputs] == ["train"]
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/a.txt") == "hello"
    assert mlflow.artifacts.load_dict(f"{logged.info.artifact_uri}/a.json") == {"a": [1, 2]}
    assert list(mlflow.load_table("table.json", run_ids=[run.info.run_id])["x"]) == [1, 2]
    files = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/files")
    assert (Path(files) / "model.bin").read_bytes() == file.read_bytes()
    images = MlflowClient().list_artifacts(run.info.run_id, "images")
    assert len(images) == 2 and all(image.file_size for image in images)
    found = mlflow.search_runs(search_all_experiments=True, filter_string="metrics.loss < 0.3")
    assert list(found["run_id"]) == [run.info.run_id] and found["metrics.loss"][0] == 0.2
    history = MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(n, 1 / (n + 1)) for n in range(5)]


def test_a_run_is_resumed_deleted_and_restored(tracking: str) -> None:
    client = MlflowClient()
    with mlflow.start_run() as run:
        mlflow.log_param("a", 1)
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metric("late", 1)
    with pytest.raises(MlflowException, match="Changing param values") as wrong:
        client.log_param(run.info.run_id, "a", 2)
    assert wrong.value.error_code == "INVALID_PARAMETER_VALUE"
    client.delete_run(run.info.run_id)
    with pytest.raises(MlflowException) as deleted:
        client.log_metric(run.info.run_id, "x", 1)
    assert deleted.value.error_code == "INVALID_PARAMETER_VALUE"
    assert len(mlflow.search_runs()) == 0
    client.restore_run(run.info.run_id)
    assert client.get_run(run.info.run_id).data.metrics == {"late": 1}
    with pytest.raises(MlflowException) as missing:
        client.get_run("0" * 32)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_asynchronous_logging_is_stored(tracking: str) -> None:
    with mlflow.start_run() as run:
        for step in range(50):
            mlflow.log_metric("loss", step, step=step, synchronous=False)
        mlflow.log_params({"a": 1}, synchronous=False)
        mlflow.flush_async_logging()
    logged = mlflow.get_run(run.info.run_id)
    assert logged.data.metrics["loss"] == 49 and logged.data.params == {"a": "1"}


def test_sklearn_autologging(tracking: str, data: tuple[pd.DataFrame, pd.Series]) -> None:
    mlflow.sklearn.autolog()
    try:
        RandomForestClassifier(n_estimators=5, max_depth=3).fit(*data)
    finally:
        mlflow.sklearn.autolog(disable=True)
    run = mlflow.last_active_run()
    logged = mlflow.get_run(run.info.run_id)
    assert logged.info.status == "FINISHED" and logged.data.params["n_estimators"] == "5"
    assert logged.data.metrics["training_accuracy_score"] > 0.8
    assert logged.inputs.dataset_inputs and logged.outputs.model_outputs
    model_id = logged.outputs.model_outputs[0].model_id
    model = mlflow.get_logged_model(model_id)
    assert str(model.status) == "READY" and model.params["max_depth"] == "3"
    loaded = mlflow.sklearn.load_model(f"models:/{model_id}")
    assert set(loaded.predict(data[0])) <= {0, 1}
    found = mlflow.search_logged_models(
        filter_string="params.max_depth = '3'", output_format="list"
    )
    assert [model.model_id for model in found] == [model_id]


def test_a_model_is_loaded_by_run_version_and_alias(
    tracking: str, data: tuple[pd.DataFrame, pd.Series]
) -> None:
    features, labels = data
    name = "ml.production.churn_predictor"
    client = MlflowClient()
    expected = []
    for depth in (1, 2):
        model = RandomForestClassifier(n_estimators=3, max_depth=depth, random_state=1)
        model.fit(features, labels)
        expected.append(model.predict(features))
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(
                model,
                name="model",
                signature=infer_signature(features, expected[-1]),
                input_example=features.head(2),
                serialization_format="cloudpickle",
                registered_model_name=name,
            )
    client.set_registered_model_alias(name, "Champion", "1")
    client.set_model_version_tag(name, "1", "validation", "passed")
    by_alias = mlflow.sklearn.load_model(f"models:/{name}@Champion")
    assert (by_alias.predict(features) == expected[0]).all()
    by_version = mlflow.pyfunc.load_model(f"models:/{name}/2")
    assert (by_version.predict(features) == expected[1]).all()
    latest = mlflow.sklearn.load_model(f"models:/{name}/latest")
    assert (latest.predict(features) == expected[1]).all()
    by_run = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert (by_run.predict(features) == expected[1]).all()
    by_model = mlflow.sklearn.load_model(info.model_uri)
    assert (by_model.predict(features) == expected[1]).all()
    version = client.get_model_version_by_alias(name, "Champion")
    assert version.tags == {"validation": "passed"} and version.aliases == ["Champion"]
    assert mlflow.get_logged_model(info.model_id).tags["mlflow.modelVersions"]
    copied = client.copy_model_version(f"models:/{name}@Champion", "live")
    assert copied.source == f"models:/{name}/1"
    assert (mlflow.sklearn.load_model("models:/live/1").predict(features) == expected[0]).all()
    with pytest.raises(MlflowException) as missing:
        mlflow.sklearn.load_model(f"models:/{name}@nobody")
    assert missing.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_version_keeps_its_files_after_its_run_is_purged(
    tracking: str, data: tuple[pd.DataFrame, pd.Series]
) -> None:
    features, labels = data
    model = LogisticRegression(max_iter=1000).fit(features, labels)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="model", registered_model_name="kept")
    store = mlflow.tracking._tracking_service.utils._get_store()
    MlflowClient().delete_run(run.info.run_id)
    MlflowClient().delete_logged_model(info.model_id)
    store._hard_delete_run(run.info.run_id)
    store._hard_delete_logged_model(info.model_id)
    loaded = mlflow.sklearn.load_model("models:/kept/1")
    assert (loaded.predict(features) == model.predict(features)).all()


def test_a_model_is_evaluated(tracking: str, data: tuple[pd.DataFrame, pd.Series]) -> None:
    features, labels = data
    model = LogisticRegression(max_iter=1000).fit(features, labels)
    table = features.assign(label=labels)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="model", input_example=features.head(1))
        result = mlflow.models.evaluate(
            info.model_uri,
            table,
            targets="label",
            model_type="classifier",
            evaluator_config={"log_explainer": False, "log_model_explainability": False},
        )
    logged = mlflow.get_run(run.info.run_id)
    assert logged.data.metrics["accuracy_score"] == result.metrics["accuracy_score"] > 0.7
    paths = {file.path for file in MlflowClient().list_artifacts(run.info.run_id)}
    assert "confusion_matrix.png" in paths


def _train(uri: str, parent: str, number: int) -> None:
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("nested")
    with mlflow.start_run(run_name=f"child {number}", parent_run_id=parent):
        for step in range(100):
            mlflow.log_metric("loss", number + step, step=step)
        mlflow.log_param("number", number)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_nested_runs_of_several_processes(tracking: str, method: str) -> None:
    mlflow.set_experiment("nested")
    with mlflow.start_run(run_name="parent") as parent:
        # The parent has the file open, and writes to it at the same time.
        context: Any = multiprocessing.get_context(method)
        arguments = [(tracking, parent.info.run_id, number) for number in range(3)]
        children = [context.Process(target=_train, args=values) for values in arguments]
        for child in children:
            child.start()
        for step in range(100):
            mlflow.log_metric("parent", step, step=step)
        for child in children:
            child.join(120)
        assert [child.exitcode for child in children] == [0, 0, 0]
    found = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'",
        order_by=["params.number"],
    )
    assert list(found["metrics.loss"]) == [99, 100, 101]
    assert set(found["status"]) == {"FINISHED"}
    client = MlflowClient()
    assert all(len(client.get_metric_history(run, "loss")) == 100 for run in found["run_id"])
    assert len(client.get_metric_history(parent.info.run_id, "parent")) == 100


def test_the_registry_can_be_in_a_separate_file(
    tracking: str, tmp_path: Path, data: tuple[pd.DataFrame, pd.Series]
) -> None:
    registry = f"tracklite:{tmp_path}/registry.tracklite"
    mlflow.set_registry_uri(registry)
    features, labels = data
    model = LogisticRegression(max_iter=1000).fit(features, labels)
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(model, name="model", registered_model_name="apart")
    client = MlflowClient()
    version = client.get_model_version("apart", "1")
    assert version.run_id == run.info.run_id
    assert MlflowClient(tracking, tracking).search_registered_models() == []
    assert [model.name for model in MlflowClient(registry).search_registered_models()] == ["apart"]
    loaded = mlflow.sklearn.load_model("models:/apart/1")
    assert (loaded.predict(features) == model.predict(features)).all()
