"""MLflow's client of deployments, in all forms of its calls, and the errors that it raises."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import mlflow
import mlflow.deployments
import pytest
from requests import HTTPError

MODEL = "ml.production.doubling"
ENDPOINT = "doubling"


def doubling() -> mlflow.pyfunc.PythonModel:
    """Returns a model without a package. Its class is local, so that it is saved with the model."""

    class Doubling(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: list[float]) -> list[float]:
            return [2 * number for number in model_input]

    return Doubling()


@pytest.fixture
def client(databricks: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow's client, with a version in the registry."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/deployments")
    with mlflow.start_run():
        mlflow.pyfunc.log_model(
            name="model",
            python_model=doubling(),
            input_example=[1.0],
            pip_requirements=["mlflow"],
            registered_model_name=MODEL,
        )
    yield mlflow.deployments.get_deploy_client("databricks")


def settle(client: Any) -> None:
    """Waits until the update has ended, and expects that the endpoint answers."""
    state = client.get_endpoint(ENDPOINT).state
    while state["config_update"] == "IN_PROGRESS":
        time.sleep(0.05)
        state = client.get_endpoint(ENDPOINT).state
    assert state == {"ready": "READY", "config_update": "NOT_UPDATING"}, state


def config(**more: Any) -> dict[str, Any]:
    served = {"entity_name": MODEL, "entity_version": "1", "workload_size": "Small", **more}
    return {"served_entities": [served]}


def test_all_calls_of_mlflows_client(client: Any) -> None:
    made = client.create_endpoint(
        config={
            "name": ENDPOINT,
            "config": config(environment_vars={"TRACKLITE_ENVIRONMENT": "server"}),
            "tags": [{"key": "team", "value": "growth"}],
            "route_optimized": False,
        }
    )
    # Answers are read by attributes and by keys.
    assert made.name == made["name"] == ENDPOINT
    settle(client)
    found = client.get_endpoint(endpoint=ENDPOINT)
    assert found.state["ready"] == "READY" and found["tags"][0]["value"] == "growth"
    body = {"inputs": [1.5, 2.0]}
    assert client.predict(endpoint=ENDPOINT, inputs=body) == {"predictions": [3.0, 4.0]}
    client.update_endpoint(endpoint=ENDPOINT, config=config(scale_to_zero_enabled=True))
    settle(client)
    found = client.get_endpoint(ENDPOINT)
    assert found.config["served_entities"][0]["scale_to_zero_enabled"] is True
    limits = {"rate_limits": [{"calls": 7, "key": "endpoint", "renewal_period": "minute"}]}
    client.update_endpoint(endpoint=ENDPOINT, config=limits)
    assert client.get_endpoint(ENDPOINT).ai_gateway["rate_limits"][0]["calls"] == 7
    assert [known["name"] for known in client.list_endpoints()] == [ENDPOINT]
    assert client.delete_endpoint(endpoint=ENDPOINT) == {}
    assert list(client.list_endpoints()) == []


def test_errors_of_mlflows_client_name_the_reason(client: Any) -> None:
    for call in (client.get_endpoint, client.delete_endpoint):
        with pytest.raises(HTTPError, match="'nothing' does not exist") as raised:
            call(endpoint="nothing")
        assert raised.value.response is not None
        assert raised.value.response.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(HTTPError, match="does not exist"):
        client.predict(endpoint="nothing", inputs={"inputs": [1.0]})
    for wrong, reason in (
        (config(entity_version="9"), "9"),
        (config(environment="mine"), "expected .model. or .server."),
        ({"served_entities": []}, "0 served models"),
    ):
        with pytest.raises(HTTPError, match=reason):
            client.create_endpoint(config={"name": ENDPOINT, "config": wrong})
    assert list(client.list_endpoints()) == []
