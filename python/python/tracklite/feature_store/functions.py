"""Feature functions: columns that a registered Python function returns for other columns.

The process of a served model runs a copy of this file, which a test compares. So it imports nothing
but the standard library.
"""

from __future__ import annotations

from typing import Any


class FunctionError(Exception):
    """A feature function cannot be evaluated."""


def outputs(
    functions: list[dict[str, Any]], columns: dict[str, list[Any]], count: int
) -> dict[str, list[Any]]:
    """Returns the columns of functions for `count` rows, evaluated in order, row by row.

    A function may use the output of an earlier one. A column that is given replaces the function.
    A null is None.
    """
    known = dict(columns)
    found: dict[str, list[Any]] = {}
    for function in functions:
        name, output = function["udf_name"], function["output"]
        if output in known:
            continue
        for column in function["bindings"].values():
            if column not in known:
                raise FunctionError(f"the function {name!r} needs the column {column!r}")
        call = loaded(function)
        values = []
        for row in range(count):
            arguments = {
                parameter: known[column][row] for parameter, column in function["bindings"].items()
            }
            try:
                values.append(call(**arguments))
            except Exception as error:
                problem = f"failed in row {row}: {type(error).__name__}: {error}"
                raise FunctionError(f"the function {name!r} {problem}") from error
        known[output] = found[output] = values
    return found


def loaded(function: dict[str, Any]) -> Any:
    """Returns the function that a source text defines."""
    names: dict[str, Any] = {"__name__": "tracklite_function"}
    source = f"<the function {function['udf_name']}>"
    exec(compile(function["source"], source, "exec"), names)
    return names[function["name"]]
