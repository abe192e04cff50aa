"""What the parts of the tracking store share: the file, and where artifacts are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from mlflow.entities import LoggedModel, Run, RunInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from tracklite.mlflow import address, entities, handles

DEFAULT_EXPERIMENT = 0


class TrackingBase:
    """The file of a store, its entities, and the addresses of their artifacts."""

    def _open(self, store_uri: str, artifact_uri: str | None) -> None:
        self._path = address.file_of(store_uri)
        own = handles.handle(self._path, create=True).store.address
        self._root = address.Root(own, artifact_uri)
        # Other places than the file and the server's proxy are noted at each new experiment.
        is_other = artifact_uri and not self._root.is_proxied and not address.is_own(artifact_uri)
        self._default_location = artifact_uri if is_other else None
        self._locations: dict[int, str] = {}
        self.artifact_root_uri = artifact_uri or self._root.text

    @property
    def _file(self) -> handles.Handle:
        return handles.handle(self._path)

    def _location(self, experiment_id: int) -> str:
        """Where the artifacts of an experiment are; for good, as ids are not used again."""
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


def experiment_number(experiment_id: str | int | None) -> int:
    """The number of an experiment; that of the default one for none."""
    return _number(experiment_id or DEFAULT_EXPERIMENT)


def _number(experiment_id: str | int) -> int:
    try:
        return int(experiment_id)
    except (TypeError, ValueError) as error:
        raise MlflowException(
            f"Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer.",
            INVALID_PARAMETER_VALUE,
        ) from error


def experiment_numbers(experiment_ids: Iterable[str | int]) -> list[int]:
    """The numbers of experiments; what can be the number of none is left out."""
    numbers = [_number(experiment_id) for experiment_id in experiment_ids]
    return [number for number in numbers if 0 <= number < 2**63]


def pairs(items: Iterable[Any] | None) -> list[tuple[str, str]]:
    """Tags or params as pairs of texts; of a key that is given twice the last value."""
    return list({item.key: str(item.value) for item in items or ()}.items())


def check_max_results(max_results: object, *, most: int, allow_none: bool = False) -> None:
    """Raises MLflow's error for a number of results that is no number, or out of bounds."""
    if max_results is None and allow_none:
        return
    is_number = isinstance(max_results, int) and not isinstance(max_results, bool)
    if not is_number or not 1 <= max_results <= most:  # type: ignore[operator]
        raise MlflowException(
            f"Invalid value {max_results!r} for parameter 'max_results': 1 to {most} is allowed",
            INVALID_PARAMETER_VALUE,
        )


def scheme_of(uri: str) -> str:
    """The scheme of an address."""
    return urlsplit(uri).scheme
