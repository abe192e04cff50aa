"""Random operations and searches have the same answers in MLflow's stores and in ours."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from differences import ALLOWED
from differential import Pair
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from operations import Operations
from steps_registry import draw

SEEDS = int(os.environ.get("TRACKLITE_DIFFERENTIAL_SEEDS", "6"))
STEPS = int(os.environ.get("TRACKLITE_DIFFERENTIAL_STEPS", "150"))
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "mlflow.md"
FIRST = int(os.environ.get("TRACKLITE_DIFFERENTIAL_FIRST", "0"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of MLflow, which takes long to create."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}", str(path.parent))
    return path


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_both_stores_answer_the_same(seed: int, tmp_path: Path, template: Path) -> None:
    pair = Pair(tmp_path / "pair", template)
    ops = Operations(Random(seed))
    history: list[str] = []
    for number in range(STEPS):
        step = draw(ops, number)
        theirs, ours = (step.run(side) for side in pair.sides)
        history.append(f"{number} {step.method} {step.arguments(pair.ours)}")
        if step.is_same(theirs, ours):
            continue
        text = "\n".join(history[-12:])
        pytest.fail(f"seed {seed}\n{text}\ntheirs: {theirs}\nours:   {ours}")


def test_the_documentation_lists_all_allowed_differences() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8").partition("\n| what | SQL store |")[2]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    listed = [row[0] for row in rows if not row[0].startswith("---")]
    assert all(len(row) == 3 for row in rows) and len(set(listed)) == len(listed)
    assert set(listed) == set(ALLOWED)
    assert all(len(reason.split()) > 4 for reason in ALLOWED.values())
