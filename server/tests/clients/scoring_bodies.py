"""Requests at random to a scoring server: valid ones, and ones with a mistake."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pandas as pd

# The columns of the rows, each with the way to draw a value.
COLUMNS: dict[str, Any] = {
    "age": lambda draw: draw.randint(18, 90),
    "tenure": lambda draw: draw.randint(0, 72),
    "monthly": lambda draw: round(draw.uniform(10, 120), 2),
    "plan": lambda draw: draw.choice(["basic", "plus", "\u00fcber", ""]),
}
STRANGE: list[Any] = [None, True, "text", "", 1.5, -1, 2**31, 2**53 + 1, 2**63, 2**70, 1e300, [], [1], {}]
WORDS = ["NaN", "Infinity", "-Infinity", "1e999", "01", "nul", "\ud83d"]
OTHER_TYPES = [
    "text/plain",
    "application/xml",
    "application/json; charset=latin-1",
    "application/json; version=2",
    "application/jsonx",
    "text/csv; charset=utf-16",
]


class Bodies:
    """Draws requests for a model with some of the columns."""

    def __init__(self, seed: int, columns: list[str]) -> None:
        self.draw = random.Random(seed)
        self.columns = columns

    def rows(self) -> list[dict[str, Any]]:
        count = self.draw.choice([0, 1, 1, 1, 2, 5])
        return [{name: COLUMNS[name](self.draw) for name in self.columns} for _ in range(count)]

    def one(self) -> tuple[str, bytes]:
        """Returns a content type and a body."""
        kind = self.draw.random()
        if kind < 0.55:
            content = self.draw.choice(["application/json"] * 4 + ["application/json; charset=utf-8"])
            return content, self.json(self.rows())
        if kind < 0.75:
            return "application/json", self.broken_json()
        if kind < 0.88:
            content = self.draw.choice(["text/csv", "text/csv; charset=UTF-8"])
            return content, self.csv()
        if kind < 0.93:
            return "application/vnd.apache.parquet", self.parquet()
        return self.draw.choice(OTHER_TYPES), self.json(self.rows())

    def form(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        names = list(rows[0]) if rows else self.columns
        form = self.draw.randrange(5)
        if form == 0:
            return {"dataframe_records": rows}
        if form == 1:
            data = [[row.get(name) for name in names] for row in rows]
            split: dict[str, Any] = {"columns": names, "data": data}
            if self.draw.random() < 0.2:
                split["index"] = list(range(7, 7 + len(rows)))
            return {"dataframe_split": split}
        if form == 2:
            return {"inputs": {name: [row.get(name) for row in rows] for name in names}}
        if form == 3:
            return {"instances": rows}
        return {"inputs": rows}

    def json(self, rows: list[dict[str, Any]]) -> bytes:
        """Returns a body in one of the forms, with a mistake in one of three."""
        for row in rows:
            if self.draw.random() < 0.2:
                items = list(row.items())
                self.draw.shuffle(items)
                row.clear()
                row.update(items)
        if rows and self.draw.random() < 0.35:
            row = self.draw.choice(rows)
            name = self.draw.choice(list(row))
            mistake = self.draw.randrange(3)
            if mistake == 0:
                del row[name]
            elif mistake == 1:
                row["more"] = 1
            else:
                row[name] = self.draw.choice(STRANGE)
        body = self.form(rows)
        extra = self.draw.random()
        if extra < 0.04:
            body["params"] = self.draw.choice([{}, {"factor": 2.0}, {"other": 1}, [], None])
        elif extra < 0.06:
            body["client_request_id"] = "a"
        elif extra < 0.08:
            body["inputs" if "inputs" not in body else "instances"] = rows
        return json.dumps(body, ensure_ascii=self.draw.random() < 0.5).encode()

    def broken_json(self) -> bytes:
        body = self.json(self.rows())
        mistake = self.draw.randrange(7)
        if mistake == 0:
            return body[: self.draw.randrange(len(body))]
        if mistake == 1:
            return b"\xff" + body
        if mistake == 2:
            word = self.draw.choice(WORDS[:5]).encode()
            return body.replace(b"0", word, 1)
        if mistake == 3:
            return self.draw.choice([b"", b"[]", b"{}", b"1", b"null", b'"a"', b"[" * 50])
        if mistake == 4:
            return b'{"dataframe_records": {"a": 1}}'
        if mistake == 5:
            return b'{"dataframe_split": {"columns": ["age"]}}'
        return b'{"messages": [], "age": 1}'

    def csv(self) -> bytes:
        text = str(pd.DataFrame(self.rows(), columns=self.columns).to_csv(index=False))
        mistake = self.draw.randrange(8)
        if mistake == 0:
            text = text.replace("age", "year", 1)
        if mistake == 1:
            text = text.replace(",", ";")
        if mistake == 2:
            return b"\xff" + text.encode()
        if mistake == 3:
            text = text.split("\n", 1)[1]
        return text.encode()

    def parquet(self) -> bytes:
        frame = pd.DataFrame(self.rows(), columns=self.columns)
        if self.draw.random() < 0.2:
            return b"PAR1 it is not"
        out = io.BytesIO()
        frame.to_parquet(out)
        return out.getvalue()
