"""Registers a model in a catalog, describes it, and predicts with the version of an alias."""

from __future__ import annotations

import os

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LogisticRegression

NAME = "depot.models.late_parcels"
PARCELS = pd.DataFrame({"kilos": [1.0, 2.0, 9.0, 12.0], "stops": [3.0, 30.0, 4.0, 40.0]})


def main() -> None:
    if "DATABRICKS_HOST" in os.environ:
        mlflow.set_registry_uri("databricks-uc")
    else:
        print("no host is set, so the registry is that of the tracking URI")
    mlflow.set_experiment("/Shared/depot/registered")
    run_id = train(["no", "yes", "no", "yes"])
    version = mlflow.register_model(f"runs:/{run_id}/model", NAME)
    assert (version.name, str(version.version)) == (NAME, "1"), version

    client = MlflowClient()
    client.update_registered_model(name=NAME, description="Predicts which parcels are late")
    client.set_registered_model_alias(name=NAME, alias="Champion", version=1)
    client.set_model_version_tag(name=NAME, version=1, key="checked_by", value="ada")
    check(client, run_id)
    predicted = mlflow.pyfunc.load_model(f"models:/{NAME}@Champion").predict(PARCELS)
    assert list(predicted) == ["no", "yes", "no", "yes"], predicted
    replace_champion(client)
    print(f"{NAME} has two versions, and the alias is at the second")


def train(late: list[str]) -> str:
    """Returns the run of a new model."""
    with mlflow.start_run() as run:
        model = LogisticRegression(C=100.0).fit(PARCELS, late)
        signature = infer_signature(PARCELS, model.predict(PARCELS))
        mlflow.sklearn.log_model(
            model, name="model", signature=signature, pip_requirements=["scikit-learn"]
        )
    return str(run.info.run_id)


def check(client: MlflowClient, run_id: str) -> None:
    """Reads what was written."""
    model = client.get_registered_model(NAME)
    assert model.description == "Predicts which parcels are late", model
    assert {alias: str(version) for alias, version in model.aliases.items()} == {"Champion": "1"}
    version = client.get_model_version(NAME, "1")
    assert version.status == "READY" and version.run_id == run_id, version
    assert version.tags == {"checked_by": "ada"}, version.tags
    found = client.search_model_versions(f"name='{NAME}'")
    assert [str(version.version) for version in found] == ["1"], found
    assert NAME in [model.name for model in client.search_registered_models()]
    by_alias = client.get_model_version_by_alias(NAME, "Champion")
    assert str(by_alias.version) == "1", by_alias


def replace_champion(client: MlflowClient) -> None:
    """Moves the alias to a second version, and deletes the tag of the first."""
    second = mlflow.register_model(f"runs:/{train(['no', 'no', 'yes', 'yes'])}/model", NAME)
    assert str(second.version) == "2", second
    client.set_registered_model_alias(NAME, "Champion", second.version)
    predicted = mlflow.pyfunc.load_model(f"models:/{NAME}@Champion").predict(PARCELS)
    assert list(predicted) == ["no", "no", "yes", "yes"], predicted
    first = mlflow.pyfunc.load_model(f"models:/{NAME}/1").predict(PARCELS)
    assert list(first) == ["no", "yes", "no", "yes"], first

    client.delete_model_version_tag(NAME, "1", "checked_by")
    assert client.get_model_version(NAME, "1").tags == {}
    client.delete_registered_model_alias(NAME, "Champion")
    try:
        client.get_model_version_by_alias(NAME, "Champion")
    except MlflowException:
        return
    raise AssertionError("the alias is deleted, but it is still found")


if __name__ == "__main__":
    main()
