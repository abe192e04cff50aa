"""The docstrings: their examples run, and the stub has the same ones."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Any

import pytest
import tracklite
from tracklite import _tracklite

# Public and written in Python.
OTHERS = (tracklite.init, tracklite.log, tracklite.finish, tracklite.run, tracklite.Smoothing)


def documented() -> Iterator[tuple[str, str]]:
    """Yields all docstrings of the package with their names."""
    for owner in (tracklite, _tracklite, *OTHERS):
        yield owner.__name__, owner.__doc__ or ""
    for name, item in vars(_tracklite).items():
        if not isinstance(item, type):
            continue
        yield name, item.__doc__ or ""
        for member in vars(item):
            if not member.startswith("__"):
                # A static method in `vars` has the docstring of its type.
                yield f"{name}.{member}", getattr(item, member).__doc__ or ""


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
        "tracklite": tracklite,
    }
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    output: list[str] = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=output.append)
    assert not output, "".join(output)


def test_everything_public_is_documented() -> None:
    without = [name for name, text in documented() if not text.strip() and "._" not in name]
    assert without == []


def test_there_are_enough_examples() -> None:
    assert len(EXAMPLES) > 20


def test_the_stub_has_the_docstrings_of_the_native_classes() -> None:
    spec = util.spec_from_file_location("stub", Path(__file__).parents[1] / "stub.py")
    assert spec is not None
    assert spec.loader is not None
    stub = util.module_from_spec(spec)
    spec.loader.exec_module(stub)
    text = stub.STUB.read_text()
    assert stub.documented(text, _tracklite) == text, "run python stub.py"
