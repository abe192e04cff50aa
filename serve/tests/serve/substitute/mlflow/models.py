"""The description of a model: JSON in the file MLmodel."""

from __future__ import annotations

import json
from pathlib import Path
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
