"""Saved views."""

from __future__ import annotations

import json
import math
import threading

import pytest
import tracklite
from tracklite.exceptions import ConflictError, InvalidInputError, NotFoundError


def test_a_view_is_saved_changed_and_deleted(database: tracklite.Database) -> None:
    first = database.save_view("best", {"f": "metrics.loss < 0.1"}, user="ana")
    assert (first.name, first.author, first.revision) == ("best", "ana", 1)
    assert json.loads(first.state) == {"f": "metrics.loss < 0.1"}
    second = database.save_view("best", '{"f":  ""}', expects=first.revision)
    assert (second.state, second.revision) == ('{"f":  ""}', 2)
    assert second.author != ""
    assert (second.created, second.created <= second.updated) == (first.created, True)
    database.save_view("all", "{}")
    assert [view.name for view in database.views()] == ["all", "best"]
    assert database.view("best") == second
    database.delete_view("best", expects=2, user="bob")
    with pytest.raises(NotFoundError):
        database.view("best")
    assert database.save_view("best", "{}").revision == 4


def test_a_view_that_changed_is_a_conflict(database: tracklite.Database) -> None:
    database.save_view("best", "{}", user="ana")
    with pytest.raises(ConflictError, match='"ana" saved revision 1'):
        database.save_view("best", "{}")
    with pytest.raises(ConflictError, match="expected revision 7"):
        database.save_view("best", "{}", expects=7)
    with pytest.raises(ConflictError):
        database.delete_view("best", expects=2)
    assert database.view("best").revision == 1


def test_of_several_threads_one_saves_a_revision(database: tracklite.Database) -> None:
    database.save_view("best", "{}")
    saved: list[int] = []

    def save(number: int) -> None:
        try:
            database.save_view("best", {"n": number}, expects=1)
        except ConflictError:
            return
        saved.append(number)

    threads = [threading.Thread(target=save, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(saved) == 1
    assert json.loads(database.view("best").state) == {"n": saved[0]}


def test_states_and_names_are_checked(database: tracklite.Database) -> None:
    for state in ("[]", "{", [1], {"n": math.nan}, {"long": "x" * 300_000}):
        with pytest.raises(InvalidInputError):
            database.save_view("best", state)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        database.save_view("best", {"n": object()})
    for name, user in (("", None), ("a\nb", None), ("best", " ")):
        with pytest.raises(InvalidInputError):
            database.save_view(name, "{}", user=user)
    with pytest.raises(OverflowError):
        database.save_view("best", "{}", expects=-1)
    assert database.views() == []
