//! The queue between what changes the registry or runs jobs, and the task that reports it.

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracklite::Timestamp;
use tracklite::webhook::{WebhookData, WebhookEvent};

use super::client::Client;

/// How many events may wait. More are dropped, so that a slow receiver never slows a request.
const WAITING_MAX: usize = 1024;

/// Something that webhooks report, with the body that reports it.
pub(crate) enum Change {
    /// A change of the registry, for the webhooks that wait for this event.
    Registry { event: WebhookEvent, body: String },
    /// An event of a job, for the webhook of the file or the address that its settings name.
    Job { receiver: String, body: String },
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
        let change = Change::Registry { event, body: data.body(Timestamp::now()) };
        if let Err(error) = self.queue.try_send(change) {
            log::warn!("webhooks miss an event {event}: {error}");
        }
    }

    /// Returns what queues the events of jobs.
    pub(crate) fn notifier(&self) -> JobNotifier {
        JobNotifier(self.queue.clone())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

/// Queues the events of jobs, without waiting.
pub(crate) struct JobNotifier(Sender<Change>);

impl tracklite_jobs::Notifier for JobNotifier {
    fn post(&self, receiver: &str, body: String) {
        let change = Change::Job { receiver: receiver.to_owned(), body };
        if let Err(error) = self.0.try_send(change) {
            log::warn!("webhook {receiver} misses an event of a job: {error}");
        }
    }
}
