"""Our stores beside MLflow's own: random operations and searches, with the same answers."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from differential import ALLOWED, Pair
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from operations import Operations
from steps import draw

SEEDS = int(os.environ.get("TRACKLITE_DIFFERENTIAL_SEEDS", "6"))
STEPS = int(os.environ.get("TRACKLITE_DIFFERENTIAL_STEPS", "150"))
FIRST = int(os.environ.get("TRACKLITE_DIFFERENTIAL_FIRST", "0"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of MLflow's own, whose making takes long."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}", str(path.parent))
    return path


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_both_stores_answer_the_same(seed: int, tmp_path: Path, template: Path) -> None:
    pair = Pair(tmp_path / "pair", template)
    ops = Operations(Random(seed))
    told: list[str] = []
    for number in range(STEPS):
        step = draw(ops, number)
        theirs, ours = (step.run(side) for side in pair.sides)
        told.append(f"{number} {step.method} {step.arguments(pair.ours)}")
        if theirs == ours or step.allowed(theirs, ours):
            continue
        text = "\n".join(told[-12:])
        pytest.fail(f"seed {seed}\n{text}\ntheirs: {theirs}\nours:   {ours}")


def test_allowed_differences_have_reasons() -> None:
    assert all(len(reason.split()) > 4 for reason in ALLOWED.values())
