"""Trains and registers a churn model with plain MLflow. Only the tracking URI refers to tracklite.

    python examples/mlflow_churn.py [FILE]

The data set ships with scikit-learn. Its two classes play customers who left and who stayed.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

EXPERIMENT = "/Shared/team-experiments/churn-model"
MODEL = "ml.production.churn_predictor"
THRESHOLD = 0.9


def customers() -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    """Returns features and labels for training and for testing."""
    features, left = load_breast_cancer(return_X_y=True, as_frame=True)
    return train_test_split(features, left, test_size=0.3, random_state=7, stratify=left)


def train(trees: int, depth: int, data: tuple[pd.DataFrame, ...]) -> str:
    """Trains one model in a run of its own. Returns the id of the run."""
    train_x, test_x, train_y, test_y = data
    with mlflow.start_run(run_name=f"forest-{trees}-{depth}", nested=True) as run:
        mlflow.log_params({"n_estimators": trees, "max_depth": depth})
        pipeline = Pipeline(
            [
                ("scale", StandardScaler()),
                ("forest", RandomForestClassifier(trees, max_depth=depth, random_state=7)),
            ]
        )
        pipeline.fit(train_x, train_y)
        predicted = pipeline.predict(test_x)
        likely = pipeline.predict_proba(test_x)[:, 1]
        mlflow.log_metrics(
            {
                "accuracy": accuracy_score(test_y, predicted),
                "f1": f1_score(test_y, predicted),
                "auc": roc_auc_score(test_y, likely),
            }
        )
        mlflow.log_input(mlflow.data.from_pandas(train_x, name="customers"), context="training")
        sample = test_x.head(5).assign(churn=predicted[:5], probability=likely[:5])
        mlflow.log_table(sample, "sample_predictions.json")
        mlflow.sklearn.log_model(
            pipeline,
            name="model",
            signature=infer_signature(test_x, predicted),
            input_example=test_x.head(2),
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        )
        return run.info.run_id


def register(run_id: str) -> None:
    """Registers and validates the model of a run, and makes it the champion."""
    client = MlflowClient()
    version = mlflow.register_model(f"runs:/{run_id}/model", MODEL)
    client.set_model_version_tag(MODEL, version.version, "validation", "passed")
    client.set_registered_model_alias(MODEL, "Champion", version.version)
    print(f"version {version.version} of {MODEL} is the champion")


def main(path: Path) -> None:
    mlflow.set_tracking_uri(f"tracklite://{path.absolute()}")
    mlflow.set_experiment(EXPERIMENT)
    data = customers()
    with mlflow.start_run(run_name="sweep") as sweep:
        for trees, depth in product((20, 60), (2, 8)):
            train(trees, depth, data)
    runs = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{sweep.info.run_id}'",
        order_by=["metrics.auc DESC"],
    )
    columns = ["params.n_estimators", "params.max_depth", "metrics.accuracy", "metrics.auc"]
    print(runs[columns].to_string(index=False))
    best = runs.iloc[0]
    if best["metrics.auc"] < THRESHOLD:
        print(f"the best model has an AUC below {THRESHOLD}, so none is registered")
        return
    register(best["run_id"])
    champion = mlflow.pyfunc.load_model(f"models:/{MODEL}@Champion")
    print("predictions for the first customers:", list(champion.predict(data[1].head(5))))

    mlflow.sklearn.autolog(log_models=False)
    RandomForestClassifier(n_estimators=10, random_state=7).fit(data[0], data[2])
    mlflow.sklearn.autolog(disable=True)
    logged = mlflow.last_active_run()
    print(f"autologging recorded {len(logged.data.params)} params")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "churn.tracklite"))
