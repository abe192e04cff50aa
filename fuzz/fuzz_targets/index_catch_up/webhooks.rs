//! Arbitrary records of webhooks.

use tracklite::internals::record::{Record, WebhookCreated, WebhookDeleted, WebhookUpdated};
use tracklite::webhook::{WebhookId, WebhookStatus};
use tracklite_fuzz::Choices;

use super::text;

const EVENTS: [&str; 4] =
    ["model_version.created", "prompt.created", "a_later_event.seen", "no event"];

fn events(choices: &mut Choices<'_>) -> Vec<String> {
    (0..choices.below(3)).map(|_| EVENTS[choices.below(EVENTS.len())].to_owned()).collect()
}

fn status(choices: &mut Choices<'_>) -> WebhookStatus {
    WebhookStatus::ALL[choices.below(2)]
}

fn maybe<T>(choices: &mut Choices<'_>, some: impl FnOnce(&mut Choices<'_>) -> T) -> Option<T> {
    (choices.byte() < 128).then(|| some(choices))
}

fn secret(choices: &mut Choices<'_>) -> Option<Vec<u8>> {
    maybe(choices, |choices| vec![choices.byte(); 70])
}

pub(super) fn about_webhooks(choices: &mut Choices<'_>) -> Record {
    let (webhook, time) = (WebhookId::from_bits(choices.below(4) as u128), choices.integer());
    match choices.below(4) {
        0 => WebhookDeleted { webhook, time }.into(),
        1 => WebhookUpdated {
            webhook,
            name: maybe(choices, text),
            url: maybe(choices, text),
            events: maybe(choices, events),
            description: maybe(choices, |choices| maybe(choices, text)),
            status: maybe(choices, status),
            secret: maybe(choices, secret),
            time,
        }
        .into(),
        _ => WebhookCreated {
            webhook,
            name: text(choices),
            url: text(choices),
            events: events(choices),
            description: maybe(choices, text),
            status: status(choices),
            secret: secret(choices),
            time,
        }
        .into(),
    }
}
