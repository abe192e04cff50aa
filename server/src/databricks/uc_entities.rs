//! Models and versions as the registry of Unity Catalog shows them to MLflow.

use axum::http::StatusCode;
use serde::Serialize;
use tracklite::ErrorKind;
use tracklite::logged_model::LoggedModelInfo;
use tracklite::registry::{ModelVersion as Handle, ModelVersionInfo, RegisteredModelInfo};
use utoipa::ToSchema;

use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::Read as _;
use crate::levels;
use crate::mlflow::entities::{Pair, Real};
use crate::mlflow::registry::{self, Alias};

/// The tag of a model for the job that deploys its versions.
pub(super) const JOB_TAG: &str = "tracklite.deploymentJobId";

/// A registered model in a catalog.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityModel)]
pub(super) struct Model<'a> {
    name: &'a str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Alias<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_job_id: Option<&'a str>,
}

pub(super) fn model(info: &RegisteredModelInfo) -> Model<'_> {
    Model {
        name: &info.name,
        creation_timestamp: info.created.as_millis(),
        last_updated_timestamp: info.updated.as_millis(),
        description: info.description.as_deref(),
        aliases: registry::aliases(info),
        tags: registry::shown(&info.tags),
        deployment_job_id: info.tags.get(JOB_TAG).map(String::as_str),
    }
}

/// A version of a model in a catalog.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityVersion)]
pub(super) struct Version<'a> {
    name: &'a str,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_experiment_id: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<&'a str>,
    storage_location: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<AliasOf<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_params: Vec<Param>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_metrics: Vec<Metric>,
}

/// An alias of a version.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityAlias)]
struct AliasOf<'a> {
    alias: &'a str,
    version: String,
}

/// A param of the logged model of a version.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityParam)]
pub(super) struct Param {
    name: String,
    value: String,
}

/// A metric of the logged model of a version.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityMetric)]
pub(super) struct Metric {
    key: String,
    value: Real,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_digest: Option<String>,
    model_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
}

pub(super) fn version<'a>(
    call: &Call,
    info: &'a ModelVersionInfo,
    logged: Option<&LoggedModelInfo>,
) -> Version<'a> {
    let number = info.version.to_string();
    let alias = |alias: &'a String| AliasOf { alias, version: number.clone() };
    Version {
        name: &info.name,
        creation_timestamp: info.created.as_millis(),
        last_updated_timestamp: info.updated.as_millis(),
        user_id: &info.user,
        description: info.description.as_deref(),
        source: &info.source,
        run_id: info.run.as_ref().map(ToString::to_string),
        run_experiment_id: experiment_of(call, info),
        status: info.status.as_str(),
        status_message: info.status_message.as_deref(),
        storage_location: storage_location(info),
        aliases: info.aliases.iter().map(alias).collect(),
        tags: registry::shown(&info.tags),
        model_id: info.logged_model.map(|model| model.to_string()),
        model_params: logged.map(params).unwrap_or_default(),
        model_metrics: logged.map(metrics).unwrap_or_default(),
        version: number,
    }
}

/// Returns the experiment of the run of a version, if the run is in this file.
fn experiment_of(call: &Call, info: &ModelVersionInfo) -> Option<String> {
    let run = call.shared.handles.run(call.database(), info.run_id()?).ok()?;
    Some(run.experiment_id().to_string())
}

pub(super) fn params(info: &LoggedModelInfo) -> Vec<Param> {
    let params = info.params.iter();
    params.map(|(name, value)| Param { name: name.clone(), value: value.clone() }).collect()
}

pub(super) fn metrics(info: &LoggedModelInfo) -> Vec<Metric> {
    let metric = |metric: &tracklite::logged_model::LoggedModelMetric| Metric {
        key: metric.key.clone(),
        value: Real(metric.value),
        timestamp: metric.time.as_millis(),
        step: metric.step,
        dataset_name: metric.dataset.as_ref().map(|(name, _)| name.clone()),
        dataset_digest: metric.dataset.as_ref().map(|(_, digest)| digest.clone()),
        model_id: info.id.to_string(),
        run_id: metric.run.as_ref().map(ToString::to_string),
    };
    info.metrics.iter().map(metric).collect()
}

/// Returns where the files of a version are, in the form that the clients of Databricks expect.
pub(super) fn storage_location(info: &ModelVersionInfo) -> String {
    format!("dbfs:/Models/{}/{}", info.name.replace('.', "/"), info.version)
}

/// Returns the logged model of a version, if it is in this file.
pub(super) fn logged_model(call: &Call, info: &ModelVersionInfo) -> Option<LoggedModelInfo> {
    let model = call.database().logged_model(info.logged_model?).ok()?;
    model.info().ok()
}

/// Returns the name in an argument, which must have three levels.
pub(super) fn full_name<'a>(call: &'a Call, argument: &str) -> Outcome<&'a str> {
    let name = call.args.need(argument)?;
    levels::need(name)?;
    Ok(name)
}

/// Returns the version of an alias. A missing alias is a missing resource, other than in MLflow.
pub(super) fn version_of_alias(call: &Call, name: &str, alias: &str) -> Outcome<ModelVersionInfo> {
    match call.registry().version_info_by_alias(name, alias) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Err(Failure::new(
            StatusCode::NOT_FOUND,
            "RESOURCE_DOES_NOT_EXIST",
            format!("Alias '{alias}' of the registered model '{name}' does not exist."),
        )),
        found => Ok(found?),
    }
}

/// Returns a version by its name and number.
pub(super) fn version_of(call: &Call, name: &str) -> Outcome<Handle> {
    Ok(call.registry().version(name, registry::number(call, name)?)?)
}
