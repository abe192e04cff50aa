"""Experiments in the tracking store."""

from __future__ import annotations

from typing import Any

from mlflow.entities import Experiment, ExperimentTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.utils.uri import resolve_uri_if_local
from mlflow.utils.validation import (
    _validate_experiment_artifact_location_length,
    _validate_experiment_name,
    _validate_experiment_tag,
)

from tracklite.mlflow import entities
from tracklite.mlflow.arguments import (
    count_of,
    experiment_number,
    tag_pairs,
    tag_text,
)
from tracklite.mlflow.errors import translated, wrong_argument
from tracklite.mlflow.tracking_base import TrackingBase

VIEWS = {
    ViewType.ACTIVE_ONLY: "active",
    ViewType.DELETED_ONLY: "deleted",
    ViewType.ALL: "all",
}


def view_word(view_type: int) -> str:
    """Returns the engine's name of a view. Callers return nothing for an unknown view."""
    return VIEWS.get(view_type, "active")


class TrackingExperiments(TrackingBase):
    """The methods for experiments."""

    def _experiment(self, value: tuple[Any, ...]) -> Experiment:
        return entities.experiment(value, self._location_of(value))

    @translated
    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: list[ExperimentTag] | None = None,
    ) -> str:
        """Creates an experiment, and returns its ID."""
        _validate_experiment_name(name)
        for tag in tags or ():
            _check_tag(tag)
        known = tag_pairs(tags)
        experiments = self._present_file.experiments
        if artifact_location:
            location = resolve_uri_if_local(artifact_location)
            _validate_experiment_artifact_location_length(location)
            known.append((entities.LOCATION_TAG, location))
        elif self._other_root:
            return str(experiments.create_below(name, self._other_root, known))
        return str(experiments.create(name, known))

    @translated
    def get_experiment(self, experiment_id: str | None) -> Experiment:
        """Returns the experiment with this ID, deleted or not."""
        return self._experiment(self._known_experiment(experiment_id))

    def _known_experiment(self, experiment_id: str | int | None) -> tuple[Any, ...]:
        number = experiment_number(experiment_id)
        if not 0 <= number < 2**63:
            raise MlflowException(f"No Experiment with id={number} exists", RESOURCE_DOES_NOT_EXIST)
        value: tuple[Any, ...] = self._file.experiments.get(number)
        return value

    @translated
    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        """Returns the experiment with this name, deleted or not, or None."""
        value = self._file.experiments.find(experiment_name)
        return None if value is None else self._experiment(value)

    @translated
    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_MAX_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Searches experiments. Returns one page."""
        found, token = self._file.experiments.search(
            filter_string or "",
            view_word(view_type),
            count_of(max_results),
            order_by or [],
            page_token or "",
        )
        if view_type not in VIEWS:
            return PagedList([], None)
        return PagedList([self._experiment(value) for value in found], token)

    @translated
    def delete_experiment(self, experiment_id: str) -> None:
        """Marks an experiment and its runs deleted."""
        self._file.experiments.delete(self._known_experiment(experiment_id)[0])

    @translated
    def restore_experiment(self, experiment_id: str) -> None:
        """Restores an experiment and its runs."""
        self._file.experiments.restore(self._known_experiment(experiment_id)[0])

    @translated
    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Renames an experiment."""
        _validate_experiment_name(new_name)
        self._file.experiments.rename(self._known_experiment(experiment_id)[0], new_name)

    @translated
    def set_experiment_tag(self, experiment_id: str, tag: ExperimentTag) -> None:
        """Sets a tag of an experiment."""
        _check_tag(tag)
        number = self._known_experiment(experiment_id)[0]
        self._file.experiments.set_tag(number, tag.key, tag_text(tag))

    @translated
    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Deletes a tag of an experiment. The tag must exist."""
        _check_not_reserved(key)
        self._file.experiments.delete_tag(self._known_experiment(experiment_id)[0], key)

    @translated
    def _hard_delete_experiment(self, experiment_id: str) -> None:
        value = self._known_experiment(experiment_id)
        if value[2] == "active":
            raise MlflowException(
                f"No deleted Experiment with id={value[0]} exists", RESOURCE_DOES_NOT_EXIST
            )
        self._file.store.purge(([], [value[0]], []))


def _check_tag(tag: ExperimentTag) -> None:
    _validate_experiment_tag(tag.key, tag.value)
    _check_not_reserved(tag.key)


def _check_not_reserved(key: str) -> None:
    """Rejects the tag of the artifact location: changing it would move existing artifacts."""
    if key == entities.LOCATION_TAG:
        raise wrong_argument(
            f"The tag {key!r} is reserved for the artifact location of an experiment."
        )
