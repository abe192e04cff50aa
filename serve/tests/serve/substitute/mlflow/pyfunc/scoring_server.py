"""Reading requests and writing answers."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from mlflow.exceptions import MlflowException


class InvocationsResponse(NamedTuple):
    response: str
    status: int
    mimetype: str


def invocations(data: bytes, content: str, model: Any, schema: Any) -> InvocationsResponse:
    if content != "application/json":
        return InvocationsResponse(f"not {content}", 415, "text/plain")
    order = json.loads(data)
    if order == "refuse":
        raise MlflowException
    return InvocationsResponse(json.dumps(model.predict(order)), 200, "application/json")
