"""What the guide leaves undefined: the session of Spark, its data, a run, a display.

`names` has the values by topic, and `check` looks at what a block has done. As a program, this file
runs one block in a process of its own.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
from mlflow.tracking import MlflowClient

Names = dict[str, Any]

COMPARED = "/Shared/team-experiments/churn-model"
REGISTERED = "ml.production.churn_predictor"
RECOMMENDED = "ml.production.recommendation_model"
CUSTOMERS = "ml.features.customer_features"
PRODUCTS = "ml.features.product_features"
ENDPOINT = "churn-predictor-endpoint"
SAMPLE = Path("/tmp/sample_predictions.csv")


class Reader:
    """Reads tables from a folder in place of the root of the workspace's files."""

    def __init__(self, session: Any, folder: Path) -> None:
        self.session = session
        self.folder = folder

    def parquet(self, path: str) -> Any:
        return self.session.read.parquet(str(self.folder / path.lstrip("/")))


class Spark:
    """The session `spark` of a notebook, with the tables of the workspace."""

    def __init__(self, session: Any, folder: Path) -> None:
        self.session = session
        self.read = Reader(session, folder)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)


def names(topic: str, folder: Path, session: Any = None) -> Names:
    """Returns the values that a block of this topic uses without defining them."""
    if topic == "spark":
        return {"spark": Spark(session, customers(session, folder))}
    if topic == "registry":
        return {"run_id": run_with_model()}
    if topic == "endpoint":
        register_served()
    if topic == "request to an endpoint":
        register_served()
        serve_registered()
        host = urlsplit(os.environ["DATABRICKS_HOST"]).netloc
        return {"workspace_url": host, "endpoint_name": ENDPOINT, "token": "anything"}
    if topic == "features":
        return feature_tables()
    if topic == "training job":
        table = type("Table", (), {"table": staticmethod(lambda name: name)})
        return {
            "spark": type("Session", (), {"read": table}),
            "train_model": trained,
            "test_df": None,
            "evaluate_model": lambda model, data: {"accuracy": 0.9},
        }
    if topic == "comparison":
        compared_runs()
        shown: list[Any] = []
        return {"display": shown.append, "shown": shown}
    if topic == "autologging":
        mlflow.set_experiment("/Shared/team-experiments/autologged")
        chance = random.Random(5)
        rows = [[chance.random(), chance.random()] for _ in range(60)]
        return {"X_train": rows, "y_train": [int(left > right) for left, right in rows]}
    return {}


def trained(table: str) -> Any:
    """Logs a model named `model` in the active run."""
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    assert table == "ml.features.customer_training_data"
    rows = [[0.0], [1.0], [4.0], [5.0]]
    model = LogisticRegression().fit(rows, [0, 0, 1, 1])
    signature = infer_signature(rows, model.predict(rows))
    mlflow.sklearn.log_model(
        model, name="model", signature=signature, pip_requirements=["scikit-learn"]
    )
    return model


def customers(session: Any, folder: Path) -> Path:
    """Writes the table of customers, and returns the folder in place of the root."""
    chance = random.Random(4)
    rows = []
    for _ in range(120):
        tenure, monthly = chance.randrange(1, 60), chance.uniform(20, 110)
        churn = "Yes" if monthly > 60 and tenure < 40 else "No"
        rows.append((chance.randrange(18, 80), tenure, monthly, tenure * monthly, churn))
    columns = ["age", "tenure", "monthly_charges", "total_charges", "churn"]
    table = folder / "mnt" / "data" / "customer_features"
    session.createDataFrame(rows, columns).write.parquet(str(table))
    return folder


def feature_tables() -> Names:
    """Writes the tables of features, and returns rows with labels and a function that trains."""
    import pandas as pd
    from sklearn.tree import DecisionTreeClassifier

    from tracklite.feature_store import FeatureStoreClient

    store = FeatureStoreClient()
    customers = {
        "customer_id": [1, 2, 3],
        "avg_transaction_amount": [10.0, 250.0, 90.0],
        "days_since_last_purchase": [40, 2, 9],
    }
    products = {"product_id": [7, 8], "category_embedding": [0.25, 0.75], "price_tier": [1, 3]}
    store.create_table(CUSTOMERS, "customer_id", pd.DataFrame(customers))
    store.create_table(PRODUCTS, "product_id", pd.DataFrame(products))
    labels = {
        "customer_id": [1, 2, 3, 2],
        "product_id": [7, 8, 7, 7],
        "purchased": [0, 1, 0, 1],
    }

    def train_model(rows: Any) -> Any:
        inputs = rows.drop(columns=["purchased"])
        return DecisionTreeClassifier(random_state=0).fit(inputs, rows["purchased"])

    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/team-experiments/features")
    return {"labels_df": pd.DataFrame(labels), "train_model": train_model}


def run_with_model() -> str:
    """Returns a run that has logged a model named `model`."""
    import numpy as np
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("/Shared/team-experiments/registered")
    rows = np.array([[0.0], [1.0], [4.0], [5.0]])
    model = LogisticRegression().fit(rows, [0, 0, 1, 1])
    with mlflow.start_run() as run:
        signature = infer_signature(rows, model.predict(rows))
        mlflow.sklearn.log_model(
            model, name="model", signature=signature, pip_requirements=["scikit-learn"]
        )
    return str(run.info.run_id)


def register_served() -> None:
    """Registers the model of the guide: it predicts 0 for the first customer, then 1."""
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.tree import DecisionTreeClassifier

    columns = ["age", "tenure", "monthly_charges", "total_charges"]
    rows = pd.DataFrame([[35, 24, 65.5, 1572.0], [42, 48, 89.0, 4272.0]], columns=columns)
    model = DecisionTreeClassifier(random_state=0).fit(rows, [0, 1])
    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/team-experiments/served")
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(rows, model.predict(rows)),
            registered_model_name=REGISTERED,
            pip_requirements=["scikit-learn"],
        )


def serve_registered() -> None:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.serving import EndpointCoreConfigInput, ServedEntityInput

    served = ServedEntityInput(entity_name=REGISTERED, entity_version="1", workload_size="Small")
    WorkspaceClient().serving_endpoints.create_and_wait(
        name=ENDPOINT, config=EndpointCoreConfigInput(name=ENDPOINT, served_entities=[served])
    )


def compared_runs() -> None:
    mlflow.set_experiment(COMPARED)
    for number, accuracy in enumerate([0.7, 0.85, 0.95]):
        with mlflow.start_run(run_name=f"run {number}"):
            mlflow.log_param("num_trees", 10 * number)
            mlflow.log_metrics({"accuracy": accuracy, "f1_score": accuracy / 2})


def check_tracking(_: Names) -> None:
    run = mlflow.last_active_run()
    assert run is not None and run.info.status == "FINISHED"
    assert run.data.params == {"learning_rate": "0.01"}, run.data.params
    assert run.data.metrics == {"accuracy": 0.95}, run.data.metrics


def check_experiments(after: Names) -> None:
    found = after["experiment"]
    assert found.name.startswith("/Users/") and found.lifecycle_stage == "active", found
    names = {experiment.name for experiment in mlflow.search_experiments()}
    assert len([name for name in names if name.startswith("/Shared/")]) == 1, names


def check_spark(after: Names) -> None:
    run = mlflow.last_active_run()
    assert run is not None and run.info.run_name == "spark-rf-model", run
    assert run.data.metrics["accuracy"] == after["accuracy"] > 0.7, run.data.metrics
    assert run.data.params["training_rows"] == str(after["train_df"].count()), run.data.params
    files = {file.path for file in MlflowClient().list_artifacts(run.info.run_id)}
    assert files == {"spark-model", SAMPLE.name}, files
    loaded = mlflow.spark.load_model(f"runs:/{run.info.run_id}/spark-model")
    expected = [row.prediction for row in after["predictions"].collect()]
    assert [row.prediction for row in loaded.transform(after["test_df"]).collect()] == expected
    SAMPLE.unlink()


def check_registry(_: Names) -> None:
    import numpy as np

    client = MlflowClient()
    model = client.get_registered_model(REGISTERED)
    assert model.description, model
    version = client.get_model_version_by_alias(REGISTERED, "Champion")
    assert str(version.version) == "1" and version.status == "READY", version
    assert version.tags == {"validation_status": "approved"}, version.tags
    loaded = mlflow.pyfunc.load_model(f"models:/{REGISTERED}@Champion")
    assert list(loaded.predict(np.array([[0.5], [4.5]]))) == [0, 1]


def check_features(after: Names) -> None:
    import pandas as pd

    rows = after["training_df"]
    assert list(rows["avg_transaction_amount"]) == [10.0, 250.0, 90.0, 250.0], rows
    assert list(rows["price_tier"]) == [1, 3, 1, 1], rows
    keys = pd.DataFrame({"customer_id": [2, 1], "product_id": [8, 7]})
    scored = after["fs"].score_batch(f"models:/{RECOMMENDED}/1", keys)
    assert list(scored["prediction"]) == [1.0, 0.0], scored
    assert list(scored["category_embedding"]) == [0.75, 0.25], scored
    run = mlflow.last_active_run()
    assert run is not None
    inputs = {each.dataset.name for each in run.inputs.dataset_inputs}
    assert inputs == {CUSTOMERS, PRODUCTS}, inputs
    if "DATABRICKS_HOST" in os.environ:
        check_features_at_endpoint()


def check_features_at_endpoint() -> None:
    """An endpoint completes requests with keys alone."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.serving import EndpointCoreConfigInput, ServedEntityInput

    served = ServedEntityInput(entity_name=RECOMMENDED, entity_version="1", workload_size="Small")
    endpoints = WorkspaceClient().serving_endpoints
    config = EndpointCoreConfigInput(name="recommendations", served_entities=[served])
    endpoints.create_and_wait(name="recommendations", config=config)
    keys = [{"customer_id": 2, "product_id": 8}, {"customer_id": 1, "product_id": 7}]
    assert endpoints.query("recommendations", dataframe_records=keys).predictions == [1, 0]


def check_endpoint(after: Names) -> None:
    from databricks.sdk.service.serving import EndpointStateReady

    assert after["endpoint_name"] == ENDPOINT
    client = after["w"].serving_endpoints
    assert client.get(ENDPOINT).state.ready == EndpointStateReady.READY
    row = {"age": 42, "tenure": 48, "monthly_charges": 89.0, "total_charges": 4272.0}
    assert client.query(ENDPOINT, dataframe_records=[row]).predictions == [1]


def check_request(after: Names) -> None:
    assert after["response"].status_code == 200, after["response"].text
    assert after["predictions"] == {"predictions": [0, 1]}, after["predictions"]


def check_training(_: Names) -> None:
    run = mlflow.last_active_run()
    assert run is not None and run.data.metrics == {"accuracy": 0.9}, run
    (version,) = MlflowClient().search_model_versions(f"name = '{REGISTERED}'")
    version = MlflowClient().get_model_version(REGISTERED, version.version)
    assert (version.status, version.run_id) == ("READY", run.info.run_id), version


def check_schedule(after: Names) -> None:
    settings = after["w"].jobs.get(after["job"].job_id).settings
    assert settings.name == "churn-model-retraining", settings
    assert settings.schedule.quartz_cron_expression == "0 0 6 * * ?", settings
    assert settings.tasks[0].existing_cluster_id == "your-cluster-id", settings


def check_comparison(after: Names) -> None:
    (table,) = after["shown"]
    assert list(table["run_name"]) == ["run 2", "run 1"], table
    assert list(table["accuracy"]) == [0.95, 0.85], table
    assert list(table["num_trees"]) == ["20", "10"], table
    assert table["learning_rate"].isna().all(), table


def check_autologging(after: Names) -> None:
    run = mlflow.last_active_run()
    assert run is not None and run.data.params["n_estimators"] == "100", run
    score = after["model"].score(after["X_train"], after["y_train"])
    assert run.data.metrics["training_score"] == score, run.data.metrics
    models = MlflowClient().search_logged_models([run.info.experiment_id])
    assert [model.source_run_id for model in models] == [run.info.run_id], models


CHECKS: dict[str, Callable[[Names], None]] = {
    "tracking": check_tracking,
    "experiments": check_experiments,
    "spark": check_spark,
    "features": check_features,
    "registry": check_registry,
    "endpoint": check_endpoint,
    "request to an endpoint": check_request,
    "training job": check_training,
    "schedule of a job": check_schedule,
    "comparison": check_comparison,
    "autologging": check_autologging,
}


def run_block(topic: str, code: str, folder: Path, session: Any = None) -> None:
    """Runs a block of the guide to the letter, and checks what it has done."""
    values = {"__name__": "__main__", **names(topic, folder, session)}
    exec(compile(code, f"the guide's block about {topic}", "exec"), values)
    CHECKS[topic](values)


if __name__ == "__main__":
    run_block(sys.argv[1], Path(sys.argv[2]).read_text(), Path.cwd())
