"""Groups of runs, the keys of runs, their health, and changes of a file."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import tracklite
from tracklite import RunHealth
from tracklite.exceptions import InvalidInputError, NotFoundError


@pytest.fixture
def sweep(database: tracklite.Database) -> tracklite.Database:
    """Two rates with three seeds each. One run diverged, one has no loss."""
    experiment = database.experiment("/sweep")
    for rate in ("0.1", "0.2"):
        for seed in range(3):
            params = {"rate": rate, "seed": seed, "model": "net"}
            run = experiment.start_run(f"{rate}-{seed}", params=params, tags={"team": "a"})
            loss = math.nan if (rate, seed) == ("0.1", 2) else seed + float(rate)
            if (rate, seed) != ("0.2", 0):
                run.log({"loss": loss})
    return database


def test_runs_are_grouped_by_all_params_but_the_seed(sweep: tracklite.Database) -> None:
    assert sweep.params_but_seeds() == ["params.rate"]
    found = sweep.group_runs(columns="metrics.loss", order_by="params.rate")
    assert found.keys == ["params.rate"]
    assert [group.values for group in found] == [{"params.rate": "0.1"}, {"params.rate": "0.2"}]
    for group, losses in zip(found, ([0.1, 1.1], [1.2, 2.2]), strict=True):
        assert len(group.runs) == 3
        spread = group.columns["metrics.loss"]
        assert isinstance(spread, tracklite.Spread)
        assert spread.count == 2
        assert (spread.min, spread.max) == (min(losses), max(losses))
        assert spread.mean == pytest.approx(statistics.mean(losses))
        assert spread.deviation == pytest.approx(statistics.stdev(losses))


def test_groups_are_one_table(sweep: tracklite.Database) -> None:
    columns = ["metrics.loss", "params.model", "params.seed"]
    found = sweep.group_runs(keys=["params.rate"], columns=columns, order_by="params.rate")
    table = found.to_table()
    parts = [f"metrics.loss.{part}" for part in ("mean", "deviation", "min", "max", "count")]
    assert table.columns == ["params.rate", "runs", *parts, "params.model", "params.seed"]
    first, second = table.rows()
    assert (first["params.rate"], first["runs"], first["metrics.loss.count"]) == ("0.1", 3, 2)
    assert first["metrics.loss.mean"] == pytest.approx(0.6)
    assert (second["params.model"], second["params.seed"]) == ("net", None)
    assert repr(found).startswith("Table: 2 rows, 9 columns\n")
    polars = pytest.importorskip("polars")
    assert polars.DataFrame(found)["params.rate"].to_list() == ["0.1", "0.2"]


def test_a_group_without_numbers_has_none_in_the_table(sweep: tracklite.Database) -> None:
    found = sweep.group_runs("run_name = '0.2-0'", keys="params.rate", columns="metrics.loss")
    (group,) = found
    spread = group.columns["metrics.loss"]
    assert isinstance(spread, tracklite.Spread)
    assert (spread.count, math.isnan(spread.mean)) == (0, True)
    (row,) = found.to_table().rows()
    assert (row["metrics.loss.mean"], row["metrics.loss.count"]) == (None, 0)


def test_no_groups_have_the_same_columns(sweep: tracklite.Database) -> None:
    columns = ["metrics.loss", "mean.loss", "params.model", "tags.team", "run_name"]
    some = sweep.group_runs(keys="params.rate", columns=columns).to_table()
    none = sweep.group_runs("params.rate = 'x'", keys="params.rate", columns=columns).to_table()
    assert (none.shape, none.columns) == ((0, len(some.columns)), some.columns)


def test_a_group_is_a_group_of_a_band(sweep: tracklite.Database) -> None:
    found = sweep.group_runs("metrics.loss > 0", order_by="params.rate")
    bands = sweep.bands(found, "loss", kind="extremes")
    assert [(band.lows[0], band.highs[0]) for band in bands] == [(0.1, 1.1), (1.2, 2.2)]


def test_keys_have_their_values_summarised(sweep: tracklite.Database) -> None:
    keys = {(key.kind, key.key): key for key in sweep.run_keys()}
    assert list(keys) == [
        ("param", "model"),
        ("param", "rate"),
        ("param", "seed"),
        ("metric", "loss"),
        ("tag", "mlflow.runName"),
        ("tag", "team"),
    ]
    assert keys["param", "model"].is_constant
    assert keys["param", "rate"] == tracklite.KeySummary("param", "rate", 6, 2, False, (0.1, 0.2))
    assert keys["metric", "loss"].runs == 5
    assert keys["tag", "team"].range is None
    (rate,) = [key for key in sweep.run_keys("params.rate = '0.1'") if key.key == "rate"]
    assert (rate.runs, rate.is_constant) == (3, True)


def test_unknown_fields_are_refused(sweep: tracklite.Database) -> None:
    with pytest.raises(InvalidInputError):
        sweep.group_runs(keys=["rate"])
    with pytest.raises(InvalidInputError, match="name each key"):
        sweep.group_runs(keys=["params.*"])
    with pytest.raises(InvalidInputError):
        sweep.run_keys("metrcs.loss < 1")


def test_the_health_of_a_killed_process_is_dead(database: tracklite.Database, path: Path) -> None:
    program = """
        import os, sys, tracklite
        run = tracklite.run(sys.argv[1], "churn")
        print(run.id, flush=True)
        sys.stdin.readline()
        os.kill(os.getpid(), 9)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        run = child.stdout.readline().strip()
        own = database.default_experiment().start_run()
        assert database.run_health([run, own]) == [RunHealth.RUNNING, RunHealth.RUNNING]
        child.communicate("\n", timeout=60)
    own.finish("FAILED")
    assert database.run_health([run, own.id]) == [RunHealth.DEAD, RunHealth.FAILED]
    assert str(RunHealth.DEAD) == "dead"
    with pytest.raises(NotFoundError):
        database.run_health("0" * 32)


def test_changes_are_those_after_a_cursor(database: tracklite.Database, path: Path) -> None:
    everything = database.changes()
    assert everything.runs and everything.registry and everything.points and everything.writers
    assert not database.changes(everything.cursor).any()
    run = database.default_experiment().start_run()
    run.log_metric("loss", 1.0)
    changes = database.changes(everything.cursor)
    assert changes.any()
    assert (changes.runs, changes.registry) == (True, False)
    seen = changes.cursor
    database.registry().create_model("net")
    changes = database.changes(seen)
    assert (changes.runs, changes.registry) == (False, True)
    with pytest.raises(InvalidInputError, match="not a cursor"):
        database.changes("1-2-3")
    other = tracklite.Database.create(path.with_name("other.tracklite"))
    with pytest.raises(InvalidInputError, match="another file"):
        other.changes(seen)
