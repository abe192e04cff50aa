"""Unity Catalog's registry with MLflow's own client, in both dialects that it speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy
import pytest
import requests
from databricks.sdk import WorkspaceClient
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

NAME = "ml.dev.churn"
INPUTS = numpy.array([[0.0], [1.0], [2.0], [3.0]])
LABELS = numpy.array([0, 0, 1, 1])


@pytest.fixture(params=["mlflow", "native"])
def dialect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both dialects of the client."""
    native = "true" if request.param == "native" else "false"
    monkeypatch.setenv("MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY", native)
    return str(request.param)


@pytest.fixture
def client(databricks: str, dialect: str) -> MlflowClient:
    mlflow.set_tracking_uri("databricks")
    return MlflowClient()


def code(error: pytest.ExceptionInfo[MlflowException]) -> str:
    return str(error.value.error_code)


def train(name: str | None = None) -> mlflow.models.model.ModelInfo:
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("/Shared/digits")
    with mlflow.start_run():
        model = LogisticRegression().fit(INPUTS, LABELS)
        signature = mlflow.models.infer_signature(INPUTS, LABELS)
        return mlflow.sklearn.log_model(
            model, name="model", registered_model_name=name, signature=signature
        )


def post(url: str, path: str, **body: Any) -> requests.Response:
    address = f"{url}/api/2.0/mlflow/unity-catalog/{path}"
    return requests.post(address, json=body, timeout=10)


def test_a_model_is_registered_and_loaded_by_alias(client: MlflowClient) -> None:
    info = train(NAME)
    version = client.get_model_version(NAME, "1")
    assert (version.status, version.run_id) == ("READY", info.run_id)
    client.set_registered_model_alias(NAME, "Champion", 1)
    client.set_model_version_tag(NAME, "1", "validation", "passed")
    client.update_registered_model(NAME, "who leaves")
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@Champion")
    assert list(model.predict(INPUTS)) == list(LABELS)
    found = client.get_model_version_by_alias(NAME, "Champion")
    assert (found.version, found.tags) == ("1", {"validation": "passed"})
    assert client.get_registered_model(NAME).aliases == {"Champion": "1"}
    assert client.get_registered_model(NAME).description == "who leaves"


def test_a_run_is_registered_and_copied(client: MlflowClient, databricks: str) -> None:
    info = train()
    made = mlflow.register_model(f"runs:/{info.run_id}/model", NAME)
    assert made.version == "1"
    assert mlflow.register_model(info.model_uri, NAME).version == "2"
    client.set_registered_model_alias(NAME, "Champion", 2)
    copied = client.copy_model_version(f"models:/{NAME}@Champion", "ml.production.churn")
    assert (copied.name, copied.version) == ("ml.production.churn", "1")
    model = mlflow.sklearn.load_model("models:/ml.production.churn/1")
    assert list(model.predict(INPUTS)) == list(LABELS)
    # The file that a download leaves beside the model is not part of the new version.
    folder = WorkspaceClient().files.list_directory_contents("/Models/ml/production/churn/1")
    names = [entry.name for entry in folder]
    assert "MLmodel" in names and "registered_model_meta" not in names
    # The other dialects see the same models.
    plain = MlflowClient(tracking_uri=databricks, registry_uri=databricks)
    assert {model.name for model in plain.search_registered_models()} == {
        NAME,
        "ml.production.churn",
    }
    [same] = plain.search_model_versions("name = 'ml.production.churn'")
    assert (same.status, same.source) == ("READY", copied.source)


def test_models_are_changed(client: MlflowClient) -> None:
    made = client.create_registered_model(NAME, {"team": "growth"}, "who leaves")
    assert (made.name, made.tags, made.description) == (NAME, {"team": "growth"}, "who leaves")
    with pytest.raises(RestException) as error:
        client.create_registered_model(NAME)
    assert code(error) in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS")
    client.set_registered_model_tag(NAME, "team", "retention")
    client.set_registered_model_tag(NAME, "b", "2")
    client.delete_registered_model_tag(NAME, "b")
    assert client.get_registered_model(NAME).tags == {"team": "retention"}
    client.rename_registered_model(NAME, "ml.dev.retention")
    assert [model.name for model in client.search_registered_models()] == ["ml.dev.retention"]
    client.delete_registered_model("ml.dev.retention")
    with pytest.raises(RestException) as error:
        client.get_registered_model(NAME)
    assert code(error) == "RESOURCE_DOES_NOT_EXIST"
    assert list(client.search_registered_models()) == []


def test_versions_are_changed(client: MlflowClient) -> None:
    train(NAME)
    train(NAME)
    client.update_model_version(NAME, "1", "the first")
    client.set_model_version_tag(NAME, "1", "a", "1")
    client.delete_model_version_tag(NAME, "1", "a")
    version = client.get_model_version(NAME, "1")
    assert (version.description, version.tags) == ("the first", {})
    found = client.search_model_versions(f"name='{NAME}'")
    assert {version.version for version in found} == {"1", "2"}
    client.delete_model_version(NAME, "2")
    with pytest.raises(RestException) as error:
        client.get_model_version(NAME, "2")
    assert code(error) == "RESOURCE_DOES_NOT_EXIST"
    assert client.get_model_version_download_uri(NAME, "1")
    with pytest.raises(RestException) as error:
        client.get_model_version_by_alias(NAME, "absent")
    assert code(error) == "RESOURCE_DOES_NOT_EXIST"


def test_many_models_are_listed_by_page(client: MlflowClient) -> None:
    for number in range(5):
        client.create_registered_model(f"ml.dev.m{number}")
    page = client.search_registered_models(max_results=3)
    assert len(page) == 3
    assert len(client.search_registered_models(max_results=3, page_token=page.token)) == 2


@pytest.mark.parametrize("sdk", ["true", "false"])
def test_both_ways_of_uploading(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, sdk: str
) -> None:
    monkeypatch.setenv("MLFLOW_USE_DATABRICKS_SDK_MODEL_ARTIFACTS_REPO_FOR_UC", sdk)
    train(NAME)
    model = mlflow.sklearn.load_model(f"models:/{NAME}/1")
    assert list(model.predict(INPUTS)) == list(LABELS)


def test_a_name_has_three_levels(databricks: str) -> None:
    for name in ("churn", "dev.churn", "ml.dev.churn.x", "ml..churn"):
        answer = post(databricks, "registered-models/create", name=name)
        assert (answer.status_code, answer.json()["error_code"]) == (
            400,
            "INVALID_PARAMETER_VALUE",
        )


def test_a_repeated_request_creates_one_version(databricks: str) -> None:
    assert post(databricks, "registered-models/create", name=NAME).status_code == 200
    body = {"name": NAME, "source": "dbfs:/x", "run_id": "0" * 31 + "1"}
    first = post(databricks, "model-versions/create", **body).json()["model_version"]
    assert (first["version"], first["status"]) == ("1", "PENDING_REGISTRATION")
    assert first["storage_location"]
    again = post(databricks, "model-versions/create", **body).json()["model_version"]
    assert again["version"] == "1"
    other = post(databricks, "model-versions/create", **body | {"source": "dbfs:/y"})
    assert other.json()["model_version"]["version"] == "2"


def test_a_version_is_filled_then_frozen(databricks: str) -> None:
    post(databricks, "registered-models/create", name=NAME)
    post(databricks, "model-versions/create", name=NAME, source="dbfs:/x")
    files = f"{databricks}/api/2.0/fs/files/Models/ml/dev/churn/1"
    for name in ("MLmodel", "registered_model_meta"):
        answer = requests.put(f"{files}/{name}?overwrite=true", data=b"{}", timeout=10)
        assert answer.status_code in (200, 204), answer.text
    done = post(databricks, "model-versions/finalize", name=NAME, version="1")
    assert done.json()["model_version"]["status"] == "READY"
    again = post(databricks, "model-versions/finalize", name=NAME, version=1)
    assert again.json()["model_version"]["status"] == "READY"
    late = requests.put(f"{files}/late?overwrite=true", data=b"{}", timeout=10)
    assert late.status_code == 400
    assert requests.get(f"{files}/MLmodel", timeout=10).content == b"{}"
    assert requests.get(f"{files}/registered_model_meta", timeout=10).status_code == 404


def test_the_flag_credentials_and_lineage(databricks: str) -> None:
    base = f"{databricks}/api/2.0/mlflow/unity-catalog"
    flag = "is-databricks-sdk-models-artifact-repository-enabled"
    answer = requests.get(f"{base}/registered-models:{flag}", timeout=10).json()
    assert answer == {"is_databricks_sdk_models_artifact_repository_enabled": True}
    post(databricks, "registered-models/create", name=NAME)
    post(databricks, "model-versions/create", name=NAME, source="dbfs:/x")
    one = {"name": NAME, "version": "1"}
    found = post(
        databricks,
        "model-versions/generate-temporary-credentials",
        operation="MODEL_VERSION_OPERATION_READ",
        **one,
    ).json()
    assert found["credentials"]["storage_mode"] == "DEFAULT_STORAGE"
    lineage = {"entities": [], "direction": "DOWNSTREAM"}
    answer = post(
        databricks, "model-versions/emit-lineage", model_version_lineage_info=lineage, **one
    )
    assert (answer.status_code, answer.json()) == (200, {})
    missing = post(databricks, "model-versions/finalize", name=NAME, version="7")
    assert (missing.status_code, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_model_survives_its_run(client: MlflowClient, tmp_path: Path) -> None:
    info = train(NAME)
    client.delete_run(info.run_id)
    client.delete_logged_model(info.model_id)
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    assert list(model.predict(INPUTS)) == list(LABELS)
