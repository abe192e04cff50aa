"""Conversion of tables, figures and images to bytes, for the packages that make them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from typing import TYPE_CHECKING, Any

from tracklite import _tracklite

if TYPE_CHECKING:
    from tracklite import Artifacts, Table


def log_dict(artifacts: Artifacts, value: Any, path: str) -> None:
    """Logs a value as JSON, or as YAML if the path ends so."""
    if path.endswith((".yaml", ".yml")):
        import yaml

        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    else:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    artifacts.log_text(text, path)


def _plain(value: Any) -> Any:
    """Converts arrays and tensors to lists, their scalars to numbers, other values to text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def log_table(artifacts: Artifacts, table: Any, path: str) -> None:
    """Logs a table in the format of the ending of the path."""
    ending = _table_ending(path)
    if ending == "parquet":
        artifacts.log_bytes(_parquet(table), path)
        return
    native = _native(table)
    columns = {name: native[name] for name in native.columns}
    if ending == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        artifacts.log_text(out.getvalue(), path)
    else:
        # The JSON of MLflow's tables, which its web page shows.
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        text = json.dumps({"columns": list(columns), "data": rows}, default=_plain)
        artifacts.log_text(text, path)


def read_table(artifacts: Artifacts, path: str) -> Table:
    """Reads a table in the format of the ending of the path."""
    ending = _table_ending(path)
    content = artifacts.read(path)
    if ending == "parquet":
        return _tracklite.from_parquet(content)
    if ending == "json":
        table = json.loads(content)
        columns, rows = table["columns"], table["data"]
        return _tracklite.to_table(
            {name: [row[at] for row in rows] for at, name in enumerate(columns)}
        )
    header, *lines = csv.reader(io.StringIO(content.decode()))
    texts = {name: [line[at] for line in lines] for at, name in enumerate(header)}
    return _tracklite.to_table({name: _numbers(column) for name, column in texts.items()})


def _table_ending(path: str) -> str:
    ending = path.rpartition(".")[2].lower()
    if ending not in ("parquet", "csv", "json"):
        raise ValueError(f"path is {path!r}: expected an ending .parquet, .csv or .json")
    return ending


def _numbers(texts: list[str]) -> list[Any]:
    """Converts a column of CSV to integers or floats if all its fields are such."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return [kind(text) if text else None for text in texts]
    return [text or None for text in texts]


def _native(table: Any) -> Table:
    """Converts any table to a native one."""
    if isinstance(table, _tracklite.Table):
        return table
    if isinstance(table, dict):
        columns = {str(name): _list(column) for name, column in table.items()}
        if len({len(column) for column in columns.values()}) > 1:
            raise ValueError("the columns of the table have different lengths")
        return _tracklite.to_table(columns)
    if not hasattr(table, "__arrow_c_stream__"):
        kind = type(table).__name__
        raise TypeError(f"table must be a dict of columns or an Arrow table, not {kind}")
    return _tracklite.to_table(table)


def _list(column: Any) -> list[Any]:
    """Converts a sequence or an array to a list of Python values."""
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _parquet(table: Any) -> bytes:
    """Converts a table to Parquet. The library of the table writes what ours does not support."""
    try:
        return _tracklite.to_parquet(_native(table))
    except NotImplementedError:
        out = io.BytesIO()
        if hasattr(table, "write_parquet"):
            table.write_parquet(out)
        elif hasattr(table, "to_parquet"):
            table.to_parquet(out)
        else:
            try:
                import pyarrow
                from pyarrow import parquet
            except ImportError:
                pyarrow = None
            if pyarrow is None:
                raise
            parquet.write_table(pyarrow.table(table), out, compression="zstd")
        return out.getvalue()


def log_figure(artifacts: Artifacts, figure: Any, path: str) -> None:
    """Logs a figure in the format of the ending of the path."""
    ending = path.rpartition(".")[2].lower()
    if hasattr(figure, "savefig"):
        out = io.BytesIO()
        figure.savefig(out, format=ending)
        artifacts.log_bytes(out.getvalue(), path)
    elif hasattr(figure, "write_html") and ending == "html":
        artifacts.log_text(figure.to_html(), path)
    elif hasattr(figure, "to_image"):
        artifacts.log_bytes(figure.to_image(format=ending), path)
    else:
        kind = type(figure).__name__
        raise TypeError(f"figure must be a figure of matplotlib or plotly, not {kind}")


def image_bytes(image: Any) -> bytes:
    """Returns an encoded image as it is, and any other one as PNG."""
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    out = io.BytesIO()
    if hasattr(image, "save") and hasattr(image, "getbands"):
        image.save(out, format="PNG")
        return out.getvalue()
    if not hasattr(image, "__array_interface__") and not hasattr(image, "numpy"):
        kind = type(image).__name__
        raise TypeError(f"image must be bytes, a PIL image or an array, not {kind}")
    import numpy
    from PIL import Image

    pixels = numpy.asarray(image)
    if pixels.dtype.kind == "f":
        # Floats are between 0 and 1, as in matplotlib.
        pixels = (pixels.clip(0, 1) * 255).round()
    Image.fromarray(pixels.astype(numpy.uint8)).save(out, format="PNG")
    return out.getvalue()
