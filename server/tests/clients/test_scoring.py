"""MLflow's own scoring server and an endpoint: the same requests get the same answers.

The variable TRACKLITE_SCORING_BODIES sets the number of requests to each model. From 200 on, the
requests are sent to `mlflow models serve` itself, else to its application in this process.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import mlflow
import pandas as pd
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.serving import EndpointCoreConfigInput, ServedEntityInput
from mlflow.models import infer_signature
from mlflow.types import ParamSchema, ParamSpec
from scoring_bodies import COLUMNS, Bodies

COUNT = int(os.environ.get("TRACKLITE_SCORING_BODIES", "25"))
NUMBERS = ["age", "tenure", "monthly"]
Ask = Callable[[str, bytes], Any]


def frame(columns: list[str]) -> pd.DataFrame:
    bodies = Bodies(1, columns)
    return pd.DataFrame([{name: COLUMNS[name](bodies.draw) for name in columns} for _ in range(60)])


def target() -> list[int]:
    return [number % 3 % 2 for number in range(60)]


class Custom(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A model with params, that returns a data frame."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        factor = (params or {}).get("factor", 1.0)
        score = model_input["age"] * factor + model_input["monthly"]
        return pd.DataFrame({"score": score, "plan": model_input["plan"]})


class Untyped(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A model without a signature."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return {"count": len(model_input), "kind": type(model_input).__name__}


def logistic() -> tuple[Any, list[str]]:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000).fit(frame(NUMBERS), target()), NUMBERS


def forest() -> tuple[Any, list[str]]:
    from sklearn.ensemble import RandomForestRegressor

    fitted = RandomForestRegressor(n_estimators=10, random_state=0)
    return fitted.fit(frame(NUMBERS), target()), NUMBERS


def pipeline() -> tuple[Any, list[str]]:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore"), ["plan"])
    )
    return make_pipeline(columns, Ridge()).fit(frame([*NUMBERS, "plan"]), target()), [
        *NUMBERS,
        "plan",
    ]


def register(kind: str) -> list[str]:
    """Registers a model of some kind. Returns its columns."""
    everything = [*NUMBERS, "plan"]
    with mlflow.start_run():
        if kind in ("custom", "untyped"):
            more: dict[str, Any] = {"input_example": frame(everything)[:2]}
            if kind == "custom":
                params = ParamSchema([ParamSpec("factor", "double", 1.0)])
                output = Custom().predict(None, frame(everything))
                more["signature"] = infer_signature(frame(everything), output)
                more["signature"].params = params
            model = Custom() if kind == "custom" else Untyped()
            columns = everything
            if kind == "untyped":
                more = {}
            # The process of the model cannot import this file.
            cloudpickle.register_pickle_by_value(sys.modules[__name__])
            logged = mlflow.pyfunc.log_model(name="model", python_model=model, **more)
        else:
            fitted, columns = {"logistic": logistic, "forest": forest, "pipeline": pipeline}[kind]()
            rows = frame(columns)
            logged = mlflow.sklearn.log_model(
                fitted,
                name="model",
                signature=infer_signature(rows, fitted.predict(rows)),
                input_example=rows[:2],
                pip_requirements=["scikit-learn"],
                # Its own format trusts no trees.
                serialization_format="cloudpickle",
            )
    mlflow.register_model(logged.model_uri, kind)
    return columns


@contextmanager
def reference(uri: str, tmp_path: Any) -> Iterator[Ask]:
    """MLflow's own server: its application in this process, or the command with many requests."""
    if COUNT < 200:
        from fastapi.testclient import TestClient
        from mlflow.pyfunc import scoring_server

        app = scoring_server.init(mlflow.pyfunc.load_model(uri))
        client = TestClient(app, raise_server_exceptions=False)
        yield lambda content, body: client.post(
            "/invocations", content=body, headers={"content-type": content}
        )
        return
    folder = mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path / "own"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", folder, "-p", str(port)]
    environment = {**os.environ, "PATH": os.path.dirname(sys.executable) + ":" + os.environ["PATH"]}
    own = subprocess.Popen([*command, "--env-manager", "local"], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 180
        while True:
            try:
                if requests.get(f"{address}/ping", timeout=5).status_code == 200:
                    break
            except requests.ConnectionError:
                pass
            assert time.monotonic() < until and own.poll() is None
            time.sleep(0.2)
        yield lambda content, body: requests.post(
            f"{address}/invocations", data=body, headers={"Content-Type": content}, timeout=60
        )
    finally:
        own.terminate()
        own.wait()


def in_order(found: re.Match[str]) -> str:
    return ", ".join(sorted(found[0][1:-1].split(", ")))


def shown(answer: Any) -> Any:
    """Returns the body, without tracebacks, whose paths differ, and with sets in order."""
    try:
        value = answer.json()
    except ValueError:
        return answer.text
    if isinstance(value, dict) and "error_code" in value:
        value.pop("stack_trace", None)
        text = str(value.get("message", ""))
        # MLflow prints sets, whose order differs from process to process.
        value["message"] = re.sub(r"[{\[][^{}\[\]]*[}\]]", in_order, text)
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("kind", ["logistic", "forest", "pipeline", "custom", "untyped"])
def test_random_requests_get_the_answers_of_mlflow(
    kind: str, databricks: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", databricks)
    mlflow.set_registry_uri(databricks)
    mlflow.set_experiment("/Shared/scoring")
    columns = register(kind)
    served = ServedEntityInput(entity_name=kind, entity_version="1", workload_size="Small")
    config = EndpointCoreConfigInput(name=kind, served_entities=[served])
    WorkspaceClient().serving_endpoints.create_and_wait(kind, config=config)
    session = requests.Session()
    session.headers["Authorization"] = "Bearer anything"
    address = f"{databricks}/serving-endpoints/{kind}/invocations"
    bodies, statuses, differences = Bodies(len(kind), columns), dict[int, int](), []
    with reference(f"models:/{kind}/1", tmp_path) as own:
        for number in range(COUNT):
            content, body = bodies.one()
            wanted = own(content, body)
            found = session.post(address, data=body, headers={"Content-Type": content}, timeout=60)
            statuses[wanted.status_code] = statuses.get(wanted.status_code, 0) + 1
            if (found.status_code, shown(found)) != (wanted.status_code, shown(wanted)):
                differences.append(
                    f"request {number}: {content} {body[:300]!r}\n"
                    f"  found  {found.status_code} {found.text[:600]}\n"
                    f"  wanted {wanted.status_code} {wanted.text[:600]}"
                )
    print(kind, statuses)
    assert not differences, f"{len(differences)} of {COUNT} differ:\n" + "\n".join(differences[:5])
    assert statuses.get(200, 0) >= COUNT // 10 and statuses.get(400, 0) > 0, statuses
