"""Tables of requests: set by Databricks's SDK, read by the command, also after `kill -9`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    AutoCaptureConfigInput,
    EndpointCoreConfigInput,
    ServedEntityInput,
)
from mlflow.models import infer_signature

MODEL = "ml.production.churn"
ENDPOINT = "churn"
COLUMNS = ["age", "tenure", "monthly", "total"]
PROGRAM = os.environ.get("TRACKLITE_PROGRAM", "tracklite")


def frame(rows: int) -> pd.DataFrame:
    numbers = range(rows)
    return pd.DataFrame(
        {
            name: [(7 * row + place * place) % 50 + 0.5 for row in numbers]
            for place, name in enumerate(COLUMNS)
        }
    )


def register(model: Any) -> Any:
    """Registers a fitted model. Returns it."""
    rows = frame(50)
    model.fit(rows, [row % 3 % 2 for row in range(50)])
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(rows, model.predict(rows)),
            input_example=rows[:2],
            pip_requirements=["scikit-learn"],
        )
    mlflow.register_model(logged.model_uri, MODEL)
    return model


@pytest.fixture
def workspace(databricks: str, monkeypatch: pytest.MonkeyPatch) -> WorkspaceClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/requests")
    return WorkspaceClient()


def entity(**more: Any) -> ServedEntityInput:
    return ServedEntityInput(
        entity_name=MODEL,
        entity_version="1",
        workload_size="Small",
        scale_to_zero_enabled=False,
        **more,
    )


def ask(url: str, row: dict[str, float], **headers: str) -> Any:
    target = f"{url}/serving-endpoints/{ENDPOINT}/invocations"
    headers = {"Authorization": "Bearer anything", **headers}
    answer = requests.post(target, json={"dataframe_records": [row]}, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"][0]


def command(*words: str) -> str:
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(path: Path, count: int, *more: str) -> list[dict[str, Any]]:
    """Waits until the table has this many rows."""
    until = time.monotonic() + 30
    while True:
        text = command("endpoints", "requests", str(path), ENDPOINT, "--format", "jsonl", *more)
        rows = [json.loads(line) for line in text.splitlines()]
        if len(rows) >= count:
            assert len(rows) == count
            return rows
        assert time.monotonic() < until, f"{len(rows)} of {count} rows"
        time.sleep(0.2)


def test_the_sdk_sets_the_table_and_each_request_is_a_row(
    workspace: WorkspaceClient, databricks: str, path: Path
) -> None:
    from sklearn.tree import DecisionTreeClassifier

    model = register(DecisionTreeClassifier(random_state=0))
    table = AiGatewayInferenceTableConfig(
        catalog_name="ml", schema_name="production", table_name_prefix="live", enabled=True
    )
    made = workspace.serving_endpoints.create_and_wait(
        ENDPOINT,
        config=EndpointCoreConfigInput(name=ENDPOINT, served_entities=[entity()]),
        ai_gateway=AiGatewayConfig(inference_table_config=table),
    )
    assert made.ai_gateway is not None
    assert made.ai_gateway.inference_table_config == table
    name = "ml.production.live_payload"
    columns = workspace.tables.get(name).columns
    assert columns is not None and columns[1].name == "databricks_request_id"

    rows = frame(20).to_dict("records")
    wanted = [int(label) for label in model.predict(frame(20))]
    for number, row in enumerate(rows):
        assert ask(databricks, row, **{"x-request-id": f"r{number}"}) == wanted[number]
    found = written(path, 20)
    assert [row["databricks_request_id"] for row in found] == [f"r{n}" for n in range(20)]
    assert [row["prediction"] for row in found] == wanted
    for own, row in zip(rows, found, strict=True):
        assert {name: row[f"input_{name}"] for name in COLUMNS} == own
        assert json.loads(row["request"]) == {"dataframe_records": [own]}
        assert row["status_code"] == 200 and row["requester"]

    read = command("tables", "read", str(path), name, "--columns", "input_age,prediction")
    assert len(read.splitlines()) == 21


def test_the_earlier_form_of_the_table_works_too(
    workspace: WorkspaceClient, databricks: str, path: Path
) -> None:
    from sklearn.linear_model import LogisticRegression

    register(LogisticRegression(max_iter=1000))
    table = AutoCaptureConfigInput(
        catalog_name="ml", schema_name="production", table_name_prefix="old", enabled=True
    )
    config = EndpointCoreConfigInput(
        name=ENDPOINT, served_entities=[entity()], auto_capture_config=table
    )
    made = workspace.serving_endpoints.create_and_wait(ENDPOINT, config=config)
    assert made.config is not None and made.config.auto_capture_config is not None
    state = made.config.auto_capture_config.state
    assert state is not None and state.payload_table is not None
    assert state.payload_table.name == "ml.production.old_payload"
    row = frame(1).to_dict("records")[0]
    for _ in range(3):
        ask(databricks, row)
    found = written(path, 3, "--legacy")
    metadata = {"endpoint_name": ENDPOINT, "model_name": MODEL, "model_version": "1"}
    assert json.loads(found[0]["request_metadata"]) == metadata
    assert abs(found[0]["timestamp_ms"] / 1000 - time.time()) < 60
    assert "prediction" not in found[0]


def test_durable_rows_survive_the_death_of_the_server(
    workspace: WorkspaceClient, databricks: str, path: Path
) -> None:
    from sklearn.tree import DecisionTreeClassifier

    register(DecisionTreeClassifier(random_state=0))
    own = command("token", "create", str(path), "--scope", "admin")
    token = next(word for word in own.split() if word.startswith("tlk_"))
    server = subprocess.Popen(
        [PROGRAM, "serve", str(path), "--port", "0", "--python", sys.executable],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        body: dict[str, Any] = {
            "name": ENDPOINT,
            "config": {"served_entities": [{"entity_name": MODEL, "entity_version": "1"}]},
            "ai_gateway": {
                "inference_table_config": {
                    "catalog_name": "ml",
                    "schema_name": "production",
                    "enabled": True,
                    "durable": True,
                }
            },
        }
        headers = {"Authorization": f"Bearer {token}"}
        target = f"{url}/api/2.0/serving-endpoints"
        made = requests.post(target, json=body, headers=headers, timeout=60)
        assert made.status_code == 200, made.text
        until = time.monotonic() + 120
        while (
            requests.get(
                f"{url}/serving-endpoints/{ENDPOINT}/ping", headers=headers, timeout=60
            ).status_code
            != 200
        ):
            assert time.monotonic() < until
            time.sleep(0.1)
        answered = answered_until_killed(server, url, headers)
    finally:
        server.kill()
        server.wait(30)
    assert len(answered) > 10
    command("verify", str(path))
    text = command("endpoints", "requests", str(path), ENDPOINT, "--format", "jsonl")
    found = {json.loads(line)["databricks_request_id"] for line in text.splitlines()}
    assert answered <= found, f"{len(answered - found)} of {len(answered)} rows are lost"


def answered_until_killed(
    server: subprocess.Popen[str], url: str, headers: dict[str, str]
) -> set[str]:
    """Asks with four clients, and kills the server meanwhile. Returns the ids that were answered."""
    row = frame(1).to_dict("records")[0]
    answered = set[str]()

    def asks(client: int) -> None:
        for number in range(10_000):
            name = f"k{client}-{number}"
            try:
                ask(url, row, **headers, **{"x-request-id": name})
            except requests.RequestException:
                return
            answered.add(name)

    with ThreadPoolExecutor(4) as threads:
        clients = [threads.submit(asks, client) for client in range(4)]
        time.sleep(3)
        os.kill(server.pid, signal.SIGKILL)
        for client in clients:
            client.result()
    return answered


@pytest.mark.parametrize("kind", ["forest", "linear"])
def test_requests_that_come_at_once_get_the_answers_of_single_ones(
    workspace: WorkspaceClient, databricks: str, path: Path, kind: str
) -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    forest = RandomForestRegressor(n_estimators=50, random_state=0)
    model = register(forest if kind == "forest" else LinearRegression())
    workspace.serving_endpoints.create_and_wait(
        ENDPOINT, config=EndpointCoreConfigInput(name=ENDPOINT, served_entities=[entity()])
    )
    rows = frame(200).to_dict("records")
    # One by one, because a product of several rows may have other last digits.
    wanted = [float(model.predict(frame(200).iloc[[at]])[0]) for at in range(200)]
    bad = {"dataframe_records": [{"age": "old"}]}

    def asks(number: int) -> None:
        if number % 10 == 7:
            # A bad request spoils only itself.
            target = f"{databricks}/serving-endpoints/{ENDPOINT}/invocations"
            assert requests.post(target, json=bad, timeout=60).status_code == 400
        assert ask(databricks, rows[number % 200]) == wanted[number % 200]

    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(asks, number) for number in range(400)]:
            done.result()
