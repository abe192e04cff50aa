"""One step of both stores: an operation, with arguments in the IDs of each store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from differences import ALLOWED
from differential import Side
from mlflow.store.entities.paged_list import PagedList
from operations import KEYS, Operations
from texts import Failure, is_alike

Arguments = Callable[[Side], dict[str, Any]]
Rule = Callable[[Any, Any], bool]

PAGES_MAX = 4


@dataclass
class Step:
    """A call of a method of a store, and the name for the thing it makes.

    `allowed` has rules for answers that may differ, by the reason in `ALLOWED`. `order` sorts
    answers whose order is undefined or depends on IDs. `then` is a call that follows if the first
    one succeeds. Searches continue with the following pages.
    """

    target: str
    method: str
    arguments: Arguments
    makes: str | None = None
    id_of: Callable[[Any], str] = field(default=str)
    allowed: dict[str, Rule] = field(default_factory=dict)
    order: Callable[[Any], Any] | None = None
    then: tuple[str, Arguments] | None = None

    def run(self, side: Side) -> Any:
        answer = side.call(self.target, self.method, **self.arguments(side))
        if is_error(answer):
            return answer
        if self.makes:
            side.note(self.makes, self.id_of(answer))
        if self.then:
            method, arguments = self.then
            answer = side.call(self.target, method, **arguments(side))
        if isinstance(answer, PagedList) and answer.token:
            return self._pages(side, answer)
        common = side.normalized(answer)
        return sorted(common, key=self.order) if self.order else common

    def _pages(self, side: Side, answer: Any) -> list[Any]:
        """Returns a page and the following ones, up to PAGES_MAX."""
        pages = [side.normalized(answer)]
        while len(pages) < PAGES_MAX and isinstance(answer, PagedList) and answer.token:
            arguments = {**self.arguments(side), "page_token": answer.token}
            answer = side.call(self.target, self.method, **arguments)
            pages.append(answer if is_error(answer) else side.normalized(answer))
        return pages

    def is_same(self, theirs: Any, ours: Any) -> bool:
        """Returns whether two answers are equal, or differ for a listed reason."""
        assert set(self.allowed) <= set(ALLOWED)
        return is_alike(theirs, ours) or any(rule(theirs, ours) for rule in self.allowed.values())


Draw = Callable[[Operations, int], Step]


def is_error(answer: Any, code: str | None = None) -> bool:
    """Returns whether an answer is an error, with this code if given."""
    return isinstance(answer, Failure) and code in (None, answer.code)


def errors(their_code: str | None, our_code: str | None) -> Rule:
    """Returns a rule for answers that are errors with these codes. None means no error."""

    def rule(theirs: Any, ours: Any) -> bool:
        answers = ((theirs, their_code), (ours, our_code))
        return all(
            is_error(answer, code) if code else not is_error(answer) for answer, code in answers
        )

    return rule


def many_mistakes(theirs: Any, ours: Any) -> bool:
    """Allows another one of several mistakes: a repeated field, and an operator of another kind."""
    is_repeated = is_error(theirs, "INTERNAL_ERROR") and "duplicate fields" in theirs.text
    is_operator = is_error(ours) and ours.text.startswith("Invalid comparator")
    return is_repeated and is_operator


def page(ops: Operations) -> int:
    return int(ops.pick([0, -1, 60_000] if ops.chance(0.03) else [1, 2, 5, 1000]))


def page_token(ops: Operations) -> dict[str, str]:
    """Returns an invalid token now and then, and usually none."""
    return {"page_token": "nonsense"} if ops.chance(0.02) else {}


def legal(items: list[Any]) -> list[Any]:
    """Returns the items with valid keys, each key once. SQL accepts others, but no duplicates."""
    return list({item.key: item for item in items if item.key in KEYS}.values())


def known(side: Side, ops: Operations) -> list[str]:
    """Returns the experiments that both stores have made."""
    return [side.id(one) for one in ops.experiments if side.id(one) != one]
