"""Endpoints: what the file states for servers to serve."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest
import tracklite
from tracklite import ServedModel
from tracklite.exceptions import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    InvalidStateError,
    NotFoundError,
)


# The owners of rights of all kinds.
GRANTS: dict[str, Literal["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"]] = {
    "ana": "CAN_MANAGE",
    "users": "CAN_QUERY",
    "group:ml": "CAN_VIEW",
    "service:etl": "CAN_QUERY",
}


@pytest.fixture
def endpoints(database: tracklite.Database) -> tracklite.Endpoints:
    """The endpoints of a file with two versions of a model, the first of which is the champion."""
    churn = database.registry().create_model("churn")
    for number in (1, 2):
        churn.create_version(f"s3://models/churn/{number}")
    churn.set_alias("champion", 1)
    return database.endpoints()


def test_an_endpoint_is_created_listed_and_deleted(endpoints: tracklite.Endpoints) -> None:
    made = endpoints.create(
        "churn",
        "models:/churn@champion",
        timeout=2.5,
        idle=600,
        workers=3,
        description="Who leaves",
        tags={"team": "growth", "tier": 1},
        grants=GRANTS,
    )
    assert (made.revision, made.active, made.failure) == (1, None, None)
    assert made.tags == {"team": "growth", "tier": "1"}
    assert made.grants == GRANTS
    assert made.pending is not None
    assert made.pending.timeout == timedelta(seconds=2.5)
    assert (made.pending.workers, made.pending.idle) == (3, timedelta(minutes=10))
    (model,) = made.pending.models
    assert (model.name, model.model, model.version) == ("churn-champion", "churn", 1)
    assert (model.alias, model.percent, model.environment) == ("champion", 100, "server")
    assert endpoints.get("churn") == made
    assert [found.name for found in endpoints.list()] == ["churn"]
    with pytest.raises(AlreadyExistsError):
        endpoints.create("churn", "models:/churn/1")
    with pytest.raises(ConflictError, match="revision"):
        endpoints.delete("churn", expects=7)
    endpoints.delete("churn", expects=1)
    with pytest.raises(NotFoundError):
        endpoints.get("churn")
    # Rights are written as they are read.
    assert endpoints.create("again", "models:/churn/1", grants=made.grants).grants == GRANTS


def test_served_models_keep_all_their_fields(endpoints: tracklite.Endpoints) -> None:
    old = ServedModel("models:/churn/1", name="old", size="Large", scale_to_zero=True, lane="native")
    new = ServedModel(
        "models:/churn/2", name="new", environment="model", variables={"REGION": "eu"}
    )
    copy = ServedModel("models:/churn/2", name="copy", shadow=True)
    made = endpoints.create("churn", [old, new, copy], routes={"old": 90, "new": 10})
    assert made.pending is not None
    first, second, third = made.pending.models
    assert (first.percent, first.size, first.scale_to_zero, first.lane) == (90, "Large", True, "native")
    assert (second.percent, second.environment, second.shadow) == (10, "model", False)
    assert second.variables == {"REGION": "eu"}
    assert (third.percent, third.shadow, third.environment) == (0, True, "server")
    with pytest.raises(ConflictError, match="is being updated"):
        endpoints.update("churn", "models:/churn/2")


def test_settings_hold_at_once(endpoints: tracklite.Endpoints) -> None:
    endpoints.create("churn", "models:/churn/1", tags={"team": "growth"})
    changed = endpoints.set(
        "churn", description="Who leaves", tags={"team": None, "tier": "2"}, expects=1
    )
    assert (changed.description, changed.tags) == ("Who leaves", {"tier": "2"})
    assert changed.request_table is None
    with pytest.raises(InvalidStateError, match="are not written"):
        endpoints.requests("churn")
    changed = endpoints.set("churn", capture="ml.production", sample=10)
    assert changed.request_table == "ml.production.churn_payload"
    assert changed.description == "Who leaves"
    with pytest.raises(ConflictError):
        endpoints.set("churn", description="", expects=1)


def test_requests_are_a_table(
    database: tracklite.Database, endpoints: tracklite.Endpoints
) -> None:
    endpoints.create("churn", "models:/churn/1", capture="ml.production.asked")
    columns = {"request_time": "timestamp", "endpoint_name": "string", "status_code": "int"}
    table = database.create_table("ml.production.asked_payload", columns)
    rows = {"request_time": [1, 2], "endpoint_name": ["churn", "other"], "status_code": [200, 400]}
    arrow = pytest.importorskip("pyarrow")
    table.append(
        arrow.table({**rows, "request_time": arrow.array([1, 2], arrow.timestamp("ns", "UTC"))})
    )
    assert endpoints.requests("churn")["status_code"] == [200]
    assert endpoints.requests("churn", from_time=2).rows() == []
    assert endpoints.requests("churn", until=1).to_arrow().num_rows == 1


def test_bad_endpoints_are_refused(endpoints: tracklite.Endpoints) -> None:
    both = ["models:/churn/1", "models:/churn/2"]
    for models, routes, words in (
        ("churn", None, "invalid model address"),
        ([], None, "0 served models"),
        (both, None, "without routes"),
        (both, {"churn-1": 50, "churn-2": 49}, "sum to 99"),
        (both, {"churn-1": -1, "churn-2": 101}, "is -1"),
        (ServedModel("models:/churn/1", size="Huge"), None, "Small, Medium or Large"),  # type: ignore[arg-type]
        (ServedModel("models:/churn/1", environment="mine"), None, "model"),  # type: ignore[arg-type]
        (ServedModel("models:/churn/1", lane="fast"), None, "exact or native"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidInputError, match=words):
            endpoints.create("bad", models, routes=routes)
    for wrong in (5, [5], ServedModel("models:/churn/1", name=5)):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            endpoints.create("bad", wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="CAN_QUERY"):
        endpoints.create("bad", "models:/churn/1", grants={"ana": "OWNER"})  # type: ignore[dict-item]
    with pytest.raises(InvalidInputError, match=r"catalog\.schema"):
        endpoints.create("bad", "models:/churn/1", capture="ml")
    with pytest.raises(InvalidInputError, match="without capture"):
        endpoints.create("bad", "models:/churn/1", sample=10)
    with pytest.raises(InvalidInputError, match="timeout"):
        endpoints.create("bad", "models:/churn/1", timeout=-1)
    assert endpoints.list() == []
