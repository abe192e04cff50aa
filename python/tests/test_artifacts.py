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
    """A run that is open."""
    return database.default_experiment().start_run()


def test_texts_bytes_and_dicts(run: tracklite.Run) -> None:
    numpy = pytest.importorskip("numpy")
    run.log_text("notes.txt", "größer")
    run.log_bytes("raw.bin", bytearray(b"\x00\x01"))
    run.log_dict("config.json", {"depth": 3, "mean": numpy.float64(0.5), "all": numpy.arange(2)})
    artifacts = run.artifacts()
    assert artifacts.read("notes.txt").decode() == "größer"
    assert artifacts.read("raw.bin") == b"\x00\x01"
    told = json.loads(artifacts.read("config.json"))
    assert told == {"depth": 3, "mean": 0.5, "all": [0, 1]}
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
def test_tables_of_any_kind(run: tracklite.Run, kind: str) -> None:
    polars = pytest.importorskip("polars")
    table = tables()[kind]
    for ending in ("parquet", "csv", "json"):
        run.log_table(f"{kind}.{ending}", table)
    artifacts = run.artifacts()
    read = polars.read_parquet(io.BytesIO(artifacts.read(f"{kind}.parquet")))
    assert read.to_dict(as_series=False) == {"x": [1, 2], "word": ["a", None]}
    assert artifacts.read(f"{kind}.csv").decode().startswith("x,word\n1,a\n2,")
    told = json.loads(artifacts.read(f"{kind}.json"))
    assert told["columns"] == ["x", "word"]
    assert told["data"][0] == [1, "a"]


def test_a_frame_is_a_table_too(run: tracklite.Run, database: tracklite.Database) -> None:
    polars = pytest.importorskip("polars")
    frame = database.search_runs(columns=["run_id"])
    run.log_table("runs.parquet", frame)
    run.log_table("runs.csv", frame)
    read = polars.read_parquet(io.BytesIO(run.artifacts().read("runs.parquet")))
    assert read["run_id"].to_list() == [run.id]


def test_tables_that_are_none(run: tracklite.Run) -> None:
    with pytest.raises(TypeError, match="table must be a dict of columns"):
        run.log_table("a.csv", 3)
    with pytest.raises(ValueError, match=r"ends in .parquet, .csv or .json"):
        run.log_table("a.xlsx", {})
    with pytest.raises(ValueError, match="same length"):
        run.log_table("a.csv", {"x": [1], "y": []})
    assert run.artifacts().list_all() == []


def test_figures(run: tracklite.Run) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    run.log_figure("plots/loss.png", figure)
    run.log_figure("plots/loss.svg", figure)
    assert run.artifacts().read("plots/loss.png").startswith(b"\x89PNG")
    assert b"<svg" in run.artifacts().read("plots/loss.svg")
    with pytest.raises(TypeError, match="figure must be one of matplotlib or plotly"):
        run.log_figure("plots/loss.png", 3)


def test_images(run: tracklite.Run) -> None:
    numpy = pytest.importorskip("numpy")
    image = pytest.importorskip("PIL.Image")
    pixels = numpy.zeros((4, 5, 3))
    pixels[0, 0] = [1.0, 0.5, 0.0]
    paths = [
        run.log_image("floats", pixels, step=1),
        run.log_image("bytes", (pixels * 255).round().astype("uint8"), step=2),
        run.log_image("gray", pixels[:, :, 0]),
        run.log_image("pil", image.new("RGB", (5, 4)), step=3),
    ]
    for path in paths:
        read = image.open(io.BytesIO(run.artifacts().read(path)))
        assert read.size == (5, 4)
    read = image.open(io.BytesIO(run.artifacts().read(paths[0])))
    assert read.getpixel((0, 0)) == (255, 128, 0)
    with pytest.raises(exceptions.InvalidInputError, match="PNG, JPEG, WebP or GIF"):
        run.log_image("bad", b"no image")
    with pytest.raises(TypeError, match="image must be bytes"):
        run.log_image("bad", 3)


def test_progress_is_told_and_may_raise(run: tracklite.Run, tmp_path: Path) -> None:
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


def test_folders(run: tracklite.Run, tmp_path: Path) -> None:
    (tmp_path / "model" / "inner").mkdir(parents=True)
    (tmp_path / "model" / "a.txt").write_text("a")
    (tmp_path / "model" / "inner" / "b.txt").write_text("b")
    run.log_artifacts(tmp_path / "model", "saved")
    artifacts = run.artifacts()
    assert [info.path for info in artifacts.list_all()] == ["saved/a.txt", "saved/inner/b.txt"]
    [inner] = [info for info in artifacts.list("saved") if info.is_folder]
    assert (inner.path, inner.size) == ("saved/inner", None)
    artifacts.log_reference("far.bin", "s3://bucket/far.bin", size=7)
    assert artifacts.info("far.bin").uri == "s3://bucket/far.bin"


@pytest.mark.parametrize("bad", ["", "/a", "../a", "a/../b", "a\\b", "a//b", "a#b", "%2e%2e/a"])
def test_paths_that_lead_astray(run: tracklite.Run, bad: str) -> None:
    for call in (
        lambda: run.log_text(bad, "text"),
        lambda: run.log_bytes(bad, b"bytes"),
        lambda: run.artifacts().log_reference(bad, "s3://bucket"),
    ):
        with pytest.raises(exceptions.InvalidInputError):
            call()


def test_files_that_are_not_there(run: tracklite.Run, tmp_path: Path) -> None:
    with pytest.raises(exceptions.NotFoundError):
        run.log_artifact(tmp_path / "none")
    with pytest.raises(exceptions.TrackliteError):
        run.log_artifacts(tmp_path / "none")
    with pytest.raises(exceptions.NotFoundError):
        run.artifacts().read("none")
    with pytest.raises(exceptions.NotFoundError):
        run.artifacts().delete("none")


def test_whoever_watches_an_upload_can_end_it(run: tracklite.Run, tmp_path: Path) -> None:
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


def test_ctrl_c_ends_an_upload(run: tracklite.Run, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(24 << 20))

    def interrupted(read: int) -> None:
        if read > 10 << 20:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run.artifacts().log_file(file, progress=interrupted)
    assert run.artifacts().list() == []


def test_a_watched_upload_and_other_threads_do_not_wait_for_each_other(
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
