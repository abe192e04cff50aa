"""MLflow's model registry over HTTP, with MLflow's own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

SOURCE = "s3://models/churn"


@pytest.fixture
def client(url: str) -> MlflowClient:
    return MlflowClient(tracking_uri=url, registry_uri=url)


def code(error: pytest.ExceptionInfo[MlflowException]) -> str:
    return str(error.value.error_code)


def test_a_model_is_created_changed_and_deleted(client: MlflowClient) -> None:
    model = client.create_registered_model("churn", {"team": "growth"}, "who leaves")
    assert (model.name, model.description, model.tags) == (
        "churn",
        "who leaves",
        {"team": "growth"},
    )
    with pytest.raises(RestException, match=r"Registered Model \(name=churn\) already") as error:
        client.create_registered_model("churn")
    assert code(error) == "RESOURCE_ALREADY_EXISTS"
    client.set_registered_model_tag("churn", "team", "retention")
    client.set_registered_model_tag("churn", "empty", "")
    client.delete_registered_model_tag("churn", "absent")
    assert client.get_registered_model("churn").tags == {"team": "retention", "empty": ""}
    client.delete_registered_model_tag("churn", "empty")
    client.update_registered_model("churn", "changed")
    client.rename_registered_model("churn", "retention")
    model = client.get_registered_model("retention")
    assert (model.description, model.tags) == ("changed", {"team": "retention"})
    assert model.last_updated_timestamp >= model.creation_timestamp
    with pytest.raises(RestException) as error:
        client.get_registered_model("churn")
    assert code(error) == "RESOURCE_DOES_NOT_EXIST"
    client.create_registered_model("churn")
    with pytest.raises(RestException) as error:
        client.rename_registered_model("churn", "retention")
    assert code(error) == "RESOURCE_ALREADY_EXISTS"
    client.delete_registered_model("retention")
    assert [model.name for model in client.search_registered_models()] == ["churn"]


def test_models_are_searched_by_page(client: MlflowClient) -> None:
    for number in range(5):
        client.create_registered_model(f"m{number}", {"even": str(number % 2 == 0)})
    page = client.search_registered_models(max_results=2)
    assert [model.name for model in page] == ["m0", "m1"]
    page = client.search_registered_models(max_results=2, page_token=page.token)
    assert [model.name for model in page] == ["m2", "m3"]
    page = client.search_registered_models(max_results=2, page_token=page.token)
    assert ([model.name for model in page], page.token) == (["m4"], "")
    found = client.search_registered_models("tags.even = 'True'", order_by=["name DESC"])
    assert [model.name for model in found] == ["m4", "m2", "m0"]
    for wrong in ({"max_results": 1001}, {"filter_string": "nonsense"}, {"page_token": "x"}):
        with pytest.raises(MlflowException) as error:
            client.search_registered_models(**wrong)
        assert code(error) == "INVALID_PARAMETER_VALUE"


def test_prompts_are_hidden_and_keep_their_names(client: MlflowClient, url: str) -> None:
    mlflow.set_tracking_uri(url)
    mlflow.genai.register_prompt("greeting", "Hello {{name}}")
    assert client.search_registered_models() == []
    assert mlflow.genai.load_prompt("greeting", version=1).template == "Hello {{name}}"
    with pytest.raises(RestException, match="already taken by a prompt"):
        client.create_registered_model("greeting")


def test_versions_are_numbered_and_never_reused(client: MlflowClient) -> None:
    client.create_registered_model("churn")
    first = client.create_model_version(
        "churn", SOURCE, tags={"a": "1"}, description="first", run_link="http://elsewhere"
    )
    assert (first.version, first.status, first.current_stage) == ("1", "READY", "None")
    assert (first.tags, first.description, first.run_link) == (
        {"a": "1"},
        "first",
        "http://elsewhere",
    )
    assert client.create_model_version("churn", SOURCE).version == "2"
    client.delete_model_version("churn", "2")
    assert client.create_model_version("churn", SOURCE).version == "3"
    with pytest.raises(RestException) as error:
        client.get_model_version("churn", "2")
    assert code(error) == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(RestException, match="Parameter 'version' must be an integer") as error:
        client.get_model_version("churn", "two")
    assert code(error) == "INVALID_PARAMETER_VALUE"
    client.set_model_version_tag("churn", "1", "a", "2")
    client.set_model_version_tag("churn", "1", "b", "3")
    client.delete_model_version_tag("churn", "1", "b")
    client.update_model_version("churn", "1", "changed")
    version = client.get_model_version("churn", "1")
    assert (version.tags, version.description) == ({"a": "2"}, "changed")
    assert client.get_model_version_download_uri("churn", "1") == SOURCE


def test_versions_are_searched(client: MlflowClient) -> None:
    for name in ("churn", "digits"):
        client.create_registered_model(name)
        for number in range(3):
            client.create_model_version(name, SOURCE, tags={"number": str(number)})
    found = client.search_model_versions("name = 'churn'", order_by=["version_number DESC"])
    assert [version.version for version in found] == ["3", "2", "1"]
    found = client.search_model_versions("tags.number = '1'")
    assert {(version.name, version.version) for version in found} == {
        ("churn", "2"),
        ("digits", "2"),
    }
    page = client.search_model_versions("name = 'churn'", max_results=2)
    assert len(page) == 2
    assert len(client.search_model_versions("name = 'churn'", page_token=page.token)) == 1


def test_stages_and_latest_versions(client: MlflowClient) -> None:
    client.create_registered_model("churn")
    for _ in range(3):
        client.create_model_version("churn", SOURCE)
    client.transition_model_version_stage("churn", "1", "production")
    client.transition_model_version_stage("churn", "2", "Production", True)
    assert client.get_model_version("churn", "1").current_stage == "Archived"
    latest = {v.current_stage: v.version for v in client.get_latest_versions("churn")}
    assert latest == {"None": "3", "Production": "2", "Archived": "1"}
    found = client.get_latest_versions("churn", ["Production"])
    assert [version.version for version in found] == ["2"]
    for stage, archives in (("nonsense", False), ("Archived", True)):
        with pytest.raises(RestException) as error:
            client.transition_model_version_stage("churn", "1", stage, archives)
        assert code(error) == "INVALID_PARAMETER_VALUE"


def test_aliases(client: MlflowClient) -> None:
    client.create_registered_model("churn")
    for _ in range(2):
        client.create_model_version("churn", SOURCE)
    client.set_registered_model_alias("churn", "champion", 1)
    client.set_registered_model_alias("churn", "champion", "2")
    assert client.get_registered_model("churn").aliases == {"champion": "2"}
    assert client.get_model_version_by_alias("churn", "champion").version == "2"
    assert client.get_model_version("churn", "2").aliases == ["champion"]
    with pytest.raises(RestException) as error:
        client.set_registered_model_alias("churn", "champion", 9)
    assert code(error) == "RESOURCE_DOES_NOT_EXIST"
    client.delete_registered_model_alias("churn", "champion")
    client.delete_registered_model_alias("churn", "champion")
    with pytest.raises(RestException) as error:
        client.get_model_version_by_alias("churn", "champion")
    assert code(error) == "INVALID_PARAMETER_VALUE"
    assert client.get_model_version_by_alias("churn", "latest").version == "2"


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "relative/path",
        "s3://bucket/../other",
        "mlflow-artifacts:/1/%2e%2e/x",
        "runs:/00000000000000000000000000000001/model",
        "mlflow-artifacts:/versions/x/1",
        "models:/m-00000000000000000000000000000001",
        "models:/absent/1",
    ],
)
def test_sources_of_others_are_refused(client: MlflowClient, source: str) -> None:
    client.create_registered_model("churn")
    with pytest.raises(MlflowException) as error:
        client._get_registry_client().store.create_model_version("churn", source)
    assert code(error) in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
    assert client.search_model_versions("name = 'churn'") == []


def test_a_source_in_a_run_needs_the_run(client: MlflowClient) -> None:
    run = client.create_run("0")
    store = client._get_registry_client().store
    client.create_registered_model("churn")
    for source in (f"runs:/{run.info.run_id}/model", f"{run.info.artifact_uri}/model"):
        version = store.create_model_version("churn", source, run.info.run_id)
        assert (version.run_id, version.source) == (run.info.run_id, source)
        place = client.get_model_version_download_uri("churn", version.version)
        assert place == f"{run.info.artifact_uri}/model"
        with pytest.raises(RestException, match="must identify the resource"):
            store.create_model_version("churn", source, "0" * 32)
    copied = store.create_model_version("churn", "models:/churn/1")
    assert copied.run_id == run.info.run_id


def test_a_logged_model_lists_its_versions(client: MlflowClient, url: str) -> None:
    mlflow.set_tracking_uri(url)
    model = mlflow.initialize_logged_model("digits")
    store = client._get_registry_client().store
    client.create_registered_model("digits")
    source = f"models:/{model.model_id}"
    version = store.create_model_version("digits", source, model_id=model.model_id)
    place = client.get_model_version_download_uri("digits", version.version)
    assert place == model.artifact_location
    tag = client.get_logged_model(model.model_id).tags["mlflow.modelVersions"]
    assert '"name": "digits"' in tag.replace('":"', '": "')


def call(url: str, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, f"{url}/api/2.0/mlflow/{path}", timeout=10, **options)


def test_requests_of_other_languages(url: str) -> None:
    body = {"name": "churn"}
    assert call(url, "POST", "registered-models/create", json=body).status_code == 200
    body["source"] = SOURCE
    made = call(url, "POST", "model-versions/create", json=body).json()["model_version"]
    assert (made["version"], made["status"], made["current_stage"]) == ("1", "READY", "None")
    one = {"name": "churn", "version": 1}
    found = call(url, "GET", "model-versions/get", params=one)
    assert found.json()["model_version"]["source"] == SOURCE
    latest = call(url, "GET", "registered-models/get-latest-versions", params={"name": "churn"})
    assert len(latest.json()["model_versions"]) == 1
    gone = call(url, "DELETE", "model-versions/delete", json=one)
    assert (gone.status_code, gone.json()) == (200, {})
    again = call(url, "DELETE", "model-versions/delete", json=one)
    assert (again.status_code, again.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    for method, path in (
        ("POST", "registered-models/create"),
        ("GET", "registered-models/get"),
        ("POST", "model-versions/create"),
        ("PATCH", "model-versions/update"),
        ("DELETE", "registered-models/alias"),
    ):
        answer = call(url, method, path, json={} if method != "GET" else None)
        assert answer.status_code == 400, path
        assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        assert "Missing value for required parameter 'name'" in answer.json()["message"]


def test_a_model_of_sklearn_is_registered_and_loaded(url: str, tmp_path: Path) -> None:
    import numpy
    from sklearn.linear_model import LogisticRegression

    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("digits")
    inputs, labels = numpy.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    with mlflow.start_run() as run:
        model = LogisticRegression().fit(inputs, labels)
        mlflow.sklearn.log_model(
            model, name="model", registered_model_name="digits", input_example=inputs
        )
    client = MlflowClient()
    version = client.get_model_version("digits", "1")
    assert version.run_id == run.info.run_id
    place = client.get_model_version_download_uri("digits", "1")
    assert place.startswith("mlflow-artifacts:/versions/")
    client.set_registered_model_alias("digits", "champion", 1)
    for address in ("models:/digits/1", "models:/digits@champion", "models:/digits/latest"):
        assert list(mlflow.sklearn.load_model(address).predict(inputs)) == labels
    mlflow.register_model(f"runs:/{run.info.run_id}/model", "again")
    assert list(mlflow.sklearn.load_model("models:/again/1").predict(inputs)) == labels
    # The version keeps its files when the model is gone.
    client.delete_logged_model(version.model_id or version.source.removeprefix("models:/"))
    assert list(mlflow.pyfunc.load_model("models:/digits@champion").predict(inputs)) == labels
    copied = client.copy_model_version("models:/digits@champion", "production")
    assert list(mlflow.sklearn.load_model(f"models:/production/{copied.version}").predict(inputs))
