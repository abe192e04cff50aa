"""Random operations on a store, and random filters and orders."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag

KEYS = ["loss", "val/loss", "a b", "Loss", "\u00fc"]
BAD_KEYS = ["", "/a", "../a", "a\nb", "a*b", "k" * 251]
TEXTS = ["x", "X", "", "y z", "100%", "a_b", "it's", "\u00fc", "1"]
NUMBERS = [0.0, 1.0, -1.5, 1e9, math.inf, -math.inf, math.nan, 0.1]
EXPERIMENTS = ["one", "One", "two/three", "two_three"]
PLACES = ["s3://own/%", "s3://q/%?a=b", "s3://own/1%/artifacts"]
MODELS = ["churn", "Churn", "cat.schema.model", "fraud"]
ALIASES = ["Champion", "champion", "challenger"]
STAGES = ["None", "Staging", "production", "Archived"]
VIEWS = [*[ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL] * 8, 99, None]


class Operations:
    """Draws random operations, and keeps the names of the things made so far."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.experiments: list[str] = ["default"]
        self.runs: list[str] = []
        self.models: list[str] = []
        self.time = 1_600_000_000_000
        # Everything ever deleted, and the experiment of each run and logged model.
        self.deleted: set[str] = set()
        self.home: dict[str, str] = {}
        # The source run of each logged model.
        self.sources: dict[str, str | None] = {}
        # The runs that logged to logged models, or have input datasets.
        self.binding: set[str] = set()

    def was_deleted(self, made: str) -> bool:
        """Returns whether a run or logged model, or its owner, was ever deleted."""
        if made in self.deleted or self.home.get(made) in self.deleted:
            return True
        source = self.sources.get(made)
        return source is not None and self.was_deleted(source)

    def pick(self, items: list[Any]) -> Any:
        return self.random.choice(items)

    def chance(self, part: float) -> bool:
        return self.random.random() < part

    def key(self) -> str:
        return str(self.pick(BAD_KEYS) if self.chance(0.03) else self.pick(KEYS))

    def later(self) -> int:
        self.time += 1 + self.random.randrange(5)
        return self.time

    def experiment(self) -> str:
        return str(
            self.pick(["12345", "abc"]) if self.chance(0.04) else self.pick(self.experiments)
        )

    def run(self) -> str:
        return str(
            self.pick(["no run", "0" * 32])
            if not self.runs or self.chance(0.04)
            else self.pick(self.runs)
        )

    def model(self) -> str:
        return str(
            self.pick(["m-none", "m-" + "0" * 32])
            if not self.models or self.chance(0.04)
            else self.pick(self.models)
        )

    def living_model(self) -> str | None:
        """Returns a logged model that was never deleted, or None."""
        return self._living(self.models)

    def living_run(self) -> str | None:
        """Returns a run that was never deleted, or None."""
        return self._living(self.runs)

    def _living(self, made: list[str]) -> str | None:
        living = [one for one in made if not self.was_deleted(one)]
        return self.pick(living) if living else None

    def metric(self) -> Metric:
        time = 1_600_000_000_000 + self.random.randrange(3)
        if self.chance(0.02):
            time = -1
        return Metric(self.key(), self.pick(NUMBERS), time, self.random.randrange(-1, 3))

    def model_metric(self, model: str) -> Metric:
        """Returns a value for a logged model with a unique key, time and step.

        SQL identifies a value by these and the run, we by the number as well. Steps grow with
        times, because SQL takes the latest one by time.
        """
        dataset, digest = self.pick([(None, None), ("train", "d1"), ("test", "d2")])
        time = self.later()
        return Metric(
            self.pick(["loss", "Loss"]),
            self.pick(NUMBERS),
            time,
            time - 1_600_000_000_005,
            model_id=model,
            dataset_name=dataset,
            dataset_digest=digest,
        )

    def tags(self, kind: type) -> list[Any]:
        return [kind(self.key(), self.pick(TEXTS)) for _ in range(self.random.randrange(3))]

    def dataset(self) -> DatasetInput:
        name, digest = self.pick(["train", "test"]), self.pick(["d1", "d2"])
        schema = self.pick([None, "{}"])
        dataset = Dataset(name, digest, "local", self.pick(TEXTS[:2]), schema, None)
        context = InputTag("mlflow.data.context", self.pick(["train", "eval"]))
        return DatasetInput(dataset, [context] if self.chance(0.8) else [])

    # Filters and orders.

    def comparison_of_text(self, field: str, *, lists: bool = False, lower: bool = False) -> str:
        operators = ["=", "!=", "LIKE", "ILIKE", *(["like"] if lower else [])]
        operator = self.pick(operators)
        if lists and self.chance(0.3):
            return f"{field} {self.pick(['IN', 'NOT IN'])} ('x', '{self.pick(['1', 'd1'])}')"
        text = self.pick([*TEXTS, "%", "a%", "_", "%n%", "FINISHED", "one"])
        quote = '"' if "'" in text else "'"
        return f"{field} {operator} {quote}{text}{quote}"

    def comparison_of_number(self, field: str) -> str:
        operator = self.pick(["=", "!=", "<", "<=", ">", ">="])
        return f"{field} {operator} {self.pick(['0', '1', '-1.5', '0.1', '1600000000010', '1e9'])}"

    def quoted(self) -> str:
        key = self.pick(KEYS)
        return str(self.pick([f"`{key}`", f'"{key}"']))

    def wrong(self) -> str:
        texts = ["metrics.a > 'x'", "params.a > 'x'", "elsewhere = 1", "a OR b", "(a = 1)", " "]
        return str(self.pick(texts))

    def joined(self, parts: list[str]) -> str:
        if self.chance(0.06):
            parts.append(self.wrong())
        return " AND ".join(parts)

    def run_filter(self) -> str:
        draws = [
            lambda: self.comparison_of_number(f"metrics.{self.quoted()}"),
            lambda: self.comparison_of_text(f"params.{self.quoted()}", lower=True),
            lambda: self.comparison_of_text(f"tags.{self.quoted()}"),
            lambda: f"params.{self.quoted()} IS {self.pick(['', 'NOT '])}NULL",
            lambda: f"tags.{self.quoted()} is {self.pick(['', 'not '])}null",
            lambda: self.comparison_of_text("status"),
            lambda: self.comparison_of_text("attributes.run_name"),
            lambda: self.comparison_of_text("user_id"),
            lambda: f"run_id {self.pick(['=', '!='])} '<<{self.run()}>>'",
            lambda: f"run_id IN ('<<{self.run()}>>', '<<{self.run()}>>')",
            lambda: f"run_id NOT IN ('<<{self.run()}>>')",
            lambda: f"artifact_uri {self.pick(['LIKE', 'ILIKE'])} '%<<{self.run()}>>/artifacts'",
            lambda: f"attr.artifact_uri {self.pick(['LIKE', '!='])} '{self.pick(PLACES)}'",
            lambda: f"artifact_uri = 's3://q/<<{self.run()}>>/artifacts?a=b'",
            lambda: self.comparison_of_number(self.pick(["start_time", "attr.end_time"])),
            lambda: self.comparison_of_text(
                f"datasets.{self.pick(['name', 'digest', 'context'])}", lists=True
            ),
        ]
        return self.joined([self.pick(draws)() for _ in range(self.random.randrange(4))])

    def run_order(self) -> list[str]:
        fields = [
            f"metrics.{self.quoted()}",
            f"params.{self.quoted()}",
            f"tags.{self.quoted()}",
            "status",
            "start_time",
            "end_time",
            "run_name",
            "user_id",
        ]
        return [
            f"{self.pick(fields)}{self.pick(['', ' ASC', ' DESC', ' desc'])}"
            for _ in range(self.random.randrange(3))
        ]

    def experiment_filter(self) -> str:
        draws = [
            lambda: self.comparison_of_text("name"),
            lambda: self.comparison_of_text(f"tags.{self.quoted()}"),
            lambda: f"tags.{self.quoted()} IS {self.pick(['', 'NOT '])}NULL",
            lambda: f"experiment_id {self.pick(['=', '!='])} '{self.pick(['0', '1'])}'",
            lambda: "creation_time > 5",
        ]
        return self.joined([self.pick(draws)() for _ in range(self.random.randrange(3))])

    def experiment_order(self) -> list[str]:
        fields = ["name", "experiment_id", "creation_time", "last_update_time"]
        return [
            f"{self.pick(fields)}{self.pick(['', ' ASC', ' DESC'])}"
            for _ in range(self.random.randrange(3))
        ]

    def model_filter(self) -> str:
        draws = [
            lambda: self.comparison_of_number(f"metrics.{self.pick(['loss', 'Loss'])}"),
            lambda: f"params.loss = '{self.pick(['x', 'X'])}'",
            lambda: f"tags.loss {self.pick(['=', '!=', 'LIKE'])} '{self.pick(['x', 'X', '%'])}'",
            lambda: f"name {self.pick(['=', '!=', 'ILIKE'])} '{self.pick(['small', 'LARGE'])}'",
            lambda: f"model_type = '{self.pick(['agent', 'tree'])}'",
            lambda: "creation_timestamp > 5",
            lambda: f"artifact_location LIKE '%<<{self.model()}>>/artifacts'",
            lambda: f"attributes.artifact_location LIKE '{self.pick(PLACES)}'",
            lambda: f"lifecycle_stage {self.pick(['=', '!='])} '{self.pick(['active', 'x'])}'",
            lambda: f"status_message {self.pick(['=', '!=', 'LIKE'])} '{self.pick(['x', '%'])}'",
            lambda: f"source_run_id = '{self.pick(['elsewhere/7', '42', f'<<{self.run()}>>'])}'",
        ]
        return self.joined([self.pick(draws)() for _ in range(self.random.randrange(3))])

    def registered_filter(self) -> str:
        draws = [
            lambda: self.comparison_of_text("name", lists=True),
            lambda: self.comparison_of_text(f"tags.{self.quoted()}"),
        ]
        return self.joined([self.pick(draws)() for _ in range(self.random.randrange(3))])

    def version_filter(self) -> str:
        draws = [
            lambda: f"name {self.pick(['=', '!=', 'LIKE'])} '{self.pick([*MODELS, 'c%'])}'",
            lambda: self.comparison_of_text("source_path"),
            lambda: f"run_id = '{self.pick(['elsewhere/7', '42', f'<<{self.run()}>>'])}'",
            lambda: f"version_number {self.pick(['=', '>', '<='])} {self.random.randrange(4)}",
            lambda: self.comparison_of_text(f"tags.{self.quoted()}"),
        ]
        return self.joined([self.pick(draws)() for _ in range(self.random.randrange(3))])

    def ordered(self, fields: list[str]) -> list[str]:
        return [
            f"{self.pick(fields)}{self.pick(['', ' ASC', ' DESC'])}"
            for _ in range(self.random.randrange(3))
        ]
