"""Serving endpoints: Databricks's SDK, MLflow's client of deployments, and plain requests."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import mlflow
import mlflow.deployments
import pandas as pd
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    OperationFailed,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service.serving import (
    EndpointCoreConfigInput,
    EndpointStateReady,
    Route,
    ServedEntityInput,
    TrafficConfig,
)
from mlflow import MlflowClient
from mlflow.models import infer_signature

MODEL = "ml.production.churn_predictor"
ENDPOINT = "churn-predictor-endpoint"
ROWS = [
    {"age": 35, "tenure": 24, "monthly_charges": 65.5, "total_charges": 1572.0},
    {"age": 42, "tenure": 48, "monthly_charges": 89.0, "total_charges": 4272.0},
]


def register(labels: list[int]) -> str:
    """Registers a version that predicts these labels for the rows. Returns its number."""
    from sklearn.tree import DecisionTreeClassifier

    rows = pd.DataFrame(ROWS)
    # With the third row the model has both classes.
    more = rows.iloc[[0]].assign(age=90)
    fitted = DecisionTreeClassifier(random_state=0)
    fitted.fit(pd.concat([rows, more]), [*labels, 1 - labels[0]])
    assert list(fitted.predict(rows)) == labels
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            fitted,
            name="model",
            signature=infer_signature(rows, fitted.predict(rows)),
            input_example=rows,
            pip_requirements=["scikit-learn"],
        )
    return str(mlflow.register_model(logged.model_uri, MODEL).version)


@pytest.fixture
def workspace(databricks: str, monkeypatch: pytest.MonkeyPatch) -> WorkspaceClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/serving")
    return WorkspaceClient()


def config(*entities: ServedEntityInput, **more: Any) -> EndpointCoreConfigInput:
    return EndpointCoreConfigInput(name=ENDPOINT, served_entities=list(entities), **more)


def serve(version: str, **more: Any) -> ServedEntityInput:
    return ServedEntityInput(
        entity_name=MODEL,
        entity_version=version,
        workload_size="Small",
        scale_to_zero_enabled=True,
        **more,
    )


def invoke(url: str, body: Any, content: str = "application/json") -> requests.Response:
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    headers = {"Authorization": "Bearer anything", "Content-Type": content}
    target = f"{url}/serving-endpoints/{ENDPOINT}/invocations"
    return requests.post(target, data=data, headers=headers, timeout=60)


def test_an_endpoint_answers_all_clients_and_follows_an_alias(
    workspace: WorkspaceClient, databricks: str
) -> None:
    first, second = register([0, 1]), register([1, 0])
    client = MlflowClient()
    client.set_registered_model_alias(MODEL, "Champion", first)
    made = workspace.serving_endpoints.create_and_wait(ENDPOINT, config=config(serve("@Champion")))
    assert made.state is not None and made.state.ready == EndpointStateReady.READY
    assert made.config is not None and made.config.served_entities is not None
    served = made.config.served_entities[0]
    assert (served.name, served.entity_version) == ("churn_predictor-Champion", first)

    body = {"dataframe_records": ROWS}
    answer = invoke(databricks, body)
    assert (answer.status_code, answer.json()) == (200, {"predictions": [0, 1]})
    assert answer.headers["served-model-name"] == "churn_predictor-Champion"
    assert answer.headers["served-model-version"] == first
    asked = workspace.serving_endpoints.query(ENDPOINT, dataframe_records=ROWS)
    assert asked.predictions == [0, 1]
    assert asked.served_model_name == "churn_predictor-Champion"
    deployments = mlflow.deployments.get_deploy_client("databricks")
    assert deployments.predict(endpoint=ENDPOINT, inputs=body)["predictions"] == [0, 1]
    assert [found["name"] for found in deployments.list_endpoints()] == [ENDPOINT]

    follow(databricks, client, [second, first])
    workspace.serving_endpoints.delete(ENDPOINT)
    with pytest.raises(ResourceDoesNotExist):
        workspace.serving_endpoints.get(ENDPOINT)
    assert list(workspace.serving_endpoints.list()) == []


def version_of(url: str) -> str:
    return invoke(url, {"dataframe_records": ROWS}).headers["served-model-version"]


def follow(url: str, client: MlflowClient, versions: list[str]) -> None:
    """Moves the alias while others ask. No request may fail, or mix versions."""
    predictions = {"1": [0, 1], "2": [1, 0]}
    stop, problems, counts = threading.Event(), list[str](), dict[str, int]()

    def ask() -> None:
        while not stop.is_set():
            answer = invoke(url, {"dataframe_records": ROWS})
            version = answer.headers.get("served-model-version", "")
            counts[version] = counts.get(version, 0) + 1
            wanted = {"predictions": predictions.get(version)}
            if answer.status_code != 200 or answer.json() != wanted:
                problems.append(f"version {version}: {answer.status_code} {answer.text}")
            # Clients that never pause take the processors that load the next version.
            time.sleep(0.02)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for version in versions:
            client.set_registered_model_alias(MODEL, "Champion", version)
            until = time.monotonic() + 60
            while version_of(url) != version:
                assert time.monotonic() < until, f"version {version} was not followed"
                time.sleep(0.02)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert problems == []
    assert set(counts) == {"1", "2"} and sum(counts.values()) > 50, counts


def test_traffic_is_split_and_a_failed_update_leaves_the_old_models(
    workspace: WorkspaceClient, databricks: str
) -> None:
    first, second = register([0, 1]), register([1, 0])
    traffic = TrafficConfig(
        routes=[
            Route(served_entity_name="old", served_model_name="old", traffic_percentage=80),
            Route(served_entity_name="new", served_model_name="new", traffic_percentage=20),
        ]
    )
    both = (serve(first, name="old"), serve(second, name="new"))
    workspace.serving_endpoints.create_and_wait(
        ENDPOINT, config=config(*both, traffic_config=traffic)
    )
    names = [
        invoke(databricks, {"dataframe_records": ROWS}).headers["served-model-name"]
        for _ in range(100)
    ]
    # 80 are expected, and five standard deviations are 20.
    assert 60 <= names.count("old") <= 99, names.count("old")

    broken = mlflow.pyfunc.log_model(name="broken", python_model=Broken(), input_example=[1.0])
    broken = mlflow.register_model(broken.model_uri, MODEL).version
    with pytest.raises(OperationFailed):
        workspace.serving_endpoints.update_config_and_wait(
            ENDPOINT, served_entities=[serve(str(broken))]
        )
    found = workspace.serving_endpoints.get(ENDPOINT)
    assert found.state is not None and found.state.ready == EndpointStateReady.READY
    assert invoke(databricks, {"dataframe_records": ROWS}).status_code == 200


class Broken(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A model that was logged well, and cannot be loaded elsewhere."""

    def load_context(self, context: Any) -> None:
        if "tracklite-serve-" in str(Path.cwd()):
            raise RuntimeError("it is broken here")

    def predict(self, context: Any, model_input: list[float]) -> list[float]:
        return model_input


def test_mistakes_have_the_codes_of_databricks(workspace: WorkspaceClient, databricks: str) -> None:
    endpoints = workspace.serving_endpoints
    version = register([0, 1])
    with pytest.raises(NotFound):
        endpoints.get("nothing")
    with pytest.raises(NotFound):
        endpoints.delete("nothing")
    with pytest.raises(NotFound):
        endpoints.create(ENDPOINT, config=config(serve("99")))
    with pytest.raises(InvalidParameterValue, match="alias"):
        endpoints.create(ENDPOINT, config=config(serve("@Nobody")))
    with pytest.raises(InvalidParameterValue, match="letters, digits"):
        endpoints.create("no good", config=config(serve(version)))
    route = Route(served_entity_name="a", served_model_name="a", traffic_percentage=99)
    half = TrafficConfig(routes=[route])
    with pytest.raises(InvalidParameterValue, match="sum to 99, expected 100"):
        endpoints.create(ENDPOINT, config=config(serve(version, name="a"), traffic_config=half))
    assert invoke(databricks, {"dataframe_records": ROWS}).status_code == 404

    endpoints.create(ENDPOINT, config=config(serve(version)))
    early = invoke(databricks, {"dataframe_records": ROWS})
    assert early.status_code == 400 and early.json()["error_code"] == "INVALID_STATE", early.text
    with pytest.raises(ResourceAlreadyExists):
        endpoints.create(ENDPOINT, config=config(serve(version)))
    with pytest.raises(Exception, match="is being updated"):
        endpoints.update_config(ENDPOINT, served_entities=[serve(version)])
    endpoints.wait_get_serving_endpoint_not_updating(ENDPOINT)
    with pytest.raises(BadRequest, match="Failed to enforce schema"):
        endpoints.query(ENDPOINT, dataframe_records=[{"age": 1}])


BODIES: list[tuple[str, Any]] = [
    ("application/json", {"dataframe_records": ROWS}),
    ("application/json; charset=utf-8", {"dataframe_records": ROWS[:1]}),
    ("application/json", {"dataframe_split": {"columns": list(ROWS[0]), "data": [[1, 2, 3.0, 4]]}}),
    ("application/json", {"inputs": {name: [value] for name, value in ROWS[0].items()}}),
    ("application/json", {"instances": ROWS}),
    ("application/json", {"dataframe_records": ROWS, "inputs": ROWS}),
    ("application/json", {"dataframe_records": ROWS, "params": {"a": 1}}),
    ("application/json", {"dataframe_records": []}),
    ("application/json", {"dataframe_records": [{"age": "old"}]}),
    ("application/json", {"dataframe_records": [{**ROWS[0], "more": 1}]}),
    ("application/json", {}),
    ("application/json", []),
    ("application/json", "{"),
    ("application/json", b"\xff"),
    ("application/json; charset=latin-1", {}),
    ("application/json; version=2", {}),
    ("text/csv", "age,tenure,monthly_charges,total_charges\n35,24,65.5,1572.0\n"),
    ("text/csv", "age\n1\n"),
    ("text/plain", "hello"),
]


def test_answers_are_those_of_mlflows_own_server(
    workspace: WorkspaceClient, databricks: str
) -> None:
    from fastapi.testclient import TestClient
    from mlflow.pyfunc import scoring_server

    version = register([0, 1])
    workspace.serving_endpoints.create_and_wait(ENDPOINT, config=config(serve(version)))
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}/{version}")
    own = TestClient(scoring_server.init(model), raise_server_exceptions=False)
    for content, body in BODIES:
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        wanted = own.post("/invocations", content=data, headers={"content-type": content})
        found = invoke(databricks, body, content)
        assert (found.status_code, shown(found)) == (wanted.status_code, shown(wanted)), (
            content,
            body,
        )


def shown(response: Any) -> Any:
    """Returns the body, without the traceback, whose paths differ, and with sets in order."""
    try:
        value = response.json()
    except ValueError:
        return response.text
    if isinstance(value, dict):
        value.pop("stack_trace", None)
        # MLflow prints a set, whose order differs from process to process.
        text = str(value.get("message", ""))
        value["message"] = re.sub(r"\{'[a-z_', ]+'\}", lambda found: in_order(found[0]), text)
    return value


def in_order(text: str) -> str:
    return ", ".join(sorted(text.strip("{}").split(", ")))


def test_a_token_that_reads_may_ask_but_not_deploy(
    workspace: WorkspaceClient, databricks: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import subprocess

    version = register([0, 1])
    workspace.serving_endpoints.create_and_wait(ENDPOINT, config=config(serve(version)))
    program = os.environ["TRACKLITE_PROGRAM"]
    made = subprocess.run(
        [program, "token", "create", str(path), "--scope", "read"],
        capture_output=True,
        text=True,
        check=True,
    )
    token = next(word for word in made.stdout.split() if word.startswith("tlk_"))
    time.sleep(1)
    assert invoke(databricks, {"dataframe_records": ROWS}).status_code == 401
    reader = WorkspaceClient(host=databricks, token=token)
    asked = reader.serving_endpoints.query(ENDPOINT, dataframe_records=ROWS)
    assert asked.predictions == [0, 1]
    with pytest.raises(PermissionDenied):
        reader.serving_endpoints.delete(ENDPOINT)
    with pytest.raises(PermissionDenied):
        reader.serving_endpoints.create("another", config=config(serve(version)))
