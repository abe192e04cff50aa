//! Calls that create, change and delete webhooks.

use tracklite::ErrorKind;
use tracklite::webhook::{WebhookEvent, WebhookId, WebhookStatus};
use tracklite_fuzz::{Choices, ModelWebhook};

use super::{VALUES, World, expect_error};

const NAMES: [&str; 3] = ["ci", "a.b-c", "no good"];
const URLS: [&str; 3] = ["https://example.com", "https://[::1]:8443/x?y", "http://example.com"];
const EVENTS: [&str; 3] = ["model_version.created", "prompt_alias.deleted", "prompt.created"];

fn events(choices: &mut Choices<'_>) -> Vec<WebhookEvent> {
    let count = choices.below(4);
    (0..count).map(|_| EVENTS[choices.below(3)].parse().expect("parse an event")).collect()
}

impl World {
    pub(super) fn change_webhooks(&mut self, choices: &mut Choices<'_>) {
        if self.model.webhooks.is_empty() || choices.below(3) == 0 {
            return self.create_webhook(choices);
        }
        let place = choices.below(self.model.webhooks.len());
        match choices.below(4) {
            0 => self.delete_webhook(place),
            _ => self.update_webhook(place, choices),
        }
    }

    fn create_webhook(&mut self, choices: &mut Choices<'_>) {
        let (name, url) = (choices.below(3), choices.below(3));
        let (events, secret) = (events(choices), VALUES[choices.below(VALUES.len())]);
        let new = self.database.webhooks().new_webhook(NAMES[name], URLS[url]).secret(secret);
        let created = events.iter().fold(new, |new, event| new.event(*event)).create();
        if name == 2 || url == 2 || events.is_empty() {
            return expect_error(created, ErrorKind::InvalidInput);
        }
        let info = created.expect("create a webhook");
        assert_eq!(info.has_secret, !secret.is_empty());
        let secret = Some(secret.to_owned()).filter(|secret| !secret.is_empty());
        self.model.webhooks.push(ModelWebhook { info, secret });
    }

    fn update_webhook(&mut self, place: usize, choices: &mut Choices<'_>) {
        let known = &mut self.model.webhooks[place];
        let update = self.database.webhooks().update(known.info.id);
        let (field, value) = (choices.below(4), VALUES[choices.below(VALUES.len())]);
        let (events, status) = (events(choices), WebhookStatus::ALL[choices.below(2)]);
        let updated = match field {
            0 => update.events(events.iter().copied()),
            1 => update.secret(Some(value)),
            2 => update.description(Some(value)),
            _ => update.status(status),
        };
        let updated = updated.apply();
        if field == 0 && events.is_empty() {
            return expect_error(updated, ErrorKind::InvalidInput);
        }
        let updated = updated.expect("change a webhook");
        assert!(updated.updated >= known.info.updated);
        known.info.updated = updated.updated;
        match field {
            0 => {
                known.info.events = events;
                known.info.events.sort();
                known.info.events.dedup();
            }
            1 => {
                known.secret = Some(value.to_owned()).filter(|secret| !secret.is_empty());
                known.info.has_secret = known.secret.is_some();
            }
            2 => known.info.description = Some(value.to_owned()),
            _ => known.info.status = status,
        }
        assert_eq!(updated, known.info);
    }

    fn delete_webhook(&mut self, place: usize) {
        let gone = self.model.webhooks.remove(place).info.id;
        let webhooks = self.database.webhooks();
        webhooks.delete(gone).expect("delete a webhook");
        expect_error(webhooks.delete(gone), ErrorKind::NotFound);
        expect_error(webhooks.get(WebhookId::from_bits(0)), ErrorKind::NotFound);
    }
}
