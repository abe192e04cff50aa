"""Catalogs, schemas, models, people and the workspace, with Databricks's own SDK."""

from __future__ import annotations

import io
import time
from typing import Any

import mlflow
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    ResourceAlreadyExists,
    ResourceConflict,
    ResourceDoesNotExist,
    Unauthenticated,
)
from databricks.sdk.service.catalog import CatalogType, ModelVersionInfoStatus, VolumeType
from mlflow import MlflowClient


@pytest.fixture
def workspace(databricks: str) -> WorkspaceClient:
    return WorkspaceClient()


@pytest.fixture
def versions(workspace: WorkspaceClient, databricks: str) -> MlflowClient:
    """MLflow's client, with two versions of the model `ml.dev.churn`."""
    client = MlflowClient(tracking_uri=databricks, registry_uri=databricks)
    workspace.registered_models.create(catalog_name="ml", schema_name="dev", name="churn")
    for _ in range(2):
        client.create_model_version("ml.dev.churn", "s3://models/churn")
    return client


def test_catalogs_and_schemas(workspace: WorkspaceClient) -> None:
    assert list(workspace.catalogs.list()) == []
    made = workspace.catalogs.create("ml", comment="all models")
    assert (made.name, made.comment) == ("ml", "all models")
    assert made.catalog_type == CatalogType.MANAGED_CATALOG
    assert made.owner == workspace.current_user.me().user_name
    with pytest.raises(ResourceConflict):
        workspace.catalogs.create("ml")
    schema = workspace.schemas.create("dev", "ml")
    assert (schema.full_name, schema.catalog_name) == ("ml.dev", "ml")
    with pytest.raises(ResourceConflict):
        workspace.schemas.create("dev", "ml")
    workspace.schemas.update("ml.dev", comment="for trials")
    assert workspace.schemas.get("ml.dev").comment == "for trials"
    assert workspace.catalogs.update("ml", comment="changed").comment == "changed"
    assert [schema.name for schema in workspace.schemas.list("ml")] == ["dev"]
    assert workspace.catalogs.update("ml", owner="team").owner == "team"
    assert workspace.schemas.update("ml.dev", owner="ada").owner == "ada"
    assert workspace.schemas.get("ml.dev").owner == "ada"
    with pytest.raises(BadRequest, match="not empty"):
        workspace.catalogs.delete("ml")
    workspace.schemas.delete("ml.dev")
    workspace.catalogs.delete("ml")
    for missing in (
        lambda: workspace.catalogs.get("ml"),
        lambda: workspace.schemas.get("ml.dev"),
        lambda: list(workspace.schemas.list("ml")),
    ):
        with pytest.raises(NotFound) as error:
            missing()
        assert error.value.error_code == "CATALOG_DOES_NOT_EXIST"
    workspace.catalogs.create("ml")
    with pytest.raises(NotFound) as error:
        workspace.schemas.get("ml.dev")
    assert error.value.error_code == "SCHEMA_DOES_NOT_EXIST"
    with pytest.raises(InvalidParameterValue):
        workspace.catalogs.create("a/b")


def test_models_make_their_catalogs(workspace: WorkspaceClient, databricks: str) -> None:
    client = MlflowClient(tracking_uri=databricks, registry_uri=databricks)
    client.create_registered_model("ml.dev.churn")
    client.create_registered_model("plain")
    client.create_registered_model("a.b.c.d")
    assert [catalog.name for catalog in workspace.catalogs.list()] == ["ml"]
    assert [schema.full_name for schema in workspace.schemas.list("ml")] == ["ml.dev"]
    found = workspace.registered_models.list(catalog_name="ml", schema_name="dev")
    assert [model.full_name for model in found] == ["ml.dev.churn"]
    assert [model.name for model in workspace.registered_models.list()] == ["churn"]
    with pytest.raises(BadRequest, match="not empty"):
        workspace.schemas.delete("ml.dev")
    workspace.catalogs.delete("ml", force=True)
    assert list(workspace.catalogs.list()) == []
    assert [model.name for model in client.search_registered_models()] == ["a.b.c.d", "plain"]


def test_a_new_name_moves_all_that_is_inside(
    workspace: WorkspaceClient, versions: MlflowClient
) -> None:
    versions.set_registered_model_alias("ml.dev.churn", "champion", 2)
    workspace.volumes.create("ml", "dev", "files", VolumeType.MANAGED)
    workspace.files.upload("/Volumes/ml/dev/files/a.txt", io.BytesIO(b"text"))
    workspace.registered_models.create(catalog_name="other", schema_name="dev", name="churn")
    with pytest.raises(ResourceConflict):
        workspace.catalogs.update("ml", new_name="other")
    assert workspace.catalogs.update("ml", new_name="prod").name == "prod"
    assert workspace.schemas.update("prod.dev", new_name="live").full_name == "prod.live"
    assert versions.get_model_version_by_alias("prod.live.churn", "champion").version == "2"
    assert workspace.files.download("/Volumes/prod/live/files/a.txt").contents.read() == b"text"
    for missing in ("ml.dev.churn", "prod.dev.churn"):
        with pytest.raises(ResourceDoesNotExist):
            workspace.registered_models.get(missing)
    assert [catalog.name for catalog in workspace.catalogs.list()] == ["other", "prod"]


def test_a_model(workspace: WorkspaceClient, versions: MlflowClient) -> None:
    models = workspace.registered_models
    model = models.get("ml.dev.churn", include_aliases=True)
    assert (model.name, model.catalog_name, model.schema_name) == ("churn", "ml", "dev")
    assert model.created_at and model.updated_at and model.owner and model.metastore_id
    with pytest.raises(ResourceConflict):
        models.create(catalog_name="ml", schema_name="dev", name="churn")
    assert models.update("ml.dev.churn", comment="who leaves").comment == "who leaves"
    assert models.update("ml.dev.churn", new_name="retention").full_name == "ml.dev.retention"
    assert versions.get_registered_model("ml.dev.retention").description == "who leaves"
    alias = models.set_alias("ml.dev.retention", "champion", 2)
    assert (alias.alias_name, alias.version_num) == ("champion", 2)
    [alias] = models.get("ml.dev.retention", include_aliases=True).aliases
    assert (alias.alias_name, alias.version_num) == ("champion", 2)
    models.delete_alias("ml.dev.retention", "champion")
    with pytest.raises(ResourceDoesNotExist):
        workspace.model_versions.get_by_alias("ml.dev.retention", "champion")
    with pytest.raises(ResourceDoesNotExist):
        models.set_alias("ml.dev.retention", "champion", 9)
    models.delete("ml.dev.retention")
    with pytest.raises(ResourceDoesNotExist):
        models.get("ml.dev.retention")
    for wrong in ("two.levels", "a..b", "a.b.c.d"):
        with pytest.raises(InvalidParameterValue, match="three levels"):
            models.get(wrong)


def test_versions(workspace: WorkspaceClient, versions: MlflowClient) -> None:
    found = list(workspace.model_versions.list("ml.dev.churn"))
    assert [version.version for version in found] == [2, 1]
    assert found[0].status == ModelVersionInfoStatus.READY
    version = workspace.model_versions.get("ml.dev.churn", 1)
    assert (version.model_name, version.source) == ("churn", "s3://models/churn")
    workspace.model_versions.update("ml.dev.churn", 1, comment="the first")
    assert versions.get_model_version("ml.dev.churn", "1").description == "the first"
    versions.set_registered_model_alias("ml.dev.churn", "champion", 1)
    found = workspace.model_versions.get_by_alias("ml.dev.churn", "champion")
    assert (found.version, [alias.alias_name for alias in found.aliases]) == (1, ["champion"])
    workspace.model_versions.delete("ml.dev.churn", 2)
    assert [version.version for version in workspace.model_versions.list("ml.dev.churn")] == [1]
    with pytest.raises(ResourceDoesNotExist):
        workspace.model_versions.get("ml.dev.churn", 2)


def get(url: str, path: str, **query: Any) -> requests.Response:
    return requests.get(f"{url}/api/{path}", params=query, timeout=10)


def test_lists_end(workspace: WorkspaceClient, databricks: str) -> None:
    for name in "abcde":
        workspace.catalogs.create(name)
        workspace.registered_models.create(catalog_name="m", schema_name="s", name=name)
    pages, token = [], None
    while token is None or token:
        query = {"max_results": 2, "page_token": token} if token else {"max_results": 2}
        page = get(databricks, "2.1/unity-catalog/catalogs", **query).json()
        pages.append([catalog["name"] for catalog in page["catalogs"]])
        token = page.get("next_page_token", "")
    assert pages == [["a", "b"], ["c", "d"], ["e", "m"]]
    assert len(list(workspace.catalogs.list(max_results=2))) == 6
    assert len(list(workspace.registered_models.list(max_results=2))) == 5
    found = workspace.registered_models.list(catalog_name="m", schema_name="s", max_results=1)
    assert [model.name for model in found] == list("abcde")
    answer = get(databricks, "2.1/unity-catalog/catalogs", max_results=-1)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_the_metastore_and_what_it_lacks(workspace: WorkspaceClient) -> None:
    workspace.registered_models.create(catalog_name="ml", schema_name="dev", name="churn")
    current = workspace.metastores.current()
    assert (current.default_catalog_name, current.workspace_id) == (
        "ml",
        workspace.get_workspace_id(),
    )
    assert workspace.metastores.summary().metastore_id == current.metastore_id
    assert [store.metastore_id for store in workspace.metastores.list()] == [current.metastore_id]
    assert list(workspace.tables.list("ml", "dev")) == []
    assert list(workspace.volumes.list("ml", "dev")) == []
    assert list(workspace.functions.list("ml", "dev")) == []
    assert workspace.tables.exists("ml.dev.t").table_exists is False
    with pytest.raises(NotFound) as error:
        workspace.tables.get("ml.dev.t")
    assert error.value.error_code == "TABLE_DOES_NOT_EXIST"
    with pytest.raises(NotFound):
        list(workspace.tables.list("ml", "absent"))


def test_people(workspace: WorkspaceClient, databricks: str) -> None:
    me = workspace.current_user.me()
    assert me.active and me.emails[0].primary and me.groups[0].display == "admins"
    assert [user.user_name for user in workspace.users.list()] == [me.user_name]
    assert workspace.users.get(me.id).user_name == me.user_name
    found = list(workspace.users.list(filter=f'userName eq "{me.user_name}"'))
    assert [user.id for user in found] == [me.id]
    assert list(workspace.users.list(filter='userName eq "nobody"')) == []
    groups = {group.display_name: group for group in workspace.groups.list()}
    assert sorted(groups) == ["admins", "users"]
    assert [member.display for member in groups["users"].members] == [me.user_name]
    assert workspace.groups.get(groups["admins"].id).display_name == "admins"
    assert list(workspace.service_principals.list()) == []
    with pytest.raises(ResourceDoesNotExist):
        workspace.users.get("7")
    page = get(databricks, "2.0/preview/scim/v2/Users", startIndex=2, count=10).json()
    assert (page["Resources"], page["totalResults"], page["startIndex"]) == ([], 1, 2)


def refused(client: WorkspaceClient) -> None:
    """Waits until a client is refused, which takes about a second."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            client.current_user.me()
        except Unauthenticated:
            return
        time.sleep(0.1)
    raise AssertionError("the client is not refused")


def test_tokens(workspace: WorkspaceClient, databricks: str) -> None:
    made = workspace.tokens.create(comment="for trials", lifetime_seconds=3600)
    assert made.token_value.startswith("tlk_")
    # From now on, the server asks for a token.
    refused(workspace)
    mine = WorkspaceClient(host=databricks, token=made.token_value, auth_type="pat")
    [info] = list(mine.tokens.list())
    assert (info.token_id, info.comment) == (made.token_info.token_id, "for trials")
    assert info.expiry_time - info.creation_time == 3600_000
    other = mine.tokens.create(comment="for another")
    assert len(list(mine.tokens.list())) == 2
    mine.tokens.delete(other.token_info.token_id)
    late = WorkspaceClient(host=databricks, token=other.token_value, auth_type="pat")
    refused(late)
    assert mine.current_user.me().active


def test_the_workspace_has_the_folders_of_experiments(
    workspace: WorkspaceClient, databricks: str
) -> None:
    me = workspace.current_user.me().user_name
    mlflow.set_tracking_uri("databricks")
    experiment = mlflow.set_experiment(f"/Users/{me}/team/digits")
    tree = workspace.workspace
    assert tree.get_status(f"/Users/{me}/team").object_type.value == "DIRECTORY"
    found = tree.get_status(f"/Users/{me}/team/digits")
    assert found.object_id == int(experiment.experiment_id)
    assert [item.path for item in tree.list(f"/Users/{me}")] == [f"/Users/{me}/team"]
    assert [item.path for item in tree.list("/Users", recursive=True)] == [found.path]
    tree.mkdirs("/Shared/deep/folder")
    assert [item.path for item in tree.list("/Shared")] == ["/Shared/deep"]
    with pytest.raises(ResourceDoesNotExist):
        tree.get_status("/Shared/absent")
    with pytest.raises(ResourceAlreadyExists):
        tree.mkdirs(f"/Users/{me}/team/digits/below")
    with pytest.raises(InvalidParameterValue):
        tree.mkdirs("relative")
    with pytest.raises(BadRequest, match="not empty"):
        tree.delete("/Shared/deep")
    tree.delete("/Shared/deep", recursive=True)
    assert list(tree.list("/Shared")) == []
    tree.delete(f"/Users/{me}/team/digits")
    assert mlflow.get_experiment(experiment.experiment_id).lifecycle_stage == "deleted"


def test_every_unknown_path_is_json(databricks: str) -> None:
    for path in ("2.1/unity-catalog/shares", "2.1/unity-catalog/models/a.b.c/x/y"):
        answer = get(databricks, path)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    answer = requests.put(f"{databricks}/api/2.1/unity-catalog/catalogs", json={}, timeout=10)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert answer.headers["x-databricks-org-id"].isdigit()
