//! Calls that create, change and delete webhooks.

use std::collections::BTreeMap;

use tracklite::webhook::{WebhookEvent, WebhookId, WebhookInfo, WebhookStatus};
use tracklite::{Database, Result};

use crate::compare::event_in;
use crate::oracle::EventId;
use crate::things::{ThingKind, ThingSeen};
use crate::world::{Actor, Verdict};

/// An upper bound for the number of webhooks that a workload creates.
const WEBHOOKS_MAX: usize = 1000;

fn address(event: EventId) -> String {
    format!("https://example.com/{}", event.0)
}

impl Actor {
    /// Creates, changes or deletes a webhook.
    pub fn change_webhook(&mut self) -> Verdict<()> {
        // The effect of a failed call is not known yet.
        if self.is_unsettled {
            return Ok(());
        }
        let webhooks = self.own_things(ThingKind::Webhook);
        if webhooks.is_empty() || self.random.one_in(3) {
            return self.create_webhook();
        }
        let webhook = *self.random.pick(&webhooks);
        let deletes = self.random.one_in(4);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue(if deletes { "delete webhook" } else { "change webhook" });
        let status = WebhookStatus::ALL[event.0 % 2];
        let Some(thing) = oracle.things.get_mut(&webhook) else { return Ok(()) };
        let id = thing.id.clone().unwrap_or_default();
        if deletes {
            thing.exists.set(event, false);
        } else {
            thing.set("url".to_owned(), event, Some(address(event)));
            thing.set("status".to_owned(), event, Some(status.to_string()));
        }
        drop(oracle);
        let handle = self.database.webhooks();
        let changed = id.parse().and_then(|id: WebhookId| match deletes {
            true => handle.delete(id),
            false => handle.update(id).url(address(event)).status(status).apply().map(drop),
        });
        self.note_change(event, changed).map(drop)
    }

    fn create_webhook(&mut self) -> Verdict<()> {
        let event = self.issue_thing("create webhook", ThingKind::Webhook, None, |event| {
            BTreeMap::from([
                ("url".to_owned(), address(event)),
                ("status".to_owned(), WebhookStatus::Active.to_string()),
            ])
        });
        let created = "model_version.created".parse().and_then(|of: WebhookEvent| {
            let webhooks = self.database.webhooks();
            webhooks.new_webhook(format!("w{}", event.0), address(event)).event(of).create()
        });
        match self.note_change(event, created)? {
            Some(info) => self.oracle.lock().set_id(event, &info.id.to_string()),
            None => Ok(()),
        }
    }
}

/// Reads all webhooks.
pub fn webhooks(database: &Database) -> Result<Vec<ThingSeen>> {
    Ok(database.webhooks().list(WEBHOOKS_MAX, "")?.items.iter().map(seen).collect())
}

fn seen(info: &WebhookInfo) -> ThingSeen {
    let event = event_in(&info.name, 'w').unwrap_or(EventId(usize::MAX));
    let facts = BTreeMap::from([
        ("url".to_owned(), info.url.clone()),
        ("status".to_owned(), info.status.to_string()),
    ]);
    ThingSeen { event, id: info.id.to_string(), facts }
}
