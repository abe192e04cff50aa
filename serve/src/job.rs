//! A request on its way to a worker.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    /// Whether a worker has died with it.
    pub(crate) was_retried: bool,
    pub(crate) reply: oneshot::Sender<Outcome>,
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
