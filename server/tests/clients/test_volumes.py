"""Volumes and their files by Databricks's SDK."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import AlreadyExists, BadRequest, NotFound
from databricks.sdk.service.catalog import VolumeType

ROOT = "/Volumes/ml/raw/images"


@pytest.fixture
def workspace(databricks: str) -> WorkspaceClient:
    """A client of a server with the volume `ml.raw.images`."""
    client = WorkspaceClient()
    client.volumes.create("ml", "raw", "images", VolumeType.MANAGED, comment="as they came")
    return client


def test_a_volume_lives(workspace: WorkspaceClient) -> None:
    """It is created once, read, listed, changed and deleted."""
    volumes = workspace.volumes
    with pytest.raises(AlreadyExists):
        volumes.create("ml", "raw", "images", VolumeType.MANAGED)
    made = volumes.read("ml.raw.images")
    assert (made.full_name, made.volume_type) == ("ml.raw.images", VolumeType.MANAGED)
    assert (made.comment, made.catalog_name, made.schema_name) == ("as they came", "ml", "raw")
    assert made.created_at and made.owner and made.storage_location
    volumes.create("ml", "raw", "audio", VolumeType.MANAGED)
    assert [volume.name for volume in volumes.list("ml", "raw")] == ["audio", "images"]
    assert [volume.name for volume in volumes.list("ml", "raw", max_results=1)] == [
        "audio",
        "images",
    ]
    changed = volumes.update("ml.raw.audio", new_name="sounds", comment="all")
    assert (changed.full_name, changed.comment) == ("ml.raw.sounds", "all")
    volumes.delete("ml.raw.sounds")
    with pytest.raises(NotFound):
        volumes.read("ml.raw.sounds")
    with pytest.raises(BadRequest):
        workspace.schemas.delete("ml.raw")
    workspace.schemas.delete("ml.raw", force=True)
    with pytest.raises(NotFound):
        workspace.files.get_directory_metadata(ROOT)


def test_files_and_folders_live(workspace: WorkspaceClient) -> None:
    """Each call for files and folders works on a volume."""
    files = workspace.files
    path = f"{ROOT}/2026/a b.txt"
    files.upload(path, io.BytesIO(b"one"))
    with pytest.raises(AlreadyExists):
        files.upload(path, io.BytesIO(b"two"), overwrite=False)
    files.upload(path, io.BytesIO(b"three"), overwrite=True)
    assert files.get_metadata(path).content_length == 5
    assert files.download(path).contents.read() == b"three"
    files.create_directory(f"{ROOT}/new/deep")
    files.create_directory(f"{ROOT}/new/deep")
    files.get_directory_metadata(f"{ROOT}/new/deep")
    entries = [(entry.name, entry.is_directory) for entry in files.list_directory_contents(ROOT)]
    assert entries == [("2026", True), ("new", True)]
    assert list(files.list_directory_contents(f"{ROOT}/new/deep")) == []
    inner = list(files.list_directory_contents(f"{ROOT}/2026"))
    assert [(entry.path, entry.file_size) for entry in inner] == [(path, 5)]
    with pytest.raises(BadRequest):
        files.delete_directory(f"{ROOT}/2026")
    files.delete(path)
    with pytest.raises(NotFound):
        files.download(path)
    files.delete_directory(f"{ROOT}/2026")
    with pytest.raises(NotFound):
        files.get_directory_metadata(f"{ROOT}/2026")
    with pytest.raises(NotFound):
        files.upload("/Volumes/ml/raw/none/a", io.BytesIO(b""))


def test_a_large_file_goes_up_in_parts_and_down(workspace: WorkspaceClient, tmp_path: Path) -> None:
    """The SDK sends it in parts to signed addresses."""
    content = os.urandom(60 << 20)
    path = f"{ROOT}/large.bin"
    workspace.files.upload(path, io.BytesIO(content))
    workspace.files.download_to(path, str(tmp_path / "large.bin"))
    assert (tmp_path / "large.bin").read_bytes() == content


def test_files_survive_a_restart(
    workspace: WorkspaceClient, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server over the same file has them."""
    workspace.files.upload(f"{ROOT}/a.txt", io.BytesIO(b"kept"))
    program = os.environ["TRACKLITE_PROGRAM"]
    command = [program, "serve", str(path), "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            address = other.stdout.readline().strip()
            monkeypatch.setenv("DATABRICKS_HOST", address)
            assert requests.get(f"{address}/health", timeout=10).text == "OK"
            files = WorkspaceClient().files
            assert files.download(f"{ROOT}/a.txt").contents.read() == b"kept"
        finally:
            other.terminate()
