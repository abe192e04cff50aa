"""Trains with automatic logging, and finds the params, metrics and the model that were logged."""

from __future__ import annotations

import importlib.util

import mlflow
import numpy as np
from mlflow.tracking import MlflowClient
from sklearn.ensemble import GradientBoostingClassifier

EXPERIMENT = "/Shared/depot/automatic"


def main() -> None:
    mlflow.set_experiment(EXPERIMENT)
    mlflow.sklearn.autolog(
        log_input_examples=True, log_model_signatures=True, log_models=True, silent=False
    )
    train_with_sklearn()
    if importlib.util.find_spec("torch") is None:
        print("SKIPPED automatic logging of PyTorch: torch is not installed")
    else:
        train_with_torch()


def train_with_sklearn() -> None:
    chance = np.random.default_rng(7)
    parcels = chance.uniform(0, 30, size=(120, 3))
    late = (parcels[:, 0] + parcels[:, 1] > 30).astype(int)
    model = GradientBoostingClassifier(n_estimators=15, max_depth=2, random_state=7)
    model.fit(parcels, late)

    run = mlflow.last_active_run()
    assert run is not None and run.info.status == "FINISHED", run
    assert run.data.params["n_estimators"] == "15", run.data.params
    assert run.data.params["max_depth"] == "2", run.data.params
    score = run.data.metrics["training_score"]
    assert score == model.score(parcels, late), run.data.metrics
    assert run.data.tags["estimator_name"] == "GradientBoostingClassifier", run.data.tags

    models = MlflowClient().search_logged_models(
        [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
    )
    assert len(models) == 1, models
    loaded = mlflow.sklearn.load_model(models[0].model_uri)
    assert list(loaded.predict(parcels)) == list(model.predict(parcels))
    info = mlflow.models.get_model_info(models[0].model_uri)
    assert info.signature is not None and info.signature.inputs is not None
    assert info.saved_input_example_info is not None
    files = {file.path for file in MlflowClient().list_artifacts(run.info.run_id)}
    assert "estimator.html" in files, files
    print(f"scikit-learn was logged: training_score {score:.3f}")


def train_with_torch() -> None:
    import torch
    from torch.utils.tensorboard import SummaryWriter

    mlflow.pytorch.autolog(log_every_n_step=1)
    with mlflow.start_run() as run, SummaryWriter() as writer:
        for step in range(5):
            writer.add_scalar("loss", float(torch.tensor(1.0 / (step + 1))), step)
    mlflow.flush_async_logging()
    history = MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == list(range(5)), history
    print("PyTorch was logged")


if __name__ == "__main__":
    main()
