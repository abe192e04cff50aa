"""Runs: writing, reading back, and ending them."""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path

import pytest
import tracklite
from tracklite import RunStatus, exceptions


@pytest.fixture
def run(database: tracklite.Database) -> tracklite.Run:
    """An open run."""
    return database.experiment("/tests").start_run("a run")


def test_points_are_read_as_they_were_logged(run: tracklite.Run) -> None:
    values = [0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324]
    for step, value in enumerate(values):
        run.log_metric("loss", value, step * 10)
    history = run.history("loss")
    assert history.steps.tolist() == [0, 10, 20, 30, 40, 50]
    assert [repr(value) for value in history.values] == [repr(value) for value in values]
    assert len(history) == 6
    assert history[-1].value == 5e-324
    assert run.history("never logged").values.tolist() == []


def test_a_missing_step_is_the_next_one(run: tracklite.Run) -> None:
    run.log_metric("loss", 1.0)
    run.log_metric("loss", 1.0, step=7)
    run.log_metric("loss", 1.0)
    assert run.history("loss").steps.tolist() == [0, 7, 8]


def test_a_row_logs_all_metrics_at_one_step(run: tracklite.Run) -> None:
    run.log({"loss": 0.5, "accuracy": 1}, step=3)
    run.log({"loss": 0.4, "accuracy": True})
    run.log({"train": {"loss": 0.3}, "validation": {"loss": {"mean": 0.2}}}, step=9)
    metrics = run.metrics()
    assert sorted(metrics) == ["accuracy", "loss", "train/loss", "validation/loss/mean"]
    assert (metrics["accuracy"].step, metrics["accuracy"].value) == (4, 1.0)
    assert metrics["validation/loss/mean"].step == 9


def test_a_row_with_a_bad_value_logs_nothing(run: tracklite.Run) -> None:
    with pytest.raises(TypeError, match="accuracy must be a number, not str"):
        run.log({"loss": 0.5, "accuracy": "high"})
    assert run.metrics() == {}


def test_explicit_times_are_kept(run: tracklite.Run) -> None:
    from datetime import datetime, timezone

    run.log_metric("loss", 1.0, 0, time=1_700_000_000_123_456_789)
    run.log({"loss": 1.0}, 1, time=datetime(2024, 1, 1, tzinfo=timezone.utc))
    times = run.history("loss").timestamps.tolist()
    assert times == [1_700_000_000_123_456_789, 1_704_067_200_000_000_000]


@dataclasses.dataclass
class Optimizer:
    name: str
    rate: float


def test_nested_params_become_flat_texts(run: tracklite.Run) -> None:
    run.log_params({"model": {"depth": 3, "layers": [1, 2]}, "optimizer": Optimizer("adam", 0.1)})
    run.log_params(argparse.Namespace(seed=None, shuffle=True))
    assert run.params() == {
        "model.depth": "3",
        "model.layers": "[1, 2]",
        "optimizer.name": "adam",
        "optimizer.rate": "0.1",
        "seed": "None",
        "shuffle": "True",
    }


def test_a_param_cannot_be_changed(run: tracklite.Run) -> None:
    run.log_param("depth", 3)
    run.log_param("depth", "3")
    with pytest.raises(exceptions.InvalidInputError, match="depth"):
        run.log_param("depth", 4)


def test_tags_are_set_and_deleted(run: tracklite.Run) -> None:
    run.set_tags({"stage": "try", "owner": "research"})
    run.set_tag("stage", "final")
    run.delete_tag("owner")
    tags = run.tags()
    assert tags["stage"] == "final"
    assert "owner" not in tags
    with pytest.raises(exceptions.NotFoundError, match="No tag with name: "):
        run.delete_tag("owner")


def test_a_batch_logs_metrics_params_and_tags(run: tracklite.Run) -> None:
    run.log_batch(metrics={"loss": 0.5}, params={"depth": 3}, tags={"stage": "try"}, step=4)
    record = run.record()
    assert (record.params, record.tags["stage"]) == ({"depth": "3"}, "try")
    assert record.metrics["loss"].step == 4


def test_statistics_of_a_metric(run: tracklite.Run) -> None:
    run.metric("loss").log_points([3.0, 1.0, math.nan])
    statistics = run.statistics("loss")
    assert statistics is not None
    assert (statistics.count, statistics.nan_count, statistics.min, statistics.mean) == (3, 1, 1, 2)
    assert run.statistics("never logged") is None
    assert run.latest("never logged") is None


def test_the_end_of_a_block_finishes_the_run(database: tracklite.Database) -> None:
    with database.default_experiment().start_run() as run:
        assert run.info().status is RunStatus.RUNNING
        assert run.is_alive()
    info = run.info()
    assert info.status is RunStatus.FINISHED
    assert info.ended is not None
    assert info.ended >= info.started


def test_an_exception_fails_the_run_and_keeps_its_traceback(database: tracklite.Database) -> None:
    with pytest.raises(ZeroDivisionError):
        with database.default_experiment().start_run() as run:
            run.log_metric("loss", 1 / 0)
    assert run.info().status is RunStatus.FAILED
    text = run.tags()["tracklite.exception"]
    assert "ZeroDivisionError: division by zero" in text
    assert "test_run.py" in text


def test_an_interrupt_kills_the_run(database: tracklite.Database) -> None:
    with pytest.raises(KeyboardInterrupt):
        with database.default_experiment().start_run() as run:
            raise KeyboardInterrupt
    assert run.info().status is RunStatus.KILLED


def test_a_run_finished_in_its_block_keeps_its_status(database: tracklite.Database) -> None:
    with database.default_experiment().start_run() as run:
        run.finish("FAILED")
    assert run.info().status is RunStatus.FAILED
    with pytest.raises(ZeroDivisionError):
        with database.default_experiment().start_run() as run:
            run.finish()
            raise ZeroDivisionError
    assert run.info().status is RunStatus.FINISHED
    with database.default_experiment().start_run() as run:
        run.delete()
    assert run.info().status is RunStatus.RUNNING


def test_a_finished_handle_rejects_writes(run: tracklite.Run, database: tracklite.Database) -> None:
    run.finish()
    for write in (
        lambda: run.log_metric("loss", 1.0),
        lambda: run.log({"loss": 1.0}),
        lambda: run.log_param("depth", 3),
        lambda: run.set_tag("stage", "late"),
        lambda: run.finish(),
    ):
        with pytest.raises(exceptions.InvalidStateError, match="was finished"):
            write()
    database.run(run.id).set_tag("stage", "late")
    assert run.tags()["stage"] == "late"


def test_a_deleted_run_is_restored(run: tracklite.Run, database: tracklite.Database) -> None:
    run.delete()
    assert database.runs() == []
    run.restore()
    assert [record.id for record in database.runs()] == [run.id]
    run.log_metric("loss", 0.5)


def test_nested_runs_have_a_parent_and_children(database: tracklite.Database) -> None:
    experiment = database.experiment("/tests/nested")
    parent = experiment.start_run("parent")
    child = experiment.start_run("child", parent=parent, params={"seed": 1}, tags={"a": "b"})
    assert parent.children() == [child.id]
    assert child.info().parent == parent.id
    assert child.params() == {"seed": "1"}


def test_a_run_is_updated_in_one_step(run: tracklite.Run) -> None:
    run.update(name="another", status="FAILED", ended=1_800_000_000_000_000_000)
    info = run.info()
    assert (info.name, info.status) == ("another", RunStatus.FAILED)
    assert info.ended is not None
    assert info.ended.year == 2027


def test_handles_of_one_run_are_equal(run: tracklite.Run, database: tracklite.Database) -> None:
    again = database.run(run.id)
    assert again == run
    assert hash(again) == hash(run)
    assert run != database.default_experiment().start_run()
    assert len({run, again}) == 1


def test_artifacts_are_logged_read_and_deleted(run: tracklite.Run, tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"\x00\x01" * 1000)
    run.log_artifact(file)
    run.log_artifact(file, "model")
    artifacts = run.artifacts()
    assert artifacts.read("weights.bin") == file.read_bytes()
    assert [info.path for info in artifacts.list_all()] == ["model/weights.bin", "weights.bin"]
    assert artifacts.info("weights.bin").size == 2000
    folder = artifacts.download("model", tmp_path / "out")
    assert (folder / "weights.bin").read_bytes() == file.read_bytes()
    artifacts.delete("model")
    assert [info.path for info in artifacts.list()] == ["weights.bin"]
