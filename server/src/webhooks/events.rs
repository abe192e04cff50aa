//! The events of webhooks, one function for each change of the registry. Call it after the change.

use std::collections::BTreeMap;

use tracklite::registry::{ModelVersionInfo, RegisteredModelInfo};
use tracklite::webhook::WebhookData;

use crate::call::Call;
use crate::mlflow::registry::is_hidden;

const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";
const PROMPT_TEXT_TAG: &str = "mlflow.prompt.text";
/// The tags that mark a prompt, which MLflow leaves out of its events.
const PROMPT_TAGS: [&str; 3] = [PROMPT_TAG, PROMPT_TEXT_TAG, "_mlflow_prompt_type"];

type Tags = BTreeMap<String, String>;

fn marks_prompt(tags: &Tags) -> bool {
    tags.get(PROMPT_TAG).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Returns whether a name is that of a prompt. The change was made, so a failure is not reported.
fn is_prompt(call: &Call, name: &str) -> bool {
    let info = call.database().registry().model(name).and_then(|model| model.info());
    info.is_ok_and(|info| marks_prompt(&info.tags))
}

/// Returns the tags that receivers get.
fn shown(tags: &Tags, is_prompt: bool) -> Tags {
    let is_kept_back = |key: &str| is_hidden(key) || (is_prompt && PROMPT_TAGS.contains(&key));
    let tags = tags.iter().filter(|(key, _)| !is_kept_back(key));
    tags.map(|(key, value)| (key.clone(), value.clone())).collect()
}

pub(crate) fn model_created(call: &Call, info: &RegisteredModelInfo) {
    let is_prompt = marks_prompt(&info.tags);
    let (name, tags) = (info.name.as_str(), &shown(&info.tags, is_prompt));
    // MLflow sends an empty text for a model without a description, and null for a version.
    let description = Some(info.description.as_deref().unwrap_or_default());
    call.shared.webhooks.fire(&if is_prompt {
        WebhookData::PromptCreated { name, tags, description }
    } else {
        WebhookData::RegisteredModelCreated { name, tags, description }
    });
}

pub(crate) fn version_created(call: &Call, info: &ModelVersionInfo) {
    let is_prompt = marks_prompt(&info.tags);
    let (name, version, tags) = (info.name.as_str(), info.version, &shown(&info.tags, is_prompt));
    let description = info.description.as_deref().filter(|text| !text.is_empty());
    call.shared.webhooks.fire(&if is_prompt {
        let template = info.tags.get(PROMPT_TEXT_TAG).map(String::as_str).unwrap_or_default();
        WebhookData::PromptVersionCreated { name, version, template, tags, description }
    } else {
        let (source, run_id) = (info.source.as_str(), info.run.as_deref());
        WebhookData::ModelVersionCreated { name, version, source, run_id, tags, description }
    });
}

/// A tag of a model. Only those of prompts have an event.
pub(crate) fn model_tag_set(call: &Call, name: &str, key: &str, value: &str) {
    if is_prompt(call, name) {
        call.shared.webhooks.fire(&WebhookData::PromptTagSet { name, key, value });
    }
}

pub(crate) fn model_tag_deleted(call: &Call, name: &str, key: &str) {
    if is_prompt(call, name) {
        call.shared.webhooks.fire(&WebhookData::PromptTagDeleted { name, key });
    }
}

pub(crate) fn version_tag_set(call: &Call, name: &str, version: u64, key: &str, value: &str) {
    call.shared.webhooks.fire(&if is_prompt(call, name) {
        WebhookData::PromptVersionTagSet { name, version, key, value }
    } else {
        WebhookData::ModelVersionTagSet { name, version, key, value }
    });
}

pub(crate) fn version_tag_deleted(call: &Call, name: &str, version: u64, key: &str) {
    call.shared.webhooks.fire(&if is_prompt(call, name) {
        WebhookData::PromptVersionTagDeleted { name, version, key }
    } else {
        WebhookData::ModelVersionTagDeleted { name, version, key }
    });
}

pub(crate) fn alias_set(call: &Call, name: &str, alias: &str, version: u64) {
    call.shared.webhooks.fire(&if is_prompt(call, name) {
        WebhookData::PromptAliasCreated { name, alias, version }
    } else {
        WebhookData::ModelVersionAliasCreated { name, alias, version }
    });
}

pub(crate) fn alias_deleted(call: &Call, name: &str, alias: &str) {
    call.shared.webhooks.fire(&if is_prompt(call, name) {
        WebhookData::PromptAliasDeleted { name, alias }
    } else {
        WebhookData::ModelVersionAliasDeleted { name, alias }
    });
}
