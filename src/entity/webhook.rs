//! Webhooks of the registry: their ids, events, states and infos.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};

/// The id of a webhook: 128 random bits, displayed as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WebhookId(u128);

impl WebhookId {
    /// Creates an id from exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        WebhookId(bits)
    }

    /// Returns the 128 bits of the id.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookId({self})")
    }
}

impl FromStr for WebhookId {
    type Err = Error;

    /// Parses 32 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the text is anything else, because no webhook has such an id.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(bits) if digits => Ok(WebhookId(bits)),
            _ => {
                let message = format!("Webhook with ID {text} not found.");
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }
}

/// Declares an enum of MLflow's words, with the list of all variants and the conversions to text.
macro_rules! words {
    (
        $(#[$meta:meta])* $name:ident, $what:literal:
        $($(#[$doc:meta])* $variant:ident = $word:literal,)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All variants, in MLflow's order.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// Returns MLflow's word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Parses MLflow's word.
            ///
            /// # Errors
            ///
            /// - [`ErrorKind::InvalidInput`] if there is no such word.
            fn from_str(text: &str) -> Result<Self> {
                let found = $name::ALL.iter().copied().find(|word| word.as_str() == text);
                let words = || $name::ALL.iter().map(|word| word.as_str());
                found.ok_or_else(|| unknown($what, text, words()))
            }
        }
    };
}

words! {
    /// The subject of an event.
    WebhookEntity, "entity":
    /// A registered model.
    RegisteredModel = "registered_model",
    /// A version of a registered model.
    ModelVersion = "model_version",
    /// A tag of a version.
    ModelVersionTag = "model_version_tag",
    /// An alias of a registered model.
    ModelVersionAlias = "model_version_alias",
    /// A prompt: a registered model with the tag `mlflow.prompt.is_prompt`.
    Prompt = "prompt",
    /// A version of a prompt.
    PromptVersion = "prompt_version",
    /// A tag of a prompt.
    PromptTag = "prompt_tag",
    /// A tag of a version of a prompt.
    PromptVersionTag = "prompt_version_tag",
    /// An alias of a prompt.
    PromptAlias = "prompt_alias",
    /// A budget of MLflow's gateway. No change of a tracklite file causes such an event.
    BudgetPolicy = "budget_policy",
}

words! {
    /// The change of the entity of an event.
    WebhookAction, "action":
    /// It was created.
    Created = "created",
    /// It was updated.
    Updated = "updated",
    /// It was deleted.
    Deleted = "deleted",
    /// It was set.
    Set = "set",
    /// It was exceeded.
    Exceeded = "exceeded",
}

words! {
    /// Whether a webhook is delivered.
    #[derive(Default, Serialize, Deserialize)]
    WebhookStatus, "status":
    /// It is delivered.
    #[default]
    Active = "ACTIVE",
    /// It is not delivered.
    Disabled = "DISABLED",
}

/// An event that a webhook can wait for: an entity with one of its actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebhookEvent {
    entity: WebhookEntity,
    action: WebhookAction,
}

impl WebhookEvent {
    /// Creates an event.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the entity has no such action.
    pub fn new(entity: WebhookEntity, action: WebhookAction) -> Result<Self> {
        let valid = WebhookEvent::actions(entity);
        if valid.contains(&action) {
            return Ok(WebhookEvent { entity, action });
        }
        // MLflow lists the valid actions like Python does.
        let valid: Vec<String> = valid.iter().map(|action| format!("'{action}'")).collect();
        let message = format!(
            "Invalid action '{action}' for entity '{entity}'. Valid actions are: [{}]",
            valid.join(", ")
        );
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    /// Creates an event from an entity and one of its actions.
    pub(crate) const fn of(entity: WebhookEntity, action: WebhookAction) -> Self {
        WebhookEvent { entity, action }
    }

    /// Returns the actions of an entity, sorted by name.
    #[must_use]
    pub fn actions(entity: WebhookEntity) -> &'static [WebhookAction] {
        match entity {
            WebhookEntity::RegisteredModel
            | WebhookEntity::ModelVersion
            | WebhookEntity::Prompt
            | WebhookEntity::PromptVersion => &[WebhookAction::Created],
            WebhookEntity::ModelVersionTag
            | WebhookEntity::PromptTag
            | WebhookEntity::PromptVersionTag => &[WebhookAction::Deleted, WebhookAction::Set],
            WebhookEntity::ModelVersionAlias | WebhookEntity::PromptAlias => {
                &[WebhookAction::Created, WebhookAction::Deleted]
            }
            WebhookEntity::BudgetPolicy => &[WebhookAction::Exceeded],
        }
    }

    /// Returns the entity.
    #[must_use]
    pub fn entity(self) -> WebhookEntity {
        self.entity
    }

    /// Returns the action.
    #[must_use]
    pub fn action(self) -> WebhookAction {
        self.action
    }
}

/// MLflow's form: `registered_model.created`.
impl fmt::Display for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entity, self.action)
    }
}

impl FromStr for WebhookEvent {
    type Err = Error;

    /// Parses MLflow's form.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such event.
    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('.').filter(|(_, action)| !action.contains('.'));
        let (entity, action) = parts.ok_or_else(|| {
            let message = format!(
                "Invalid event string format: {text}. Expected format: 'entity.action' (e.g., \
                 'registered_model.created')"
            );
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        WebhookEvent::new(entity.parse()?, action.parse()?)
    }
}

#[cold]
fn unknown(what: &str, text: &str, all: impl Iterator<Item = &'static str>) -> Error {
    let all: Vec<&str> = all.collect();
    let message = format!("unknown webhook {what} {text:?}: expected one of {}", all.join(", "));
    Error::new(ErrorKind::InvalidInput, message)
}

/// A webhook as stored in the file, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookInfo {
    /// The id.
    pub id: WebhookId,
    /// The name, which need not be unique.
    pub name: String,
    /// The address to which events are sent.
    pub url: String,
    /// The events, sorted. At least one.
    pub events: Vec<WebhookEvent>,
    /// The description.
    pub description: Option<String>,
    /// Whether it is delivered.
    pub status: WebhookStatus,
    /// Whether its deliveries are signed with a secret.
    pub has_secret: bool,
    /// The creation time.
    pub created: Timestamp,
    /// The time of the last change.
    pub updated: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back_from_its_text() {
        let mut count = 0;
        for &entity in WebhookEntity::ALL {
            for &action in WebhookAction::ALL {
                let event = WebhookEvent::new(entity, action);
                assert_eq!(event.is_ok(), WebhookEvent::actions(entity).contains(&action));
                let Ok(event) = event else { continue };
                assert_eq!(event.to_string().parse::<WebhookEvent>().unwrap(), event);
                count += 1;
            }
        }
        assert_eq!(count, 15);
    }

    #[test]
    fn a_wrong_event_gets_the_text_of_mlflow() {
        let message = |text: &str| text.parse::<WebhookEvent>().unwrap_err().to_string();
        assert_eq!(
            message("model_version_tag.created"),
            "Invalid action 'created' for entity 'model_version_tag'. Valid actions are: \
             ['deleted', 'set']"
        );
        assert!(message("prompt").starts_with("Invalid event string format: prompt. "));
        assert!(message("prompt.created.x").starts_with("Invalid event string format: "));
        assert!(message("model.created").starts_with("unknown webhook entity \"model\""));
    }

    #[test]
    fn an_id_reads_back_and_other_texts_are_no_webhooks() {
        let id = WebhookId::from_bits(0xabc);
        assert_eq!(id.to_string().parse::<WebhookId>().unwrap(), id);
        let error = "x".parse::<WebhookId>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "Webhook with ID x not found.");
    }
}
