"""Features at endpoints: keys alone, functions, and features without a model, by real clients."""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import mlflow
import pandas as pd
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, InvalidParameterValue
from databricks.sdk.service.serving import EndpointCoreConfigInput, ServedEntityInput

tracklite = pytest.importorskip("tracklite")

from tracklite.feature_store import (  # noqa: E402
    FeatureEngineeringClient,
    FeatureFunction,
    FeatureLookup,
)

USERS = "ml.features.users"
SPEC = "ml.features.of_users"
RATIO = "ml.features.ratio"
MODEL = "ml.features.spender"


def day(number: int) -> datetime.datetime:
    return datetime.datetime(2026, 1, number, tzinfo=datetime.timezone.utc)


def ratio(spend: float | None, months: int) -> float:
    return 0.0 if spend is None else spend / months


class Spender(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Returns its inputs, so that a test sees them."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input


@pytest.fixture
def store(databricks: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureEngineeringClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/features")
    workspace = WorkspaceClient()
    workspace.catalogs.create("ml")
    workspace.schemas.create("features", "ml")
    store = FeatureEngineeringClient(uri=str(path))
    store.create_table(
        name=USERS,
        primary_keys=["user", "at"],
        timeseries_columns="at",
        df=pd.DataFrame(
            {
                "user": [1, 1, 2],
                "at": [day(1), day(9), day(3)],
                "spend": [1.0, 6.0, 8.0],
                "city": ["Rome", "Bern", None],
            }
        ),
    )
    return store


def serve(name: str, entity: str, version: str | None) -> None:
    served = ServedEntityInput(entity_name=entity, entity_version=version, workload_size="Small")
    config = EndpointCoreConfigInput(name=name, served_entities=[served])
    WorkspaceClient().serving_endpoints.create_and_wait(name, config=config)


# The converter of pyarrow uses what pandas 3.1 deprecates.
@pytest.mark.filterwarnings("ignore")
def test_a_model_with_lookups_and_a_function_needs_only_keys(
    store: FeatureEngineeringClient,
) -> None:
    store.create_function(RATIO, ratio)
    labels = pd.DataFrame(
        {"user": [1, 2], "at": [day(2), day(9)], "months": [2, 4], "label": [0, 1]}
    )
    features: list[FeatureLookup | FeatureFunction] = [
        FeatureLookup(
            USERS, "user", timestamp_lookup_key="at", default_values={"city": "?", "spend": 0.0}
        ),
        FeatureFunction(RATIO, output_name="monthly"),
    ]
    training_set = store.create_training_set(labels, features, "label", exclude_columns=["at"])
    rows = training_set.load_df()
    assert rows["spend"].tolist() == [1.0, 8.0] and rows["monthly"].tolist() == [0.5, 2.0]
    inputs = ["user", "months", "spend", "city", "monthly"]
    # The process of the model cannot import this file.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with mlflow.start_run():
        signature = mlflow.models.infer_signature(rows[inputs], rows[inputs])
        store.log_model(
            Spender(),
            "model",
            flavor=mlflow.pyfunc,
            training_set=training_set,
            registered_model_name=MODEL,
            signature=signature,
            pip_requirements=["pandas"],
        )
    serve("spender", MODEL, "1")
    endpoints = WorkspaceClient().serving_endpoints
    keys = [{"user": 1, "months": 3}, {"user": 2, "months": 4}, {"user": 7, "months": 1}]
    wanted = [
        {"user": 1, "months": 3, "spend": 6.0, "city": "Bern", "monthly": 2.0},
        {"user": 2, "months": 4, "spend": 8.0, "city": "?", "monthly": 2.0},
        {"user": 7, "months": 1, "spend": 0.0, "city": "?", "monthly": 0.0},
    ]
    assert endpoints.query("spender", dataframe_records=keys).predictions == wanted
    given = [{"user": 1, "months": 3, "spend": 9.0}]
    (found,) = endpoints.query("spender", dataframe_records=given).predictions or []
    assert (found["spend"], found["monthly"], found["city"]) == (9.0, 3.0, "Bern")
    batch = store.score_batch(f"models:/{MODEL}/1", pd.DataFrame({**keys[0], "at": [day(9)]}))
    assert batch["monthly"].tolist() == [2.0]

    store.write_table(USERS, {"user": [7], "at": [day(1)], "spend": [5.0], "city": ["Oslo"]})
    began = time.monotonic()
    while True:
        (found,) = endpoints.query("spender", dataframe_records=keys[2:]).predictions or []
        if found["city"] == "Oslo":
            break
        assert time.monotonic() - began < 5, found
    with pytest.raises(BadRequest, match=f'key "user" for table "{USERS}"'):
        endpoints.query("spender", dataframe_records=[{"months": 3}])


@pytest.mark.filterwarnings("ignore")
def test_a_feature_spec_is_served_without_a_model(
    store: FeatureEngineeringClient, databricks: str
) -> None:
    assert store.create_feature_spec(SPEC, [FeatureLookup(USERS, "user")]) == 1
    serve("users", SPEC, None)
    endpoints = WorkspaceClient().serving_endpoints
    answer = requests.post(
        f"{databricks}/serving-endpoints/users/invocations",
        json={"dataframe_records": [{"user": 2}, {"user": 9}]},
        headers={"Authorization": "Bearer anything"},
        timeout=60,
    )
    assert answer.headers["served-model-version"] == "1"
    rows = [{"user": 2, "spend": 8.0, "city": None}, {"user": 9, "spend": None, "city": None}]
    assert (answer.status_code, answer.json()) == (200, {"outputs": rows})
    asked = endpoints.query("users", dataframe_records=[{"user": 1}])
    assert getattr(asked, "outputs", None) in (None, [{"user": 1, "spend": 6.0, "city": "Bern"}])
    store.create_function(RATIO, ratio)
    with pytest.raises(InvalidParameterValue, match="name the version"):
        serve("wrong", RATIO, None)
