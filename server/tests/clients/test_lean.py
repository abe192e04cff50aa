"""The lean lane of served models, without a server: when it is used, and when not."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

COLUMNS = [("a", "double"), ("b", "double")]
SOURCES = Path(__file__).parents[3] / "serve" / "src"


@pytest.fixture
def lean(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SOURCES))
    return importlib.import_module("tracklite_lean")


def body(*rows: tuple[float, float]) -> bytes:
    return json.dumps({"dataframe_records": [{"a": a, "b": b} for a, b in rows]}).encode()


def total(rows: Any) -> Any:
    return rows.sum(axis=1)


def exact(*predictions: float) -> Any:
    return lambda: (
        200,
        "application/json",
        json.dumps({"predictions": list(predictions)}).encode(),
    )


def trusted(lean: ModuleType, predict: Any) -> Any:
    """Returns a lane whose first requests were answered both ways."""
    lane = lean.Lean(predict, COLUMNS)
    for number in range(lean.TRIALS):
        lane.answer(body((number, 1)), exact(float(predict(np.array([[number, 1.0]]))[0])))
    return lane


def test_a_lane_that_disagrees_is_not_used(lean: ModuleType) -> None:
    lane = lean.Lean(total, COLUMNS)
    other = exact(1e9)
    assert lane.answer(body((1, 2)), other) == other(), "the exact answer is given"
    assert not lane.agrees
    for _ in range(2 * lean.SAMPLE):
        assert lane.answer(body((1, 2)), other) == other()
    assert lane.answer_all([body((1, 2))] * 2) is None


def test_a_lane_that_agrees_is_used_and_found_out_later(lean: ModuleType) -> None:
    lane = trusted(lean, total)
    changed = exact(1e9)
    answers = [lane.answer(body((1, 2)), changed) for _ in range(lean.SAMPLE)]
    own = exact(3.0)()
    assert answers[0] == own and answers[-1] == changed()
    assert not lane.agrees and lane.answer(body((1, 2)), changed) == changed()


def test_joined_requests_get_their_own_rows(lean: ModuleType) -> None:
    lane = trusted(lean, total)
    bodies = [body((1, 2)), body((3, 4), (5, 6)), body((7, 8))]
    wanted = [exact(3.0)(), exact(7.0, 11.0)(), exact(15.0)()]
    for _ in range(2 * lean.JOINED_SAMPLE):
        assert lane.answer_all(bodies) in (wanted, None)
    assert lane.joins and lane.joined > lean.JOINED_SAMPLE


def test_requests_are_not_joined_before_they_are_trusted_or_if_one_is_bad(
    lean: ModuleType,
) -> None:
    assert lean.Lean(total, COLUMNS).answer_all([body((1, 2))] * 2) is None
    lane = trusted(lean, total)
    bad = json.dumps({"dataframe_records": [{"a": 1}]}).encode()
    assert lane.answer_all([body((1, 2)), bad]) is None
    assert lane.answer_all([body((1, 2)), b"{"]) is None
    assert lane.answer_all([body((1, 2))]) == [exact(3.0)()]


def test_a_model_whose_rows_depend_on_each_other_is_not_joined(lean: ModuleType) -> None:
    lane = trusted(lean, lambda rows: rows.sum(axis=1) / len(rows))
    assert lane.answer_all([body((1, 2)), body((3, 4))]) is None
    assert not lane.joins and lane.agrees
    assert lane.answer_all([body((1, 2))]) is None


@pytest.mark.parametrize("rows", [1, 3, 64, 65])
def test_direct_predictions_are_those_of_scikit_learn(lean: ModuleType, rows: int) -> None:
    from sklearn import ensemble, linear_model, tree

    random = np.random.default_rng(rows)
    # Thresholds are odd numbers, so that some of the rows below are exactly on them.
    inputs = 2.0 * random.integers(-8, 8, size=(500, 4))
    score = inputs.sum(axis=1) + random.normal(size=500)
    classes, number = np.array(["low", "middle", "high"])[np.digitize(score, [-9, 9])], 0
    direct = importlib.import_module("tracklite_direct").direct
    for model, target in [
        (ensemble.RandomForestClassifier(20, random_state=0), classes),
        (ensemble.RandomForestClassifier(20, random_state=0), score > 0),
        (ensemble.RandomForestRegressor(20, random_state=0), score),
        (ensemble.ExtraTreesClassifier(20, random_state=0), classes),
        (ensemble.ExtraTreesRegressor(20, random_state=0), score),
        (tree.DecisionTreeClassifier(random_state=0), classes),
        (tree.DecisionTreeRegressor(max_depth=3), score),
        (linear_model.LogisticRegression(), classes),
        (linear_model.LogisticRegression(), score > 0),
        (linear_model.LinearRegression(), score),
        (linear_model.Ridge(), score),
    ]:
        model.fit(inputs, target)
        found = direct(model, 4, model.predict)
        assert found is not None, model
        for _ in range(20):
            asked = random.integers(-16, 16, size=(rows, 4)).astype(float)
            assert found(asked).tolist() == model.predict(asked).tolist(), model
            number += 1
        assert direct(model, 3, model.predict) is None
    assert number == 220


def test_numbers_that_scikit_learn_refuses_are_left_to_it(lean: ModuleType) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    inputs = np.arange(40.0).reshape(10, 4)
    direct = importlib.import_module("tracklite_direct").direct
    for model in [RandomForestClassifier(3), LogisticRegression()]:
        model.fit(inputs, [0, 1] * 5)
        found = direct(model, 4, model.predict)
        for bad in [np.nan, np.inf] + ([1e300] if hasattr(model, "estimators_") else []):
            row = np.array([[1.0, 2.0, 3.0, bad]])
            try:
                wanted = model.predict(row).tolist()
            except ValueError:
                with pytest.raises(ValueError):
                    found(row)
            else:
                assert found(row).tolist() == wanted


def test_other_models_have_no_direct_prediction(lean: ModuleType) -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.svm import SVC

    direct = importlib.import_module("tracklite_direct").direct
    inputs = np.arange(40.0).reshape(10, 4)
    several = RandomForestRegressor(3).fit(inputs, inputs[:, :2])
    assert direct(several, 4, several.predict) is None
    vectors = SVC().fit(inputs, [0, 1] * 5)
    assert direct(vectors, 4, vectors.predict) is None
    assert direct(object(), 4, print) is None
    assert "tracklite_direct" in sys.modules
