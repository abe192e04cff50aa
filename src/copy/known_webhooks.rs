//! The webhooks of a file, for its copies and its checks.

use std::collections::BTreeMap;

use crate::entity::{WebhookId, WebhookStatus};
use crate::format::record::{Record, WebhookUpdated};

/// The webhooks that exist after the applied records.
#[derive(Debug, Default)]
pub(crate) struct KnownWebhooks {
    webhooks: BTreeMap<WebhookId, WebhookStatus>,
}

impl KnownWebhooks {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        match record {
            Record::WebhookCreated(change) => {
                self.webhooks.entry(change.webhook).or_insert(change.status);
            }
            Record::WebhookUpdated(change) => {
                if let (Some(known), Some(status)) =
                    (self.webhooks.get_mut(&change.webhook), change.status)
                {
                    *known = status;
                }
            }
            Record::WebhookDeleted(change) => {
                self.webhooks.remove(&change.webhook);
            }
            _ => {}
        }
    }

    /// Returns whether a copy needs the record: it is not about a deleted or unknown webhook.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        about(record).is_none_or(|webhook| self.webhooks.contains_key(&webhook))
    }

    /// Returns the webhook that the record changes, if it does not exist.
    pub(crate) fn missing(&self, record: &Record) -> Option<WebhookId> {
        let is_new = matches!(record, Record::WebhookCreated(_));
        about(record).filter(|webhook| !is_new && !self.webhooks.contains_key(webhook))
    }

    /// Returns records that disable all active webhooks.
    pub(crate) fn disabling(&self, time: i64) -> Vec<Record> {
        let active = self.webhooks.iter().filter(|(_, status)| **status == WebhookStatus::Active);
        let disabled = active.map(|(&webhook, _)| WebhookUpdated {
            webhook,
            name: None,
            url: None,
            events: None,
            description: None,
            status: Some(WebhookStatus::Disabled),
            secret: None,
            time,
        });
        disabled.map(Record::from).collect()
    }
}

/// Returns the webhook that the record is about.
fn about(record: &Record) -> Option<WebhookId> {
    match record {
        Record::WebhookCreated(change) => Some(change.webhook),
        Record::WebhookUpdated(change) => Some(change.webhook),
        Record::WebhookDeleted(change) => Some(change.webhook),
        _ => None,
    }
}
