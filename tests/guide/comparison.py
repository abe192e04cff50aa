"""Compares the best runs of an experiment in a table."""

from __future__ import annotations

import mlflow
import pandas as pd
from mlflow.tracking import MlflowClient

EXPERIMENT = "/Shared/depot/compared"
# Name of the run, its trees, its precision.
RUNS = [("oak", 40, 0.91), ("elm", 20, 0.84), ("yew", 5, 0.62), ("fir", 80, 0.97)]


def main() -> None:
    mlflow.set_experiment(EXPERIMENT)
    for name, trees, precision in RUNS:
        with mlflow.start_run(run_name=name):
            mlflow.log_param("trees", trees)
            mlflow.log_metric("precision", precision)
            if name != "elm":
                mlflow.log_metric("recall", precision / 2)

    client = MlflowClient()
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    found = client.search_runs(
        experiment_ids=[experiment.experiment_id],
        filter_string="metrics.precision > 0.8",
        order_by=["metrics.precision DESC"],
        max_results=10,
    )
    table = pd.DataFrame(
        {
            "run_id": run.info.run_id,
            "run_name": run.info.run_name,
            "precision": run.data.metrics.get("precision"),
            "recall": run.data.metrics.get("recall"),
            "trees": run.data.params.get("trees"),
        }
        for run in found
    )
    assert list(table["run_name"]) == ["fir", "oak", "elm"], table
    assert list(table["precision"]) == [0.97, 0.91, 0.84], table
    assert list(table["trees"]) == ["80", "40", "20"], table
    assert list(table["recall"].isna()) == [False, False, True], table
    assert table["run_id"].is_unique

    # The same as one call, which returns a table.
    columns = mlflow.search_runs(
        experiment_names=[EXPERIMENT], filter_string="params.trees = '5'", max_results=10
    )
    assert list(columns["tags.mlflow.runName"]) == ["yew"], columns
    best = client.search_runs([experiment.experiment_id], "", order_by=["metrics.recall DESC"])
    assert [run.info.run_name for run in best] == ["fir", "oak", "yew", "elm"]
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
