//! Creating webhooks.

use crate::entity::id::Timestamp;
use crate::entity::limits::check_text;
use crate::entity::{WebhookEvent, WebhookId, WebhookInfo, WebhookStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::WebhookCreated;
use crate::webhook::Webhooks;

/// The maximum characters of a description, as in MLflow.
const DESCRIPTION_MAX: usize = 1000;
/// The maximum characters of a secret.
const SECRET_MAX: usize = 1000;

/// A builder of a webhook, from [`Webhooks::new_webhook`].
#[derive(Clone)]
#[must_use = "a webhook is created by `create`"]
pub struct NewWebhook {
    webhooks: Webhooks,
    name: String,
    url: String,
    events: Vec<WebhookEvent>,
    description: Option<String>,
    status: WebhookStatus,
    secret: Option<String>,
}

impl Webhooks {
    /// Returns a builder of a webhook with this name and address.
    pub fn new_webhook(&self, name: impl Into<String>, url: impl Into<String>) -> NewWebhook {
        NewWebhook {
            webhooks: self.clone(),
            name: name.into(),
            url: url.into(),
            events: Vec::new(),
            description: None,
            status: WebhookStatus::Active,
            secret: None,
        }
    }
}

impl NewWebhook {
    /// Adds an event. At least one is necessary.
    pub fn event(mut self, event: WebhookEvent) -> Self {
        self.events.push(event);
        self
    }

    /// Sets the description. Default: none.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets whether it is delivered. Default: [`WebhookStatus::Active`].
    pub fn status(mut self, status: WebhookStatus) -> Self {
        self.status = status;
        self
    }

    /// Sets the secret with which deliveries are signed. Default, and if empty: none.
    ///
    /// The file contains it sealed with the user's pepper, which the first secret creates.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into()).filter(|secret| !secret.is_empty());
        self
    }

    /// Creates the webhook.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the name or the address breaks a rule, a text is too long,
    ///   or there are no events.
    /// - [`ErrorKind::InvalidState`] if it has a secret, and other users may read the pepper.
    pub fn create(self) -> Result<WebhookInfo> {
        let engine = self.webhooks.engine();
        engine.located(self.check())?;
        let webhook = WebhookId::from_bits(engine.random_bits()?);
        let secret = self.secret.as_deref();
        let secret = secret.map(|secret| self.webhooks.seal(webhook, secret)).transpose()?;
        let created = WebhookCreated {
            webhook,
            name: self.name,
            url: self.url,
            events: event_names(&self.events),
            description: self.description,
            status: self.status,
            secret,
            time: Timestamp::now_nanos(),
        };
        self.webhooks.change(|_| Ok(created.clone().into()))?;
        self.webhooks.get(webhook)
    }

    fn check(&self) -> Result<()> {
        self.webhooks.check(Some(&self.name), Some(&self.url))?;
        check_events(&self.events)?;
        check_texts(self.description.as_deref(), self.secret.as_deref())
    }
}

/// Checks that there are events.
pub(crate) fn check_events(events: &[WebhookEvent]) -> Result<()> {
    if events.is_empty() {
        let message = "Webhook events cannot be empty";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(())
}

/// Checks the lengths of a description and a secret.
pub(crate) fn check_texts(description: Option<&str>, secret: Option<&str>) -> Result<()> {
    check_text("the description", description.unwrap_or_default(), DESCRIPTION_MAX)?;
    check_text("the secret", secret.unwrap_or_default(), SECRET_MAX)
}

/// Returns the events in MLflow's form, sorted and each once.
pub(crate) fn event_names(events: &[WebhookEvent]) -> Vec<String> {
    let mut events = events.to_vec();
    events.sort_unstable();
    events.dedup();
    events.iter().map(WebhookEvent::to_string).collect()
}
