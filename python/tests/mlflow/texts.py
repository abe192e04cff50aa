"""Errors of the two stores, compared by code and text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# MLflow's texts are compared up to here. The rest is not stable, or is a list in random order.
TAILS = [
    # The error of the SQL driver.
    r"(already exists\. ?)(?:Error: .*)?",
    # Python sets.
    r"( specified\. ?)Valid keys.*",
    r"( not one of ).*",
    r"(Only the )'\{.*\}'(?= attributes support)",
    # A list as Python reads it.
    r"(got different type in list:).*",
    # The parts into which the SQL parser splits the filter.
    r"(Invalid clause\(s\) in filter string: ).*",
]


@dataclass(frozen=True)
class Failure:
    """An error: its code, and the stable part of its text."""

    code: str
    text: str

    def is_like(self, ours: Failure) -> bool:
        """Returns whether our error has MLflow's code, and begins with MLflow's text."""
        return self.code == ours.code and ours.text.startswith(self.text)


def stable(text: str) -> str:
    """Returns the stable part of an error text."""
    for tail in TAILS:
        text = re.sub(tail, lambda found: found[1].rstrip(), text, flags=re.DOTALL)
    # MLflow's `str(error)` begins with the code.
    return text.split(": ", 1)[1] if re.match(r"[A-Z_]+: ", text) else text


def is_alike(theirs: Any, ours: Any) -> bool:
    """Returns whether two answers are equal, or errors with the same code and text."""
    if isinstance(theirs, Failure) and isinstance(ours, Failure):
        return theirs.is_like(ours)
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(map(is_alike, theirs, ours))
    return bool(theirs == ours)
