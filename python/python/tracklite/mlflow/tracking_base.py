"""The shared base of the tracking store: the file, and the addresses of artifacts."""

from __future__ import annotations

import os
from typing import Any

from mlflow.entities import LoggedModel, Run, RunInfo
from mlflow.utils.uri import resolve_uri_if_local

from tracklite.mlflow import address, entities, handles
from tracklite.mlflow.errors import wrong_argument


class TrackingBase:
    """The file of a store, its entities, and the addresses of their artifacts."""

    def _open(self, store_uri: str, artifact_uri: str | None) -> None:
        self._stored = handles.StoredFile(address.file_of(store_uri), create=True)
        own = self._file.store.address
        if artifact_uri and address.is_own(artifact_uri):
            _check_same_file(own, artifact_uri)
        self._root = address.Root(own, artifact_uri)
        # Any other place than the file and the server's proxy is stored with each new experiment.
        is_other = artifact_uri and not self._root.is_proxied and not address.is_own(artifact_uri)
        self._other_root = resolve_uri_if_local(artifact_uri) if is_other else None
        if self._other_root:
            self._file.experiments.place_default(self._other_root)
        self._locations: dict[int, str] = {}
        self.artifact_root_uri = self._other_root or artifact_uri or self._root.text

    @property
    def _file(self) -> handles.Handle:
        return self._stored.handle

    @property
    def _present_file(self) -> handles.Handle:
        """Returns the file after checking that it is still at its path."""
        return self._stored.present

    def _location(self, experiment_id: int) -> str:
        """Returns the artifact location of an experiment. Cached, because IDs are never reused."""
        known = self._locations.get(experiment_id)
        if known is None:
            known = self._location_of(self._file.experiments.get(experiment_id))
            self._locations[experiment_id] = known
        return known

    def _location_of(self, value: tuple[Any, ...]) -> str:
        number, tags = value[0], value[-1]
        return tags.get(entities.LOCATION_TAG) or self._root.experiment(number)

    def _info(self, value: tuple[Any, ...]) -> RunInfo:
        return entities.run_info(value, self._location(value[1]))

    def _run(self, value: tuple[Any, ...], *, with_model_inputs: bool = True) -> Run:
        location = self._location(value[0][1])
        return entities.run(value, location, with_model_inputs=with_model_inputs)

    def _logged_model(self, value: tuple[Any, ...]) -> LoggedModel:
        return entities.logged_model(value, self._location(value[0][1]))


def _check_same_file(own: str, artifact_uri: str) -> None:
    """Rejects another tracklite file as the place of artifacts: it does not have the runs."""
    file, inside = address.split(artifact_uri)
    if os.path.realpath(file) != os.path.realpath(address.file_of(own)) or inside:
        raise wrong_argument(
            f"{artifact_uri!r} cannot hold the artifacts of {own!r}: use that file itself, or a"
            " place outside of any tracklite file"
        )
