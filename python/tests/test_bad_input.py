"""Invalid arguments raise the right exception with the name of the argument."""

from __future__ import annotations

import decimal
import fractions
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import tracklite
from tracklite import exceptions


@pytest.fixture
def run(database: tracklite.Database) -> Any:
    """An open run, untyped so that calls with wrong types pass the type checker."""
    return database.experiment("/tests").start_run("a run")


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("0.5", TypeError, "loss must be a number, not str"),
        (b"0.5", TypeError, "loss must be a number, not bytes"),
        (None, TypeError, "loss must be a number, not NoneType"),
        (1j, TypeError, "loss must be a number, not complex"),
        ([1.0], TypeError, "loss must be a number, not list"),
        (object(), TypeError, "loss must be a number, not object"),
        (10**400, exceptions.InvalidInputError, "loss is too large for a metric"),
        (numpy.zeros(2), TypeError, "loss must be a number, not ndarray"),
        (numpy.array("word"), TypeError, "loss must be a number, not ndarray"),
    ],
)
def test_values_that_are_not_numbers_are_rejected(
    run: Any, value: Any, kind: type[Exception], message: str
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: run.log_metric("loss", value),
        lambda: run.log({"loss": value}),
        lambda: run.metric("loss").log(value),
        lambda: run.log_batch(metrics={"loss": value}),
    ]
    for call in calls:
        with pytest.raises(kind, match=message):
            call()
    assert run.history("loss").values.tolist() == []


def test_number_like_objects_are_logged(run: Any) -> None:
    class Floaty:
        def __float__(self) -> float:
            return 0.5

    class Tensor:
        def item(self) -> float:
            return 0.25

    values = [
        1,
        True,
        numpy.float32(0.5),
        numpy.int64(3),
        numpy.array(0.75),
        numpy.array([2.5]),
        numpy.bool_(True),
        decimal.Decimal("0.125"),
        fractions.Fraction(1, 4),
        Floaty(),
        Tensor(),
    ]
    for value in values:
        run.log_metric("loss", value)
    wanted = [1, 1, 0.5, 3, 0.75, 2.5, 1, 0.125, 0.25, 0.5, 0.25]
    assert run.history("loss").values.tolist() == wanted


def test_the_exception_of_a_value_is_the_cause(run: Any) -> None:
    class Broken:
        def __float__(self) -> float:
            raise ZeroDivisionError("on purpose")

    with pytest.raises(TypeError, match="loss must be a number") as caught:
        run.log_metric("loss", Broken())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("step", "kind", "message"),
    [
        (math.nan, TypeError, "step must be a whole number, not nan"),
        (1.5, TypeError, "step must be a whole number, not 1.5"),
        ("1", TypeError, "step must be a whole number, not '1'"),
        (2**63, exceptions.InvalidInputError, "step does not fit in 64 bits"),
        (-(2**63) - 1, exceptions.InvalidInputError, "step does not fit in 64 bits"),
        (10**400, exceptions.InvalidInputError, "step does not fit in 64 bits"),
    ],
)
def test_steps_that_are_not_integers_are_rejected(
    run: Any, step: Any, kind: type[Exception], message: str
) -> None:
    for call in (
        lambda: run.log_metric("loss", 1.0, step),
        lambda: run.log({"loss": 1.0}, step),
        lambda: run.metric("loss").log(1.0, step=step),
        lambda: run.metric_row(["loss"]).log([1.0], step),
        lambda: run.log_batch(metrics={"loss": 1.0}, step=step),
    ):
        with pytest.raises(kind, match=message):
            call()
    assert run.history("loss").values.tolist() == []


def test_the_largest_steps_are_kept(run: Any) -> None:
    for step in (2**63 - 1, -(2**63), numpy.int64(7), True):
        run.log_metric("loss", 1.0, step)
    assert sorted(run.history("loss").steps.tolist()) == [-(2**63), 1, 7, 2**63 - 1]


@pytest.mark.parametrize("time", ["now", 1.5, object(), 2**80])
def test_invalid_times_are_rejected(run: Any, time: Any) -> None:
    with pytest.raises((TypeError, exceptions.InvalidInputError), match="time"):
        run.log_metric("loss", 1.0, time=time)


def test_keys_that_are_not_texts_are_rejected(run: Any) -> None:
    for call in (
        lambda: run.log_metric(1, 1.0),
        lambda: run.log({1: 1.0}),
        lambda: run.log({"a": {2: 1.0}}),
        lambda: run.log({None: 1.0}),
        lambda: run.log_param(1, "value"),
        lambda: run.log_params({1: "value"}),
        lambda: run.log_params({"a": {1: "value"}}),
        lambda: run.set_tag(None, "value"),
        lambda: run.set_tags({1: "value"}),
        lambda: run.log_batch(metrics={1: 1.0}),
        lambda: run.metric(1),
        lambda: run.metric_row([1]),
        lambda: run.history(1),
    ):
        with pytest.raises(TypeError, match=r"str|key"):
            call()


@pytest.mark.parametrize("key", ["", "a" * 251, "../up", "/root", "a//b", "a\nb", "a\0b"])
def test_invalid_keys_are_rejected(run: Any, key: str) -> None:
    for call in (
        lambda: run.log_metric(key, 1.0),
        lambda: run.log({key: 1.0}),
        lambda: run.log_param(key, 1),
        lambda: run.set_tag(key, 1),
    ):
        with pytest.raises(exceptions.InvalidInputError):
            call()


def test_texts_that_are_not_unicode_are_rejected(run: Any, database: Any) -> None:
    lone = "\ud800"
    for call in (
        lambda: run.log_metric(lone, 1.0),
        lambda: run.log({lone: 1.0}),
        lambda: run.log_param("key", lone),
        lambda: run.set_tag(lone, "value"),
        lambda: database.experiment(lone),
        lambda: database.search_runs(lone),
    ):
        with pytest.raises(UnicodeEncodeError):
            call()


def test_values_that_are_not_dicts_are_rejected(run: Any) -> None:
    for call in (
        lambda: run.log([("loss", 1.0)]),
        lambda: run.log(None),
        lambda: run.log_params([("depth", 3)]),
        lambda: run.log_params(3),
        lambda: run.set_tags("tags"),
        lambda: run.log_batch(tags=["a"]),
    ):
        with pytest.raises(TypeError, match="must be a dict"):
            call()


def test_empty_rows_and_duplicate_keys_are_rejected(run: Any) -> None:
    with pytest.raises(exceptions.InvalidInputError):
        run.log({})
    with pytest.raises(ValueError, match="duplicate metric"):
        run.log({"a/b": 1.0, "a": {"b": 2.0}})
    with pytest.raises(exceptions.InvalidInputError, match='"loss"'):
        run.metric_row(["loss", "loss"])


def test_options_are_keyword_only(run: Any, database: Any) -> None:
    with pytest.raises(TypeError, match="positional"):
        database.search_runs("", "metrics.loss")
    with pytest.raises(TypeError, match="positional"):
        run.log_metric("loss", 1.0, 0, 17)
    with pytest.raises(TypeError, match="unexpected keyword"):
        database.search_runs(nonsense=1)


def test_classes_have_no_constructor() -> None:
    for name in ("Database", "Run", "Experiment", "Metric", "Table"):
        with pytest.raises(TypeError, match="No constructor|cannot create"):
            getattr(tracklite, name)()


def test_handles_are_frozen(run: Any, database: Any) -> None:
    for handle in (run, database):
        with pytest.raises(AttributeError):
            handle.nonsense = 1
        with pytest.raises(AttributeError):
            handle.path = 1


@pytest.mark.parametrize("bad", [3, None, 1.5, object(), ["a"]])
def test_paths_of_a_wrong_type_are_rejected(bad: Any) -> None:
    for open_it in (tracklite.Database.open, tracklite.Database.create):
        with pytest.raises(TypeError, match="path"):
            open_it(bad)


def test_paths_that_are_not_databases_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(exceptions.NotTrackliteError, match="this is a folder"):
        tracklite.Database.open(tmp_path)
    text = tmp_path / "notes.txt"
    text.write_text("not a database" * 1000)
    with pytest.raises(exceptions.NotTrackliteError):
        tracklite.Database.open(text)
    for device in ("/dev/null", "/dev/zero"):
        with pytest.raises(exceptions.TrackliteError):
            tracklite.Database.open(device)
    with pytest.raises(exceptions.NotFoundError):
        tracklite.Database.create(tmp_path / "no" / "such" / "folder")
    with pytest.raises((ValueError, exceptions.TrackliteError)):
        tracklite.Database.create("a\0b")
    with pytest.raises(exceptions.TrackliteError):
        tracklite.Database.create("")


@pytest.mark.parametrize("name", ["with space", "ünïcödé-数据", "per%20cent?x=1#y", "'quote\""])
def test_paths_with_any_characters_work(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.tracklite"
    with tracklite.Database.create(path) as database:
        database.default_experiment().start_run(name).log_metric("loss", 1.0)
    assert tracklite.Database.open(str(path)).runs()[0].info.name == name


def test_options_out_of_range_are_rejected(path: Path) -> None:
    for name, value in [
        ("sync_interval", -1.0),
        ("sync_interval", math.nan),
        ("lock_timeout", math.inf),
        ("sync_interval", 0.0),
    ]:
        with pytest.raises(exceptions.InvalidInputError, match="interval|timeout"):
            tracklite.Database.open(path, create=True, **{name: value})  # type: ignore[arg-type]


def test_invalid_ids_are_rejected(database: Any) -> None:
    for bad, kind in [
        ("", exceptions.InvalidInputError),
        ("xyz", exceptions.InvalidInputError),
        ("0" * 32, exceptions.NotFoundError),
        (7, TypeError),
        (None, TypeError),
    ]:
        with pytest.raises(kind):
            database.run(bad)
    with pytest.raises(TypeError):
        database.experiment_by_id(-1)
    with pytest.raises(exceptions.NotFoundError):
        database.experiment_by_id(2**40)
    with pytest.raises(exceptions.InvalidInputError):
        database.logged_model("m-xyz")


def test_invalid_searches_are_rejected(database: Any) -> None:
    for call in (
        lambda: database.search_runs("metrics.loss <"),
        lambda: database.search_runs(order_by="nonsense.field"),
        lambda: database.search_runs(view="everything"),
        lambda: database.runs_table(columns=["nonsense"]),
        lambda: database.search_runs(page_token="nonsense"),
        lambda: database.search_runs(max_results=0),
    ):
        with pytest.raises(exceptions.InvalidInputError):
            call()
    with pytest.raises(OverflowError):
        database.search_runs(max_results=-1)
    with pytest.raises(exceptions.InvalidInputError):
        database.sql("DELETE FROM runs")
    with pytest.raises(exceptions.InvalidInputError):
        database.sql("nonsense")


def test_invalid_points_are_rejected(run: Any) -> None:
    metric = run.metric("loss")
    with pytest.raises(exceptions.InvalidInputError, match="same length"):
        metric.log_points([1.0, 2.0], steps=[1])
    with pytest.raises(exceptions.InvalidInputError, match="flat"):
        metric.log_points(numpy.zeros((2, 2)))
    with pytest.raises(exceptions.InvalidInputError, match="complex128 does not fit"):
        metric.log_points(numpy.zeros(2, dtype=complex))
    with pytest.raises(exceptions.InvalidInputError, match="float64 does not fit"):
        metric.log_points([1.0], steps=numpy.array([0.5]))
    with pytest.raises(TypeError):
        metric.log_points(3.0)
    with pytest.raises(exceptions.InvalidInputError, match="has 2 values, expected 1"):
        run.metric_row(["loss"]).log([1.0, 2.0])
    assert run.history("loss").values.tolist() == []


def test_a_read_only_file_rejects_writes(path: Path) -> None:
    with tracklite.Database.create(path) as database:
        run = database.default_experiment().start_run()
        run.log_metric("loss", 1.0)
        reader = tracklite.Database.open_read_only(path)
        run_to_read = reader.run(run.id)
        assert run_to_read.history("loss").values.tolist() == [1.0]
        with pytest.raises(exceptions.ReadOnlyError):
            run_to_read.log_metric("loss", 1.0)
        with pytest.raises(exceptions.ReadOnlyError):
            reader.experiment("/new")
        reader.close()
