"""Models that the server computes without Python: the same answers as those of scikit-learn."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NAMES = ["a", "b", "c", "d"]
# The server tries 8 requests both ways, and the first one shows that it is ready.
TRIALS = 7
# A value at which the odd model predicts something else than its tree.
ODD = 12345.0


def post(url: str, body: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def body_of(rows: Any) -> str:
    return json.dumps({"dataframe_split": {"columns": NAMES, "data": rows}})


class Endpoint:
    """An endpoint with native answers."""

    def __init__(self, url: str, path: Path, model: str) -> None:
        words = ["endpoints", "create", str(path), model, "-m", f"models:/{model}/1"]
        more = ["--native", "--workers", "1"]
        subprocess.run([os.environ["TRACKLITE_PROGRAM"], *words, *more], check=True)
        self.server, self.model = url, model
        self.url = f"{url}/serving-endpoints/{model}/invocations"
        deadline = time.monotonic() + 120
        while self.ask([[1.0, 2.0, 3.0, 4.0]])[0] != 200:
            assert time.monotonic() < deadline, path.with_suffix(".log").read_text()
            time.sleep(0.1)

    def ask(self, rows: Any) -> tuple[int, bytes]:
        return post(self.url, body_of(rows))

    def native(self) -> int:
        return self.counter("native_answer_count_total")

    def counter(self, name: str) -> int:
        with urllib.request.urlopen(f"{self.server}/metrics") as answer:
            text = answer.read().decode()
        found = re.search(f'^{name}{{[^}}]*"{self.model}"[^}}]*}} (\\d+)$', text, re.MULTILINE)
        assert found is not None, text
        return int(found[1])


def register(url: str, models: dict[str, Any], inputs: Any) -> None:
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    rows = pd.DataFrame(inputs, columns=NAMES)
    for name, model in models.items():
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(rows, model.predict(rows)),
            input_example=rows[:2],
            registered_model_name=name,
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )


def odd(inputs: Any, labels: Any) -> Any:
    """Returns a tree that predicts something else for one value."""
    from sklearn.tree import DecisionTreeClassifier

    model, tree = (DecisionTreeClassifier(max_depth=3).fit(inputs, labels) for _ in range(2))
    value = ODD

    def predict(rows: Any) -> Any:
        rows = rows.to_numpy() if hasattr(rows, "to_numpy") else rows
        return tree.predict(rows) + (rows == value).any()

    model.predict = predict
    return model


def drawn(random: np.random.Generator, kinds: list[float]) -> list[list[float]]:
    """Returns rows of numbers, with some of the given ones among them."""
    rows: list[list[float]] = (random.normal(size=(100, 4)) * 8).round(3).tolist()
    for row in rows:
        if random.random() < 0.5:
            row[random.integers(4)] = kinds[random.integers(len(kinds))]
    return rows


def test_native_answers_are_those_of_scikit_learn(url: str, path: Path) -> None:
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(7)
    # Thresholds are odd numbers, so that whole numbers are exactly on some of them.
    inputs = 2.0 * random.integers(-8, 8, size=(400, 4))
    score = inputs.sum(axis=1) + random.normal(size=400)
    labels = np.array(["low", "middle", "h\u00f6h"])[np.digitize(score, [-9, 9])]
    missing = np.where(random.random((400, 4)) < 0.1, np.nan, inputs)
    models = {
        "forest": RandomForestClassifier(30, random_state=0).fit(
            pd.DataFrame(missing, columns=NAMES), labels
        ),
        "linear": LogisticRegression().fit(pd.DataFrame(inputs, columns=NAMES), score > 0),
        "odd": odd(inputs, (score > 0).astype(int)),
    }
    register(url, models, inputs)

    usual = [-0.0, 0.0, 3.0, -5.0, 1e-300, 1e30, 16777217.0]
    for name, kinds in [("forest", [*usual, math.nan]), ("linear", usual)]:
        endpoint = Endpoint(url, path, name)
        for number in range(TRIALS):
            assert endpoint.native() == 0, "each trial is answered by the process of the model"
            assert endpoint.ask([[float(number), 2.5, 0.0, -0.0]])[0] == 200
        for _ in range(20):
            rows = drawn(random, kinds)
            status, answer = endpoint.ask(rows)
            found = models[name].predict(pd.DataFrame(rows, columns=NAMES))
            assert (status, answer.decode()) == (200, json.dumps({"predictions": found.tolist()}))
        given = endpoint.native()
        assert given >= 18, f"{name} gave {given} native answers"
        for value in [math.inf, "5", None, True, 2**60]:
            assert endpoint.ask([[1.0, 2.0, 3.0, value]])[0] in (200, 400)
        assert endpoint.native() == given, "the process of the model has the words for these"
        assert endpoint.counter("native_difference") == 0

    endpoint = Endpoint(url, path, "odd")
    assert endpoint.counter("native_difference") == 0
    assert endpoint.ask([[ODD, 0.0, 0.0, 0.0]])[0] == 200
    assert endpoint.counter("native_difference") == 1
    for number in range(2 * TRIALS):
        assert endpoint.ask([[float(number), 0.0, 0.0, 0.0]])[0] == 200
    assert endpoint.native() == 0
    assert "native answers of version 1 of" in path.with_suffix(".log").read_text()
