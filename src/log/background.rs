//! The background threads: one syncs, one seals, and one prepares pages and extents ahead of a fast
//! writer. Without them, `tick` does the same work when it is called.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

use super::Log;
use super::wake::Wake;

/// The longest pause between checks for dead peers, failed syncs of others and a replaced file.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// The background threads of a log. They end when this is dropped.
///
/// One watches the file and syncs. The other seals, at low priority. They are two so that sealing
/// never delays a sync.
#[derive(Debug)]
pub(crate) struct Background {
    threads: Vec<Worker>,
    fork_count: u64,
}

impl Background {
    /// Starts the threads for a log that writes.
    pub(crate) fn start(log: &Arc<Log>) -> Result<Background> {
        let watcher = Worker::start("tracklite", &Arc::default(), log, watch)?;
        let sealer = Worker::start("tracklite-seal", &log.wake, log, seal)?;
        Ok(Background { threads: vec![watcher, sealer], fork_count: log.fork_count })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // In a forked child the threads do not exist, and their mutexes may stay locked for ever.
        if crate::sys::fork::fork_count() != self.fork_count {
            self.threads.drain(..).for_each(std::mem::forget);
            return;
        }
        self.threads.iter().for_each(|worker| worker.wake.end());
    }
}

/// A thread of a log. Dropping it ends the thread and waits for it.
#[derive(Debug)]
struct Worker {
    wake: Arc<Wake>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(
        name: &str,
        wake: &Arc<Wake>,
        log: &Arc<Log>,
        work: fn(&Wake, &Weak<Log>),
    ) -> Result<Worker> {
        let (waker, weak) = (Arc::clone(wake), Arc::downgrade(log));
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&waker, &weak))
            .map_err(|source| Error::io("starting a background thread", source))?;
        Ok(Worker { wake: Arc::clone(wake), thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.wake.end();
        if let Some(thread) = self.thread.take() {
            // The thread itself has already reported a panic.
            let _ = thread.join();
        }
    }
}

/// Watches the file at least once a second, and syncs when the interval has passed.
fn watch(wake: &Wake, log: &Weak<Log>) {
    let mut last_sync = Instant::now();
    let interval = log.upgrade().and_then(|log| log.options.sync_interval);
    let mut pause = pause_after(last_sync, last_sync, interval);
    while !wake.wait(Some(pause)) {
        let Some(log) = log.upgrade() else { return };
        let began = Instant::now();
        let syncs = interval.is_some_and(|interval| last_sync.elapsed() >= interval);
        let watched = log.watch(syncs);
        if syncs && matches!(watched, Ok(true)) {
            // Points logged during the sync may have missed it, so their wait starts at its
            // beginning.
            last_sync = began;
        }
        log.set_warning("watch", watched.err().map(|error| describe(&error)));
        pause = pause_after(began, last_sync, interval);
    }
}

/// Returns how long to wait before the next check: until the next sync, but at most as usual.
///
/// If a due sync failed, the wait is the usual one.
fn pause_after(began: Instant, last_sync: Instant, interval: Option<Duration>) -> Duration {
    let usual = interval.map_or(IDLE_INTERVAL, |sync| sync.min(IDLE_INTERVAL));
    let until_sync = interval.map_or(usual, |sync| sync.saturating_sub(last_sync.elapsed()));
    let pause = if until_sync.is_zero() { usual } else { until_sync.min(usual) };
    pause.saturating_sub(began.elapsed())
}

/// Seals extents that become full, and does all other upkeep once a second.
fn seal(wake: &Wake, log: &Weak<Log>) {
    // Sealing costs ten times as much as logging, so it only uses idle processor time.
    crate::sys::system::lower_thread_priority();
    let mut last = Instant::now();
    let mut runner = None;
    while !wake.wait(Some(IDLE_INTERVAL.saturating_sub(last.elapsed()))) {
        let Some(log) = log.upgrade() else { return };
        if runner.is_none() && log.is_fast() {
            // If the thread cannot start, the writer does more of the work itself.
            runner = Worker::start("tracklite-ahead", &log.runner_wake, &log, run_ahead).ok();
            log.has_runner.store(runner.is_some(), Ordering::Relaxed);
        }
        let is_due = last.elapsed() >= IDLE_INTERVAL;
        let done = if is_due { log.seal_and_clean_up() } else { log.check_extents() };
        if is_due {
            last = Instant::now();
        }
        let warning = done.err().map(|error| describe(&error));
        if is_due || warning.is_some() {
            log.set_warning("seal", warning);
        }
    }
}

fn run_ahead(wake: &Wake, log: &Weak<Log>) {
    while !wake.wait(None) {
        let Some(log) = log.upgrade() else { return };
        let mut is_behind = true;
        while is_behind && !wake.is_over() {
            is_behind = log.populate_ahead();
            if log.prepare_extent().is_err() {
                // The sealing thread retries, frees space where it can, and reports the error.
                log.wake.wake();
                break;
            }
        }
    }
}

/// Formats an error with its causes on one line.
fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
