//! Calls of the engine, which block, on a bounded number of threads.

use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::failure::{Failure, Outcome};

/// A bounded number of threads for calls of the engine.
///
/// A call that has begun runs to its end, also if the client has gone. So no append is cut off.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Semaphore>);

impl Pool {
    /// Returns the number of threads: twice the number of cores, at least 8.
    pub(crate) fn threads() -> usize {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        (2 * cores).max(8)
    }

    pub(crate) fn new() -> Pool {
        Pool(Arc::new(Semaphore::new(Pool::threads())))
    }

    /// Runs a call on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Outcome<T> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        let place = place.map_err(|_| Failure::internal("the server stops"))?;
        let task = spawn_blocking(move || {
            let result = call();
            drop(place);
            result
        });
        task.await.map_err(|error| {
            log::error!("a request failed: {error}");
            Failure::internal("the server failed at this request; its log has the reason")
        })
    }
}
