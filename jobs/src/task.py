"""Runs the Python code of a task: a notebook, or the entry point of an installed package.

The folder of the task has `task.json` with what to run. `result.json` there gets the values that
later tasks may refer to, the value with which a notebook has ended, and the error.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["TRACKLITE_TASK_FOLDER"])
VALUE_BYTES_MAX = 48 * 1024
HEADER = "# Databricks notebook source"
CELL = "# COMMAND ----------"

result: dict[str, Any] = {"values": {}}


class NotebookExit(BaseException):
    """Ends a notebook with a value."""


class Widgets:
    """The parameters of the task."""

    def __init__(self, given: dict[str, str]) -> None:
        self.values = dict(given)

    def get(self, name: str) -> str:
        if name not in self.values:
            known = ", ".join(sorted(self.values)) or "none"
            raise ValueError(f"there is no parameter {name!r}: the task has {known}")
        return self.values[name]

    def getAll(self) -> dict[str, str]:
        return dict(self.values)

    def getArgument(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def text(self, name: str, defaultValue: str = "", label: str | None = None) -> None:
        self.values.setdefault(name, defaultValue)

    def dropdown(
        self, name: str, defaultValue: str, choices: list[str], label: str | None = None
    ) -> None:
        self.values.setdefault(name, defaultValue)

    combobox = multiselect = dropdown

    def remove(self, name: str) -> None:
        self.values.pop(name, None)

    def removeAll(self) -> None:
        self.values.clear()


class TaskValues:
    """Values that tasks pass on."""

    def __init__(self, known: dict[str, dict[str, Any]]) -> None:
        self.known = known

    def set(self, key: str, value: Any) -> None:
        text = json.dumps(value)
        if len(text.encode()) > VALUE_BYTES_MAX:
            raise ValueError(f"the value {key!r} has more than {VALUE_BYTES_MAX} bytes of JSON")
        result["values"][key] = value

    def get(self, taskKey: str, key: str, default: Any = None, debugValue: Any = None) -> Any:
        found = self.known.get(taskKey, {})
        if key in found:
            return found[key]
        if default is None:
            raise ValueError(f"task {taskKey!r} has set no value {key!r}: set it, or pass default")
        return default


class Jobs:
    def __init__(self, values: TaskValues) -> None:
        self.taskValues = values


class Notebook:
    def exit(self, value: Any = "") -> None:
        raise NotebookExit(str(value))


class Utilities:
    """The part of `dbutils` that has a meaning here."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.widgets = Widgets(task["parameters"])
        self.jobs = Jobs(TaskValues(task["task_values"]))
        self.notebook = Notebook()


class LazySpark:
    """A session of Spark that is started at its first use."""

    _session: Any = None

    def __getattr__(self, name: str) -> Any:
        if LazySpark._session is None:
            try:
                from pyspark.sql import SparkSession
            except ImportError as error:
                raise NameError("spark needs the package pyspark: install it") from error
            LazySpark._session = SparkSession.builder.getOrCreate()
        return getattr(LazySpark._session, name)


def display(*values: Any) -> None:
    """Prints values."""
    for value in values:
        if hasattr(value, "show") and hasattr(value, "schema"):
            value.show()
        else:
            print(value)


def cells_of(path: Path) -> list[tuple[int, str]]:
    """Returns the cells of a notebook, each with the number of lines before it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell.get("cell_type") == "code"]
        return [(0, plain("".join(cell["source"]))) for cell in cells]
    if not text.startswith(HEADER):
        return [(0, text)]
    cells, before, lines = [], 0, list[str]()
    for number, line in enumerate([*text.splitlines(), CELL], 1):
        if line.strip() == CELL:
            cells.append((before, "\n".join(lines) + "\n"))
            before, lines = number, []
        else:
            lines.append(line)
    return cells


def plain(cell: str) -> str:
    """Comments the lines of a cell out that are not Python."""
    lines = cell.splitlines()
    if lines and lines[0].startswith("%%"):
        return ""
    return "\n".join("# " + line if line.lstrip()[:1] in ("%", "!") else line for line in lines)


def run_notebook(task: dict[str, Any]) -> None:
    path = Path(task["file"])
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    names: dict[str, Any] = {
        "__name__": "__main__",
        "__file__": str(path),
        "dbutils": Utilities(task),
        "display": display,
        "spark": LazySpark(),
    }
    try:
        for before, source in cells_of(path):
            exec(compile("\n" * before + source, str(path), "exec"), names)
    except NotebookExit as end:
        result["exit_value"] = str(end)


def run_wheel(task: dict[str, Any]) -> None:
    package, name = task["package_name"], task["entry_point"]
    named = [f"--{key}={value}" for key, value in task["named_parameters"].items()]
    sys.argv = [name, *task["parameters"], *named]
    try:
        points = importlib.metadata.distribution(package).entry_points
    except importlib.metadata.PackageNotFoundError as error:
        raise RuntimeError(f"the package {package!r} is not installed: install it") from error
    found = [point for point in points if point.name == name]
    entry = found[0].load() if found else getattr(importlib.import_module(package), name, None)
    if entry is None:
        raise RuntimeError(f"the package {package!r} has no entry point {name!r}")
    entry()


def main() -> int:
    task = json.loads((FOLDER / "task.json").read_text(encoding="utf-8"))
    code: Any = 0
    try:
        (run_wheel if task["kind"] == "wheel" else run_notebook)(task)
    except SystemExit as end:
        code = end.code
        if code not in (None, 0):
            result["error"] = f"SystemExit: {code}"
    except BaseException as error:
        trace = error.__traceback__
        # The first lines are those of this file.
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        lines = traceback.format_exception(type(error), error, trace or error.__traceback__)
        result["error"] = "".join(traceback.format_exception_only(type(error), error)).strip()
        result["trace"] = "".join(lines)
        print(result["trace"], file=sys.stderr, end="")
        code = 1
    sys.stdout.flush()
    part = FOLDER / "result.part"
    part.write_text(json.dumps(result), encoding="utf-8")
    part.replace(FOLDER / "result.json")
    if isinstance(code, int):
        return code
    return 0 if code is None else 1


if __name__ == "__main__":
    sys.exit(main())
