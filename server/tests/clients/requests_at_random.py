"""Random requests to MLflow's REST API: mostly valid ones, and some that are wrong on purpose."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

BASE = "/api/2.0/mlflow"

KEYS = ["acc", "loss", "a/b", "a b", "x.y", "é"]
WRONG_KEYS = ["", "..", "/a", "a//b", "a#b", "k" * 251]
VALUES = ["", "1", "v", "long " * 10, "ü", "'quoted'", '"']
NUMBERS: list[Any] = [0, 1, -1.5, 0.1, 1e300, "NaN", "3"]
WRONG_NUMBERS: list[Any] = ["x", None]
STEPS_OF_METRICS: list[Any] = [0, 1, 2, -3, 10**12, "4", 1.0]
FILTERS = [
    "",
    "metrics.acc > 0",
    "metrics.acc >= 0.1 AND params.p = '1'",
    "params.p LIKE '%1%'",
    "params.p ILIKE 'V'",
    "tags.t != 'v'",
    "tags.t IS NULL",
    "tags.t IS NOT NULL",
    "attributes.status = 'RUNNING'",
    "attributes.run_name LIKE 'r%'",
    "run_id IN ('x')",
    "start_time > 0",
    "metrics.`a b` > 0",
]
WRONG_FILTERS = [
    "metrics.acc = 'x'",
    "params.p = 1",
    "nonsense",
    "metrics.acc >",
    "foo.bar = 'x'",
    "metrics.acc > 0 OR metrics.acc < 1",
]
ORDERS: list[list[str]] = [
    [],
    ["metrics.acc DESC"],
    ["metrics.acc ASC", "params.p"],
    ["attributes.start_time DESC"],
    ["run_name"],
]
WRONG_ORDERS: list[list[str]] = [
    ["foo.bar"],
    ["metrics.acc DESC DESC"],
    ["metrics.acc", "metrics.acc"],
]


@dataclass
class Step:
    """One request. `creates` names the new thing, and where its id is in the answer."""

    method: str
    path: str
    body: dict[str, Any]
    creates: tuple[str, str] | None = None


class Plan:
    """A sequence of random requests. Things are named `<run-1>` until both servers know them."""

    def __init__(self, chance: random.Random, prefix: str) -> None:
        self.chance = chance
        self.prefix = prefix
        self.experiments: list[str] = []
        self.runs: list[str] = []
        self.models: list[str] = []
        self.registered: list[str] = []
        self.count = 0
        self.may_err = False

    def next(self) -> Step:
        """Returns the next request, which has at most one mistake."""
        self.may_err = self.chance.random() < 0.4
        if not self.experiments:
            return self.create_experiment()
        if len(self.runs) < 2:
            return self.create_run()
        makers, weights = zip(*self._makers(), strict=True)
        step: Step = self.chance.choices(makers, weights)[0]()
        return step

    def exists(self, name: str) -> None:
        """Remembers that both servers know a thing."""
        kind = name.split("-")[0]
        {"exp": self.experiments, "run": self.runs, "mod": self.models}[kind].append(name)

    def _makers(self) -> list[tuple[Callable[[], Step], int]]:
        return [
            (self.create_experiment, 2),
            (self.experiment_call, 5),
            (self.search_experiments, 3),
            (self.create_run, 5),
            (self.run_call, 6),
            (self.log_metric, 8),
            (self.log_text, 8),
            (self.log_batch, 6),
            (self.search_runs, 12),
            (self.history, 5),
            (self.log_inputs, 2),
            (self.create_model, 3),
            (self.model_call, 5),
            (self.search_models, 4),
            (self.create_registered, 2),
            (self.registered_call, 5),
            (self.create_version, 3),
            (self.version_call, 5),
        ]

    def _new(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.prefix}-{self.count}"

    def _pick(self, good: Sequence[Any], wrong: Sequence[Any]) -> Any:
        """Picks a good value, or a wrong one if the request has no mistake yet."""
        if self.may_err and self.chance.random() < 0.3:
            self.may_err = False
            return self.chance.choice(wrong)
        return self.chance.choice(good)

    def _one(self, known: list[str], wrong: list[str]) -> str:
        names = [f"<{name}>" for name in known]
        return str(self._pick(names, wrong) if names else self.chance.choice(wrong))

    def _experiment(self) -> str:
        return self._one(self.experiments, ["99999", "x", ""])

    def _run(self) -> str:
        return self._one(self.runs, ["0" * 32, "nope", ""])

    def _pairs(self) -> list[dict[str, Any]]:
        keys = self.chance.sample(["t", "u", "p", "q r"], self.chance.randrange(3))
        return [{"key": key, "value": self.chance.choice(VALUES)} for key in keys]

    def create_experiment(self) -> Step:
        name = self._new("exp")
        shown = self._pick([f"/Shared/{name}"], ["", "n" * 501])
        body = {"name": shown, "tags": self._pairs()}
        return Step("POST", f"{BASE}/experiments/create", body, (name, "experiment_id"))

    def experiment_call(self) -> Step:
        body: dict[str, Any] = {"experiment_id": self._experiment()}
        choice = self.chance.randrange(7)
        if choice == 0:
            return Step("GET", f"{BASE}/experiments/get", body)
        if choice == 1:
            name = f"/Shared/{self._new('exp')}"
            return Step("POST", f"{BASE}/experiments/update", {**body, "new_name": name})
        if choice == 2:
            name = self.chance.choice(["nope", f"/Shared/exp-{self.prefix}-1"])
            return Step("GET", f"{BASE}/experiments/get-by-name", {"experiment_name": name})
        if choice == 3 and self.chance.random() < 0.3:
            return Step("POST", f"{BASE}/experiments/delete", body)
        if choice == 4:
            return Step("POST", f"{BASE}/experiments/restore", body)
        key = self._pick(KEYS, WRONG_KEYS)
        if choice == 5:
            return Step("POST", f"{BASE}/experiments/delete-experiment-tag", {**body, "key": key})
        tag = {**body, "key": key, "value": self.chance.choice(VALUES)}
        return Step("POST", f"{BASE}/experiments/set-experiment-tag", tag)

    def search_experiments(self) -> Step:
        # Other seeds have used the other server before, so only names of this one are compared.
        own = f"name LIKE '/Shared/exp-{self.prefix}-%'"
        more = self._pick(["", " AND tags.t = 'v'", " AND creation_time > 0"], [" AND x = 1"])
        body = {
            "max_results": self._pick([1, 5, 100], [0, 50001]),
            "filter": own + more,
            "order_by": self._pick([["name"], ["name DESC"], ["experiment_id"]], [["x"]]),
            "view_type": self.chance.choice(["ACTIVE_ONLY", "ALL", "DELETED_ONLY"]),
        }
        return Step("POST", f"{BASE}/experiments/search", body)

    def create_run(self) -> Step:
        name = self._new("run")
        body = {
            "experiment_id": self._experiment(),
            "user_id": "u",
            "start_time": self.chance.randrange(1, 10**6),
            "run_name": f"r{self.count}",
            "tags": self._pairs(),
        }
        return Step("POST", f"{BASE}/runs/create", body, (name, "run.info.run_id"))

    def run_call(self) -> Step:
        body: dict[str, Any] = {"run_id": self._run()}
        choice = self.chance.randrange(5)
        if choice == 0:
            return Step("GET", f"{BASE}/runs/get", body)
        if choice == 1 and self.chance.random() < 0.3:
            return Step("POST", f"{BASE}/runs/delete", body)
        if choice == 2:
            return Step("POST", f"{BASE}/runs/restore", body)
        update = {
            "status": self.chance.choice(["FINISHED", "FAILED", "RUNNING", "KILLED"]),
            "end_time": self.chance.randrange(10**6, 2 * 10**6),
            "run_name": self.chance.choice(["", "renamed"]),
        }
        return Step("POST", f"{BASE}/runs/update", {**body, **update})

    def _metric(self, wrong: Sequence[Any]) -> dict[str, Any]:
        return {
            "key": self._pick(KEYS, WRONG_KEYS),
            "value": self._pick(NUMBERS, wrong),
            "timestamp": self._pick([1, 2, "5", 10**9], [-1, None]),
            "step": self.chance.choice(STEPS_OF_METRICS),
        }

    def log_metric(self) -> Step:
        return Step("POST", f"{BASE}/runs/log-metric", {"run_id": self._run(), **self._metric(WRONG_NUMBERS)})

    def log_text(self) -> Step:
        path = self.chance.choice(["log-parameter", "set-tag", "delete-tag"])
        body = {"run_id": self._run(), "key": self._pick(["p", "q", "t", *KEYS], WRONG_KEYS)}
        if path != "delete-tag":
            body["value"] = self.chance.choice(VALUES)
        return Step("POST", f"{BASE}/runs/{path}", body)

    def log_batch(self) -> Step:
        count = self._pick([0, 1, 3], [1001])
        body = {
            "run_id": self._run(),
            # Here MLflow accepts numbers of the wrong type, and silently drops them.
            "metrics": [self._metric([None]) for _ in range(count)],
            "params": self._pairs(),
            "tags": self._pairs(),
        }
        return Step("POST", f"{BASE}/runs/log-batch", body)

    def search_runs(self) -> Step:
        body = {
            "experiment_ids": [self._experiment()],
            "filter": self._pick(FILTERS, WRONG_FILTERS),
            "order_by": self._pick(ORDERS, WRONG_ORDERS),
            "max_results": self._pick([1, 3, 100], [0, 50001]),
            "run_view_type": self.chance.choice(["ACTIVE_ONLY", "ALL", "DELETED_ONLY"]),
        }
        return Step("POST", f"{BASE}/runs/search", body)

    def history(self) -> Step:
        key = self.chance.choice(["acc", "loss", "none"])
        if self.chance.random() < 0.5:
            body: dict[str, Any] = {"run_id": self._run(), "metric_key": key}
            if self.chance.random() < 0.5:
                body["max_results"] = self._pick([1, 2, 100], [0, -1])
            return Step("GET", f"{BASE}/metrics/get-history", body)
        body = {
            "run_ids": [self._run(), self._run()],
            "metric_key": key,
            "max_results": self._pick([1, 2, 3, 100], [0, 2501]),
        }
        if self.chance.random() < 0.4:
            body.update(start_step=self.chance.choice([0, 2]), end_step=self.chance.choice([1, 9]))
        return Step("GET", f"{BASE}/metrics/get-history-bulk-interval", body)

    def log_inputs(self) -> Step:
        dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "s"}
        tags = [{"key": "mlflow.data.context", "value": "train"}]
        body = {"run_id": self._run(), "datasets": [{"dataset": dataset, "tags": tags}]}
        return Step("POST", f"{BASE}/runs/log-inputs", body)

    def create_model(self) -> Step:
        name = self._new("mod")
        body = {
            "experiment_id": self._experiment(),
            "name": self._pick([f"m{self.count}", "model"], ["bad/name"]),
            "model_type": "t",
            "source_run_id": self._run(),
            "params": self._pairs(),
            "tags": self._pairs(),
        }
        return Step("POST", f"{BASE}/logged-models", body, (name, "model.info.model_id"))

    def model_call(self) -> Step:
        model = self._one(self.models, ["m-nope"])
        path = f"{BASE}/logged-models/{model}"
        choice = self.chance.randrange(5)
        if choice == 0:
            status = self.chance.choice([2, "LOGGED_MODEL_READY", 3])
            return Step("PATCH", path, {"model_id": model, "status": status})
        if choice == 1 and self.chance.random() < 0.3:
            return Step("DELETE", path, {})
        if choice == 2:
            return Step("PATCH", f"{path}/tags", {"tags": self._pairs()})
        if choice == 3:
            return Step("DELETE", f"{path}/tags/{self.chance.choice('tu')}", {})
        return Step("GET", path, {})

    def search_models(self) -> Step:
        filters = ["", "name = 'model'", "params.p = '1'", "tags.t = 'v'", "name LIKE 'm%'"]
        body = {
            "experiment_ids": [self._experiment()],
            "filter": self._pick(filters, ["x ="]),
            "max_results": self.chance.choice([1, 10]),
            "order_by": self.chance.choice([[], [{"field_name": "name", "ascending": False}]]),
        }
        return Step("POST", f"{BASE}/logged-models/search", body)

    def _name(self) -> str:
        return str(self._pick(self.registered, ["none"])) if self.registered else "none"

    def create_registered(self) -> Step:
        name = self._new("reg")
        wrong = [*self.registered[:1], "a/b", ""]
        picked = str(self._pick([name], wrong))
        if picked == name:
            self.registered.append(name)
        name = picked
        body = {"name": name, "tags": self._pairs(), "description": "d"}
        return Step("POST", f"{BASE}/registered-models/create", body)

    def registered_call(self) -> Step:
        body: dict[str, Any] = {"name": self._name()}
        base = f"{BASE}/registered-models"
        choice = self.chance.randrange(7)
        if choice == 0:
            return Step("PATCH", f"{base}/update", {**body, "description": "new"})
        if choice == 1:
            alias = self._pick(["champion", "other"], ["latest", "v1", "a b", ""])
            version = self._pick(["1", "2"], ["99", "x"])
            return Step("POST", f"{base}/alias", {**body, "alias": alias, "version": version})
        if choice == 2:
            return Step("GET", f"{base}/alias", {**body, "alias": "champion"})
        if choice == 3:
            return Step("POST", f"{base}/set-tag", {**body, "key": "k", "value": "v"})
        if choice == 4:
            return Step("DELETE", f"{base}/delete-tag", {**body, "key": "k"})
        if choice == 5:
            own = f"name LIKE 'reg-{self.prefix}-%'"
            return Step("GET", f"{base}/search", {"filter": own, "max_results": 20})
        return Step("GET", f"{base}/get", body)

    def create_version(self) -> Step:
        body = {
            "name": self._name(),
            "source": self._pick(["s3://bucket/model"], ["models:/m-nope", ""]),
            "run_id": self.chance.choice(["any text", "0" * 32, ""]),
            "tags": self._pairs(),
            "description": "d",
        }
        return Step("POST", f"{BASE}/model-versions/create", body)

    def version_call(self) -> Step:
        version = self._pick(["1", "1", "2"], ["x"])
        body: dict[str, Any] = {"name": self._name(), "version": version}
        base = f"{BASE}/model-versions"
        choice = self.chance.randrange(7)
        if choice == 0:
            return Step("PATCH", f"{base}/update", {**body, "description": "new"})
        if choice == 1:
            return Step("POST", f"{base}/set-tag", {**body, "key": "k", "value": "v"})
        if choice == 2:
            stage = self._pick(["Staging", "production"], ["Nope"])
            more = {"stage": stage, "archive_existing_versions": self.chance.random() < 0.5}
            return Step("POST", f"{base}/transition-stage", {**body, **more})
        if choice == 3:
            own = f"name LIKE 'reg-{self.prefix}-%'"
            return Step("GET", f"{base}/search", {"filter": own, "max_results": 50})
        if choice == 4 and self.chance.random() < 0.3:
            return Step("DELETE", f"{base}/delete", body)
        if choice == 5:
            return Step("GET", f"{base}/get-download-uri", body)
        return Step("GET", f"{base}/get", body)
