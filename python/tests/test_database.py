"""Opening and closing files."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tracklite
from tracklite import exceptions


def test_a_file_is_created_and_opened(path: Path) -> None:
    created = tracklite.Database.create(path)
    assert created.path == path
    assert tracklite.Database.open(str(path)).path == path


def test_a_missing_file_is_not_found(path: Path) -> None:
    with pytest.raises(exceptions.NotFoundError) as caught:
        tracklite.Database.open(path)
    assert (caught.value.kind, caught.value.path) == ("not_found", path)
    assert str(path) in str(caught.value)


def test_a_closed_database_rejects_all_calls(path: Path) -> None:
    with tracklite.Database.create(path) as database:
        experiment = database.experiment("/closing")
        run = experiment.start_run("open", params={"depth": 3})
        run.log({"loss": 0.5})
        run.log_metric("loss", 0.25)
        metric, row = run.metric("loss"), run.metric_row(["loss"])
        artifacts = run.artifacts()
        artifacts.log_text("text", "notes.txt")
        file = artifacts.open("notes.txt")
        model = experiment.create_logged_model("forest")
        registry = database.registry()
        registered = registry.create_model("churn")
        version = registered.create_version("s3://models/1")
        assert not database.closed
    assert database.closed
    calls: list[Callable[[], object]] = [
        database.info,
        database.runs,
        lambda: database.experiment("/closing"),
        lambda: database.search_runs(),
        lambda: database.iter_runs(),
        lambda: database.run(run.id),
        experiment.info,
        lambda: experiment.start_run(),
        run.info,
        lambda: run.log({"loss": 0.5}),
        lambda: run.log({"new": 0.5}),
        lambda: run.log_metric("loss", 0.5),
        lambda: run.history("loss"),
        lambda: run.log_text("text", "more.txt"),
        run.finish,
        lambda: metric.log(0.5),
        lambda: metric.log_points([0.5]),
        lambda: row.log([0.5]),
        artifacts.list,
        file.read,
        model.info,
        lambda: registry.model("churn"),
        registered.info,
        version.info,
    ]
    for number, call in enumerate(calls):
        with pytest.raises(exceptions.InvalidStateError, match="the database is closed") as caught:
            call()
        assert caught.value.path == path, number


def test_closing_releases_the_file(path: Path) -> None:
    with tracklite.Database.create(path) as database:
        run = database.default_experiment().start_run(capture=True)
        run.log({"loss": 0.5})
        with pytest.raises(exceptions.TrackliteError):
            tracklite.Database.vacuum(path)
    # The handles are still there.
    report = tracklite.Database.vacuum(database.path)
    assert report.after_bytes > 0
    assert not any(str(path) in link for link in _open_files())
    assert (run.id, run.experiment_id) == (tracklite.Database.open(path).runs()[0].id, 0)


def _open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    return [str(link.resolve()) for link in folder.iterdir()] if sys.platform == "linux" else []


def test_other_openings_stay_open(path: Path) -> None:
    first, second = tracklite.Database.create(path), tracklite.Database.open(path)
    run = second.default_experiment().start_run()
    first.close()
    first.close()
    run.log_metric("loss", 0.5)
    assert second.run(run.id).history("loss").values.tolist() == [0.5]


def test_a_handle_of_a_closed_database_can_be_unpickled(path: Path) -> None:
    with tracklite.Database.create(path) as database:
        run = database.default_experiment().start_run()
        run.log_metric("loss", 0.5)
    again = pickle.loads(pickle.dumps(run))
    assert again.history("loss").values.tolist() == [0.5]
    again.database.close()
    with pytest.raises(exceptions.InvalidStateError):
        again.info()


def test_the_block_of_a_run_fails_if_the_database_was_closed(path: Path) -> None:
    database = tracklite.Database.create(path)
    with pytest.raises(exceptions.InvalidStateError, match="the database is closed"):
        with database.default_experiment().start_run():
            database.close()


def test_many_handles_of_one_database_are_released(path: Path) -> None:
    with tracklite.Database.create(path) as database:
        run = database.default_experiment().start_run()
        handles = [database.run(run.id) for _ in range(50)]
        for _ in range(1000):
            database.run(run.id)
    for handle in handles:
        with pytest.raises(exceptions.InvalidStateError):
            handle.info()
    tracklite.Database.vacuum(path)
