"""MLflow's artifact repository in a tracklite file."""

from __future__ import annotations

import os
import posixpath

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.utils.file_utils import create_tmp_dir

from tracklite._tracklite import StoreArtifacts
from tracklite.exceptions import InvalidStateError, NotFoundError, TrackliteError
from tracklite.mlflow import address, handles
from tracklite.mlflow.address import AddressError, Owner
from tracklite.mlflow.errors import as_mlflow_error, translated


class TrackliteArtifactRepository(ArtifactRepository):
    """The files of a run, a logged model or a version, or all files of a database for a server.

    `address.py` lists the addresses. No other path in a file can hold artifacts.
    """

    def __init__(
        self,
        artifact_uri: str,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
    ) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        try:
            path, self._inside = address.split(artifact_uri)
            self._stored = handles.StoredFile(path, create=False)
        except (TrackliteError, AddressError) as error:
            raise as_mlflow_error(error) from error

    @property
    def _files(self) -> StoreArtifacts:
        return self._stored.handle.artifacts

    def _place(self, path: str | None) -> tuple[Owner, str] | None:
        """Splits a path of this repository into its owner and the path within."""
        if path and (path.startswith("/") or posixpath.normpath(path).split("/")[0] == ".."):
            raise MlflowException(
                f"Invalid path: {path!r} leads out of {self.artifact_uri!r}",
                INVALID_PARAMETER_VALUE,
            )
        whole = posixpath.join(self._inside, path) if path else self._inside
        return address.owner_of(whole)

    def _known_place(self, path: str | None) -> tuple[Owner, str]:
        place = self._place(path)
        if place is None:
            raise MlflowException(
                f"{self.artifact_uri!r} cannot hold artifacts at {path or ''!r}: artifacts belong"
                " to a run, a logged model or a version of a registered model",
                INVALID_PARAMETER_VALUE,
            )
        return place

    @translated
    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Logs a local file, in a folder of the artifacts if one is given."""
        local_file = os.fspath(local_file)
        name = os.path.basename(local_file)
        path = posixpath.join(artifact_path, name) if artifact_path else name
        owner, inner = self._known_place(posixpath.normpath(path))
        self._files.log_file(owner, local_file, inner)

    @translated
    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Logs the content of a local folder."""
        path = posixpath.normpath(artifact_path) if artifact_path else ""
        owner, inner = self._known_place("" if path == "." else path)
        self._files.log_folder(owner, os.fspath(local_dir), inner)

    @translated
    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Lists the files and folders directly in a folder. Empty for a file."""
        path = "" if not path else posixpath.normpath(path).rstrip("/")
        place = self._place("" if path == "." else path)
        if place is None:
            return []
        owner, inner = place
        try:
            found = self._files.list(owner, inner)
        except NotFoundError:
            return []
        return [
            FileInfo(_shown(file, inner, path), is_folder, size) for file, is_folder, size in found
        ]

    @translated
    def _is_directory(self, artifact_path: str | None) -> bool:
        return bool(self.list_artifacts(artifact_path))

    @translated
    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        owner, inner = self._known_place(remote_file_path)
        self._files.download_file(owner, inner, os.fspath(local_path))

    @translated
    def download_artifacts(self, artifact_path: str | None, dst_path: str | None = None) -> str:
        """Copies a file, or the content of a folder, to a local folder. Returns the path."""
        if dst_path is not None:
            dst_path = os.path.abspath(dst_path)
            if not os.path.exists(dst_path):
                raise MlflowException(
                    "The destination path for downloaded artifacts does not exist!"
                    f" Destination path: {dst_path}",
                    RESOURCE_DOES_NOT_EXIST,
                )
            if not os.path.isdir(dst_path):
                raise MlflowException(
                    "The destination path for downloaded artifacts must be a directory!"
                    f" Destination path: {dst_path}",
                    INVALID_PARAMETER_VALUE,
                )
        path = posixpath.normpath(artifact_path) if artifact_path else ""
        path = "" if path == "." else path
        owner, inner = self._known_place(path)
        if inner != path:
            # A subfolder of the owner's files: MLflow's implementation downloads file by file.
            return str(super().download_artifacts(path, dst_path))
        folder = dst_path or create_tmp_dir()
        self._files.download(owner, inner, folder)
        return os.path.join(folder, path) if path else folder

    @translated
    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Deletes a file, or a folder with its content.

        Keeps all files of a deleted run or model, which can be restored until it is purged.
        """
        owner, inner = self._known_place(artifact_path)
        try:
            self._files.delete(owner, inner)
        except InvalidStateError:
            if inner:
                raise


def _shown(file: str, inner: str, path: str) -> str:
    """Converts a path below the owner's folder `inner` to one below the folder `path`."""
    name = file[len(inner) + 1 :] if inner else file
    return posixpath.join(path, name) if path else name
