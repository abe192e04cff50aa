"""The examples of the docstrings run, of the native classes too."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tracklite
from tracklite import _tracklite


def documented() -> Iterator[tuple[str, str]]:
    """Everything of the package that has an example, by name."""
    for owner in (tracklite, _tracklite):
        yield owner.__name__, owner.__doc__ or ""
    for name, item in vars(_tracklite).items():
        if not isinstance(item, type):
            continue
        yield name, item.__doc__ or ""
        for member, value in vars(item).items():
            if not member.startswith("__"):
                yield f"{name}.{member}", getattr(value, "__doc__", None) or ""


EXAMPLES = [(name, text) for name, text in documented() if ">>>" in text]


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_example_runs(name: str, text: str, tmp_path: Path) -> None:
    database = tracklite.Database.create(tmp_path / "examples.tracklite")
    experiment = database.experiment("/examples")
    names: dict[str, Any] = {
        "Database": tracklite.Database,
        "database": database,
        "experiment": experiment,
        "folder": tmp_path,
        "run": experiment.start_run("baseline"),
    }
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    told: list[str] = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=told.append)
    assert not told, "".join(told)


def test_everything_public_is_documented() -> None:
    without = [name for name, text in documented() if not text.strip() and "._" not in name]
    assert without == []


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 20
