"""MLflow's model registry store on a tracklite file."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow.entities import LoggedModel
from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelTag,
)
from mlflow.entities.model_registry.model_version_stages import (
    DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS,
    get_canonical_stage,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
)
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.tracking.client import MlflowClient
from mlflow.utils.validation import (
    _validate_model_alias_name,
    _validate_model_alias_name_reserved,
    _validate_model_name,
    _validate_model_renaming,
    _validate_model_version,
    _validate_model_version_tag,
    _validate_registered_model_tag,
    _validate_tag_name,
)

from tracklite.exceptions import NotFoundError, TrackliteError
from tracklite.mlflow import address, entities, handles
from tracklite.mlflow.address import AddressError
from tracklite.mlflow.arguments import count_of, tag_pairs, tag_text
from tracklite.mlflow.errors import as_mlflow_error, refuses, translated, wrong_argument
from tracklite.mlflow.registry_webhooks import RegistryWebhooks

LATEST = "latest"


@refuses(
    AbstractStore,
    set(),
    {},
    {"link_prompts_to_trace": "traces"},
)
class TrackliteRegistryStore(RegistryWebhooks, AbstractStore):
    """Registered models and their versions in one file, at `tracklite:///folder/file`.

    If the source of a version is in the same file, the version gets its own unchanging copy of the
    files that the source has then.
    """

    def __init__(self, store_uri: str | None = None, tracking_uri: str | None = None) -> None:
        super().__init__(store_uri, tracking_uri)
        # In a server, its own setting takes precedence over the argument.
        self._tracking_uri = os.environ.get("_MLFLOW_SERVER_FILE_STORE") or tracking_uri
        if not store_uri:
            raise MlflowException.invalid_parameter_value("The address of a file is missing.")
        try:
            path = address.file_of(store_uri)
            self._stored = handles.StoredFile(path, create=True)
        except (TrackliteError, AddressError) as error:
            raise as_mlflow_error(error) from error
        self._root = address.Root(self._file.store.address, _served_root(path))

    @property
    def _file(self) -> handles.Handle:
        return self._stored.handle

    @translated
    def create_registered_model(
        self,
        name: str,
        tags: list[RegisteredModelTag] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Creates a registered model."""
        _validate_model_name(name)
        for tag in tags or ():
            _validate_registered_model_tag(tag.key, tag.value)
        value = self._stored.present.registry.create(name, description, tag_pairs(tags))
        return entities.registered_model(value)

    @translated
    def get_registered_model(self, name: str) -> RegisteredModel:
        """Returns a registered model."""
        _validate_model_name(name)
        return entities.registered_model(self._file.registry.get(name))

    @translated
    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Sets the description of a registered model."""
        _validate_model_name(name)
        return entities.registered_model(self._file.registry.describe(name, description))

    @translated
    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Renames a registered model."""
        _validate_model_renaming(new_name)
        _validate_model_name(name)
        return entities.registered_model(self._file.registry.rename(name, new_name))

    @translated
    def delete_registered_model(self, name: str) -> None:
        """Deletes a registered model with all its versions."""
        _validate_model_name(name)
        self._file.registry.delete(name)

    @translated
    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Searches registered models. Returns one page."""
        count = count_of(max_results, of_registry=True)
        found, token = self._file.registry.search(
            filter_string or "", count, order_by or [], page_token or ""
        )
        return PagedList([entities.registered_model(value) for value in found], token)

    @translated
    def get_latest_versions(self, name: str, stages: list[str] | None = None) -> list[ModelVersion]:
        """Returns the highest version in each of these stages, by default in all."""
        _validate_model_name(name)
        # MLflow reports a missing model before an invalid stage.
        self._file.registry.get(name)
        wanted = [get_canonical_stage(stage) for stage in stages or ()]
        found = self._file.registry.latest_versions(name, wanted)
        return [entities.version(value, with_aliases=True) for value in found]

    @translated
    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        """Sets a tag of a registered model."""
        _validate_model_name(name)
        _validate_registered_model_tag(tag.key, tag.value)
        self._file.registry.set_tag(name, tag.key, tag_text(tag))

    @translated
    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Deletes a tag of a registered model, if it exists."""
        _validate_model_name(name)
        _validate_tag_name(key)
        self._file.registry.delete_tag(name, key)

    @translated
    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: list[ModelVersionTag] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Creates the next version of a registered model."""
        _validate_model_name(name)
        for tag in tags or ():
            _validate_model_version_tag(tag.key, tag.value)
        if not isinstance(source, str):
            raise wrong_argument(f"Invalid value {source!r} for source: expected a str")
        files, run, model = self._files_at(source), run_id or None, model_id or None
        named = source.removeprefix("models:/")
        elsewhere = self._model_elsewhere(model or named, is_due=model is not None)
        if elsewhere is not None:
            run, model = run or elsewhere.source_run_id, None
            files = elsewhere.artifact_location if elsewhere.model_id == named else files
        value = self._stored.present.versions.create(
            name,
            source,
            files,
            run,
            run_link,
            model,
            description,
            tag_pairs(tags),
        )
        return entities.version(value, with_aliases=True)

    def _model_elsewhere(self, model_id: str, *, is_due: bool) -> LoggedModel | None:
        """Returns a logged model that is not in this file, but in another tracking store.

        If `is_due`, a model that does not exist anywhere is an error.
        """
        try:
            self._file.logged_models.get(model_id, False)
            return None
        except NotFoundError:
            if address.is_model(model_id) and not self._is_own(self._tracking_uri):
                return MlflowClient(self._tracking_uri).get_logged_model(model_id)
            if is_due:
                raise
            return None

    def _is_own(self, uri: str | None) -> bool:
        """Returns whether an address is the one of this file. An empty one counts as such."""
        if not uri or not address.is_own(uri):
            return not uri
        own = address.file_of(self._file.store.address)
        return os.path.realpath(address.file_of(uri)) == os.path.realpath(own)

    def _files_at(self, source: str) -> str:
        """Converts a source to the engine's address if it is in this file."""
        inside = self._root.inside(source)
        found = address.engine_address(inside) if inside else None
        if found is None:
            return source
        # With a run or model that does not exist, the source is stored unchanged.
        owner = address.owner_of(inside or "")
        try:
            if owner and owner[0].kind == "run":
                self._file.runs.info(owner[0].id)
            elif owner:
                self._file.logged_models.get(owner[0].id, False)
        except TrackliteError:
            return source
        return found

    @translated
    def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """Returns a version of a registered model."""
        _validate_model_name(name)
        value = self._file.versions.get(name, _version_number(name, version))
        return entities.version(value, with_aliases=True)

    @translated
    def update_model_version(
        self, name: str, version: int | str, description: str | None = None
    ) -> ModelVersion:
        """Sets the description of a version."""
        _validate_model_name(name)
        number = _version_number(name, version)
        value = self._file.versions.describe(name, number, description)
        return entities.version(value, with_aliases=True)

    @translated
    def transition_model_version_stage(
        self,
        name: str,
        version: int | str,
        stage: str,
        archive_existing_versions: bool,
    ) -> ModelVersion:
        """Moves a version to a stage, and can archive the others in that stage."""
        canonical = get_canonical_stage(stage)
        is_active = canonical in DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS
        if archive_existing_versions and not is_active:
            raise MlflowException(
                "Model version transition cannot archive existing model versions because"
                f" '{stage}' is not an Active stage. Valid stages are"
                f" {DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS}",
                INTERNAL_ERROR,
            )
        _validate_model_name(name)
        value = self._file.versions.transition(
            name, _version_number(name, version), canonical, bool(archive_existing_versions)
        )
        return entities.version(value, with_aliases=True)

    @translated
    def delete_model_version(self, name: str, version: int | str) -> None:
        """Deletes a version. Its number is never reused."""
        number = _version_number(name, version)
        _validate_model_name(name)
        self._file.versions.delete(name, number)

    @translated
    def get_model_version_download_uri(self, name: str, version: int | str) -> str:
        """Returns the address of the files of a version: its own, or those of its source."""
        _validate_model_name(name)
        number = _version_number(name, version)
        model, location = self._file.versions.location(name, number)
        if model is not None:
            return f"{self._root.text}/versions/{model}/{number}"
        return self._address_of(location)

    def _address_of(self, location: str) -> str:
        """Converts the engine's address of a run or logged model to an artifact address."""
        scheme, _, rest = location.partition(":/")
        owner, _, path = rest.partition("/")
        if scheme == "runs":
            try:
                info = self._file.runs.info(owner)
            except NotFoundError:
                # The run is not in this file.
                return location
            place = f"{self._root.experiment(info[1])}/{owner}/artifacts"
        elif scheme == "models" and owner.startswith("m-"):
            facts = self._file.logged_models.get(owner, True)[0]
            place = f"{self._root.experiment(facts[1])}/models/{owner}/artifacts"
        else:
            return location
        return f"{place}/{path}" if path else place

    @translated
    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = SEARCH_MODEL_VERSION_MAX_RESULTS_DEFAULT,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Searches versions. Returns one page."""
        count = count_of(max_results, of_registry=True)
        found, token = self._file.registry.search_versions(
            filter_string or "", count, order_by or [], page_token or ""
        )
        return PagedList([entities.version(value, with_aliases=False) for value in found], token)

    @translated
    def set_model_version_tag(self, name: str, version: int | str, tag: ModelVersionTag) -> None:
        """Sets a tag of a version."""
        _validate_model_name(name)
        number = _version_number(name, version)
        _validate_model_version_tag(tag.key, tag.value)
        self._file.versions.set_tag(name, number, tag.key, tag_text(tag))

    @translated
    def delete_model_version_tag(self, name: str, version: int | str, key: str) -> None:
        """Deletes a tag of a version, if it exists."""
        _validate_model_name(name)
        number = _version_number(name, version)
        _validate_tag_name(key)
        self._file.versions.delete_tag(name, number, key)

    @translated
    def set_registered_model_alias(self, name: str, alias: str, version: int | str) -> None:
        """Points an alias to a version."""
        _validate_model_name(name)
        _validate_model_alias_name(alias)
        _validate_model_alias_name_reserved(alias)
        number = _version_number(name, version)
        # A missing model and a missing version are the same error in MLflow.
        self._file.registry.set_alias(name, alias, number)

    @translated
    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Deletes an alias, if it exists."""
        _validate_model_name(name)
        _validate_model_alias_name(alias)
        self._file.registry.delete_alias(name, alias)

    @translated
    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Returns the version of an alias. `latest` is the highest version."""
        _validate_model_name(name)
        _validate_model_alias_name(alias)
        if alias.lower() != LATEST:
            value = self._file.versions.by_alias(name, alias)
            return entities.version(value, with_aliases=True)
        versions = self.get_latest_versions(name)
        if not versions:
            raise MlflowException(
                f"Latest version not found for model {name}.", RESOURCE_DOES_NOT_EXIST
            )
        return max(versions, key=lambda version: int(version.version))

    def _await_model_version_creation(self, mv: ModelVersion, await_creation_for: int) -> None:
        """Does nothing, because versions are ready when they are created."""


def _version_number(name: str, version: int | str) -> int:
    """Returns the number of a version. One out of range is reported as not found."""
    _validate_model_version(version)
    number = int(version)
    if not 0 <= number < 2**64:
        raise MlflowException(
            f"Model Version (name={name}, version={version}) not found", RESOURCE_DOES_NOT_EXIST
        )
    return number


def _served_root(path: str) -> str | None:
    """Returns the artifact root of an MLflow server that serves this file, or None."""
    root = os.environ.get("_MLFLOW_SERVER_ARTIFACT_ROOT")
    destination = os.environ.get("_MLFLOW_SERVER_ARTIFACT_DESTINATION", "")
    if not root or not address.is_own(destination):
        return None
    file = os.path.realpath(unquote(urlsplit(destination).path))
    return root if file == os.path.realpath(path) else None
