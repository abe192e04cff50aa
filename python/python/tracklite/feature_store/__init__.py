"""A feature store in the file: tables of features, training sets, and models that know both.

The classes have the public names and arguments of Databricks's feature store clients. Frames may be
those of pandas, polars, pyarrow or Spark, and results are frames of the same library.

>>> from tracklite.feature_store import FeatureLookup, FeatureStoreClient
>>> client = FeatureStoreClient(database)
>>> _ = client.create_table(
...     "ml.features.users", primary_keys=["user"], schema={"user": "bigint", "spend": "double"})
>>> client.write_table("ml.features.users", {"user": [1, 2], "spend": [0.5, 9.0]})
>>> lookup = FeatureLookup("ml.features.users", lookup_key="user")
>>> labels = {"user": [2, 1], "churned": [True, False]}
>>> training_set = client.create_training_set(labels, [lookup], label="churned")
>>> training_set.load_df()["spend"]
[9.0, 0.5]
"""

from tracklite.feature_store.client import FeatureEngineeringClient, FeatureStoreClient
from tracklite.feature_store.entities import FeatureFunction, FeatureLookup, FeatureTable
from tracklite.feature_store.training_set import TrainingSet

__all__ = [
    "FeatureEngineeringClient",
    "FeatureFunction",
    "FeatureLookup",
    "FeatureStoreClient",
    "FeatureTable",
    "TrainingSet",
]
