"""The description of a model: JSON in the file MLmodel."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class Model:
    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.flavors = {"python_function": {"loader_module": "own.module"}}

    @staticmethod
    def load(path: str) -> Model:
        return Model(json.loads((Path(path) / "MLmodel").read_text()))

    def get_input_schema(self) -> None:
        return None

    def describe(self) -> None:
        """Has the worker send the description that the facts have, in place of its own."""
        module, description = ModuleType("tracklite_native"), self.facts["description"]
        vars(module).update(UndescribedError=Exception, description=lambda *_: bytes(description))
        sys.modules[module.__name__] = module
        lean = importlib.import_module("tracklite_lean")
        vars(lean)["numeric_columns"] = lambda *_: [("x", "double")]
