//! The queue between the requests that change the registry and the task that reports the changes.

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracklite::Timestamp;
use tracklite::webhook::{WebhookData, WebhookEvent};

use super::client::Client;

/// How many events may wait. More are dropped, so that a slow receiver never slows a request.
const WAITING_MAX: usize = 1024;

/// A change with the body that reports it.
pub(crate) struct Change {
    pub(crate) event: WebhookEvent,
    pub(crate) body: String,
}

/// The webhooks of a server.
pub(crate) struct Webhooks {
    queue: Sender<Change>,
    client: Client,
}

impl Webhooks {
    /// Returns the webhooks, and the end of their queue that the task of the deliveries reads.
    pub(crate) fn new(to_this_machine: bool) -> (Webhooks, Receiver<Change>) {
        let (queue, changes) = channel(WAITING_MAX);
        (Webhooks { queue, client: Client::new(to_this_machine) }, changes)
    }

    /// Queues a change that was made, without waiting.
    pub(crate) fn fire(&self, data: &WebhookData<'_>) {
        let event = data.event();
        let change = Change { event, body: data.body(Timestamp::now()) };
        if let Err(error) = self.queue.try_send(change) {
            log::warn!("webhooks miss an event {event}: {error}");
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}
