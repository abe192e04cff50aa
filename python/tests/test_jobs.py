"""Jobs: their settings, runs and schedules in the file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import tracklite
from tracklite.exceptions import InvalidInputError, InvalidStateError, NotFoundError

HELLO = {"task_key": "hello", "command_task": {"command": [sys.executable, "-c", "print('hi')"]}}
MORNING = {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "America/New_York"}


def greet(**more: Any) -> dict[str, Any]:
    return {"name": "greet", "tasks": [HELLO], **more}


def test_a_job_is_created_changed_and_deleted(database: tracklite.Database) -> None:
    jobs = database.jobs()
    made = jobs.create(greet(schedule=MORNING), grants={"ana": "CAN_MANAGE_RUN"})
    assert (made.name, made.paused, made.revision) == ("greet", False, 1)
    assert made.settings["tasks"] == [HELLO] and made.last_fire is None
    assert made.grants == {"ana": "CAN_MANAGE_RUN"}
    # A job is named by its handle, its id, its name, or its id as text.
    for named in (made, made.id, "greet", str(made.id)):
        assert jobs.get(named) == made
    paused = jobs.pause("greet")
    assert paused.paused and not jobs.resume("greet").paused
    changed = jobs.update(made, {"timeout_seconds": 5}, removed=["schedule"])
    assert "schedule" not in changed.settings and changed.settings["timeout_seconds"] == 5
    with pytest.raises(InvalidStateError, match="no schedule"):
        jobs.pause(made)
    assert jobs.reset(made, json.dumps(greet())).settings == greet()
    assert jobs.set_grants(made, {"users": "CAN_VIEW"}).grants == {"users": "CAN_VIEW"}
    jobs.delete(made)
    assert jobs.list() == []
    with pytest.raises(NotFoundError):
        jobs.get(made)


def test_runs_are_requested_listed_and_canceled(database: tracklite.Database) -> None:
    jobs = database.jobs()
    job = jobs.create(greet(max_concurrent_runs=3, parameters=[{"name": "rate", "default": "1"}]))
    first = jobs.run_now(job, {"rate": 0.5}, token="once")
    assert (first.job, first.number, first.trigger) == (job.id, 1, "ONE_TIME")
    assert first.parameters == {"job_parameters": {"rate": "0.5"}}
    assert (first.result, first.started, first.attempts) == (None, None, [])
    assert jobs.run_now("greet", token="once") == first
    second = jobs.run_now(job.id)
    assert [run.id for run in jobs.runs()] == [second.id, first.id]
    assert [run.id for run in jobs.runs(job, offset=1)] == [first.id]
    assert jobs.runs(active=False) == [] and jobs.runs(max_results=0) == []
    assert jobs.run(first.id) == jobs.run(first) == first
    assert jobs.output(first) == {}
    jobs.cancel(first)
    jobs.cancel_all(job)
    with pytest.raises(InvalidStateError, match="active"):
        jobs.delete_run(first)
    with pytest.raises(InvalidStateError, match="active runs"):
        jobs.delete(job)


def test_the_output_of_a_run_is_read(database: tracklite.Database, path: Path) -> None:
    jobs = database.jobs()
    job = jobs.create(greet(max_concurrent_runs=1))
    run = jobs.run_now(job)
    command = [sys.executable, "-m", "tracklite", "jobs", "daemon", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            while jobs.run(run).result is None:
                assert daemon.poll() is None
                time.sleep(0.02)
        finally:
            daemon.terminate()
    run = jobs.run(run)
    assert (run.result, run.message) == ("SUCCESS", "")
    (attempt,) = run.attempts
    assert (attempt.task, attempt.result, attempt.exit, attempt.number) == ("hello", "SUCCESS", 0, 0)
    assert attempt.started is not None and attempt.ended is not None
    assert attempt.started <= attempt.ended
    assert jobs.output(run) == {"hello": "hi\n"}
    jobs.delete_run(run)
    assert jobs.runs(job) == []


def test_schedules_are_explained(database: tracklite.Database) -> None:
    after = datetime(2027, 3, 13, 12, tzinfo=timezone.utc)
    found = database.jobs().explain("0 0 6 * * ?", "America/New_York", after=after, count=2)
    assert (found.expression, found.zone) == ("0 0 6 * * ?", "America/New_York")
    assert found.text.startswith("at 06:00")
    # Clocks are set forward between the two.
    assert [fire.hour for fire in found.fires] == [10, 10]
    assert found.fires[0] == datetime(2027, 3, 14, 10, tzinfo=timezone.utc)
    assert tracklite.Jobs.explain("0 0 0 1 1 ? 2020").fires == []
    for expression, zone in (("0 0 25 * * ?", "UTC"), ("0 0 6 * * ?", "Mars")):
        with pytest.raises(InvalidInputError):
            tracklite.Jobs.explain(expression, zone)
    with pytest.raises(InvalidInputError):
        tracklite.Jobs.explain("0 0 6 * * ?", daylight_saving="never")  # type: ignore[arg-type]


def test_bad_jobs_are_refused(database: tracklite.Database) -> None:
    jobs = database.jobs()
    for settings in ("{", "[]", {"name": "x", "tasks": [HELLO, HELLO]}):
        with pytest.raises(InvalidInputError):
            jobs.create(settings)
    with pytest.raises(InvalidInputError, match="CAN_MANAGE_RUN"):
        jobs.create(greet(), grants={"ana": "CAN_QUERY"})  # type: ignore[dict-item]
    with pytest.raises(NotFoundError, match='no job "greet"'):
        jobs.run_now("greet")
    jobs.create(greet())
    jobs.create(greet())
    with pytest.raises(InvalidInputError, match="2 jobs have the name"):
        jobs.get("greet")
    for wrong in (None, 1.5, object()):
        with pytest.raises(TypeError, match="id of a job"):
            jobs.get(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError):
        jobs.run(-1)
