//! The bodies of deliveries: what happened, as MLflow's JSON.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::entity::id::Timestamp;
use crate::entity::{WebhookAction, WebhookEntity, WebhookEvent};

/// A change, with the fields that MLflow sends. Each variant is one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum WebhookData<'a> {
    /// A registered model was created.
    RegisteredModelCreated {
        /// The name of the model.
        name: &'a str,
        /// The tags by key.
        tags: &'a BTreeMap<String, String>,
        /// The description.
        description: Option<&'a str>,
    },
    /// A version was created.
    ModelVersionCreated {
        /// The name of the model.
        name: &'a str,
        /// The number of the version.
        #[serde(serialize_with = "as_text")]
        version: u64,
        /// The source, as given by the caller.
        source: &'a str,
        /// The run that made the model.
        run_id: Option<&'a str>,
        /// The tags by key.
        tags: &'a BTreeMap<String, String>,
        /// The description.
        description: Option<&'a str>,
    },
    /// A tag of a version was set.
    ModelVersionTagSet {
        /// The name of the model.
        name: &'a str,
        /// The number of the version.
        #[serde(serialize_with = "as_text")]
        version: u64,
        /// The key of the tag.
        key: &'a str,
        /// The value of the tag.
        value: &'a str,
    },
    /// A tag of a version was deleted.
    ModelVersionTagDeleted {
        /// The name of the model.
        name: &'a str,
        /// The number of the version.
        #[serde(serialize_with = "as_text")]
        version: u64,
        /// The key of the tag.
        key: &'a str,
    },
    /// An alias was created or moved.
    ModelVersionAliasCreated {
        /// The name of the model.
        name: &'a str,
        /// The alias.
        alias: &'a str,
        /// The number of the version to which it points.
        #[serde(serialize_with = "as_text")]
        version: u64,
    },
    /// An alias was deleted.
    ModelVersionAliasDeleted {
        /// The name of the model.
        name: &'a str,
        /// The alias.
        alias: &'a str,
    },
    /// A prompt was created.
    PromptCreated {
        /// The name of the prompt.
        name: &'a str,
        /// The tags by key, without those that mark a prompt.
        tags: &'a BTreeMap<String, String>,
        /// The description.
        description: Option<&'a str>,
    },
    /// A version of a prompt was created.
    PromptVersionCreated {
        /// The name of the prompt.
        name: &'a str,
        /// The number of the version.
        #[serde(serialize_with = "as_text")]
        version: u64,
        /// The text of the prompt.
        template: &'a str,
        /// The tags by key, without those that mark a prompt.
        tags: &'a BTreeMap<String, String>,
        /// The description.
        description: Option<&'a str>,
    },
    /// A tag of a prompt was set.
    PromptTagSet {
        /// The name of the prompt.
        name: &'a str,
        /// The key of the tag.
        key: &'a str,
        /// The value of the tag.
        value: &'a str,
    },
    /// A tag of a prompt was deleted.
    PromptTagDeleted {
        /// The name of the prompt.
        name: &'a str,
        /// The key of the tag.
        key: &'a str,
    },
    /// A tag of a version of a prompt was set.
    PromptVersionTagSet {
        /// The name of the prompt.
        name: &'a str,
        /// The number of the version.
        #[serde(serialize_with = "as_text")]
        version: u64,
        /// The key of the tag.
        key: &'a str,
        /// The value of the tag.
        value: &'a str,
    },
    /// A tag of a version of a prompt was deleted.
    PromptVersionTagDeleted {
        /// The name of the prompt.
        name: &'a str,
        /// The number of the version.
        #[serde(serialize_with = "as_text")]
        version: u64,
        /// The key of the tag.
        key: &'a str,
    },
    /// An alias of a prompt was created or moved.
    PromptAliasCreated {
        /// The name of the prompt.
        name: &'a str,
        /// The alias.
        alias: &'a str,
        /// The number of the version to which it points.
        #[serde(serialize_with = "as_text")]
        version: u64,
    },
    /// An alias of a prompt was deleted.
    PromptAliasDeleted {
        /// The name of the prompt.
        name: &'a str,
        /// The alias.
        alias: &'a str,
    },
}

/// The whole body of a delivery.
#[derive(Serialize)]
struct Body<'a> {
    entity: &'static str,
    action: &'static str,
    timestamp: String,
    data: &'a WebhookData<'a>,
}

impl WebhookData<'_> {
    /// Returns the event that this is.
    #[must_use]
    pub fn event(&self) -> WebhookEvent {
        use WebhookAction::{Created, Deleted, Set};
        let (entity, action) = match self {
            WebhookData::RegisteredModelCreated { .. } => (WebhookEntity::RegisteredModel, Created),
            WebhookData::ModelVersionCreated { .. } => (WebhookEntity::ModelVersion, Created),
            WebhookData::ModelVersionTagSet { .. } => (WebhookEntity::ModelVersionTag, Set),
            WebhookData::ModelVersionTagDeleted { .. } => (WebhookEntity::ModelVersionTag, Deleted),
            WebhookData::ModelVersionAliasCreated { .. } => {
                (WebhookEntity::ModelVersionAlias, Created)
            }
            WebhookData::ModelVersionAliasDeleted { .. } => {
                (WebhookEntity::ModelVersionAlias, Deleted)
            }
            WebhookData::PromptCreated { .. } => (WebhookEntity::Prompt, Created),
            WebhookData::PromptVersionCreated { .. } => (WebhookEntity::PromptVersion, Created),
            WebhookData::PromptTagSet { .. } => (WebhookEntity::PromptTag, Set),
            WebhookData::PromptTagDeleted { .. } => (WebhookEntity::PromptTag, Deleted),
            WebhookData::PromptVersionTagSet { .. } => (WebhookEntity::PromptVersionTag, Set),
            WebhookData::PromptVersionTagDeleted { .. } => {
                (WebhookEntity::PromptVersionTag, Deleted)
            }
            WebhookData::PromptAliasCreated { .. } => (WebhookEntity::PromptAlias, Created),
            WebhookData::PromptAliasDeleted { .. } => (WebhookEntity::PromptAlias, Deleted),
        };
        WebhookEvent::of(entity, action)
    }

    /// Returns the body of a delivery as JSON text. `time` is when it is sent.
    ///
    /// Sign exactly this text with [`sign`](crate::webhook::sign), and send it unchanged.
    #[must_use]
    pub fn body(&self, time: Timestamp) -> String {
        let event = self.event();
        let body = Body {
            entity: event.entity().as_str(),
            action: event.action().as_str(),
            timestamp: iso_format(time),
            data: self,
        };
        // Texts and maps of texts always have a JSON form.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// Formats a time like Python's `isoformat` in UTC, to the microsecond.
fn iso_format(time: Timestamp) -> String {
    // The text has nine decimals and a Z.
    let text = time.to_string();
    format!("{}+00:00", &text[..text.len() - 4])
}

/// MLflow sends the number of a version as text.
fn as_text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Timestamp = Timestamp::from_nanos(1_764_433_200_123_456_789);

    /// The fields of each event, as MLflow 3.17 declares them in `mlflow/webhooks/types.py`.
    const FIELDS: &[(&str, &[&str])] = &[
        ("registered_model.created", &["name", "tags", "description"]),
        ("model_version.created", &["name", "version", "source", "run_id", "tags", "description"]),
        ("model_version_tag.set", &["name", "version", "key", "value"]),
        ("model_version_tag.deleted", &["name", "version", "key"]),
        ("model_version_alias.created", &["name", "alias", "version"]),
        ("model_version_alias.deleted", &["name", "alias"]),
        ("prompt.created", &["name", "tags", "description"]),
        ("prompt_version.created", &["name", "version", "template", "tags", "description"]),
        ("prompt_tag.set", &["name", "key", "value"]),
        ("prompt_tag.deleted", &["name", "key"]),
        ("prompt_version_tag.set", &["name", "version", "key", "value"]),
        ("prompt_version_tag.deleted", &["name", "version", "key"]),
        ("prompt_alias.created", &["name", "alias", "version"]),
        ("prompt_alias.deleted", &["name", "alias"]),
    ];

    fn all(tags: &BTreeMap<String, String>) -> Vec<WebhookData<'_>> {
        let (name, version, key, value, alias) = ("churn", 7, "k", "v", "champion");
        let (description, source) = (Some("who leaves"), "runs:/1/model");
        vec![
            WebhookData::RegisteredModelCreated { name, tags, description },
            WebhookData::ModelVersionCreated {
                name,
                version,
                source,
                run_id: None,
                tags,
                description: None,
            },
            WebhookData::ModelVersionTagSet { name, version, key, value },
            WebhookData::ModelVersionTagDeleted { name, version, key },
            WebhookData::ModelVersionAliasCreated { name, alias, version },
            WebhookData::ModelVersionAliasDeleted { name, alias },
            WebhookData::PromptCreated { name, tags, description },
            WebhookData::PromptVersionCreated { name, version, template: "hi", tags, description },
            WebhookData::PromptTagSet { name, key, value },
            WebhookData::PromptTagDeleted { name, key },
            WebhookData::PromptVersionTagSet { name, version, key, value },
            WebhookData::PromptVersionTagDeleted { name, version, key },
            WebhookData::PromptAliasCreated { name, alias, version },
            WebhookData::PromptAliasDeleted { name, alias },
        ]
    }

    #[test]
    fn each_event_has_the_fields_of_mlflow() {
        let tags = BTreeMap::from([("team".to_owned(), "growth".to_owned())]);
        let found: Vec<(String, Vec<String>)> = all(&tags)
            .iter()
            .map(|data| {
                let json: serde_json::Value = serde_json::from_str(&data.body(TIME)).unwrap();
                let named = format!("{}.{}", json["entity"], json["action"]).replace('"', "");
                assert_eq!(named, data.event().to_string());
                let mut keys: Vec<String> =
                    json["data"].as_object().unwrap().keys().cloned().collect();
                keys.sort();
                (named, keys)
            })
            .collect();
        let wanted: Vec<(String, Vec<String>)> = FIELDS
            .iter()
            .map(|(event, fields)| {
                let mut fields: Vec<String> = fields.iter().map(|&field| field.into()).collect();
                fields.sort();
                ((*event).to_owned(), fields)
            })
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_body_is_json_with_the_time_and_the_data() {
        let tags = BTreeMap::from([("a\"b".to_owned(), "\u{4e2d}\n".to_owned())]);
        let body = all(&tags)[1].body(TIME);
        let wanted = "{\"entity\":\"model_version\",\"action\":\"created\",\
             \"timestamp\":\"2025-11-29T16:20:00.123456+00:00\",\
             \"data\":{\"name\":\"churn\",\"version\":\"7\",\"source\":\"runs:/1/model\",\
             \"run_id\":null,\"tags\":{\"a\\\"b\":\"\u{4e2d}\\n\"},\"description\":null}}";
        assert_eq!(body, wanted);
    }
}
