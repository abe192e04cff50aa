"""Settings of endpoints by Databricks's SDK and MLflow's client of deployments, and the scoring
protocols of other servers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow.deployments
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import InvalidParameterValue, PermissionDenied
from databricks.sdk.service.serving import (
    AiGatewayInferenceTableConfig,
    AiGatewayRateLimit,
    AiGatewayRateLimitKey,
    AiGatewayRateLimitRenewalPeriod,
    EndpointTag,
    RateLimit,
    RateLimitKey,
    RateLimitRenewalPeriod,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
)
from mlflow import MlflowClient
from test_serving import ENDPOINT, MODEL, ROWS, config, invoke, register, serve, workspace

__all__ = ["workspace"]


@pytest.fixture
def ready(workspace: WorkspaceClient) -> WorkspaceClient:
    """A workspace with an endpoint that answers."""
    version = register([0, 1])
    workspace.serving_endpoints.create_and_wait(ENDPOINT, config=config(serve(version)))
    return workspace


def test_the_sdk_sets_tags_limits_rights_and_reads_logs(
    ready: WorkspaceClient, databricks: str, path: Path
) -> None:
    endpoints = ready.serving_endpoints
    added = [EndpointTag(key="team", value="growth"), EndpointTag(key="cost", value="low")]
    endpoints.patch(ENDPOINT, add_tags=added)
    endpoints.patch(ENDPOINT, delete_tags=["cost"])
    found = endpoints.get(ENDPOINT)
    assert [(tag.key, tag.value) for tag in found.tags or []] == [("team", "growth")]

    limit = RateLimit(
        calls=1000, key=RateLimitKey.USER, renewal_period=RateLimitRenewalPeriod.MINUTE
    )
    limits = endpoints.put(ENDPOINT, rate_limits=[limit]).rate_limits
    assert limits is not None and limits[0].calls == 1000
    gateway = endpoints.put_ai_gateway(
        ENDPOINT,
        inference_table_config=AiGatewayInferenceTableConfig(
            catalog_name="ml", schema_name="production", table_name_prefix="churn", enabled=True
        ),
        rate_limits=[
            AiGatewayRateLimit(
                calls=500,
                key=AiGatewayRateLimitKey.ENDPOINT,
                renewal_period=AiGatewayRateLimitRenewalPeriod.MINUTE,
            )
        ],
    )
    assert gateway.inference_table_config is not None
    assert gateway.inference_table_config.table_name_prefix == "churn"
    again = endpoints.get(ENDPOINT).ai_gateway
    assert again is not None and again.rate_limits is not None
    assert again.rate_limits[0].calls == 500

    assert found.id is not None
    levels = endpoints.get_permission_levels(found.id).permission_levels or []
    assert [level.permission_level for level in levels] == list(ServingEndpointPermissionLevel)[
        ::-1
    ] or len(levels) == 3
    grant = ServingEndpointAccessControlRequest(
        user_name="ada", permission_level=ServingEndpointPermissionLevel.CAN_QUERY
    )
    endpoints.set_permissions(found.id, access_control_list=[grant])
    rights = endpoints.get_permissions(found.id)
    assert rights.access_control_list is not None
    assert rights.access_control_list[0].user_name == "ada"
    assert rights.object_id == f"/serving-endpoints/{found.id}"
    other = ServingEndpointAccessControlRequest(
        user_name="bob", permission_level=ServingEndpointPermissionLevel.CAN_MANAGE
    )
    rights = endpoints.update_permissions(found.id, access_control_list=[other])
    assert len(rights.access_control_list or []) == 3

    served = (found.config.served_entities or [])[0].name if found.config else None
    assert served is not None
    assert "was loaded in" in endpoints.build_logs(ENDPOINT, served).logs
    assert isinstance(endpoints.logs(ENDPOINT, served).logs, str)
    assert invoke(databricks, {"dataframe_records": ROWS}).status_code == 200
    metrics = endpoints.export_metrics(ENDPOINT).contents
    assert metrics is not None and b"request_count_total{" in metrics.read()
    described = endpoints.get_open_api(ENDPOINT).contents
    assert described is not None and b"dataframe_records" in described.read()
    with pytest.raises(InvalidParameterValue):
        endpoints.put_ai_gateway(
            ENDPOINT,
            inference_table_config=AiGatewayInferenceTableConfig(catalog_name="ml", enabled=True),
        )
    check_rights(ready, databricks, path)


def check_rights(workspace: WorkspaceClient, url: str, path: Path) -> None:
    """The user ada may ask, bob may change, and eve may not see the endpoint."""
    program = os.environ["TRACKLITE_PROGRAM"]

    def client(user: str, scope: str) -> WorkspaceClient:
        command = [program, "token", "create", str(path), "--user", user, "--scope", scope]
        made = subprocess.run(command, capture_output=True, text=True, check=True)
        token = next(word for word in made.stdout.split() if word.startswith("tlk_"))
        return WorkspaceClient(host=url, token=token)

    ada, bob, eve = client("ada", "read"), client("bob", "read"), client("eve", "write")
    time.sleep(1)
    assert ada.serving_endpoints.query(ENDPOINT, dataframe_records=ROWS).predictions == [0, 1]
    with pytest.raises(PermissionDenied, match="CAN_MANAGE"):
        ada.serving_endpoints.delete(ENDPOINT)
    for refused in (eve.serving_endpoints.get, eve.serving_endpoints.query):
        with pytest.raises(PermissionDenied):
            refused(ENDPOINT)
    assert list(eve.serving_endpoints.list()) == []
    bob.serving_endpoints.patch(ENDPOINT, add_tags=[EndpointTag(key="by", value="bob")])
    bob.serving_endpoints.delete(ENDPOINT)


def test_mlflows_client_of_deployments_makes_changes_and_deletes_endpoints(
    workspace: WorkspaceClient,
) -> None:
    first, second = register([0, 1]), register([1, 0])
    client = mlflow.deployments.get_deploy_client("databricks")

    def served(version: str) -> list[dict[str, object]]:
        return [{"entity_name": MODEL, "entity_version": version, "workload_size": "Small"}]

    client.create_endpoint(name=ENDPOINT, config={"served_entities": served(first)})
    workspace.serving_endpoints.wait_get_serving_endpoint_not_updating(ENDPOINT)
    body = {"dataframe_records": ROWS}
    assert client.predict(endpoint=ENDPOINT, inputs=body)["predictions"] == [0, 1]
    client.update_endpoint_config(endpoint=ENDPOINT, config={"served_entities": served(second)})
    workspace.serving_endpoints.wait_get_serving_endpoint_not_updating(ENDPOINT)
    assert client.predict(endpoint=ENDPOINT, inputs=body)["predictions"] == [1, 0]
    tags = {"add_tags": [{"key": "a", "value": "b"}]}
    client.update_endpoint_tags(endpoint=ENDPOINT, config=tags)
    limits = {"rate_limits": [{"calls": 100, "key": "endpoint", "renewal_period": "minute"}]}
    client.update_endpoint_rate_limits(endpoint=ENDPOINT, config=limits)
    client.update_endpoint_ai_gateway(endpoint=ENDPOINT, config=limits)
    found = client.get_endpoint(ENDPOINT)
    assert found["tags"] == [{"key": "a", "value": "b"}]
    assert found["ai_gateway"]["rate_limits"][0]["calls"] == 100
    assert [known["name"] for known in client.list_endpoints()] == [ENDPOINT]
    client.delete_endpoint(ENDPOINT)
    assert list(client.list_endpoints()) == []


def test_open_inference_answers_with_tensors(ready: WorkspaceClient, databricks: str) -> None:
    headers = {"Authorization": "Bearer anything"}
    model = f"{databricks}/v2/models/{ENDPOINT}"
    described = requests.get(model, headers=headers, timeout=60).json()
    inputs = {tensor["name"]: tensor["datatype"] for tensor in described["inputs"]}
    assert inputs == {
        "age": "INT64",
        "tenure": "INT64",
        "monthly_charges": "FP64",
        "total_charges": "FP64",
    }
    asked: dict[str, Any] = {
        "id": "42",
        "inputs": [
            {"name": name, "shape": [2], "datatype": kind, "data": [row[name] for row in ROWS]}
            for name, kind in inputs.items()
        ],
    }
    answer = requests.post(f"{model}/infer", json=asked, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "model_name": ENDPOINT,
        "model_version": described["versions"][0],
        "id": "42",
        "outputs": [
            {"name": "predictions", "shape": [2], "datatype": "INT64", "data": [0, 1]},
        ],
    }
    wrong: dict[str, Any] = {"inputs": asked["inputs"][:1]}
    refused = requests.post(f"{model}/infer", json=wrong, headers=headers, timeout=60)
    assert refused.status_code == 400 and "Failed to enforce schema" in refused.json()["error"]


@pytest.fixture
def scored(workspace: WorkspaceClient, path: Path) -> Iterator[str]:
    """The address of a second server over the file, which serves one model."""
    version = register([0, 1])
    MlflowClient().set_registered_model_alias(MODEL, "Champion", version)
    command = [os.environ["TRACKLITE_PROGRAM"], "serve", str(path), "--port", "0", "--quiet"]
    command += ["--python", sys.executable, "--model", f"models:/{MODEL}@Champion"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


def test_a_server_for_one_model_is_asked_like_mlflows(scored: str) -> None:
    until = time.monotonic() + 120
    while requests.get(f"{scored}/ping", timeout=60).status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert requests.get(f"{scored}/health", timeout=60).text == "\n"
    assert requests.get(f"{scored}/version", timeout=60).text == mlflow.__version__
    answer = requests.post(f"{scored}/invocations", json={"dataframe_records": ROWS}, timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"predictions": [0, 1]})
    csv = "age,tenure,monthly_charges,total_charges\n35,24,65.5,1572.0\n"
    headers = {"Content-Type": "text/csv"}
    answer = requests.post(f"{scored}/invocations", data=csv, headers=headers, timeout=60)
    assert answer.json() == {"predictions": [0]}
