"""The Files API by Databricks's SDK."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import AlreadyExists, NotFound

MIB = 1 << 20


@pytest.fixture
def root(databricks: str) -> str:
    """The path of the artifacts of a new run."""
    mlflow.set_tracking_uri("databricks")
    mlflow.set_experiment("/Shared/files")
    with mlflow.start_run() as run:
        info = run.info
    return f"/WorkspaceInternal/Mlflow/Artifacts/{info.experiment_id}/Runs/{info.run_id}/artifacts"


@pytest.fixture
def client(root: str) -> WorkspaceClient:
    """A client of the server."""
    return WorkspaceClient()


def test_a_file_lives(client: WorkspaceClient, root: str) -> None:
    """It is written, described, read, replaced only if asked, listed and deleted."""
    path = f"{root}/d/a b.txt"
    with pytest.raises(NotFound):
        client.files.get_metadata(path)
    client.files.upload(path, io.BytesIO(b"one"))
    found = client.files.get_metadata(path)
    assert found.content_length == 3
    assert found.last_modified
    with pytest.raises(AlreadyExists):
        client.files.upload(path, io.BytesIO(b"two"), overwrite=False)
    client.files.upload(path, io.BytesIO(b"three"), overwrite=True)
    answer = client.files.download(path)
    assert (answer.content_length, answer.contents.read()) == (5, b"three")
    client.files.upload(f"{root}/d/empty", io.BytesIO(b""))
    assert client.files.download(f"{root}/d/empty").contents.read() == b""
    entries = list(client.files.list_directory_contents(root))
    assert [(entry.path, entry.name, entry.is_directory) for entry in entries] == [
        (f"{root}/d", "d", True)
    ]
    inner = list(client.files.list_directory_contents(f"{root}/d"))
    assert [(entry.name, entry.file_size) for entry in inner] == [("a b.txt", 5), ("empty", 0)]
    assert inner[0].last_modified > 1_600_000_000_000
    client.files.delete(path)
    with pytest.raises(NotFound):
        client.files.download(path)
    with pytest.raises(NotFound):
        client.files.delete(path)


def test_folders(client: WorkspaceClient, root: str) -> None:
    """They exist with their files, and can be created before."""
    client.files.create_directory(f"{root}/new")
    client.files.upload(f"{root}/new/a.txt", io.BytesIO(b"x"))
    client.files.get_directory_metadata(f"{root}/new")
    with pytest.raises(NotFound):
        client.files.get_directory_metadata(f"{root}/other")
    with pytest.raises(NotFound):
        list(client.files.list_directory_contents(f"{root}/other"))
    client.files.delete(f"{root}/new/a.txt")
    client.files.delete_directory(f"{root}/new")


def test_pages(client: WorkspaceClient, root: str) -> None:
    """A folder of several pages is listed whole and once."""
    for number in range(7):
        client.files.upload(f"{root}/{number}.txt", io.BytesIO(b"x"))
    entries = client.files.list_directory_contents(root, page_size=3)
    assert [entry.name for entry in entries] == [f"{number}.txt" for number in range(7)]


def test_a_large_file_is_sent_in_parts(
    client: WorkspaceClient, root: str, tmp_path: Path
) -> None:
    """From 50 MiB on, in parts at the same time; and read in ranges at the same time."""
    content = os.urandom(60 * MIB)
    local = tmp_path / "large.bin"
    local.write_bytes(content)
    client.files.upload_from(f"{root}/large.bin", str(local), overwrite=True)
    assert client.files.get_metadata(f"{root}/large.bin").content_length == 60 * MIB
    assert client.files.download(f"{root}/large.bin").contents.read() == content
    client.files.download_to(f"{root}/large.bin", str(tmp_path / "got.bin"), overwrite=True)
    assert (tmp_path / "got.bin").read_bytes() == content
    client.files.upload(f"{root}/stream.bin", io.BytesIO(content))
    assert client.files.download(f"{root}/stream.bin").contents.read() == content


def test_a_download_is_resumed(client: WorkspaceClient, root: str, databricks: str) -> None:
    """With a range and the time of the file, as the SDK does after a broken connection."""
    content = os.urandom(3 * MIB)
    client.files.upload(f"{root}/a.bin", io.BytesIO(content))
    url = f"{databricks}/api/2.0/fs/files{root}/a.bin"
    with requests.get(url, stream=True, timeout=30) as answer:
        first = answer.raw.read(MIB)
        since = answer.headers["Last-Modified"]
    headers = {"Range": f"bytes={MIB}-", "If-Unmodified-Since": since}
    rest = requests.get(url, headers=headers, timeout=30)
    assert rest.status_code == 206
    assert first + rest.content == content


def test_uploads_at_the_same_time(client: WorkspaceClient, root: str) -> None:
    """Eight of them, each with its own bytes."""
    contents = [os.urandom(5 * MIB) for _ in range(8)]

    def upload(number: int) -> None:
        client.files.upload(f"{root}/{number}.bin", io.BytesIO(contents[number]))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(upload, range(8)))
    for number, content in enumerate(contents):
        assert client.files.download(f"{root}/{number}.bin").contents.read() == content
