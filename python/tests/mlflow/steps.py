"""One step of both stores: an operation with its arguments, for each store in its own ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from differences import ALLOWED
from differential import Side
from mlflow.store.entities.paged_list import PagedList
from operations import KEYS, Operations

Arguments = Callable[[Side], dict[str, Any]]
Rule = Callable[[Any, Any], bool]

PAGES_MAX = 4


@dataclass
class Step:
    """A call: of which store, which method, with what; and the name of what it makes.

    `allowed` has rules for answers that may differ, by the reason in `ALLOWED`. `order` sorts the
    answers of a method that gives them in none, or by ids. `then` is called when it has made
    something. Searches go on to the pages that follow.
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
        common = side.in_common_words(answer)
        return sorted(common, key=self.order) if self.order else common

    def _pages(self, side: Side, answer: Any) -> list[Any]:
        """A page and those that follow, as far as it is worth while."""
        pages = [side.in_common_words(answer)]
        while len(pages) < PAGES_MAX and isinstance(answer, PagedList) and answer.token:
            arguments = {**self.arguments(side), "page_token": answer.token}
            answer = side.call(self.target, self.method, **arguments)
            pages.append(answer if is_error(answer) else side.in_common_words(answer))
        return pages

    def is_same(self, theirs: Any, ours: Any) -> bool:
        """Whether two answers are the same, or may differ for a reason that is listed."""
        assert set(self.allowed) <= set(ALLOWED)
        return theirs == ours or any(rule(theirs, ours) for rule in self.allowed.values())


Draw = Callable[[Operations, int], Step]


def is_error(answer: Any, code: str | None = None) -> bool:
    """Whether an answer is an error, of this code."""
    return (
        isinstance(answer, tuple) and answer[:1] == ("error",) and code in (None, answer[1])
    )


def errors(their_code: str | None, our_code: str | None) -> Rule:
    """Both fail, with these codes; without one there is no error."""

    def rule(theirs: Any, ours: Any) -> bool:
        answers = ((theirs, their_code), (ours, our_code))
        return all(is_error(it, code) if code else not is_error(it) for it, code in answers)

    return rule


def page(ops: Operations) -> int:
    return int(ops.pick([0, -1, 60_000] if ops.chance(0.03) else [1, 2, 5, 1000]))


def page_token(ops: Operations) -> dict[str, str]:
    """Mostly none, as pages are followed; now and then one that means nothing."""
    return {"page_token": "nonsense"} if ops.chance(0.02) else {}


def legal(items: list[Any]) -> list[Any]:
    """Items with legal keys, each once: SQL takes any others, and not the same again."""
    return list({item.key: item for item in items if item.key in KEYS}.values())


def known(side: Side, ops: Operations) -> list[str]:
    """The experiments that both stores have made."""
    return [side.id(one) for one in ops.experiments if side.id(one) != one]
