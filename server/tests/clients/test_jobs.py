"""Jobs: Databricks's SDK, with the retraining of the guide as a notebook of the workspace."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.jobs import (
    ConditionTask,
    ConditionTaskOp,
    CronSchedule,
    ForEachTask,
    JobParameterDefinition,
    JobSettings,
    NotebookTask,
    PauseStatus,
    QueueSettings,
    Run,
    RunIf,
    RunLifeCycleState,
    RunResultState,
    SparkPythonTask,
    SubmitTask,
    Task,
    TaskDependency,
)
from mlflow import MlflowClient

MODEL = "ml.production.churn_predictor"
NOTEBOOK = "/Repos/ml-team/model-training/training_job"

# The notebook of the guide, with its threshold. Its accuracy is a parameter here.
TRAINING = '''# Databricks notebook source
import mlflow
from datetime import datetime
from sklearn.linear_model import LogisticRegression

dbutils.widgets.text("accuracy", "0.9")

# COMMAND ----------

# MAGIC %md
# MAGIC Trains, and registers above a threshold.

def train_and_register():
    mlflow.set_experiment("/Shared/production/churn-model-training")
    with mlflow.start_run(run_name=f"scheduled-{datetime.now().isoformat()}"):
        rows = [[0.0], [1.0], [4.0], [5.0]]
        model = LogisticRegression().fit(rows, [0, 0, 1, 1])
        signature = mlflow.models.infer_signature(rows, model.predict(rows))
        mlflow.sklearn.log_model(
            model, name="model", signature=signature, pip_requirements=["scikit-learn"]
        )
        metrics = {"accuracy": float(dbutils.widgets.get("accuracy"))}
        for name, value in metrics.items():
            mlflow.log_metric(name, value)
        if metrics["accuracy"] > 0.85:
            mlflow.register_model(f"runs:/{mlflow.active_run().info.run_id}/model", "MODEL")
            print("New model version registered")
        else:
            print(f"Model accuracy {metrics['accuracy']:.4f} below threshold")

# COMMAND ----------

if __name__ == "__main__":
    train_and_register()
    dbutils.notebook.exit("trained")
'''.replace("MODEL", MODEL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the workspace."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def write(folder: Path, path: str, text: str) -> None:
    file = folder / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def workspace(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkspaceClient]:
    """A client of a server that runs jobs."""
    program = os.environ["TRACKLITE_PROGRAM"]
    log = path.with_suffix(".log")
    command = [program, "serve", str(path), "--port", "0", "--python", sys.executable]
    with log.open("wb") as lines:
        server = subprocess.Popen(
            [*command, "--workspace-folder", str(folder)],
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http://"), log.read_text()
        monkeypatch.setenv("DATABRICKS_HOST", address)
        monkeypatch.setenv("DATABRICKS_TOKEN", "anything")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
        mlflow.set_registry_uri("databricks-uc")
        yield WorkspaceClient()
    finally:
        server.terminate()
        code = server.wait(30)
    text = log.read_text()
    assert code == 0 and "panicked" not in text, text


def result_of(run: Run) -> RunResultState | None:
    assert run.state is not None
    return run.state.result_state


def task_of(run: Run, key: str) -> Any:
    assert run.tasks is not None
    (found,) = [task for task in run.tasks if task.task_key == key]
    return found


def results(run: Run) -> dict[str, str]:
    assert run.tasks is not None
    return {
        str(task.task_key): str(task.state.result_state.value)
        for task in run.tasks
        if task.state is not None and task.state.result_state is not None
    }


def python(key: str, file: str, *parameters: str, **more: Any) -> Task:
    work = SparkPythonTask(python_file=file, parameters=list(parameters))
    return Task(task_key=key, spark_python_task=work, **more)


def wait(workspace: WorkspaceClient, run_id: int, state: RunLifeCycleState) -> Run:
    for _ in range(300):
        run = workspace.jobs.get_run(run_id)
        if run.state is not None and run.state.life_cycle_state == state:
            return run
        time.sleep(0.1)
    raise AssertionError(f"the run never was {state}: {run.state}")


def test_the_job_of_the_guide_registers_above_its_threshold(
    workspace: WorkspaceClient, folder: Path
) -> None:
    write(folder, NOTEBOOK + ".py", TRAINING)
    job = workspace.jobs.create(
        name="churn-model-retraining",
        tasks=[
            Task(
                task_key="train",
                notebook_task=NotebookTask(notebook_path=NOTEBOOK),
                existing_cluster_id="your-cluster-id",
            )
        ],
        schedule=CronSchedule(
            quartz_cron_expression="0 0 6 * * ?", timezone_id="America/New_York"
        ),
    )
    assert job.job_id is not None
    kept = workspace.jobs.get(job.job_id).settings
    assert kept is not None and kept.tasks is not None and kept.schedule is not None
    assert kept.tasks[0].existing_cluster_id == "your-cluster-id"
    assert kept.schedule.timezone_id == "America/New_York"

    good = workspace.jobs.run_now_and_wait(job.job_id)
    output = workspace.jobs.get_run_output(task_of(good, "train").run_id)
    assert result_of(good) == RunResultState.SUCCESS, (good.state, output)
    assert output.logs is not None and "New model version registered" in output.logs
    assert output.notebook_output is not None and output.notebook_output.result == "trained"
    client = MlflowClient()
    (version,) = client.search_model_versions(f"name = '{MODEL}'")

    bad = workspace.jobs.run_now_and_wait(job.job_id, notebook_params={"accuracy": "0.5"})
    output = workspace.jobs.get_run_output(task_of(bad, "train").run_id)
    assert result_of(bad) == RunResultState.SUCCESS
    assert output.logs is not None and "Model accuracy 0.5000 below threshold" in output.logs
    assert len(client.search_model_versions(f"name = '{MODEL}'")) == 1

    # The version leads to the run that made it, and that one to the run of the job.
    run = client.get_run(client.get_model_version(MODEL, version.version).run_id)
    assert run.data.metrics == {"accuracy": 0.9}
    assert run.data.tags["mlflow.databricks.jobID"] == str(job.job_id)
    assert run.data.tags["mlflow.databricks.jobRunID"] == str(good.run_id)
    runs = list(workspace.jobs.list_runs(job_id=job.job_id))
    assert [found.run_id for found in runs] == [bad.run_id, good.run_id]


def test_tasks_form_a_graph_with_conditions_values_loops_and_repairs(
    workspace: WorkspaceClient, folder: Path
) -> None:
    write(
        folder,
        "/values.py",
        "# Databricks notebook source\n"
        "dbutils.jobs.taskValues.set('names', ['a', 'b', 'c'])\n"
        "# COMMAND ----------\n"
        "print('rate is', dbutils.widgets.get('rate'))\n",
    )
    write(folder, "/echo.py", "import sys\nprint(*sys.argv[1:])\n")
    write(folder, "/fail.py", "import pathlib, sys\nsys.exit(not pathlib.Path('fixed').exists())\n")
    after = [TaskDependency(task_key="first")]
    condition = ConditionTask(
        op=ConditionTaskOp.GREATER_THAN, left="{{job.parameters.rate}}", right="0.3"
    )
    loop = ForEachTask(
        inputs="{{tasks.first.values.names}}", concurrency=2,
        task=python("one", "/echo.py", "input", "{{input}}"),
    )
    job = workspace.jobs.create(
        name="graph",
        parameters=[JobParameterDefinition(name="rate", default="0.5")],
        tasks=[
            Task(task_key="first", notebook_task=NotebookTask(notebook_path="/values")),
            Task(task_key="high", depends_on=after, condition_task=condition),
            python("yes", "/echo.py", "rate {{job.parameters.rate}}",
                   depends_on=[TaskDependency(task_key="high", outcome="true")]),
            python("no", "/echo.py", depends_on=[TaskDependency(task_key="high", outcome="false")]),
            Task(task_key="all", depends_on=after, for_each_task=loop),
            python("fails", "/fail.py", depends_on=after, max_retries=1),
            python("after", "/echo.py", "x", depends_on=[TaskDependency(task_key="fails")]),
            python("always", "/echo.py", "done", run_if=RunIf.ALL_DONE,
                   depends_on=[TaskDependency(task_key="fails")]),
        ],
    )
    assert job.job_id is not None
    run = workspace.jobs.run_now_and_wait(job.job_id, job_parameters={"rate": "0.7"})
    assert results(run) == {
        "first": "SUCCESS", "high": "SUCCESS", "yes": "SUCCESS", "no": "EXCLUDED",
        "all": "SUCCESS", "fails": "FAILED", "after": "UPSTREAM_FAILED", "always": "SUCCESS",
    }
    assert result_of(run) == RunResultState.FAILED
    assert task_of(run, "fails").attempt_number == 1
    assert run.run_id is not None
    printed = workspace.jobs.get_run_output(task_of(run, "yes").run_id).logs
    assert printed == "rate 0.7\n"
    failed = workspace.jobs.get_run_output(task_of(run, "fails").run_id)
    assert failed.error is not None and "exit code 1" in failed.error

    (folder / "fixed").touch()
    repaired = workspace.jobs.repair_run_and_wait(run.run_id, rerun_all_failed_tasks=True)
    assert result_of(repaired) == RunResultState.SUCCESS, results(repaired)
    assert results(repaired)["after"] == "SUCCESS"
    assert task_of(repaired, "first").run_id == task_of(run, "first").run_id


def test_runs_are_canceled_queued_skipped_and_deduplicated(
    workspace: WorkspaceClient, folder: Path
) -> None:
    write(folder, "/sleep.py", "import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    settings: dict[str, Any] = {"tasks": [python("sleep", "/sleep.py")]}
    job = workspace.jobs.create(name="sleeps", **settings)
    assert job.job_id is not None
    first = workspace.jobs.run_now(job.job_id, idempotency_token="once").response
    again = workspace.jobs.run_now(job.job_id, idempotency_token="once").response
    assert first is not None and again is not None and first.run_id == again.run_id
    assert first.run_id is not None
    wait(workspace, first.run_id, RunLifeCycleState.RUNNING)
    skipped = workspace.jobs.run_now_and_wait(job.job_id)
    assert result_of(skipped) == RunResultState.MAXIMUM_CONCURRENT_RUNS_REACHED
    with pytest.raises(BadRequest, match="cancel"):
        workspace.jobs.delete(job.job_id)
    workspace.jobs.update(
        job.job_id, new_settings=JobSettings(queue=QueueSettings(enabled=True))
    )
    queued = workspace.jobs.run_now(job.job_id).response
    assert queued is not None and queued.run_id is not None
    wait(workspace, queued.run_id, RunLifeCycleState.QUEUED)
    begun = time.monotonic()
    canceled = workspace.jobs.cancel_run_and_wait(first.run_id)
    assert result_of(canceled) == RunResultState.CANCELED
    assert time.monotonic() - begun < 9
    wait(workspace, queued.run_id, RunLifeCycleState.RUNNING)
    workspace.jobs.cancel_all_runs(job_id=job.job_id)
    wait(workspace, queued.run_id, RunLifeCycleState.TERMINATED)
    workspace.jobs.delete_run(queued.run_id)
    workspace.jobs.delete(job.job_id)
    with pytest.raises(ResourceDoesNotExist):
        workspace.jobs.get(job.job_id)


def test_a_submitted_notebook_fails_with_its_trace(
    workspace: WorkspaceClient, folder: Path
) -> None:
    write(
        folder,
        "/broken.py",
        "# Databricks notebook source\nx = 1\n# COMMAND ----------\nraise KeyError('no column')\n",
    )
    task = SubmitTask(task_key="t", notebook_task=NotebookTask(notebook_path="/broken"))
    run = workspace.jobs.submit_and_wait(run_name="trial", tasks=[task])
    assert result_of(run) == RunResultState.FAILED
    assert run.state is not None and "no column" in str(run.state.state_message)
    output = workspace.jobs.get_run_output(task_of(run, "t").run_id)
    assert output.error == "KeyError: 'no column'"
    assert output.error_trace is not None and "broken.py\", line 4" in output.error_trace
    assert run.run_id is not None
    (view,) = workspace.jobs.export_run(run.run_id).views or []
    assert "no column" in str(view.content)
    missing = SubmitTask(task_key="t", notebook_task=NotebookTask(notebook_path="/missing"))
    run = workspace.jobs.submit_and_wait(tasks=[missing])
    assert run.state is not None and "does not exist in the workspace" in str(
        run.state.state_message
    )


def test_a_schedule_fires_and_is_paused(workspace: WorkspaceClient, folder: Path) -> None:
    write(folder, "/tick.py", "print('tick')\n")
    cron = CronSchedule(quartz_cron_expression="0/10 * * * * ?", timezone_id="UTC")
    job = workspace.jobs.create(name="ticks", tasks=[python("t", "/tick.py")], schedule=cron)
    assert job.job_id is not None
    runs: list[Any] = []
    for _ in range(150):
        runs = list(workspace.jobs.list_runs(job_id=job.job_id, completed_only=True))
        if runs:
            break
        time.sleep(0.1)
    assert runs and runs[0].trigger.value == "PERIODIC"
    assert runs[0].start_time % 10_000 < 2_000, runs[0]
    cron.pause_status = PauseStatus.PAUSED
    workspace.jobs.update(job.job_id, new_settings=JobSettings(schedule=cron))
    kept = workspace.jobs.get(job.job_id).settings
    assert kept is not None and kept.schedule is not None
    assert kept.schedule.pause_status == PauseStatus.PAUSED


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"schedule": CronSchedule("0 0 6 * * *", "UTC")}, r"\^"),
        ({"schedule": CronSchedule("0 0 6 1 * MON", "UTC")}, r"\^"),
        ({"schedule": CronSchedule("0 0 6 * * ?", "Mars/Olympus")}, "Mars/Olympus"),
        ({"schedule": CronSchedule("0/5 * * * * ?", "UTC")}, "each 10 seconds"),
        ({"tasks": [python("a", "/x", depends_on=[TaskDependency("b")])]}, "not a task of the job"),
        (
            {
                "tasks": [
                    python("a", "/x", depends_on=[TaskDependency("b")]),
                    python("b", "/x", depends_on=[TaskDependency("a")]),
                ]
            },
            "cycle among a, b",
        ),
        ({"tasks": [python("a", "/../../etc/passwd")]}, "below the folder"),
        ({"tasks": [python("a", "/x", "{{job.parameters.none}}")]}, "does not exist"),
    ],
)
def test_bad_settings_are_refused(
    workspace: WorkspaceClient, settings: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(InvalidParameterValue, match=wanted):
        workspace.jobs.create(name="bad", **settings)
    assert list(workspace.jobs.list()) == []


def test_a_job_or_run_that_does_not_exist_is_missing(workspace: WorkspaceClient) -> None:
    with pytest.raises(ResourceDoesNotExist):
        workspace.jobs.get(5)
    with pytest.raises(ResourceDoesNotExist):
        workspace.jobs.get_run(5)
    with pytest.raises(InvalidParameterValue, match="Job 5 does not exist"):
        workspace.jobs.run_now(5)
