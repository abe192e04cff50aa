//! The records of webhooks.

use serde::{Deserialize, Serialize};

use crate::entity::{WebhookId, WebhookStatus};

/// A webhook was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookCreated {
    /// The new id.
    pub webhook: WebhookId,
    /// The name.
    pub name: String,
    /// The address.
    pub url: String,
    /// The events in MLflow's form, sorted. A build ignores those that it does not know.
    pub events: Vec<String>,
    /// The description.
    pub description: Option<String>,
    /// Whether it is delivered.
    pub status: WebhookStatus,
    /// The sealed secret, which only a user with the pepper can open.
    pub secret: Option<Vec<u8>>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A webhook changed. `None` leaves a field unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookUpdated {
    /// The webhook.
    pub webhook: WebhookId,
    /// The new name.
    pub name: Option<String>,
    /// The new address.
    pub url: Option<String>,
    /// The new events.
    pub events: Option<Vec<String>>,
    /// The new description. The inner `None` clears it.
    pub description: Option<Option<String>>,
    /// The new status.
    pub status: Option<WebhookStatus>,
    /// The new sealed secret. The inner `None` removes it.
    pub secret: Option<Option<Vec<u8>>>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A webhook was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDeleted {
    /// The webhook.
    pub webhook: WebhookId,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}
