"""Frames of other libraries, to Arrow and back."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from tracklite._tracklite import Table


def library_of(frame: Any) -> str:
    """Returns the library of a frame: `pandas`, `polars`, `pyarrow`, `spark`, or `tracklite`."""
    root = type(frame).__module__.split(".", 1)[0]
    if root == "pyspark":
        return "spark"
    return root if root in ("pandas", "polars", "pyarrow") else "tracklite"


def to_arrow(frame: Any) -> Any:
    """Returns a frame as something with Arrow's interface, or as a dict of columns."""
    library = library_of(frame)
    if library == "spark":
        return frame.toArrow() if hasattr(frame, "toArrow") else _from_pandas(frame.toPandas())
    if isinstance(frame, dict):
        return {name: _in_utc(values) for name, values in frame.items()}
    return _from_pandas(frame) if library == "pandas" else frame


def _in_utc(values: Any) -> Any:
    """Returns a column whose times without a zone are in UTC, as they are in all other frames."""
    if not isinstance(values, (list, tuple)):
        return values
    zone = timezone.utc
    return [
        value.replace(tzinfo=zone)
        if isinstance(value, datetime) and value.tzinfo is None
        else value
        for value in values
    ]


def _from_pandas(frame: Any) -> Any:
    import pyarrow

    return pyarrow.Table.from_pandas(frame, preserve_index=False)


def like(table: Table, frame: Any) -> Any:
    """Returns a table as a frame of the library of another frame."""
    library = library_of(frame)
    if library == "pandas":
        found = table.to_pandas()
        # The rows are those of the other frame, in its order.
        if len(found) == len(frame):
            found.index = frame.index
        return found
    if library == "polars":
        return table.to_polars()
    if library == "pyarrow":
        return table.to_arrow()
    if library == "spark":
        return frame.sparkSession.createDataFrame(table.to_pandas())
    return table


def columns_of(frame: Any) -> list[str]:
    """Returns the names of the columns."""
    if isinstance(frame, dict):
        return [str(name) for name in frame]
    if library_of(frame) == "pyarrow":
        return [str(name) for name in frame.column_names]
    return [str(name) for name in frame.columns]


def without(frame: Any, names: list[str]) -> Any:
    """Returns a frame without some columns."""
    names = [name for name in names if name in columns_of(frame)]
    if not names:
        return frame
    library = library_of(frame)
    if library == "pandas":
        return frame.drop(columns=names)
    if library in ("polars", "spark"):
        return frame.drop(*names)
    if library == "pyarrow":
        return frame.drop_columns(names)
    kept = [name for name in columns_of(frame) if name not in names]
    return {name: frame[name] for name in kept}


def with_columns(frame: Any, columns: dict[str, list[Any]]) -> Any:
    """Returns a frame with more columns."""
    library = library_of(frame)
    if library == "pandas":
        return frame.assign(**columns)
    if library == "polars":
        import polars

        return frame.with_columns([polars.Series(name, columns[name]) for name in columns])
    if library == "pyarrow":
        for name, values in columns.items():
            frame = frame.append_column(name, [values])
        return frame
    if library == "spark":
        return frame.sparkSession.createDataFrame(frame.toPandas().assign(**columns))
    own = {name: frame[name] for name in columns_of(frame)}
    return {**own, **columns}


def to_pandas(frame: Any) -> Any:
    """Returns a frame as one of pandas, which models take."""
    library = library_of(frame)
    if library == "pandas":
        return frame
    if library == "spark":
        return frame.toPandas()
    if library in ("polars", "pyarrow"):
        return frame.to_arrow().to_pandas() if library == "polars" else frame.to_pandas()
    if isinstance(frame, Table):
        return frame.to_pandas()
    import pandas

    return pandas.DataFrame(frame)
