"""The lean lane: requests to models of scikit-learn, read without data frames.

It answers only what it reads for certain: JSON with one of `dataframe_records` and
`dataframe_split`, whose columns are exactly the numeric ones of the signature. Everything else is
left to MLflow's own way. It is used only after both ways gave the same bytes for the first requests,
and a few are compared after that. One difference ends its use.

It also joins requests that came at the same time, so that the model predicts their rows at once.
That too is used only after the joined answers were those of single ones.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

from tracklite_direct import direct

# How many requests both ways answer before the lean one is trusted.
TRIALS = 8
# After that, one request out of this number is compared.
SAMPLE = 256
# How many times joined requests are also answered one by one, before that is trusted.
JOINED_TRIALS = 4
# After that, one out of this number of joined predictions is compared.
JOINED_SAMPLE = 64
# The bounds of whole numbers by the type of the signature.
BOUNDS = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
NUMBERS = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64"}


# Status, content type and body.
Answer = tuple[int, str, bytes]


class UnreadError(Exception):
    """The request is left to MLflow's own way."""


class Lean:
    """The lean lane of one model."""

    def __init__(self, predict: Callable[[Any], Any], columns: list[tuple[str, str]]) -> None:
        import numpy

        self.numpy = numpy
        self.predict = predict
        self.names = [name for name, _ in columns]
        self.known = set(self.names)
        self.checks = [checked(kind) for _, kind in columns]
        # The type that a data frame with these columns has as a matrix.
        self.type = numpy.result_type(*[NUMBERS[kind] for _, kind in columns])
        self.seen = 0
        self.agrees = True
        self.joined = 0
        # Some predictions of several rows have other last digits than those of single rows.
        self.joins = getattr(predict, "joins", True)

    def rows(self, data: bytes) -> list[list[Any]]:
        """Returns the values of a body, in the order of the signature."""
        try:
            body = json.loads(data)
        except ValueError:
            raise UnreadError from None
        if not isinstance(body, dict) or len(body) != 1:
            raise UnreadError
        ((key, value),) = body.items()
        if key == "dataframe_records" and isinstance(value, list) and value:
            return [self.record(row) for row in value]
        if key == "dataframe_split" and isinstance(value, dict):
            if value.keys() != {"columns", "data"} or value["columns"] != self.names:
                raise UnreadError
            rows = value["data"]
            if isinstance(rows, list) and rows:
                return [self.row(row) for row in rows]
        raise UnreadError

    def record(self, record: Any) -> list[Any]:
        if not isinstance(record, dict) or record.keys() != self.known:
            raise UnreadError
        return self.row([record[name] for name in self.names])

    def row(self, row: Any) -> list[Any]:
        if not isinstance(row, list) or len(row) != len(self.checks):
            raise UnreadError
        if not all(check(value) for check, value in zip(self.checks, row, strict=True)):
            raise UnreadError
        return row

    def predicted(self, rows: list[list[Any]]) -> list[Any]:
        found: list[Any] = self.predict(self.numpy.array(rows, dtype=self.type)).tolist()
        return found

    def written(self, rows: list[list[Any]]) -> bytes:
        return as_json(self.predicted(rows))

    def answer_all(self, bodies: list[bytes]) -> list[Answer] | None:
        """Answers requests with one prediction. `None` if they must be answered one by one."""
        is_next_compared = (self.seen + len(bodies)) // SAMPLE != self.seen // SAMPLE
        if not self.agrees or not self.joins or self.seen < TRIALS or is_next_compared:
            return None
        try:
            parts = [self.rows(body) for body in bodies]
            found = self.predicted([row for rows in parts for row in rows])
        except Exception:
            # One bad request must not spoil the others.
            return None
        answers, start = [], 0
        for rows in parts:
            answers.append(as_json(found[start : start + len(rows)]))
            start += len(rows)
        self.joined += 1
        if self.joined <= JOINED_TRIALS or self.joined % JOINED_SAMPLE == 0:
            self.joins = start == len(found) and answers == [self.written(rows) for rows in parts]
            if not self.joins:
                print("requests are not joined, because the answers differ", file=sys.stderr)
                return None
        self.seen += len(bodies)
        return [(200, "application/json", answer) for answer in answers]

    def answer(self, data: bytes, exact: Callable[[], Answer]) -> Answer:
        """Answers a body, or lets MLflow's own way do it."""
        if not self.agrees:
            return exact()
        try:
            rows = self.rows(data)
        except UnreadError:
            return exact()
        self.seen += 1
        if self.seen > TRIALS and self.seen % SAMPLE:
            try:
                return 200, "application/json", self.written(rows)
            except Exception:
                # MLflow's own way has the words for it.
                return exact()
        wanted = exact()
        self.compare(rows, wanted)
        return wanted

    def compare(self, rows: list[list[Any]], wanted: Answer) -> None:
        try:
            found = (200, "application/json", self.written(rows))
        except Exception as error:
            # Values that the model refuses are refused both ways.
            self.agrees = wanted[0] != 200
            problem = repr(error)
        else:
            self.agrees = found == wanted
            problem = f"{found[2][:200]!r} in place of {wanted[2][:200]!r}"
        if not self.agrees:
            print(f"data frames are needed, because without them: {problem}", file=sys.stderr)


def as_json(predictions: list[Any]) -> bytes:
    return json.dumps({"predictions": predictions}).encode()


def checked(kind: str) -> Callable[[Any], bool]:
    """Returns the check of a value from JSON. A `bool` is not a number."""
    if kind in BOUNDS:
        low, high = BOUNDS[kind]
        return lambda value: type(value) is int and low <= value <= high
    # Only whole numbers that a float has exactly.
    return lambda value: type(value) is float or (type(value) is int and abs(value) <= 2**53)


def numeric_columns(model: Any, schema: Any) -> list[tuple[str, str]] | None:
    """Returns the columns of a model without params whose signature has only numbers."""
    if schema is None or schema.is_tensor_spec():
        return None
    if model.metadata.get_params_schema() is not None:
        return None
    columns = [(column.name, getattr(column.type, "name", "")) for column in schema.inputs]
    is_plain = all(name and kind in NUMBERS for name, kind in columns)
    is_complete = all(getattr(column, "required", True) for column in schema.inputs)
    return columns if columns and is_plain and is_complete else None


def lean_of(model: Any, schema: Any) -> Lean | None:
    """Returns the lean lane of a loaded model, if it can have one."""
    wrapper = getattr(model, "_model_impl", None)
    columns = numeric_columns(model, schema)
    if type(wrapper).__module__ != "mlflow.sklearn" or columns is None:
        return None
    # The names are checked here, against the signature.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    predict = model._predict_fn
    raw = getattr(wrapper, "sklearn_model", None)
    if getattr(predict, "__name__", "") == "predict":
        predict = direct(raw, len(columns), raw.predict) or predict
    return Lean(predict, columns)
