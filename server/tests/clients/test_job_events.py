"""Jobs: notifications, triggers, rights, calls of other jobs, and the kinds of tasks."""

from __future__ import annotations

import json
import os
import queue
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import InvalidParameterValue, PermissionDenied
from databricks.sdk.service.jobs import (
    FileArrivalTriggerConfiguration,
    ForEachTask,
    JobAccessControlRequest,
    JobEmailNotifications,
    JobNotificationSettings,
    JobPermissionLevel,
    JobsHealthMetric,
    JobsHealthOperator,
    JobsHealthRule,
    JobsHealthRules,
    NotebookTask,
    PythonWheelTask,
    Run,
    RunJobTask,
    RunResultState,
    SparkSubmitTask,
    Task,
    TriggerSettings,
    Webhook,
    WebhookNotifications,
)
from mlflow import MlflowClient
from test_jobs import python, result_of, results, task_of, wait, write
from test_webhooks import SECRET, Receiver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the workspace."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def address(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that runs jobs and sends to this machine."""
    tools = path.parent / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    program = os.environ["TRACKLITE_PROGRAM"]
    log = path.with_suffix(".log")
    command = [program, "serve", str(path), "--port", "0", "--python", sys.executable]
    command += ["--workspace-folder", str(folder), "--webhooks-to-this-machine"]
    monkeypatch.setenv("TRACKLITE_PEPPER_FILE", str(path.parent / "pepper"))
    with log.open("wb") as lines:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=lines, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http://"), log.read_text()
        yield address
    finally:
        server.terminate()
        code = server.wait(30)
    text = log.read_text()
    assert code == 0 and "panicked" not in text, text


@pytest.fixture
def workspace(address: str, monkeypatch: pytest.MonkeyPatch) -> WorkspaceClient:
    monkeypatch.setenv("DATABRICKS_HOST", address)
    monkeypatch.setenv("DATABRICKS_TOKEN", "anything")
    return WorkspaceClient()


def runs_of(workspace: WorkspaceClient, job: int | None) -> list[Any]:
    return list(workspace.jobs.list_runs(job_id=job))


def until(find: Callable[[], Any]) -> Any:
    """Returns what is found within half a minute."""
    for _ in range(300):
        found = find()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it took too long")


def test_each_event_is_sent_once_to_webhooks_and_a_command(
    workspace: WorkspaceClient, address: str, folder: Path, receiver: Receiver, tmp_path: Path
) -> None:
    hook = MlflowClient(tracking_uri=address, registry_uri=address).create_webhook(
        "jobs", receiver.url, ["registered_model.created"], secret=SECRET
    )
    heard = tmp_path / "heard"
    write(folder, "/task.py", "import sys, time\ntime.sleep(float(sys.argv[1]))\nsys.exit(3)\n")
    to = [Webhook(id=hook.webhook_id)]
    body = {
        "name": "loud",
        "tasks": [python("t", "/task.py", "2").as_dict()],
        "webhook_notifications": WebhookNotifications(
            on_start=to, on_failure=to, on_duration_warning_threshold_exceeded=to
        ).as_dict(),
        "email_notifications": JobEmailNotifications(on_failure=["ada@example.com"]).as_dict(),
        "health": JobsHealthRules(
            [JobsHealthRule(JobsHealthMetric.RUN_DURATION_SECONDS,
                            JobsHealthOperator.GREATER_THAN, 1)]
        ).as_dict(),
        "tracklite": {"notification_command": ["sh", "-c", f"cat >> {heard}"]},
    }
    made = requests.post(address + "/api/2.2/jobs/create", json=body, timeout=30)
    job = made.json()["job_id"]
    run = workspace.jobs.run_now_and_wait(job)
    assert result_of(run) == RunResultState.FAILED
    got = [receiver.next() for _ in range(3)]
    assert [one["event_type"] for one in got] == [
        "jobs.on_start", "jobs.on_duration_warning_threshold_exceeded", "jobs.on_failure",
    ]
    assert got[2]["job"] == {"job_id": job, "name": "loud"}
    assert got[2]["run"]["run_id"] == run.run_id and got[2]["run"]["result_state"] == "FAILED"
    lines = until(lambda: heard.exists() and len(heard.read_text().splitlines()) == 3
                  and heard.read_text().splitlines())
    assert {json.loads(line)["event"] for line in lines} == {"started", "runs_long", "failed"}
    with pytest.raises(queue.Empty):
        receiver.deliveries.get(timeout=1)
    log = (tmp_path / "runs.log").read_text()
    assert "no e-mails are sent" in log and SECRET not in log
    settings = workspace.jobs.get(job).settings
    assert settings is not None and settings.email_notifications is not None
    assert settings.email_notifications.on_failure == ["ada@example.com"]


def test_a_plain_address_is_a_receiver_and_skipped_runs_may_be_silent(
    workspace: WorkspaceClient, folder: Path, receiver: Receiver, path: Path
) -> None:
    write(folder, "/sleep.py", "import time\ntime.sleep(600)\n")
    to = [Webhook(id=receiver.url)]
    for is_silent in (False, True):
        job = workspace.jobs.create(
            name="sleeps",
            tasks=[python("t", "/sleep.py")],
            webhook_notifications=WebhookNotifications(on_failure=to),
            notification_settings=JobNotificationSettings(no_alert_for_skipped_runs=is_silent),
        ).job_id
        assert job is not None
        first = workspace.jobs.run_now(job).response
        assert first is not None and first.run_id is not None
        skipped = workspace.jobs.run_now_and_wait(job)
        assert result_of(skipped) == RunResultState.MAXIMUM_CONCURRENT_RUNS_REACHED
        if is_silent:
            with pytest.raises(queue.Empty):
                receiver.deliveries.get(timeout=2)
        else:
            _, body = receiver.deliveries.get(timeout=30)
            assert json.loads(body)["run"]["run_id"] == skipped.run_id
        workspace.jobs.cancel_run_and_wait(first.run_id)
        receiver.deliveries.get(timeout=30)
    # An address of another network is refused when it is sent, and the log has the reason.
    inside = [Webhook(id="https://169.254.169.254/latest")]
    job = workspace.jobs.create(
        name="metadata",
        tasks=[python("t", "/missing.py")],
        webhook_notifications=WebhookNotifications(on_failure=inside),
    ).job_id
    assert job is not None
    workspace.jobs.run_now_and_wait(job)
    until(lambda: "not public" in path.with_suffix(".log").read_text())


def test_files_models_and_tables_trigger_runs(
    workspace: WorkspaceClient, address: str, folder: Path
) -> None:
    write(folder, "/echo.py", "import sys\nprint(*sys.argv[1:])\n")
    (folder / "inbox").mkdir()
    arrival = FileArrivalTriggerConfiguration(url="/inbox")
    files = workspace.jobs.create(
        name="files",
        tasks=[python("t", "/echo.py", "{{job.trigger.file_arrival.location}}")],
        trigger=TriggerSettings(file_arrival=arrival),
    ).job_id
    model: dict[str, Any] = {
        "name": "models",
        "tasks": [python("t", "/echo.py", "{{job.trigger.model.name}}",
                         "{{job.trigger.model.version}}").as_dict()],
        "trigger": {"model": {"condition": "MODEL_ALIAS_SET", "securable_name": "churn",
                              "aliases": ["champion"]}},
    }
    made = requests.post(address + "/api/2.2/jobs/create", json=model, timeout=30)
    models = made.json()["job_id"]
    client = MlflowClient(tracking_uri=address, registry_uri=address)
    client.create_registered_model("churn")
    client.create_model_version("churn", "s3://models/churn")
    assert runs_of(workspace, models) == []
    client.set_registered_model_alias("churn", "champion", 1)
    (run,) = until(lambda: runs_of(workspace, models))
    done = wait_for_end(workspace, run.run_id)
    printed = workspace.jobs.get_run_output(task_of(done, "t").run_id).logs
    assert printed == "churn 1\n"

    (folder / "inbox" / "new.csv").write_text("1\n")
    (run,) = until(lambda: runs_of(workspace, files))
    assert run.trigger is not None and run.trigger.value == "FILE_ARRIVAL"
    done = wait_for_end(workspace, run.run_id)
    assert workspace.jobs.get_run_output(task_of(done, "t").run_id).logs == "/inbox\n"
    time.sleep(6)
    assert len(runs_of(workspace, files)) == 1, "a file counts once"


def wait_for_end(workspace: WorkspaceClient, run_id: int | None) -> Run:
    assert run_id is not None
    return workspace.jobs.wait_get_run_job_terminated_or_skipped(run_id)


def test_a_task_runs_another_job(workspace: WorkspaceClient, folder: Path) -> None:
    write(folder, "/echo.py", "import sys\nprint(*sys.argv[1:])\n")
    other = requests.post(
        f"{workspace.config.host}/api/2.2/jobs/create",
        json={
            "name": "other",
            "parameters": [{"name": "who", "default": "nobody"}],
            "tasks": [python("t", "/echo.py", "{{job.parameters.who}}").as_dict()],
        },
        timeout=30,
    ).json()["job_id"]
    call = RunJobTask(job_id=other, job_parameters={"who": "you"})
    job = workspace.jobs.create(name="caller", tasks=[Task(task_key="c", run_job_task=call)])
    assert job.job_id is not None
    run = workspace.jobs.run_now_and_wait(job.job_id)
    assert results(run) == {"c": "SUCCESS"}
    (called,) = runs_of(workspace, other)
    assert called.trigger is not None and called.trigger.value == "RUN_JOB_TASK"
    assert called.trigger_info is not None
    assert called.trigger_info.run_id == task_of(run, "c").run_id
    output = workspace.jobs.get_run_output(task_of(run, "c").run_id)
    assert output.run_job_output is not None and output.run_job_output.run_id == called.run_id
    assert called.run_id is not None
    done = workspace.jobs.get_run(called.run_id)
    assert workspace.jobs.get_run_output(task_of(done, "t").run_id).logs == "you\n"


def test_rights_are_enforced(
    workspace: WorkspaceClient, address: str, folder: Path, path: Path
) -> None:
    write(folder, "/echo.py", "print('hello')\n")

    def client(user: str, scope: str) -> WorkspaceClient:
        program = os.environ["TRACKLITE_PROGRAM"]
        command = [program, "token", "create", str(path), "--user", user, "--scope", scope]
        made = subprocess.run(command, check=True, capture_output=True, text=True)
        token = next(word for word in made.stdout.split() if word.startswith("tlk_"))
        return WorkspaceClient(host=address, token=token)

    admin = client("ada", "admin")
    job = admin.jobs.create(name="guarded", tasks=[python("t", "/echo.py")]).job_id
    assert job is not None
    reader, writer = client("bob", "read"), client("eve", "write")
    assert reader.jobs.get(job).job_id == job
    writer.jobs.run_now_and_wait(job)
    with pytest.raises(PermissionDenied, match="CAN_MANAGE on job"):
        writer.jobs.delete(job)
    with pytest.raises(PermissionDenied, match="CAN_MANAGE_RUN"):
        reader.jobs.run_now(job)

    access = [
        JobAccessControlRequest(user_name="bob", permission_level=JobPermissionLevel.CAN_MANAGE)
    ]
    rights = admin.jobs.set_permissions(str(job), access_control_list=access)
    assert rights.object_id == f"/jobs/{job}" and rights.access_control_list is not None
    shown = {
        (entry.user_name or entry.group_name): [
            str(level.permission_level.value) for level in entry.all_permissions or []
            if level.permission_level is not None
        ]
        for entry in rights.access_control_list
    }
    assert shown == {"bob": ["CAN_MANAGE"], "ada": ["IS_OWNER"], "admins": ["CAN_MANAGE"]}
    with pytest.raises(PermissionDenied, match="has no right"):
        writer.jobs.get(job)
    assert list(writer.jobs.list()) == [] and list(writer.jobs.list_runs()) == []
    assert [found.job_id for found in admin.jobs.list()] == [job]
    # The scope of his token lets him see, and another token lets him change.
    assert reader.jobs.get(job).job_id == job
    with pytest.raises(PermissionDenied, match="has CAN_VIEW"):
        reader.jobs.delete(job)
    manager = client("bob", "write")
    manager.jobs.update_permissions(
        str(job),
        access_control_list=[
            JobAccessControlRequest(
                group_name="users", permission_level=JobPermissionLevel.CAN_MANAGE_RUN
            )
        ],
    )
    run = writer.jobs.run_now_and_wait(job)
    assert run.run_id is not None and writer.jobs.get_run(run.run_id).job_id == job
    writer.jobs.cancel_run(run.run_id)
    with pytest.raises(PermissionDenied):
        writer.jobs.delete_run(run.run_id)
    levels = admin.jobs.get_permission_levels(str(job)).permission_levels or []
    assert [str(level.permission_level.value) for level in levels if level.permission_level] == [
        "CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER",
    ]
    with pytest.raises(InvalidParameterValue, match="two levels"):
        admin.jobs.set_permissions(str(job), access_control_list=access * 2)
    manager.jobs.delete(job)


WHEEL = """
import sys
def main():
    print("wheel", *sys.argv[1:])
def fails():
    raise ValueError("no rows")
"""


def test_each_kind_of_task_runs(
    workspace: WorkspaceClient, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package that is installed in the folder of the notebook's Python path.
    cells = [
        {"cell_type": "markdown", "source": ["# title"]},
        {"cell_type": "code", "source": ["x = 20\n", "%pip install nothing\n"]},
        {"cell_type": "code", "source": ["dbutils.notebook.exit(x + int(dbutils.widgets.get('n')))"]},
    ]
    write(folder, "/cells.ipynb", json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}))
    package = Path(sys.executable).parent.parent
    site = next(package.glob("lib/python*/site-packages"))
    name = "tracklite_wheel_of_test"
    info = site / f"{name}-1.0.dist-info"
    try:
        (site / f"{name}.py").write_text(WHEEL)
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[console_scripts]\nrun = {name}:main\n")
        submit = tmp_path / "tools" / "spark-submit"
        submit.write_text("#!/bin/sh\necho submitted \"$@\"\n")
        submit.chmod(submit.stat().st_mode | stat.S_IXUSR)
        each = ForEachTask(
            inputs='[{"n": "1"}, {"n": "2"}]',
            task=Task(
                task_key="one",
                notebook_task=NotebookTask("/cells", base_parameters={"n": "{{input.n}}"}),
            ),
        )
        tasks = [
            Task(
                task_key="wheel",
                python_wheel_task=PythonWheelTask(
                    name, "run", parameters=["a"], named_parameters={"k": "v"}
                ),
            ),
            Task(task_key="broken", python_wheel_task=PythonWheelTask(name, "fails")),
            Task(
                task_key="spark",
                spark_submit_task=SparkSubmitTask(["--class", "Main", "job.jar"]),
            ),
            Task(task_key="each", for_each_task=each),
            Task(
                task_key="cells",
                notebook_task=NotebookTask("/cells.ipynb", base_parameters={"n": "22"}),
            ),
        ]
        job = workspace.jobs.create(name="kinds", tasks=tasks).job_id
        assert job is not None
        run = workspace.jobs.run_now_and_wait(job)
        assert results(run) == {
            "wheel": "SUCCESS", "broken": "FAILED", "spark": "SUCCESS", "each": "SUCCESS",
            "cells": "SUCCESS",
        }
        output = {
            key: workspace.jobs.get_run_output(task_of(run, key).run_id)
            for key in ("wheel", "broken", "spark", "cells")
        }
        assert output["wheel"].logs == "wheel a --k=v\n"
        assert output["broken"].error == "ValueError: no rows"
        assert output["spark"].logs == "submitted --class Main job.jar\n"
        cells_output = output["cells"].notebook_output
        assert cells_output is not None and cells_output.result == "42"
    finally:
        (site / f"{name}.py").unlink(missing_ok=True)
        for file in info.glob("*"):
            file.unlink()
        if info.exists():
            info.rmdir()


def test_timeouts_of_tasks_and_runs_end_them(workspace: WorkspaceClient, folder: Path) -> None:
    write(folder, "/sleep.py", "import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    slow = python("slow", "/sleep.py", timeout_seconds=1, retry_on_timeout=True, max_retries=1)
    job = workspace.jobs.create(name="slow", tasks=[slow]).job_id
    assert job is not None
    run = workspace.jobs.run_now_and_wait(job)
    assert result_of(run) == RunResultState.TIMEDOUT
    assert task_of(run, "slow").attempt_number == 1, "it was repeated once"
    whole = workspace.jobs.create(
        name="whole", timeout_seconds=1, tasks=[python("t", "/sleep.py")]
    ).job_id
    assert whole is not None
    run = workspace.jobs.run_now_and_wait(whole)
    assert result_of(run) == RunResultState.TIMEDOUT
    assert run.state is not None and "timeout" in str(run.state.state_message)


TRAINS = """
import sys
import mlflow
with mlflow.start_run():
    mlflow.log_metric("accuracy", float(sys.argv[1]))
    mlflow.log_text("weights", "model/weights.txt")
"""


@pytest.mark.parametrize(("accuracy", "versions"), [("0.9", 1), ("0.5", 0)])
def test_a_model_is_registered_if_its_run_meets_the_condition(
    workspace: WorkspaceClient, address: str, folder: Path, accuracy: str, versions: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(folder, "/train.py", TRAINS)
    write(folder, "/echo.py", "import sys\nprint(*sys.argv[1:])\n")
    register = {
        "task_key": "register",
        "depends_on": [{"task_key": "train"}],
        "register_task": {"condition": "metrics.accuracy > 0.85", "model_name": "churn",
                          "alias": "champion"},
    }
    after = python("after", "/echo.py", "{{tasks.register.values.registered}}").as_dict()
    body = {
        "name": "register",
        "tasks": [
            python("train", "/train.py", accuracy).as_dict(),
            register,
            {**after, "depends_on": [{"task_key": "register"}]},
        ],
    }
    made = requests.post(address + "/api/2.2/jobs/create", json=body, timeout=30)
    run = workspace.jobs.run_now_and_wait(made.json()["job_id"])
    assert set(results(run).values()) == {"SUCCESS"}, results(run)
    printed = workspace.jobs.get_run_output(task_of(run, "after").run_id).logs
    assert printed == f"{'true' if versions else 'false'}\n"
    client = MlflowClient(tracking_uri=address, registry_uri=address)
    found = client.search_model_versions("name = 'churn'")
    assert len(found) == versions
    if versions:
        assert client.get_model_version_by_alias("churn", "champion").run_id == found[0].run_id
    assert mlflow.get_tracking_uri()
