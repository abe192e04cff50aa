//! Webhooks of a process that runs jobs without a server.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tracklite::{Database, Error, Result};
use tracklite_jobs::Notifier;

use super::delivery::{Sending, deliver};
use super::queue::{JobNotifier, Webhooks};
use crate::pool::Pool;

/// How long the rest of the queue may take.
const DRAIN: Duration = Duration::from_secs(10);

/// Sends the notifications of jobs to webhooks, on a thread of its own.
pub struct JobWebhooks {
    notifier: JobNotifier,
    stop: watch::Sender<bool>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl JobWebhooks {
    /// Starts the thread. `to_this_machine` also permits receivers on this machine, over `http`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Io`](tracklite::ErrorKind::Io) if there are no threads.
    pub fn start(database: Database, to_this_machine: bool) -> Result<JobWebhooks> {
        let failed = |source| Error::io("starting the thread of webhooks", source);
        let runtime = Builder::new_current_thread().max_blocking_threads(2).enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let (webhooks, changes) = Webhooks::new(to_this_machine);
        let (stop, stopped) = watch::channel(false);
        let (end, ended) = oneshot::channel();
        let (pool, client) = (Pool::new(), webhooks.client().clone());
        let sending = Sending { database, pool, client, stopped: stopped.clone() };
        let work = move || {
            runtime.block_on(async move {
                let mut stopped = stopped;
                let late = async {
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                    tokio::time::sleep(DRAIN).await;
                };
                tokio::select! {
                    () = deliver(changes, ended, sending) => {}
                    () = late => log::warn!("webhooks miss events: they took too long"),
                }
            });
        };
        let thread = std::thread::Builder::new().name("tracklite-webhooks".to_owned()).spawn(work);
        let thread = thread.map_err(failed)?;
        let (notifier, end, thread) = (webhooks.notifier(), Some(end), Some(thread));
        Ok(JobWebhooks { notifier, stop, end, thread })
    }
}

impl Notifier for JobWebhooks {
    fn post(&self, receiver: &str, body: String) {
        self.notifier.post(receiver, body);
    }
}

impl Drop for JobWebhooks {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("webhooks failed while they stopped");
        }
    }
}
