"""Trains a pipeline of Spark ML, logs and registers it, and predicts with the version of an alias.

Needs pyspark 4 and Java 17.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

# MLflow's listener for the tables that Spark reads calls Python from another thread.
os.environ.setdefault("PYSPARK_PIN_THREAD", "false")

import mlflow
import mlflow.spark
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.feature import StringIndexer, VectorAssembler
from pyspark.sql import DataFrame, SparkSession

NAME = "depot.models.late_parcels_spark"
COLUMNS = ["kilos", "kilometres", "stops"]


def main() -> None:
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    if "DATABRICKS_HOST" in os.environ:
        mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment("/Shared/depot/spark")
    log_tables()
    with tempfile.TemporaryDirectory() as folder:
        train(parcels(spark, Path(folder)), Path(folder))


def log_tables() -> None:
    """Starts the listener for the tables that Spark reads, if its Java part is there."""
    try:
        mlflow.spark.autolog()
    except MlflowException as error:
        if "mlflow-spark JAR" not in str(error):
            raise
        print("SKIPPED automatic logging of Spark's tables: this session has no mlflow-spark JAR")


def parcels(spark: SparkSession, folder: Path) -> DataFrame:
    """Returns a table of parcels, read from a Parquet file."""
    chance = random.Random(11)
    rows = []
    for _ in range(200):
        kilos, kilometres = chance.uniform(0, 20), chance.uniform(1, 60)
        stops = chance.uniform(1, 9)
        outcome = "late" if kilometres + 4 * stops > 50 else "on time"
        rows.append((kilos, kilometres, stops, outcome))
    table = str(folder / "parcels")
    spark.createDataFrame(rows, [*COLUMNS, "outcome"]).write.parquet(table)
    return spark.read.parquet(table)


def train(table: DataFrame, folder: Path) -> None:
    first, second = table.randomSplit([0.75, 0.25], seed=3)
    forest = RandomForestClassifier(numTrees=10, maxDepth=4, seed=3)
    stages = [
        VectorAssembler(inputCols=COLUMNS, outputCol="features"),
        StringIndexer(inputCol="outcome", outputCol="label"),
        forest,
    ]
    with mlflow.start_run(run_name="forest") as run:
        mlflow.log_param("trees", forest.getNumTrees())
        mlflow.log_param("rows", first.count())
        model = Pipeline(stages=stages).fit(first)
        predictions = model.transform(second)
        scores = evaluate(predictions)
        mlflow.log_metrics(scores)
        # The columns that predict, without the outcome.
        inputs = second.select(COLUMNS).limit(5).toPandas()
        signature = infer_signature(inputs, pd.Series([0.0], name="prediction"))
        mlflow.spark.log_model(
            model, "forest", signature=signature, pip_requirements=["pyspark"]
        )
        sample = predictions.select("outcome", "label", "prediction").limit(20).toPandas()
        sample.to_csv(folder / "sample.csv", index=False)
        mlflow.log_artifact(str(folder / "sample.csv"))
    check(run.info.run_id, scores, sample)
    register(run.info.run_id, model, second)


def evaluate(predictions: DataFrame) -> dict[str, float]:
    evaluator = MulticlassClassificationEvaluator(labelCol="label", predictionCol="prediction")
    names = ["accuracy", "f1"]
    scores = {name: evaluator.evaluate(predictions, {evaluator.metricName: name}) for name in names}
    assert 0.7 < scores["accuracy"] <= 1, scores
    return scores


def check(run_id: str, scores: dict[str, float], sample: pd.DataFrame) -> None:
    """Reads what the run has logged."""
    client = MlflowClient()
    run = client.get_run(run_id)
    assert run.info.run_name == "forest" and run.info.status == "FINISHED", run.info
    assert run.data.params["trees"] == "10", run.data.params
    assert run.data.metrics == scores, run.data.metrics
    files = {file.path for file in client.list_artifacts(run_id)}
    assert files == {"forest", "sample.csv"}, files
    inside = {file.path for file in client.list_artifacts(run_id, "forest")}
    assert {"forest/MLmodel", "forest/sparkml"} <= inside, inside
    local = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="sample.csv")
    pd.testing.assert_frame_equal(pd.read_csv(local), sample)


def register(run_id: str, model: PipelineModel, rows: DataFrame) -> None:
    """Registers the model, and loads it by its alias."""
    version = mlflow.register_model(f"runs:/{run_id}/forest", NAME)
    MlflowClient().set_registered_model_alias(NAME, "Champion", version.version)
    loaded = mlflow.spark.load_model(f"models:/{NAME}@Champion")
    expected = [row.prediction for row in model.transform(rows).collect()]
    assert [row.prediction for row in loaded.transform(rows).collect()] == expected
    assert len(set(expected)) == 2, "the rows have both outcomes"

    function = mlflow.pyfunc.load_model(f"models:/{NAME}@Champion")
    inputs = rows.drop("outcome").toPandas()
    assert function.predict(inputs) == expected
    print(f"{NAME} predicts {len(expected)} rows as it did before it was registered")


if __name__ == "__main__":
    main()
