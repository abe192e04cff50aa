//! The entities of MLflow's registry as they appear in JSON, and the arguments that name them.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::registry::{
    ModelStage, ModelVersion as Version, ModelVersionInfo, RegisteredModel as Model,
    RegisteredModelInfo,
};
use utoipa::ToSchema;

use super::entities::Pair;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, missing};

/// Tags that begin with this are of the server. Clients do not see them.
const HIDDEN: &str = "tracklite.";

/// A registered model.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegisteredModel<'a> {
    name: &'a str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<ModelVersion<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Alias<'a>>,
}

/// An alias of a version.
#[derive(Serialize, ToSchema)]
#[schema(as = RegisteredModelAlias)]
pub(crate) struct Alias<'a> {
    alias: &'a str,
    version: String,
}

/// A version of a registered model.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelVersion<'a> {
    name: &'a str,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'a str,
    current_stage: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    source: &'a str,
    run_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    run_link: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'a [String],
}

pub(crate) fn registered_model(info: &RegisteredModelInfo) -> RegisteredModel<'_> {
    RegisteredModel {
        name: &info.name,
        creation_timestamp: info.created.as_millis(),
        last_updated_timestamp: info.updated.as_millis(),
        description: info.description.as_deref().filter(|text| !text.is_empty()),
        latest_versions: info.latest_versions.iter().map(model_version).collect(),
        tags: shown(&info.tags),
        aliases: aliases(info),
    }
}

pub(crate) fn aliases(info: &RegisteredModelInfo) -> Vec<Alias<'_>> {
    let all = info.aliases.iter();
    all.map(|(alias, version)| Alias { alias, version: version.to_string() }).collect()
}

pub(crate) fn model_version(info: &ModelVersionInfo) -> ModelVersion<'_> {
    ModelVersion {
        name: &info.name,
        version: info.version.to_string(),
        creation_timestamp: info.created.as_millis(),
        last_updated_timestamp: info.updated.as_millis(),
        user_id: &info.user,
        current_stage: info.stage.as_str(),
        description: info.description.as_deref(),
        source: &info.source,
        run_id: info.run.as_deref().unwrap_or_default(),
        status: info.status.as_str(),
        status_message: info.status_message.as_deref(),
        tags: shown(&info.tags),
        run_link: info.run_link.as_deref().unwrap_or_default(),
        aliases: &info.aliases,
    }
}

/// Returns whether a tag is one of the server's own.
pub(crate) fn is_hidden(key: &str) -> bool {
    key.starts_with(HIDDEN)
}

/// Returns the tags that clients see.
pub(crate) fn shown(tags: &BTreeMap<String, String>) -> Vec<Pair<'_>> {
    let tags = tags.iter().filter(|(key, _)| !is_hidden(key));
    tags.map(|(key, value)| Pair { key, value }).collect()
}

/// Returns the key of a tag, which must not be one of the server's own.
pub(crate) fn tag_key(call: &Call) -> Outcome<&str> {
    let key = call.args.need("key")?;
    check_tag_key(key)?;
    Ok(key)
}

pub(crate) fn check_tag_key(key: &str) -> Outcome<()> {
    if is_hidden(key) {
        let message = format!("the tag {key:?} is reserved: choose a key without {HIDDEN:?}");
        return Err(Failure::invalid(message));
    }
    Ok(())
}

/// Returns the tags of a thing that is to be created.
pub(crate) fn new_tags(call: &Call) -> Outcome<Vec<(String, String)>> {
    let tags = call.args.pairs("tags");
    tags.iter().try_for_each(|(key, _)| check_tag_key(key))?;
    Ok(tags)
}

/// Returns the model that the argument `name` names.
pub(crate) fn model(call: &Call) -> Outcome<Model> {
    Ok(call.registry().model(call.args.need("name")?)?)
}

/// Returns the version that the arguments `name` and `version` name.
pub(crate) fn version(call: &Call) -> Outcome<Version> {
    let name = call.args.need("name")?;
    Ok(call.registry().version(name, number(call, name)?)?)
}

/// Returns the number in the argument `version`. One that cannot exist is reported as missing.
pub(crate) fn number(call: &Call, name: &str) -> Outcome<u64> {
    let text = call.args.word("version").ok_or_else(|| missing("version"))?;
    let number: i128 = text.trim().parse().map_err(|_| {
        Failure::invalid(format!("Parameter 'version' must be an integer, got '{text}'."))
    })?;
    u64::try_from(number).map_err(|_| {
        Failure::missing(format!("Model Version (name={name}, version={text}) not found"))
    })
}

/// Parses a stage, ignoring case.
pub(crate) fn stage(text: &str) -> Outcome<ModelStage> {
    text.parse().map_err(|_| {
        Failure::invalid(format!(
            "Invalid Model Version stage: {text}. Value must be one of None, Staging, Production, \
             Archived."
        ))
    })
}
