//! Models and versions as the API of catalogs shows them: to the SDK, and to MLflow's native store.

use serde::Serialize;
use tracklite::logged_model::LoggedModelInfo;
use tracklite::registry::{ModelVersionInfo, RegisteredModelInfo};
use utoipa::ToSchema;

use super::uc_entities::{JOB_TAG, Metric, Param, metrics, params, storage_location};
use crate::call::Call;
use crate::levels::{self, Levels};
use crate::mlflow::entities::Pair;
use crate::mlflow::registry;

/// A registered model.
#[derive(Serialize, ToSchema)]
#[schema(as = CatalogModel)]
pub(super) struct Model<'a> {
    name: &'a str,
    full_name: &'a str,
    catalog_name: &'a str,
    schema_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    owner: &'a str,
    storage_location: String,
    created_at: i64,
    created_by: &'a str,
    updated_at: i64,
    updated_by: &'a str,
    id: String,
    metastore_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Alias<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_job_id: Option<&'a str>,
    browse_only: bool,
}

/// An alias and its version.
#[derive(Serialize, ToSchema)]
#[schema(as = CatalogAlias)]
pub(super) struct Alias<'a> {
    pub(super) alias_name: &'a str,
    pub(super) version_num: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) catalog_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schema_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_name: Option<&'a str>,
}

fn alias(alias_name: &str, version_num: u64) -> Alias<'_> {
    Alias { alias_name, version_num, catalog_name: None, schema_name: None, model_name: None }
}

/// Splits a name. A name with other levels has them all in the last one.
pub(super) fn levels_of(name: &str) -> Levels<'_> {
    levels::split(name).unwrap_or(Levels { catalog: "", schema: "", model: name })
}

pub(super) fn model<'a>(call: &'a Call, info: &'a RegisteredModelInfo) -> Model<'a> {
    let Levels { catalog, schema, model } = levels_of(&info.name);
    let user = owner(call);
    Model {
        name: model,
        full_name: &info.name,
        catalog_name: catalog,
        schema_name: schema,
        comment: info.description.as_deref(),
        owner: user,
        storage_location: format!("dbfs:/Models/{}", info.name.replace('.', "/")),
        created_at: info.created.as_millis(),
        created_by: user,
        updated_at: info.updated.as_millis(),
        updated_by: user,
        id: format!("{:032x}", info.id.to_bits()),
        metastore_id: METASTORE_ID,
        aliases: info.aliases.iter().map(|(name, version)| alias(name, *version)).collect(),
        tags: registry::shown(&info.tags),
        deployment_job_id: info.tags.get(JOB_TAG).map(String::as_str),
        browse_only: false,
    }
}

/// Returns the owner of things for which the file has none: the user of the server.
pub(super) fn owner(call: &Call) -> &str {
    call.shared.access.local_user()
}

/// The id of the only metastore: the file.
pub(super) const METASTORE_ID: &str = "00000000-0000-0000-0000-000000000001";

/// A version of a model.
#[derive(Serialize, ToSchema)]
#[schema(as = CatalogVersion)]
pub(super) struct Version<'a> {
    model_name: &'a str,
    catalog_name: &'a str,
    schema_name: &'a str,
    version: u64,
    status: &'static str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_workspace_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    storage_location: String,
    created_at: i64,
    created_by: &'a str,
    updated_at: i64,
    updated_by: &'a str,
    id: String,
    metastore_id: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Alias<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_params: Vec<Param>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_metrics: Vec<Metric>,
}

pub(super) fn version<'a>(
    call: &Call,
    info: &'a ModelVersionInfo,
    logged: Option<&LoggedModelInfo>,
) -> Version<'a> {
    let Levels { catalog, schema, model } = levels_of(&info.name);
    let workspace = call.shared.workspace.parse().ok().filter(|_| info.run.is_some());
    Version {
        model_name: model,
        catalog_name: catalog,
        schema_name: schema,
        version: info.version,
        status: info.status.as_str(),
        source: &info.source,
        run_id: info.run.as_ref().map(ToString::to_string),
        run_workspace_id: workspace,
        comment: info.description.as_deref(),
        storage_location: storage_location(info),
        created_at: info.created.as_millis(),
        created_by: &info.user,
        updated_at: info.updated.as_millis(),
        updated_by: &info.user,
        id: format!("{:032x}-{}", info.model.to_bits(), info.version),
        metastore_id: METASTORE_ID,
        aliases: info.aliases.iter().map(|name| alias(name, info.version)).collect(),
        tags: registry::shown(&info.tags),
        model_id: info.logged_model.map(|model| model.to_string()),
        model_params: logged.map(params).unwrap_or_default(),
        model_metrics: logged.map(metrics).unwrap_or_default(),
    }
}
