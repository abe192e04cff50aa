//! Tables of requests: what endpoints were asked and answered, as rows of a stored table.
//!
//! Rows wait in a queue of bounded size. One thread writes them in batches. So a request only pays
//! for a copy of its facts. If the queue is full, rows are dropped and counted, unless the endpoint
//! wants them before the answer.

mod columns;
mod counts;
mod entry;
mod parsed;
mod queue;
mod texts;
mod writer;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tracklite::Database;
use tracklite::endpoint::EndpointInfo;
use tracklite_serve::{Exchange, Refusal, Wait};

pub(crate) use self::counts::Count;
use self::counts::Counts;
use self::entry::{Entry, is_sampled};
use self::queue::{Limits, Order, Queue};
use self::writer::Writer;

/// The rows that wait to be written. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Captures(Arc<Inner>);

struct Inner {
    is_read_only: bool,
    queue: Arc<Queue>,
    counts: Arc<Counts>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Captures {
    /// Starts the thread that writes.
    pub(crate) fn start(database: Database) -> io::Result<Captures> {
        let is_read_only = database.is_read_only();
        let (queue, counts) = (Arc::new(Queue::new(Limits::default())), Arc::<Counts>::default());
        let mut writer = Writer::new(database, Arc::clone(&counts));
        let source = Arc::clone(&queue);
        let work = move || {
            while let Some(batch) = source.take() {
                writer.write(batch);
            }
        };
        let thread = std::thread::Builder::new().name("tracklite-rows".to_owned()).spawn(work)?;
        let thread = Mutex::new(Some(thread));
        Ok(Captures(Arc::new(Inner { is_read_only, queue, counts, thread })))
    }

    /// Takes the row of a request, if the endpoint wants one. Returns what its answer waits for.
    ///
    /// `refused` returns the body that a client gets for a refusal.
    pub(crate) fn offer(
        &self,
        exchange: &Exchange<'_>,
        refused: fn(&Refusal) -> Vec<u8>,
    ) -> Option<Wait> {
        let capture = exchange.capture.filter(|capture| capture.is_enabled)?;
        // Rows of requests that were refused for overload would make it worse.
        if matches!(exchange.end, Err(Refusal::Busy(_))) {
            return None;
        }
        let Inner { is_read_only, queue, counts, .. } = &*self.0;
        if *is_read_only || !is_sampled(&exchange.request.id, capture.percent) {
            return None;
        }
        let (entry, wait) = Entry::new(exchange, capture, refused);
        if let Err(entry) = queue.push(entry) {
            counts.drop_one(exchange.endpoint);
            entry.refuse();
        }
        wait
    }

    /// Has the table of an endpoint made, so that it is there before the first row.
    pub(crate) fn prepare(&self, info: &EndpointInfo) {
        let capture = info.state.capture.as_ref().filter(|capture| capture.is_enabled);
        if let Some(capture) = capture.filter(|_| !self.0.is_read_only) {
            let (endpoint, capture) = (info.name.clone(), capture.clone());
            self.0.queue.order(Order { endpoint, capture });
        }
    }

    /// Returns the counters of an endpoint.
    pub(crate) fn count(&self, endpoint: &str) -> Count {
        self.0.counts.of(endpoint)
    }

    /// Writes all rows that wait, and ends the thread.
    pub(crate) fn stop(&self) {
        self.0.queue.close();
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the writer of requests failed while it stopped");
        }
    }
}

impl Drop for Inner {
    /// Ends the thread of a server that was never served.
    fn drop(&mut self) {
        self.queue.close();
    }
}
