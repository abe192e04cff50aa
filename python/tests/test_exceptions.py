"""The exceptions match the error kinds of the engine."""

from __future__ import annotations

from typing import Any

import pytest

from tracklite import _tracklite, exceptions


def test_each_kind_of_the_engine_has_a_class() -> None:
    classes = exceptions.TrackliteError.__subclasses__()
    assert sorted(cls.kind for cls in classes) == sorted(_tracklite.error_kinds())


def test_the_documented_tree_is_complete() -> None:
    text = exceptions.__doc__ or ""
    for cls in exceptions.TrackliteError.__subclasses__():
        parent = cls.__bases__[1].__name__
        assert f" +-- {cls.__name__} ({parent})" in text


def test_errors_have_the_text_and_code_of_mlflow(database: Any) -> None:
    with pytest.raises(exceptions.NotFoundError) as missing:
        database.run("0" * 32)
    error = missing.value
    assert error.message == f"Run with id={'0' * 32} not found"
    assert str(error) == f"{error.path}: {error.message}"
    assert error.mlflow_code == "RESOURCE_DOES_NOT_EXIST"
