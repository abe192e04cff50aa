"""MLflow on a tracklite file: `mlflow.set_tracking_uri("tracklite:///folder/runs.tracklite")`.

MLflow loads the stores below through their entry points for the scheme `tracklite`, so programs
need no import. Runs, models, the registry and all artifacts are in that one file. Any number of
processes may use it at once, with or without `mlflow server`. See `docs/mlflow.md`.
"""

# Importing MLflow loads its plug-ins. Doing that first avoids loading ours halfway.
import mlflow as _mlflow  # noqa: F401
