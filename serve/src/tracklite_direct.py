"""Predictions of some models of scikit-learn without its checks and its loop over trees.

Linear models and forests spend most of the time for few rows on checks. Here the same numbers are
computed in the same order. The lean lane compares the answers, and stops using this after one
difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Above this number of rows, scikit-learn's own way is as fast.
ROWS_MAX = 64
TREES = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
FORESTS = ("RandomForest", "ExtraTrees")
REGRESSORS = ("LinearRegression", "Ridge", "Lasso", "ElasticNet")

Predict = Callable[[Any], Any]


class Trees:
    """All trees of a model as flat arrays, so that one step moves all rows in all trees."""

    def __init__(self, trees: list[Any], predict: Predict, classes: Any) -> None:
        import numpy

        self.numpy = numpy
        self.own = predict
        self.classes = classes
        self.count = len(trees)
        starts = numpy.cumsum([0] + [tree.node_count for tree in trees])
        self.roots = starts[:-1].astype(numpy.intp)
        self.depth = max(tree.max_depth for tree in trees)
        self.feature, self.threshold, self.children, self.value = [], [], [], []
        for tree, start in zip(trees, self.roots, strict=True):
            nodes = numpy.arange(tree.node_count) + start
            is_leaf = tree.children_left == -1
            self.feature.append(numpy.where(is_leaf, 0, tree.feature))
            self.threshold.append(tree.threshold)
            # A leaf leads to itself. The places of both children are neighbours.
            left = numpy.where(is_leaf, nodes, tree.children_left + start)
            right = numpy.where(is_leaf, nodes, tree.children_right + start)
            self.children.append(numpy.stack([right, left], axis=1).ravel())
            self.value.append(tree.value[:, 0, :])
        self.feature, self.threshold, self.children, self.value = (
            numpy.concatenate(arrays)
            for arrays in (self.feature, self.threshold, self.children, self.value)
        )

    def __call__(self, rows: Any) -> Any:
        numpy = self.numpy
        count = len(rows)
        with numpy.errstate(over="ignore"):
            values = rows.astype(numpy.float32)
        # Other numbers are refused, or have a way of their own.
        if count > ROWS_MAX or not numpy.isfinite(values).all():
            return self.own(rows)
        width = values.shape[1]
        flat = values.ravel().astype(numpy.float64)
        nodes = numpy.repeat(self.roots, count)
        starts = numpy.tile(numpy.arange(0, count * width, width), self.count)
        for _ in range(self.depth):
            is_left = flat.take(starts + self.feature.take(nodes)) <= self.threshold.take(nodes)
            nodes = self.children.take(2 * nodes + is_left)
        found = self.value.take(nodes, axis=0).reshape(self.count, count, -1)
        # One tree after the other, because sums of other orders have other last digits.
        total = numpy.add.accumulate(found)[-1] / self.count
        if self.classes is None:
            return total[:, 0]
        return self.classes.take(total.argmax(axis=1), axis=0)


def linear(model: Any, predict: Predict) -> Predict:
    """Returns the product of a linear model."""
    import numpy

    coefficients = model.coef_.T if model.coef_.ndim == 2 else model.coef_
    intercept, classes = model.intercept_, getattr(model, "classes_", None)

    def product(rows: Any) -> Any:
        if not numpy.isfinite(rows).all():
            return predict(rows)
        scores = rows @ coefficients + intercept
        if classes is None:
            return scores
        if scores.ndim > 1 and scores.shape[1] > 1:
            return classes.take(scores.argmax(axis=1), axis=0)
        return classes.take((scores.reshape(-1) > 0).astype(numpy.intp), axis=0)

    # A product of several rows is added up in another order than that of one.
    product.joins = False
    return product


def direct(model: Any, columns: int, predict: Predict) -> Predict | None:
    """Returns the prediction of a fitted model for arrays with this many columns, if it is known."""
    kind = type(model)
    name = kind.__name__
    is_own = kind.__module__.startswith("sklearn.")
    if not is_own or getattr(model, "n_features_in_", None) != columns:
        return None
    if name == "LogisticRegression" or name in REGRESSORS:
        return linear(model, predict)
    family = name.removesuffix("Classifier").removesuffix("Regressor")
    if family == name or family not in TREES or model.n_outputs_ != 1:
        return None
    estimators = model.estimators_ if family in FORESTS else [model]
    trees = [estimator.tree_ for estimator in estimators]
    return Trees(trees, predict, getattr(model, "classes_", None))
