"""Creates experiments by the paths of a workspace, and finds them by these paths."""

from __future__ import annotations

import mlflow

OWN = "/Users/ada@example.org/late-parcels"
SHARED = "/Shared/depot/routes"


def main() -> None:
    own = mlflow.set_experiment(OWN)
    with mlflow.start_run() as first:
        mlflow.log_metric("on_time", 0.75)
    shared = mlflow.set_experiment(SHARED)
    with mlflow.start_run() as second:
        mlflow.log_metric("kilometres", 82.0)
    assert own.experiment_id != shared.experiment_id
    assert first.info.experiment_id == own.experiment_id
    assert second.info.experiment_id == shared.experiment_id

    found = mlflow.get_experiment_by_name(OWN)
    assert found is not None and found.experiment_id == own.experiment_id, found
    assert found.name == OWN and found.lifecycle_stage == "active", found
    assert found.experiment_id in found.artifact_location, found.artifact_location
    # A second call finds the experiment, and creates none.
    assert mlflow.set_experiment(SHARED).experiment_id == shared.experiment_id
    assert mlflow.get_experiment_by_name("/Shared/depot/nothing") is None
    names = {experiment.name for experiment in mlflow.search_experiments()}
    assert {OWN, SHARED} <= names, names
    print(f"{OWN} is experiment {found.experiment_id}, with {found.artifact_location}")


if __name__ == "__main__":
    main()
