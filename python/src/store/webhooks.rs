//! Webhooks of the registry, for the plug-in.

use pyo3::prelude::*;
use tracklite::webhook::{NewWebhook, WebhookEvent, WebhookInfo, WebhookUrls, Webhooks};
use tracklite::{Error, Result};

use super::file::Store;
use super::values::PageValue;
use crate::detach::detached;

/// ID, name, address, events, description, status, secret, creation, last update.
type WebhookValue =
    (String, String, String, Vec<String>, Option<String>, &'static str, Option<String>, i64, i64);

/// The webhooks of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreWebhooks {
    webhooks: Webhooks,
}

#[pymethods]
impl StoreWebhooks {
    #[new]
    fn new(store: &Store) -> Self {
        // MLflow has a setting for addresses without encryption, and has checked them by it.
        StoreWebhooks { webhooks: store.database.webhooks().with_urls(WebhookUrls::Any) }
    }

    /// Creates a webhook.
    #[expect(clippy::too_many_arguments, reason = "the fields of a webhook")]
    fn create(
        &self,
        py: Python<'_>,
        name: &str,
        url: &str,
        events: Vec<String>,
        description: Option<&str>,
        secret: Option<&str>,
        status: &str,
    ) -> PyResult<WebhookValue> {
        let create = || {
            let webhook = self.webhooks.new_webhook(name, url).status(status.parse()?);
            let events = parsed(&events)?.into_iter();
            let mut webhook = events.fold(webhook, NewWebhook::event);
            if let Some(description) = description {
                webhook = webhook.description(description);
            }
            if let Some(secret) = secret {
                webhook = webhook.secret(secret);
            }
            self.value(webhook.create()?)
        };
        detached(py, create)
    }

    /// Returns the webhook.
    fn get(&self, py: Python<'_>, id: &str) -> PyResult<WebhookValue> {
        detached(py, || self.value(self.webhooks.get(id.parse()?)?))
    }

    /// Raises the error for a webhook that does not exist.
    fn check(&self, py: Python<'_>, id: &str) -> PyResult<()> {
        detached(py, || self.webhooks.get(id.parse()?).map(drop))
    }

    /// Lists webhooks, the newest first. With an event, only those that wait for it. Returns one
    /// page.
    fn list(
        &self,
        py: Python<'_>,
        event: Option<&str>,
        max_results: usize,
        token: &str,
    ) -> PyResult<PageValue<WebhookValue>> {
        let list = || {
            let page = match event {
                Some(event) => self.webhooks.list_for(event.parse()?, max_results, token)?,
                None => self.webhooks.list(max_results, token)?,
            };
            let value = |info| match event {
                Some(_) => self.value(info),
                // Without the pepper, the list still shows the webhooks.
                None => Ok(self.value_or_sealed(info)),
            };
            let values = page.items.into_iter().map(value).collect::<Result<_>>()?;
            Ok((values, page.next_page_token))
        };
        detached(py, list)
    }

    /// Changes the fields that are not None.
    #[expect(clippy::too_many_arguments, reason = "the fields of a webhook")]
    fn update(
        &self,
        py: Python<'_>,
        id: &str,
        name: Option<&str>,
        url: Option<&str>,
        events: Option<Vec<String>>,
        description: Option<&str>,
        secret: Option<&str>,
        status: Option<&str>,
    ) -> PyResult<WebhookValue> {
        let update = || {
            let mut update = self.webhooks.update(id.parse()?);
            if let Some(name) = name {
                update = update.name(name);
            }
            if let Some(url) = url {
                update = update.url(url);
            }
            if let Some(events) = &events {
                update = update.events(parsed(events)?);
            }
            if description.is_some() {
                update = update.description(description);
            }
            if secret.is_some() {
                update = update.secret(secret);
            }
            if let Some(status) = status {
                update = update.status(status.parse()?);
            }
            self.value(update.apply()?)
        };
        detached(py, update)
    }

    /// Deletes the webhook.
    fn delete(&self, py: Python<'_>, id: &str) -> PyResult<()> {
        detached(py, || self.webhooks.delete(id.parse()?))
    }
}

impl StoreWebhooks {
    /// Returns the webhook with its secret, which MLflow needs to sign deliveries.
    fn value(&self, info: WebhookInfo) -> Result<WebhookValue> {
        let secret = match info.has_secret {
            true => self.webhooks.secret(info.id)?,
            false => None,
        };
        Ok(value_of(info, secret.map(|secret| secret.as_str().to_owned())))
    }

    fn value_or_sealed(&self, info: WebhookInfo) -> WebhookValue {
        let secret = self.webhooks.secret(info.id).ok().flatten();
        value_of(info, secret.map(|secret| secret.as_str().to_owned()))
    }
}

fn value_of(info: WebhookInfo, secret: Option<String>) -> WebhookValue {
    (
        info.id.to_string(),
        info.name,
        info.url,
        info.events.iter().map(WebhookEvent::to_string).collect(),
        info.description,
        info.status.as_str(),
        secret,
        info.created.as_millis(),
        info.updated.as_millis(),
    )
}

fn parsed(events: &[String]) -> Result<Vec<WebhookEvent>, Error> {
    events.iter().map(|event| event.parse()).collect()
}
