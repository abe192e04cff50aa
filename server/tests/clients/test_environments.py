"""Models in environments of their own, whose packages come from PyPI. It runs for minutes, so only
with the variable TRACKLITE_PACKAGES."""

from __future__ import annotations

import os
from typing import Any

import mlflow
import mlflow.deployments
import pytest
from databricks.sdk import WorkspaceClient

MODEL = "ml.production.tables"
ENDPOINT = "tables"
# A package without requirements, with which the versions of MLflow do not conflict.
PACKAGE = "tabulate"
VERSIONS = ("0.8.10", "0.9.0")

pytestmark = pytest.mark.skipif(
    not os.environ.get("TRACKLITE_PACKAGES"), reason="packages are installed by `cargo xtask long`"
)


def reporter() -> mlflow.pyfunc.PythonModel:
    """Returns a model that returns the version of the package."""

    class Reporter(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: list[str]) -> list[str]:
            from importlib.metadata import version

            return [version(name) for name in model_input]

    return Reporter()


def test_two_versions_of_a_package_are_installed_and_served(
    databricks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/environments")
    client = mlflow.deployments.get_deploy_client("databricks")
    workspace = WorkspaceClient()
    for number, wanted in enumerate(VERSIONS, start=1):
        with mlflow.start_run():
            mlflow.pyfunc.log_model(
                name="model",
                python_model=reporter(),
                pip_requirements=[f"mlflow=={mlflow.__version__}", f"{PACKAGE}=={wanted}"],
                registered_model_name=MODEL,
            )
        variables = {"TRACKLITE_ENVIRONMENT": "model"}
        served = {"entity_name": MODEL, "entity_version": str(number), "name": "reporter"}
        config = {"served_entities": [{**served, "environment_vars": variables}]}
        if number == 1:
            client.create_endpoint(config={"name": ENDPOINT, "config": config})
        else:
            client.update_endpoint_config(endpoint=ENDPOINT, config=config)
        workspace.serving_endpoints.wait_get_serving_endpoint_not_updating(ENDPOINT)
        answer = client.predict(endpoint=ENDPOINT, inputs={"inputs": [PACKAGE]})
        assert answer == {"predictions": [wanted]}
        logs = workspace.serving_endpoints.build_logs(ENDPOINT, "reporter").logs
        assert "Successfully installed" in logs and "the model was loaded" in logs
