"""Descriptions of models as plain arrays, from which the server predicts without Python.

A description has no code. It has the trees or the coefficients of a model of scikit-learn, and rows
with the model's own predictions, which the server compares with its own before it uses the rest.
Each array is the length of its name, the name, the number of its bytes, and these.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from typing import Any

from tracklite_direct import FORESTS, REGRESSORS, TREES
from tracklite_lean import NUMBERS

# How many rows are sent with the model's own predictions.
SAMPLES = 96
# Sums of several threads differ by less than this.
THREADED_MARGIN = 1e-9
LEAF = 2**32 - 1
# The values that are tried beside the thresholds of a model.
USUAL = (0.0, -0.0, 1.0, -1.0, 0.1, 17.0, -250.5, 1e6)

Arrays = dict[str, Any]


class UndescribedError(Exception):
    """The reason why a model has no description."""


def description(
    model: Any, columns: list[tuple[str, str]], examples: list[tuple[str, str]]
) -> bytes:
    """Returns the description of a loaded model whose signature has these numeric columns."""
    import numpy

    wrapper = model._model_impl
    own: Any = getattr(wrapper, "sklearn_model", None)
    if type(wrapper).__module__ != "mlflow.sklearn" or not is_of_sklearn(own):
        raise UndescribedError(f"it is a model of {type(own or wrapper).__module__}")
    if getattr(model._predict_fn, "__name__", "") != "predict":
        raise UndescribedError("it is not asked for predictions")
    names = getattr(own, "feature_names_in_", None)
    if names is not None and list(names) != [name for name, _ in columns]:
        raise UndescribedError("its columns are not those of the signature")
    if own.n_features_in_ != len(columns):
        raise UndescribedError("it has another number of columns than the signature")
    kind = numpy.result_type(*[NUMBERS[kind] for _, kind in columns])
    head, arrays = {}, {}
    final = own
    if type(own).__name__ == "Pipeline":
        final = own.steps[-1][1]
        arrays.update(scaled([step for _, step in own.steps[:-1]], kind))
    described = of_estimator(final, len(columns))
    head.update(described.pop("head"))
    arrays.update(described)
    head.update(columns=columns, is_single=bool(kind == numpy.float32), examples=examples)
    add_samples(head, arrays, own.predict, [kind for _, kind in columns])
    return b"".join(
        [
            written("head", json.dumps(head).encode()),
            *(written(name, numbers.tobytes()) for name, numbers in arrays.items()),
        ]
    )


def written(name: str, data: bytes) -> bytes:
    return struct.pack("<B", len(name)) + name.encode() + struct.pack("<Q", len(data)) + data


def is_of_sklearn(model: Any) -> bool:
    return type(model).__module__.startswith("sklearn.")


def scaled(steps: list[Any], kind: Any) -> Arrays:
    """Returns the arrays of the steps of a pipeline before its last one."""
    steps = [step for step in steps if step not in (None, "passthrough")]
    if len(steps) > 1 or any(type(step).__name__ != "StandardScaler" for step in steps):
        names = ", ".join(type(step).__name__ for step in steps)
        raise UndescribedError(f"it has other steps than one StandardScaler: {names}")
    found = {}
    for step in steps:
        # The scaler computes with the type of the rows.
        used = "float32" if str(kind) == "float32" else "float64"
        if step.with_mean:
            found["means"] = step.mean_.astype(used).astype("float64")
        if step.with_std:
            found["deviations"] = step.scale_.astype(used).astype("float64")
    return found


def of_estimator(model: Any, columns: int) -> Arrays:
    """Returns the head and the arrays of a fitted model."""
    name = type(model).__name__
    if not is_of_sklearn(model) or getattr(model, "n_features_in_", None) != columns:
        raise UndescribedError(f"its last step is of {type(model).__module__}")
    if name == "LogisticRegression" or name in REGRESSORS:
        return of_linear(model)
    family = name.removesuffix("Classifier").removesuffix("Regressor")
    if family in ("GradientBoosting", "HistGradientBoosting") and family != name:
        return of_boosting(model) if family == "GradientBoosting" else of_histograms(model)
    if family in TREES and family != name:
        return of_forest(model, family)
    raise UndescribedError(f"{name} is not known")


def decision(model: Any, rule: str, margin: float = 0.0) -> Arrays:
    """Returns how the predictions follow from the scores, as parts of a description."""
    import numpy

    classes = getattr(model, "classes_", None)
    if classes is None:
        return {"head": {"decision": "number", "labels": []}}
    if getattr(classes, "ndim", 1) != 1 or isinstance(classes, list):
        raise UndescribedError("it predicts several labels at once")
    labels = [json.dumps(label) for label in classes.tolist()]
    if len(labels) < 2:
        raise UndescribedError("it has only one label")
    rule = "highest" if len(labels) > 2 else rule
    return {"head": {"decision": rule, "labels": labels}, "margin": numpy.array([margin])}


def of_linear(model: Any) -> Arrays:
    import numpy

    is_regressor = not hasattr(model, "classes_")
    if is_regressor and model.coef_.ndim != 1:
        raise UndescribedError("it predicts several numbers at once")
    found = decision(model, "positive")
    coefficients = numpy.atleast_2d(model.coef_)
    intercepts = numpy.zeros(len(coefficients)) + model.intercept_
    if coefficients.dtype != numpy.float64 or intercepts.dtype != numpy.float64:
        raise UndescribedError("its coefficients are not floats of 64 bits")
    found["head"]["scores"] = "linear"
    return {**found, "coefficients": coefficients, "intercepts": intercepts}


def of_forest(model: Any, family: str) -> Arrays:
    import numpy

    if model.n_outputs_ != 1:
        raise UndescribedError("it predicts several values at once")
    is_forest = family in FORESTS
    estimators = model.estimators_ if is_forest else [model]
    # Several threads add the trees up in the order in which they end.
    is_threaded = is_forest and model.n_jobs not in (None, 1)
    is_regressor = not hasattr(model, "classes_")
    if is_threaded and is_regressor:
        raise UndescribedError("several threads add its trees up: set n_jobs to 1")
    found = decision(model, "highest", THREADED_MARGIN if is_threaded else 0.0)
    found["head"].update(scores="trees", is_rounded=True)
    found.update(nodes([of_tree(one.tree_) for one in estimators]))
    width = 1 if is_regressor else len(model.classes_)
    factors = numpy.array([1.0, float(len(estimators))])
    return {**found, "start": numpy.zeros(width), "factors": factors}


def of_boosting(model: Any) -> Arrays:
    import numpy

    if model.init_ != "zero" and not type(model.init_).__name__.startswith("Dummy"):
        raise UndescribedError("its first estimator is a model of its own")
    row = numpy.zeros((1, model.n_features_in_), dtype=numpy.float32)
    start = numpy.asarray(model._raw_predict_init(row), dtype=numpy.float64).reshape(-1)
    found = decision(model, "not_negative")
    found["head"].update(scores="trees", is_rounded=True, takes_turns=True)
    found.update(nodes([of_tree(one.tree_) for one in model.estimators_.ravel()]))
    return {**found, "start": start, "factors": numpy.array([float(model.learning_rate), 1.0])}


def of_histograms(model: Any) -> Arrays:
    import numpy

    start = numpy.asarray(model._baseline_prediction).reshape(-1)
    if start.dtype != numpy.float64 or getattr(model, "_preprocessor", None) is not None:
        raise UndescribedError("it has categories, or floats of 32 bits")
    if not hasattr(model, "classes_") and type(model._loss.link).__name__ != "IdentityLink":
        raise UndescribedError("its predictions are not the sums of its trees")
    found = decision(model, "positive")
    found["head"].update(scores="trees", takes_turns=True)
    predictors = [one for stage in model._predictors for one in stage]
    found.update(nodes([of_nodes(one.nodes) for one in predictors]))
    return {**found, "start": start, "factors": numpy.array([1.0, 1.0])}


# A tree: features, thresholds, left and right children, whether NaN goes left, whether a node is a
# leaf, and its values.
Tree = tuple[Any, Any, Any, Any, Any, Any, Any]


def of_tree(tree: Any) -> Tree:
    is_leaf = tree.children_left == -1
    ways = (tree.children_left, tree.children_right, tree.missing_go_to_left)
    return (tree.feature, tree.threshold, *ways, is_leaf, tree.value[:, 0, :])


def of_nodes(found: Any) -> Tree:
    if found["is_categorical"].any():
        raise UndescribedError("it has categories")
    ways = (found["left"], found["right"], found["missing_go_to_left"])
    columns = (found["feature_idx"], found["num_threshold"], *ways)
    return (*columns, found["is_leaf"].astype(bool), found["value"][:, None])


def nodes(trees: Iterable[Tree]) -> Arrays:
    """Returns all nodes of trees as arrays."""
    import numpy

    parts: dict[str, list[Any]] = {}
    first = values_before = 0
    for features, thresholds, left, right, nan_left, is_leaf, values in trees:
        place = (numpy.cumsum(is_leaf) - 1) * values.shape[1] + values_before
        columns = {
            "features": numpy.where(is_leaf, LEAF, features).astype("uint32"),
            "thresholds": numpy.where(is_leaf, 0.0, thresholds).astype("float64"),
            "left": numpy.where(is_leaf, place, left + first).astype("uint32"),
            "right": numpy.where(is_leaf, 0, right + first).astype("uint32"),
            "nan_left": numpy.asarray(nan_left).astype("uint8"),
            "values": values[is_leaf].astype("float64").ravel(),
            "counts": numpy.array([len(is_leaf)], dtype="uint32"),
        }
        for name, column in columns.items():
            parts.setdefault(name, []).append(column)
        first += len(is_leaf)
        values_before += columns["values"].size
    return {name: numpy.concatenate(columns) for name, columns in parts.items()}


def add_samples(
    head: dict[str, Any], arrays: Arrays, predict: Callable[[Any], Any], kinds: list[str]
) -> None:
    """Adds rows with the model's own predictions, many of them exactly at thresholds."""
    import numpy

    kind = numpy.result_type(*[NUMBERS[kind] for kind in kinds])
    rows = drawn(arrays, kinds)
    floats = [at for at, kind in enumerate(kinds) if kind in ("float", "double")]
    extra = []
    for name, odd in [("takes_nan", [numpy.nan]), ("takes_infinite", [numpy.inf, -numpy.inf])]:
        odds = rows[: len(rows) // 3].copy()
        for at, row in enumerate(odds if floats else []):
            row[floats[at % len(floats)]] = odd[at % len(odd)]
        head[name] = bool(floats) and answers(predict, odds.astype(kind)) is not None
        if head[name]:
            extra.append(odds)
    rows = numpy.concatenate([rows, *extra])
    found = answers(predict, rows.astype(kind))
    if found is None:
        raise UndescribedError("it refuses plain numbers")
    head["answers"] = [json.dumps(answer) for answer in found]
    arrays["samples"] = rows


def answers(predict: Callable[[Any], Any], rows: Any) -> list[Any] | None:
    """Returns the predictions of rows, each asked alone. `None` if the model refuses one."""
    found: list[Any] = []
    try:
        for at in range(len(rows)):
            found += predict(rows[at : at + 1]).tolist()
    except ValueError:
        return None
    return found


def drawn(arrays: Arrays, kinds: list[str]) -> Any:
    """Returns rows of usual values, of thresholds, and of their neighbours."""
    import numpy

    random = numpy.random.default_rng(7)
    rows = random.choice(numpy.array(USUAL), size=(SAMPLES, len(kinds)))
    rows[::4] = random.normal(size=rows[::4].shape) * 100
    for at in range(len(kinds)):
        if "features" in arrays:
            mine = numpy.unique(arrays["thresholds"][arrays["features"] == at])
            if len(mine) == 0:
                continue
            near = random.choice(mine, size=SAMPLES)
            with numpy.errstate(over="ignore"):
                single = near.astype("float32")
            up = numpy.nextafter(single, numpy.float32(numpy.inf))
            down = numpy.nextafter(single, numpy.float32(-numpy.inf))
            choices = [near, single, up, down, numpy.nextafter(near, numpy.inf), rows[:, at]]
            near = numpy.choose(random.integers(len(choices), size=SAMPLES), choices)
        else:
            near = rows[:, at]
        # Back to the values before a scaler.
        near = near * arrays["deviations"][at] if "deviations" in arrays else near
        rows[:, at] = near + arrays["means"][at] if "means" in arrays else near
    for at, kind in enumerate(kinds):
        if kind in ("integer", "long"):
            rows[:, at] = numpy.clip(numpy.rint(rows[:, at]), -(2**31), 2**31 - 1) + 0.0
        if kind == "float":
            with numpy.errstate(over="ignore"):
                rows[:, at] = rows[:, at].astype("float32")
    return numpy.where(numpy.isfinite(rows), rows, 0.0)
