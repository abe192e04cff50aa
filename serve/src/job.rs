//! A request on its way to a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::answer::Request;

/// A request that waits for a worker, or is with one.
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) request: Request,
    pub(crate) deadline: Instant,
    /// Whether a worker has it.
    pub(crate) has_begun: Arc<AtomicBool>,
    /// Whether it is answered as MLflow's own server does.
    pub(crate) is_exact: bool,
    /// Whether a worker has died with it.
    pub(crate) was_retried: bool,
    pub(crate) reply: oneshot::Sender<Outcome>,
    /// Its place among those that wait, until a worker has it.
    pub(crate) place: Option<Place>,
}

impl Job {
    /// Returns whether it must not be joined with others.
    pub(crate) fn is_alone(&self) -> bool {
        self.was_retried || self.is_exact
    }
}

/// A place among the requests that wait. It is free again when this is dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    /// Takes a place, unless `most` are taken.
    pub(crate) fn take(taken: &Arc<AtomicUsize>, most: usize) -> Option<Place> {
        let more = |taken: usize| (taken < most).then_some(taken + 1);
        // The order with the count of idle workers matters: see `Pool::wake`.
        taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Place(Arc::clone(taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The end of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answer {
        status: u16,
        content_type: String,
        body: Vec<u8>,
        micros: u64,
    },
    /// Its time was over.
    Late,
    /// Two workers have died with it.
    Crashed(String),
}
