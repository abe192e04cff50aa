"""Tables, figures, images and dicts as artifacts."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tracklite
from tracklite import exceptions


@pytest.fixture
def run(database: tracklite.Database) -> tracklite.Run:
    """An open run."""
    return database.default_experiment().start_run()


def test_texts_bytes_and_dicts_are_read_back(run: tracklite.Run) -> None:
    numpy = pytest.importorskip("numpy")
    run.log_text("größer", "notes.txt")
    run.log_bytes(bytearray(b"\x00\x01"), "raw.bin")
    run.log_dict({"depth": 3, "mean": numpy.float64(0.5), "all": numpy.arange(2)}, "config.json")
    artifacts = run.artifacts()
    assert artifacts.read("notes.txt").decode() == "größer"
    assert artifacts.read("raw.bin") == b"\x00\x01"
    config = json.loads(artifacts.read("config.json"))
    assert config == {"depth": 3, "mean": 0.5, "all": [0, 1]}
    assert artifacts.info("config.json").media_type == "application/json"


def tables() -> dict[str, Any]:
    import pandas
    import polars
    import pyarrow

    columns: dict[str, list[Any]] = {"x": [1, 2], "word": ["a", None]}
    return {
        "dict": columns,
        "polars": polars.DataFrame(columns),
        "pandas": pandas.DataFrame(columns),
        "pyarrow": pyarrow.table(columns),
    }


@pytest.mark.parametrize("kind", ["dict", "polars", "pandas", "pyarrow"])
def test_tables_of_all_libraries_are_logged(run: tracklite.Run, kind: str) -> None:
    polars = pytest.importorskip("polars")
    table = tables()[kind]
    for ending in ("parquet", "csv", "json"):
        run.log_table(table, f"{kind}.{ending}")
    artifacts = run.artifacts()
    read = polars.read_parquet(io.BytesIO(artifacts.read(f"{kind}.parquet")))
    assert read.to_dict(as_series=False) == {"x": [1, 2], "word": ["a", None]}
    assert artifacts.read(f"{kind}.csv").decode().startswith("x,word\n1,a\n2,")
    content = json.loads(artifacts.read(f"{kind}.json"))
    assert content["columns"] == ["x", "word"]
    assert content["data"][0] == [1, "a"]


def test_a_table_of_runs_is_logged(run: tracklite.Run, database: tracklite.Database) -> None:
    polars = pytest.importorskip("polars")
    table = database.runs_table(columns=["run_id"])
    run.log_table(table, "runs.parquet")
    run.log_table(table, "runs.csv")
    read = polars.read_parquet(io.BytesIO(run.artifacts().read("runs.parquet")))
    assert read["run_id"].to_list() == [run.id]


def test_invalid_tables_are_rejected(run: tracklite.Run) -> None:
    with pytest.raises(TypeError, match="table must be a dict of columns"):
        run.log_table(3, "a.csv")
    with pytest.raises(ValueError, match=r"an ending .parquet, .csv or .json"):
        run.log_table({}, "a.xlsx")
    with pytest.raises(ValueError, match="different lengths"):
        run.log_table({"x": [1], "y": []}, "a.csv")
    assert run.artifacts().list_all() == []


def test_figures_are_logged(run: tracklite.Run) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    run.log_figure(figure, "plots/loss.png")
    run.log_figure(figure, "plots/loss.svg")
    assert run.artifacts().read("plots/loss.png").startswith(b"\x89PNG")
    assert b"<svg" in run.artifacts().read("plots/loss.svg")
    with pytest.raises(TypeError, match="figure must be a figure of matplotlib or plotly"):
        run.log_figure(3, "plots/loss.png")


def test_images_are_logged(run: tracklite.Run) -> None:
    numpy = pytest.importorskip("numpy")
    image = pytest.importorskip("PIL.Image")
    pixels = numpy.zeros((4, 5, 3))
    pixels[0, 0] = [1.0, 0.5, 0.0]
    paths = [
        run.log_image(pixels, "floats", step=1),
        run.log_image((pixels * 255).round().astype("uint8"), "bytes", step=2),
        run.log_image(pixels[:, :, 0], "gray"),
        run.log_image(image.new("RGB", (5, 4)), "pil", step=3),
    ]
    for path in paths:
        read = image.open(io.BytesIO(run.artifacts().read(path)))
        assert read.size == (5, 4)
    read = image.open(io.BytesIO(run.artifacts().read(paths[0])))
    assert read.getpixel((0, 0)) == (255, 128, 0)
    with pytest.raises(exceptions.InvalidInputError, match="PNG, JPEG, WebP or GIF"):
        run.log_image(b"not an image", "bad")
    with pytest.raises(TypeError, match="image must be bytes"):
        run.log_image(3, "bad")


def test_progress_is_reported_and_may_raise(run: tracklite.Run, tmp_path: Path) -> None:
    file = tmp_path / "big.bin"
    file.write_bytes(bytes(10_000_000))
    seen: list[int] = []
    run.artifacts().log_file(file, progress=seen.append)
    assert seen[-1] == 10_000_000
    assert seen == sorted(seen)

    def broken(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run.artifacts().log_file(file, "again.bin", progress=broken)


def test_folders_and_references_are_listed(run: tracklite.Run, tmp_path: Path) -> None:
    (tmp_path / "model" / "inner").mkdir(parents=True)
    (tmp_path / "model" / "a.txt").write_text("a")
    (tmp_path / "model" / "inner" / "b.txt").write_text("b")
    run.log_artifacts(tmp_path / "model", "saved")
    artifacts = run.artifacts()
    assert [info.path for info in artifacts.list_all()] == ["saved/a.txt", "saved/inner/b.txt"]
    [inner] = [info for info in artifacts.list("saved") if info.is_folder]
    assert (inner.path, inner.size) == ("saved/inner", None)
    artifacts.log_reference("s3://bucket/far.bin", "far.bin", size=7)
    assert artifacts.info("far.bin").uri == "s3://bucket/far.bin"


@pytest.mark.parametrize("bad", ["", "/a", "../a", "a/../b", "a\\b", "a//b", "a#b", "%2e%2e/a"])
def test_unsafe_paths_are_rejected(run: tracklite.Run, bad: str) -> None:
    for call in (
        lambda: run.log_text("text", bad),
        lambda: run.log_bytes(b"bytes", bad),
        lambda: run.artifacts().log_reference("s3://bucket", bad),
    ):
        with pytest.raises(exceptions.InvalidInputError):
            call()


def test_missing_files_are_not_found(run: tracklite.Run, tmp_path: Path) -> None:
    with pytest.raises(exceptions.NotFoundError):
        run.log_artifact(tmp_path / "none")
    with pytest.raises(exceptions.TrackliteError):
        run.log_artifacts(tmp_path / "none")
    with pytest.raises(exceptions.NotFoundError):
        run.artifacts().read("none")
    with pytest.raises(exceptions.NotFoundError):
        run.artifacts().delete("none")


def test_an_exception_of_the_progress_callback_cancels_an_upload(
    run: tracklite.Run, tmp_path: Path
) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(24 << 20))

    def enough(read: int) -> None:
        if read > 10 << 20:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run.artifacts().log_file(file, progress=enough)
    assert run.artifacts().list() == []
    run.artifacts().log_file(file)
    assert run.artifacts().info("large.bin").size == 24 << 20


def test_ctrl_c_cancels_an_upload(run: tracklite.Run, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(24 << 20))

    def interrupted(read: int) -> None:
        if read > 10 << 20:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run.artifacts().log_file(file, progress=interrupted)
    assert run.artifacts().list() == []


def test_an_upload_with_progress_does_not_block_other_threads(
    run: tracklite.Run, tmp_path: Path
) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(64 << 20))
    is_over = threading.Event()

    def log() -> int:
        count = 0
        while not is_over.is_set():
            run.log({"loss": 0.5, "accuracy": 0.5})
            run.set_tag("count", count)
            count += 1
        return count

    with ThreadPoolExecutor(2) as threads:
        counts = [threads.submit(log) for _ in range(2)]
        reads: list[int] = []
        run.artifacts().log_file(file, progress=reads.append)
        is_over.set()
        assert all(count.result() > 0 for count in counts)
    assert reads[-1] == 64 << 20


def test_an_artifact_is_read_like_a_file(run: tracklite.Run, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    run.log_bytes(content, "large.bin")
    with run.artifacts().open("large.bin") as file:
        assert isinstance(file, io.BufferedReader)
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        assert file.read(10) == content[:10]
        assert file.seek(-5, os.SEEK_END) == len(content) - 5
        assert file.read() == content[-5:]
        assert file.read() == b""
        assert file.seek(1 << 20) == 1 << 20
        assert file.seek(0, os.SEEK_CUR) == 1 << 20
        assert file.read(2_000_000) == content[1 << 20 : (1 << 20) + 2_000_000]
        assert file.seek(100, os.SEEK_CUR) == (1 << 20) + 2_000_100
        file.seek(1 << 40)
        assert file.read() == b""
        with pytest.raises(ValueError, match="negative"):
            file.seek(-1)
    with pytest.raises(ValueError, match="closed"):
        file.read()
    with pytest.raises(exceptions.NotFoundError):
        run.artifacts().open("none")


def test_an_artifact_is_read_by_libraries_that_take_files(run: tracklite.Run) -> None:
    numpy = pytest.importorskip("numpy")
    out = io.BytesIO()
    numpy.savez(out, weights=numpy.arange(1000))
    run.log_bytes(out.getvalue(), "weights.npz")
    with run.artifacts().open("weights.npz") as file:
        assert numpy.load(file)["weights"].sum() == 499_500
    run.log_text("one\ntwo\n", "lines.txt")
    with io.TextIOWrapper(run.artifacts().open("lines.txt")) as lines:
        assert list(lines) == ["one\n", "two\n"]


def many_types() -> dict[str, list[Any]]:
    return {
        "flag": [True, None, False],
        "whole": [1, None, -(2**62)],
        "number": [0.5, None, float("inf")],
        "text": ["größer", None, ""],
        "raw": [b"\x00", None, b""],
        "nothing": [None, None, None],
    }


def test_a_parquet_file_is_read_back(run: tracklite.Run) -> None:
    from datetime import datetime, timezone

    moment = datetime(2024, 2, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
    run.log_table({**many_types(), "time": [moment, None, moment]}, "all.parquet")
    table = run.artifacts().read_table("all.parquet")
    nanoseconds = 1_706_933_106_000_007_000
    assert {name: table[name] for name in table.columns} == {
        **many_types(),
        "time": [nanoseconds, None, nanoseconds],
    }
    pyarrow = pytest.importorskip("pyarrow.parquet")
    read = pyarrow.read_table(io.BytesIO(run.artifacts().read("all.parquet")))
    read.validate(full=True)
    assert read.column("time").to_pylist() == [moment, None, moment]
    assert read.drop_columns("time").to_pydict() == many_types()


def test_arrow_types_are_written_to_parquet(run: tracklite.Run) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from datetime import date, datetime, time
    from decimal import Decimal

    from pyarrow import parquet

    integers = [pyarrow.array([1, None, 2], kind) for kind in (pyarrow.int8(), pyarrow.uint16())]
    moment = datetime(2024, 2, 3, 4, 5, 6)
    columns = {
        "int8": integers[0],
        "uint16": integers[1],
        "uint64": pyarrow.array([2**64 - 1, None, 0], pyarrow.uint64()),
        "half": pyarrow.array([0.5, None, 1.0], pyarrow.float32()),
        "date": pyarrow.array([date(2024, 2, 3), None, date(1969, 12, 31)]),
        "date64": pyarrow.array([date(2024, 2, 3), None, date(1969, 12, 31)], pyarrow.date64()),
        "time": pyarrow.array([time(1, 2, 3), None, time(0)], pyarrow.time64("us")),
        "second": pyarrow.array([moment, None, moment], pyarrow.timestamp("s")),
        "zoned": pyarrow.array([moment, None, moment], pyarrow.timestamp("ns", "Europe/Berlin")),
        "decimal": pyarrow.array([Decimal("1.25"), None, Decimal("-7")], pyarrow.decimal128(9, 2)),
        "word": pyarrow.array(["a", None, "a"]).dictionary_encode(),
        "view": pyarrow.array(["a", None, "long enough not to be inlined"], pyarrow.string_view()),
        "large": pyarrow.array(["a", None, "b"], pyarrow.large_string()),
        "fixed": pyarrow.array([b"ab", None, b"cd"], pyarrow.binary(2)),
    }
    table = pyarrow.table(columns)
    run.log_table(pyarrow.concat_tables([table, table]), "types.parquet")
    read = parquet.read_table(io.BytesIO(run.artifacts().read("types.parquet")))
    read.validate(full=True)
    for name in columns:
        wanted = [value if value is None else str(value) for value in table[name].to_pylist() * 2]
        found = [value if value is None else str(value) for value in read[name].to_pylist()]
        if name == "zoned":
            # Parquet stores the instant, and not the name of the zone.
            wanted = [value and value.replace("+01:00", "") for value in wanted]
            found = [value and value.replace("04:05:06+00:00", "05:05:06") for value in found]
        assert found == wanted, name


@pytest.mark.parametrize("compression", ["snappy", "zstd", "none"])
def test_files_of_other_writers_are_read(
    run: tracklite.Run, tmp_path: Path, compression: str
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({**many_types(), "day": pyarrow.array([0, None, 1], pyarrow.date32())})
    parquet.write_table(table, tmp_path / "a.parquet", compression=compression, row_group_size=2)
    run.log_artifact(tmp_path / "a.parquet")
    read = run.artifacts().read_table("a.parquet")
    assert {name: read[name] for name in read.columns} == table.to_pydict()
    assert pyarrow.table(read).num_rows == 3
    for version in ("1.0", "2.6"):
        times = pyarrow.table({"time": pyarrow.array([1, None], pyarrow.timestamp("us", "UTC"))})
        parquet.write_table(times, tmp_path / "t.parquet", version=version)
        run.log_artifact(tmp_path / "t.parquet", version)
        assert run.artifacts().read_table(f"{version}/t.parquet")["time"] == [1000, None]


def test_nested_columns_are_written_by_their_library(run: tracklite.Run) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": [[1, 2], [3]]})
    run.log_table(frame, "nested.parquet")
    read = polars.read_parquet(io.BytesIO(run.artifacts().read("nested.parquet")))
    assert read["x"].to_list() == [[1, 2], [3]]
    with pytest.raises(NotImplementedError, match="nested: read the file with polars"):
        run.artifacts().read_table("nested.parquet")


def test_csv_and_json_tables_are_read_back(run: tracklite.Run) -> None:
    columns = {"whole": [1, None], "number": [0.5, 2.0], "text": ["a,b", None]}
    for ending in ("csv", "json"):
        run.log_table(columns, f"table.{ending}")
        table = run.artifacts().read_table(f"table.{ending}")
        assert {name: table[name] for name in table.columns} == columns
    with pytest.raises(ValueError, match="expected an ending"):
        run.artifacts().read_table("table.txt")
    run.log_bytes(b"PAR1 is not a file", "bad.parquet")
    with pytest.raises(ValueError, match="Parquet"):
        run.artifacts().read_table("bad.parquet")
