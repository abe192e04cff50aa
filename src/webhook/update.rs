//! Changing webhooks.

use crate::entity::id::Timestamp;
use crate::entity::{WebhookEvent, WebhookId, WebhookInfo, WebhookStatus};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::format::record::WebhookUpdated;
use crate::webhook::new_webhook::{check_events, check_texts, event_names};
use crate::webhook::{Webhooks, no_such_webhook};

/// A change of some fields of a webhook, from [`Webhooks::update`]. All others keep their values.
#[derive(Clone)]
#[must_use = "a webhook is changed by `apply`"]
pub struct WebhookUpdate {
    webhooks: Webhooks,
    id: WebhookId,
    name: Option<String>,
    url: Option<String>,
    events: Option<Vec<WebhookEvent>>,
    description: Option<Option<String>>,
    status: Option<WebhookStatus>,
    secret: Option<Option<String>>,
}

impl Webhooks {
    /// Returns a builder that changes some fields of a webhook.
    pub fn update(&self, id: WebhookId) -> WebhookUpdate {
        WebhookUpdate {
            webhooks: self.clone(),
            id,
            name: None,
            url: None,
            events: None,
            description: None,
            status: None,
            secret: None,
        }
    }
}

impl WebhookUpdate {
    /// Sets the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the address.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Replaces all events.
    pub fn events(mut self, events: impl IntoIterator<Item = WebhookEvent>) -> Self {
        self.events = Some(events.into_iter().collect());
        self
    }

    /// Sets or clears the description.
    pub fn description(mut self, description: Option<&str>) -> Self {
        self.description = Some(description.map(str::to_owned));
        self
    }

    /// Sets whether it is delivered.
    pub fn status(mut self, status: WebhookStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Replaces the secret. `None` and an empty text remove it.
    pub fn secret(mut self, secret: Option<&str>) -> Self {
        self.secret = Some(secret.filter(|secret| !secret.is_empty()).map(str::to_owned));
        self
    }

    /// Makes the change, and returns the webhook after it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such webhook.
    /// - Those of [`NewWebhook::create`](crate::webhook::NewWebhook::create).
    pub fn apply(self) -> Result<WebhookInfo> {
        let engine = self.webhooks.engine();
        engine.located(self.check())?;
        let seal = |secret: &Option<String>| {
            let sealed = secret.as_deref().map(|secret| self.webhooks.seal(self.id, secret));
            sealed.transpose()
        };
        let updated = WebhookUpdated {
            webhook: self.id,
            name: self.name.clone(),
            url: self.url.clone(),
            events: self.events.as_deref().map(event_names),
            description: self.description.clone(),
            status: self.status,
            secret: self.secret.as_ref().map(seal).transpose()?,
            time: Timestamp::now_nanos(),
        };
        self.webhooks.change(|index| {
            index.webhook(self.id)?.ok_or_else(|| no_such_webhook(self.id))?;
            Ok(updated.clone().into())
        })?;
        self.webhooks.get(self.id)
    }

    fn check(&self) -> Result<()> {
        self.webhooks.check(self.name.as_deref(), self.url.as_deref())?;
        self.events.as_deref().map_or(Ok(()), check_events)?;
        let description = self.description.as_ref().and_then(Option::as_deref);
        check_texts(description, self.secret.as_ref().and_then(Option::as_deref))
    }
}
