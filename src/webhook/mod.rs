//! Webhooks of the registry: addresses to which a server reports changes.
//!
//! [`Database::webhooks`] returns [`Webhooks`], which creates, changes and lists them.

pub(crate) mod new_webhook;
pub(crate) mod payload;
pub(crate) mod signature;
pub(crate) mod update;
pub(crate) mod url;

use std::fmt;
use std::ops::RangeInclusive;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{Record, WEBHOOK_KINDS, WebhookDeleted};
use crate::index::Index;
use crate::search::{Fingerprint, Page, PageBounds, PageToken};

pub use crate::entity::{
    WebhookAction, WebhookEntity, WebhookEvent, WebhookId, WebhookInfo, WebhookStatus,
};
pub use crate::webhook::new_webhook::NewWebhook;
pub use crate::webhook::payload::WebhookData;
pub use crate::webhook::signature::{DELIVERY_ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
pub use crate::webhook::update::WebhookUpdate;
pub use crate::webhook::url::WebhookUrls;

/// The kinds of records that a change of a webhook depends on.
const KINDS: [RangeInclusive<u16>; 1] = [WEBHOOK_KINDS];

/// A handle of the webhooks of a file, which is cheap to clone. See [`Database::webhooks`].
///
/// The file states what to send and where. A server sends it.
///
/// Each change is synced before the call returns. Changes of different processes are made one after
/// the other.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let (path, pepper) = (folder.path().join("runs.tracklite"), folder.path().join("pepper"));
/// use tracklite::Database;
/// use tracklite::webhook::{WebhookEvent, WebhookStatus};
///
/// let database = Database::builder().create(true).pepper_file(pepper).open(path)?;
/// let created: WebhookEvent = "model_version.created".parse()?;
/// let webhooks = database.webhooks();
/// let webhook = webhooks.new_webhook("ci", "https://ci.example.com/models").event(created);
/// let webhook = webhook.secret("the receiver knows it").create()?;
/// assert_eq!(webhooks.list_for(created, 100, "")?.items, [webhook.clone()]);
/// let webhook = webhooks.update(webhook.id).status(WebhookStatus::Disabled).apply()?;
/// assert!(webhook.has_secret);
/// webhooks.delete(webhook.id)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Webhooks {
    database: Database,
    urls: WebhookUrls,
}

/// The secret of a webhook, with which its deliveries are signed.
///
/// Its debug text does not contain it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// Returns the secret.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

impl Database {
    /// Returns the webhooks of the file. Their addresses must begin with `https`.
    #[must_use]
    pub fn webhooks(&self) -> Webhooks {
        Webhooks { database: self.clone(), urls: WebhookUrls::Https }
    }
}

impl Webhooks {
    /// The largest number of webhooks on one page. MLflow's limit.
    pub const MAX_RESULTS: usize = 1000;

    /// Returns the same webhooks with another rule for new addresses.
    #[must_use]
    pub fn with_urls(&self, urls: WebhookUrls) -> Webhooks {
        Webhooks { database: self.database.clone(), urls }
    }

    /// Returns a webhook.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such webhook.
    pub fn get(&self, id: WebhookId) -> Result<WebhookInfo> {
        let found = self.engine().with_index(|index, _| index.webhook(id))?;
        found.ok_or_else(|| self.engine().locate(no_such_webhook(id)))
    }

    /// Returns one page of the webhooks, the newest first. An empty token means the first page.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the token is not valid, or `max_results` is not between 1
    ///   and [`Webhooks::MAX_RESULTS`].
    pub fn list(&self, max_results: usize, page_token: &str) -> Result<Page<WebhookInfo>> {
        self.engine().located(self.page(None, max_results, page_token))
    }

    /// Returns one page of the webhooks that wait for an event, the newest first.
    ///
    /// Disabled ones are included.
    ///
    /// # Errors
    ///
    /// - Those of [`Webhooks::list`].
    pub fn list_for(
        &self,
        event: WebhookEvent,
        max_results: usize,
        page_token: &str,
    ) -> Result<Page<WebhookInfo>> {
        self.engine().located(self.page(Some(event), max_results, page_token))
    }

    /// Deletes a webhook permanently.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such webhook.
    pub fn delete(&self, id: WebhookId) -> Result<()> {
        self.change(|index| {
            index.webhook(id)?.ok_or_else(|| no_such_webhook(id))?;
            Ok(WebhookDeleted { webhook: id, time: Timestamp::now_nanos() }.into())
        })
    }

    /// Returns the secret of a webhook, if it has one, to sign a delivery with [`sign`].
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such webhook.
    /// - [`ErrorKind::InvalidState`] if the user has no pepper, or another one than the user who
    ///   set the secret.
    pub fn secret(&self, id: WebhookId) -> Result<Option<WebhookSecret>> {
        let found = self.engine().with_index(|index, _| index.webhook_secret(id))?;
        let found = found.ok_or_else(|| self.engine().locate(no_such_webhook(id)))?;
        let Some(sealed) = found else { return Ok(None) };
        let opened = self.engine().pepper()?.open(id.to_bits(), &sealed);
        let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
        match text {
            Some(text) => Ok(Some(WebhookSecret(text))),
            None => Err(self.engine().locate(sealed_otherwise(id))),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.database.engine()
    }

    /// Checks the name and the address of a webhook, if they are given.
    fn check(&self, name: Option<&str>, url: Option<&str>) -> Result<()> {
        name.map_or(Ok(()), url::check_name)?;
        url.map_or(Ok(()), |url| url::check_url(url, self.urls))
    }

    /// Seals a secret for a webhook.
    fn seal(&self, id: WebhookId, secret: &str) -> Result<Vec<u8>> {
        let engine = self.engine();
        engine.located(engine.log.check_usable())?;
        let pepper = engine.pepper_for_writing()?;
        Ok(pepper.seal(id.to_bits(), &engine.random_bytes()?, secret.as_bytes()))
    }

    fn page(
        &self,
        event: Option<WebhookEvent>,
        max_results: usize,
        page_token: &str,
    ) -> Result<Page<WebhookInfo>> {
        if !(1..=Webhooks::MAX_RESULTS).contains(&max_results) {
            let message = format!("max_results must be between 1 and {}.", Webhooks::MAX_RESULTS);
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let named = event.map_or_else(String::new, |event| event.to_string());
        let query = Fingerprint::of(["webhooks", &named]);
        let offset = PageToken::offset_in(page_token, query)?;
        let bounds = PageBounds { offset, limit: max_results, query };
        let mut items =
            self.engine().with_index(|index, _| index.webhooks(event, offset, bounds.wanted()))?;
        let next_page_token = bounds.cut(&mut items);
        Ok(Page { items, next_page_token })
    }

    /// Appends the record that `build` returns for the index, then syncs.
    fn change(&self, mut build: impl FnMut(&Index) -> Result<Record>) -> Result<()> {
        self.engine().append_synced(&KINDS, |index| Ok((vec![build(index)?], ())))
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhooks").field(&self.database.path()).finish()
    }
}

#[cold]
fn no_such_webhook(id: WebhookId) -> Error {
    Error::new(ErrorKind::NotFound, format!("Webhook with ID {id} not found."))
}

#[cold]
fn sealed_otherwise(id: WebhookId) -> Error {
    let message = format!(
        "the secret of webhook {id} was sealed with another pepper: set the secret again, or set \
         TRACKLITE_PEPPER_FILE to the pepper of the user who set it"
    );
    Error::new(ErrorKind::InvalidState, message)
}
