"""Frozen values for endpoints and jobs. Import them from `tracklite` or `tracklite.entities`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that an endpoint serves, and how. It is an argument of `Endpoints.create`.

    `address` is a version or an alias, such as "models:/churn/3" or "models:/churn@champion". An
    alias is followed. `name` is the name within the endpoint. A `shadow` gets a copy of each
    request. With `environment="model"`, it runs in a Python environment with the requirements of
    its version. The file has the `variables` of its processes, so they are not for secrets. In the
    `lane` "exact", requests are always read as MLflow's own server does. In "native", the server
    predicts without Python, where it knows the model and returns the same answers.
    """

    address: str
    name: str | None = None
    size: Literal["Small", "Medium", "Large"] = "Small"
    scale_to_zero: bool = False
    shadow: bool = False
    environment: Literal["server", "model"] = "server"
    variables: dict[str, str] = field(default_factory=dict)
    lane: Literal["auto", "exact", "native"] = "auto"


@dataclass(frozen=True, slots=True)
class ServedEntity:
    """A served model of a configuration: a version of the registry.

    `percent` is its share of the requests, and `alias` the alias that is followed.
    """

    name: str
    model: str
    version: int
    alias: str | None
    percent: int
    size: str
    scale_to_zero: bool
    shadow: bool
    environment: str
    variables: dict[str, str]
    lane: str


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """A configuration of an endpoint, which never changes.

    `followed` is whether a server made it because an alias moved. `waiting` is how many requests
    may wait for each model. 0 `workers` mean a number by size and cores.
    """

    number: int
    author: str
    created: datetime
    followed: bool
    models: list[ServedEntity]
    timeout: timedelta
    waiting: int
    workers: int
    idle: timedelta


@dataclass(frozen=True, slots=True)
class EndpointInfo:
    """An endpoint. `active` answers requests, and a server loads `pending`.

    `failure` is the reason why the last update failed. `grants` are the levels of users by name.
    `request_table` is the stored table of its requests, if they are written.
    """

    id: str
    name: str
    creator: str
    created: datetime
    author: str
    updated: datetime
    revision: int
    description: str | None
    tags: dict[str, str]
    active: EndpointConfig | None
    pending: EndpointConfig | None
    failure: str | None
    grants: dict[str, Literal["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"]]
    request_table: str | None


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job. `settings` are in the words of Databricks. `last_fire` is a nominal time."""

    id: int
    name: str
    settings: dict[str, Any]
    paused: bool
    creator: str
    created: datetime
    author: str
    updated: datetime
    revision: int
    last_fire: datetime | None
    grants: dict[str, Literal["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"]]


@dataclass(frozen=True, slots=True)
class JobAttempt:
    """An attempt at a task. Without a `result`, it has not ended.

    `number` is the number of attempts before it. `values` are those that later tasks may use.
    """

    id: int
    task: str
    number: int
    started: datetime | None
    ended: datetime | None
    result: str | None
    message: str
    exit: int | None
    exit_value: str | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobRunInfo:
    """A run of a job. Without a `result`, it has not ended.

    `number` counts the runs of the job. `trigger` is the reason, such as "PERIODIC", and `nominal`
    the time at which the schedule fired.
    """

    id: int
    job: int | None
    number: int
    trigger: str
    nominal: datetime | None
    parameters: dict[str, Any]
    author: str
    created: datetime
    started: datetime | None
    ended: datetime | None
    result: str | None
    message: str
    attempts: list[JobAttempt]


@dataclass(frozen=True, slots=True)
class CronFires:
    """A cron expression in words, and its next fires in order."""

    expression: str
    zone: str
    text: str
    fires: list[datetime]
