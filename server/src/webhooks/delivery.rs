//! The task that sends the queued changes and events to the webhooks that wait for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracklite::webhook::{WebhookEvent, WebhookStatus, Webhooks as Stored};
use tracklite::{Database, Error, ErrorKind, Result};

use super::client::{Client, Message, Unsent};
use super::queue::Change;
use crate::pool::Pool;

/// How many deliveries are on their way at the same time.
const SENDING_MAX: usize = 16;
/// The pauses between the tries of a delivery. So there are three tries.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// The things that deliveries need.
pub(crate) struct Sending {
    pub(crate) database: Database,
    pub(crate) pool: Pool,
    pub(crate) client: Client,
    /// Set when the server stops. A delivery is then not repeated.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// Sends what is queued until `ended`. Then sends the rest of the queue.
pub(crate) async fn deliver(
    mut changes: Receiver<Change>,
    mut ended: oneshot::Receiver<()>,
    sending: Sending,
) {
    let places = Arc::new(Semaphore::new(SENDING_MAX));
    let mut tasks = JoinSet::new();
    let mut is_open = true;
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            _ = &mut ended, if is_open => {
                is_open = false;
                changes.close();
                continue;
            }
        };
        let Some(change) = change else { break };
        let (body, recipients) = sending.recipients(change).await;
        for recipient in recipients {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            while tasks.try_join_next().is_some() {}
            match Message::new(body.clone(), recipient.secret.as_deref()) {
                Ok(message) => {
                    let delivery = Delivery { recipient, message, place };
                    tasks.spawn(delivery.run(sending.client.clone(), sending.stopped.clone()));
                }
                Err(error) => log::warn!("{}: {error}", recipient.miss),
            }
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// A webhook that waits for an event.
struct Recipient {
    /// The text of the log if it does not get the event. It has no URL.
    miss: String,
    url: String,
    secret: Option<String>,
}

impl Sending {
    /// Returns the body of a change, and who gets it.
    async fn recipients(&self, change: Change) -> (String, Vec<Recipient>) {
        let stored = self.database.webhooks();
        let (what, body, work): (_, _, Box<dyn FnOnce() -> Result<Vec<Recipient>> + Send>) =
            match change {
                Change::Registry { event, body } => {
                    let work = move || recipients(&stored, event);
                    (format!("webhooks miss an event {event}"), body, Box::new(work))
                }
                Change::Job { receiver, body } => {
                    let what = "a webhook misses an event of a job".to_owned();
                    (what, body, Box::new(move || Ok(vec![named(&stored, receiver)?])))
                }
            };
        let found = match self.pool.run(work).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                log::warn!("{what}: {error}");
                Vec::new()
            }
            Err(failure) => {
                log::warn!("{what}: {}", failure.message);
                Vec::new()
            }
        };
        (body, found)
    }
}

/// Returns the webhook that the settings of a job name by its id or address.
fn named(stored: &Stored, receiver: String) -> Result<Recipient> {
    if receiver.contains("://") {
        let miss = "an address in the settings of a job misses an event".to_owned();
        return Ok(Recipient { miss, url: receiver, secret: None });
    }
    let info = stored.get(receiver.parse()?)?;
    let secret = stored.secret(info.id)?.map(|secret| secret.as_str().to_owned());
    let miss = format!("webhook {} misses an event of a job", info.id);
    if info.status != WebhookStatus::Active {
        return Err(Error::new(ErrorKind::InvalidState, format!("{miss}: it is disabled")));
    }
    Ok(Recipient { miss, url: info.url, secret })
}

fn recipients(stored: &Stored, event: WebhookEvent) -> Result<Vec<Recipient>> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = stored.list_for(event, Stored::MAX_RESULTS, &token)?;
        for info in page.items.into_iter().filter(|info| info.status == WebhookStatus::Active) {
            match stored.secret(info.id) {
                Ok(secret) => {
                    let secret = secret.map(|secret| secret.as_str().to_owned());
                    let miss = format!("webhook {} misses an event {event}", info.id);
                    found.push(Recipient { miss, url: info.url, secret });
                }
                // Without its signature, a receiver must not trust it.
                Err(error) => log::warn!("webhook {} misses an event {event}: {error}", info.id),
            }
        }
        match page.next_page_token {
            Some(next) => token = next,
            None => return Ok(found),
        }
    }
}

/// One change for one webhook.
struct Delivery {
    recipient: Recipient,
    message: Message,
    place: OwnedSemaphorePermit,
}

impl Delivery {
    /// Sends it, and repeats that if it may work at another time.
    async fn run(self, client: Client, mut stopped: watch::Receiver<bool>) {
        let Delivery { recipient: Recipient { miss, url, .. }, message, place } = self;
        let mut pauses = PAUSES.into_iter();
        loop {
            let (problem, is_final) = match client.send(&url, &message).await {
                Ok(answer) if (200..300).contains(&answer.status) => break,
                Ok(answer) => problem_of(answer.status),
                Err(Unsent::Refused(problem)) => (problem, true),
                Err(Unsent::Broken(problem)) => (problem, false),
            };
            let pause = pauses.next().filter(|_| !is_final && !*stopped.borrow());
            let Some(pause) = pause else {
                log::warn!("{miss}: {problem}");
                break;
            };
            log::debug!("{miss} at first: {problem}");
            tokio::select! {
                () = sleep(pause) => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        }
        drop(place);
    }
}

/// Returns the problem of a status, and whether it is useless to try again.
fn problem_of(status: u16) -> (String, bool) {
    let hint = if (300..400).contains(&status) { ", and redirects are not followed" } else { "" };
    (format!("the receiver answers with the status {status}{hint}"), status != 429 && status < 500)
}
