"""MLflow on a tracklite file: `mlflow.set_tracking_uri("tracklite:///folder/runs.tracklite")`.

MLflow finds the stores below by itself, as entry points under the scheme `tracklite`; nothing has
to be imported. Runs, models, the registry and all artifacts are then in that one file, which any
number of processes may use at once, with or without `mlflow server`. `docs/mlflow.md` says more.
"""

# MLflow loads its plug-ins when it is imported first: by then none of ours may be half loaded.
import mlflow as _mlflow  # noqa: F401
