//! The expected state of webhooks.

use tracklite::Database;
use tracklite::webhook::{WebhookInfo, WebhookSecret};

/// A webhook.
#[derive(Clone, Debug)]
pub struct ModelWebhook {
    /// Its info after the last change.
    pub info: WebhookInfo,
    /// Its secret.
    pub secret: Option<String>,
}

/// Panics unless exactly these webhooks exist, the newest first, each with its secret.
pub(crate) fn compare_webhooks(database: &Database, wanted: &[ModelWebhook]) {
    let webhooks = database.webhooks();
    let mut found = webhooks.list(1000, "").expect("list the webhooks").items;
    let mut infos: Vec<WebhookInfo> = wanted.iter().map(|known| known.info.clone()).collect();
    // Webhooks of the same instant are listed in any order.
    found.sort_by_key(|info| info.id);
    infos.sort_by_key(|info| info.id);
    assert_eq!(found, infos);
    for known in wanted {
        let secret = webhooks.secret(known.info.id).expect("open the secret");
        assert_eq!(secret.as_ref().map(WebhookSecret::as_str), known.secret.as_deref());
        for event in &known.info.events {
            let page = webhooks.list_for(*event, 1000, "").expect("list by event");
            assert!(page.items.contains(&known.info));
            assert!(page.items.iter().all(|info| info.events.contains(event)));
        }
    }
}
