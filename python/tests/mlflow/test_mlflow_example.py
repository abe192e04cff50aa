"""The example of the churn model runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mlflow import MlflowClient

EXAMPLE = Path(__file__).parents[3] / "examples" / "mlflow_churn.py"


def test_the_churn_example_logs_and_registers_models(tmp_path: Path) -> None:
    path = tmp_path / "churn.tracklite"
    words = [sys.executable, str(EXAMPLE), str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=500, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "is the champion" in done.stdout and "autologging recorded" in done.stdout
    client = MlflowClient(f"tracklite://{path}")
    champion = client.get_model_version_by_alias("ml.production.churn_predictor", "Champion")
    assert champion.tags["validation"] == "passed"
    experiment = client.get_experiment_by_name("/Shared/team-experiments/churn-model")
    runs = client.search_runs([experiment.experiment_id], "tags.mlflow.parentRunId LIKE '%'")
    assert len(runs) == 4 and champion.run_id in {run.info.run_id for run in runs}
    assert all(run.data.metrics["auc"] > 0.5 for run in runs)
    assert client.list_artifacts(champion.run_id)[0].path == "sample_predictions.json"
    # Everything is in the one file.
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
