"""Logged models in the tracking store."""

from __future__ import annotations

import json
from typing import Any

from mlflow.entities import (
    LoggedModel,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
)
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_MODELS
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.validation import _validate_logged_model_name, _validate_tag

from tracklite.mlflow.arguments import (
    count_of,
    experiment_number,
    experiment_numbers,
    valued_pairs,
)
from tracklite.mlflow.errors import translated, wrong_argument
from tracklite.mlflow.tracking_base import TrackingBase


class TrackingModels(TrackingBase):
    """The methods for logged models."""

    @translated
    def create_logged_model(
        self,
        experiment_id: str = "0",
        name: str | None = None,
        source_run_id: str | None = None,
        tags: list[LoggedModelTag] | None = None,
        params: list[LoggedModelParameter] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Creates a logged model with the status PENDING."""
        _validate_logged_model_name(name)
        value = self._present_file.logged_models.create(
            experiment_number(experiment_id),
            name or None,
            model_type,
            source_run_id or None,
            valued_pairs("param", params),
            valued_pairs("tag", tags),
        )
        return self._logged_model(value)

    @translated
    def get_logged_model(self, model_id: str, allow_deleted: bool = False) -> LoggedModel:
        """Returns a logged model. Returns a deleted one only with `allow_deleted`."""
        return self._logged_model(self._file.logged_models.get(model_id, allow_deleted))

    @translated
    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Sets the final status of a logged model."""
        return self._logged_model(self._file.logged_models.finalize(model_id, str(status)))

    @translated
    def log_logged_model_params(self, model_id: str, params: list[LoggedModelParameter]) -> None:
        """Sets params of a logged model. They cannot be changed later."""
        self._file.logged_models.log_params(model_id, valued_pairs("param", params))

    @translated
    def set_logged_model_tags(self, model_id: str, tags: list[LoggedModelTag]) -> None:
        """Sets tags of a logged model."""
        self._file.logged_models.set_tags(model_id, valued_pairs("tag", tags))

    @translated
    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Deletes a tag of a logged model. The tag must exist."""
        self._file.logged_models.delete_tag(model_id, key)

    @translated
    def delete_logged_model(self, model_id: str) -> None:
        """Marks a logged model deleted."""
        self._file.logged_models.delete(model_id)

    @translated
    def _hard_delete_logged_model(self, model_id: str) -> None:
        self._file.logged_models.delete(model_id)
        self._file.store.purge(([], [], [model_id]))

    @translated
    def _get_deleted_logged_models(self, older_than: int = 0) -> list[str]:
        before = get_current_time_millis() - older_than
        models: list[str] = self._file.store.deleted_before(before)[2]
        return models

    @translated
    def search_logged_models(
        self,
        experiment_ids: list[str],
        filter_string: str | None = None,
        datasets: list[dict[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: list[dict[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """Searches logged models. Returns one page."""
        if datasets and not all(dataset.get("dataset_name") for dataset in datasets):
            raise wrong_argument("`dataset_name` in the `datasets` clause must be specified.")
        found, token = self._file.logged_models.search(
            experiment_numbers(experiment_ids),
            filter_string or "",
            [(item["dataset_name"], item.get("dataset_digest")) for item in datasets or ()],
            count_of(max_results or SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT),
            [_order_item(item) for item in order_by or ()],
            page_token or "",
            self._root.text,
        )
        return PagedList([self._logged_model(value) for value in found], token)

    @translated
    def record_logged_model(self, run_id: str, mlflow_model: Any) -> None:
        """Adds a model to the list of models in a tag of its run."""
        from mlflow.models import Model

        if not isinstance(mlflow_model, Model):
            raise wrong_argument(
                f"Argument 'mlflow_model' should be mlflow.models.Model, got '{type(mlflow_model)}'"
            )
        tags = self._file.runs.get(run_id)[3]
        known = json.loads(tags.get(MLFLOW_LOGGED_MODELS, "[]"))
        known.append(mlflow_model.get_tags_dict())
        tag = _validate_tag(MLFLOW_LOGGED_MODELS, json.dumps(known))
        self._file.runs.log(run_id, [], [], [(tag.key, tag.value)], [])


def _order_item(item: dict[str, Any]) -> tuple[str, bool, tuple[str, str | None] | None]:
    name, digest = item.get("dataset_name"), item.get("dataset_digest")
    return item["field_name"], item.get("ascending", True), (name, digest) if name else None
