"""Logs a run with a param and a metric into the default experiment, and reads it back."""

from __future__ import annotations

import mlflow


def main() -> None:
    with mlflow.start_run() as run:
        mlflow.log_param("stops", 12)
        mlflow.log_metric("on_time", 0.875)
        mlflow.log_metrics({"on_time": 0.9375, "minutes": 41.5}, step=1)
        mlflow.set_tag("depot", "north")

    logged = mlflow.get_run(run.info.run_id)
    assert logged.info.status == "FINISHED", logged.info
    assert logged.info.experiment_id == "0", logged.info
    assert logged.data.params == {"stops": "12"}, logged.data.params
    assert logged.data.metrics == {"on_time": 0.9375, "minutes": 41.5}, logged.data.metrics
    assert logged.data.tags["depot"] == "north", logged.data.tags

    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "on_time")
    assert [(point.step, point.value) for point in history] == [(0, 0.875), (1, 0.9375)], history
    print("the run has its param, its metrics and its tag")


if __name__ == "__main__":
    main()
