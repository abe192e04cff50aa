"""Conversion of tables, figures and images to bytes, for the packages that make them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracklite import Artifacts


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
    ending = path.rpartition(".")[2].lower()
    if ending not in ("parquet", "csv", "json"):
        raise ValueError(f"path is {path!r}: expected an ending .parquet, .csv or .json")
    if ending == "parquet":
        artifacts.log_bytes(_parquet(table), path)
        return
    columns = _columns(table)
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


def _parquet(table: Any) -> bytes:
    out = io.BytesIO()
    if hasattr(table, "write_parquet"):
        table.write_parquet(out)
    elif hasattr(table, "to_parquet"):
        table.to_parquet(out)
    else:
        import pyarrow
        import pyarrow.parquet

        is_columns = isinstance(table, dict)
        arrow = pyarrow.Table.from_pydict(table) if is_columns else pyarrow.table(table)
        pyarrow.parquet.write_table(arrow, out, compression="zstd")
    return out.getvalue()


def _columns(table: Any) -> dict[str, list[Any]]:
    """Converts a table to lists of the same length by column."""
    if hasattr(table, "to_dict") and hasattr(table, "iloc"):
        columns = table.to_dict(orient="list")
    elif hasattr(table, "to_dict") and hasattr(table, "write_parquet"):
        columns = table.to_dict(as_series=False)
    elif hasattr(table, "to_pydict"):
        columns = table.to_pydict()
    elif hasattr(table, "columns") and hasattr(table, "rows"):
        columns = {name: table[name] for name in table.columns}
    elif isinstance(table, dict):
        columns = {name: list(column) for name, column in table.items()}
    else:
        kind = type(table).__name__
        raise TypeError(f"table must be a dict of columns or an Arrow table, not {kind}")
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("the columns of the table have different lengths")
    return {str(name): column for name, column in columns.items()}


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
