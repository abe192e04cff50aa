//! The threads beside the program: one that syncs, one that seals, and ahead of a fast writer one
//! that makes pages and extents ready. Without them `tick` does the same when it is called.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::format::record::Record;
#[cfg(feature = "internals")]
use crate::mutant::{self, Mutant};
use crate::sys::mutex::Mutex;

use super::Log;

/// How often at least the thread looks whether a peer has died, a sync of theirs has failed, or the
/// file was replaced, however seldom it syncs.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// Wakes a thread in the background.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    state: Mutex<WakeState>,
    changed: Condvar,
    /// Definitions that a mutant keeps back.
    #[cfg(feature = "internals")]
    postponed: Mutex<Vec<Record>>,
}

#[derive(Debug, Default)]
struct WakeState {
    is_due: bool,
    is_over: bool,
}

impl Wake {
    /// Asks for a look at the extents; about 20 ns, as nobody waits for the answer.
    pub(super) fn wake(&self) {
        self.state.lock().is_due = true;
        self.changed.notify_one();
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.lock().is_over
    }

    fn end(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_one();
    }

    /// Waits until woken or until `timeout` has passed; whether the thread is to end.
    fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        if !state.is_due && !state.is_over {
            state = match timeout {
                Some(timeout) => {
                    let waited = self.changed.wait_timeout(state, timeout);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.is_due = false;
        state.is_over
    }

    /// Whether a mutant keeps the definition back until the next tick.
    #[cfg(feature = "internals")]
    pub(super) fn postpones(&self, record: &Record) -> bool {
        let postpones = mutant::is_active(Mutant::DefinitionAfterUse);
        if postpones {
            self.postponed.lock().push(record.clone());
        }
        postpones
    }

    /// The definitions that a mutant has kept back.
    #[cfg(feature = "internals")]
    pub(super) fn take_postponed(&self) -> Vec<Record> {
        std::mem::take(&mut *self.postponed.lock())
    }

    #[cfg(not(feature = "internals"))]
    pub(super) const fn postpones(&self, _record: &Record) -> bool {
        false
    }
}

/// The threads in the background; they end when this is dropped.
///
/// One looks after the file and syncs, so that nothing keeps it from doing so in time; the other
/// one seals, and takes the processor time that the training leaves over.
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
        // In a forked child the threads do not exist and their mutexes may be held for ever.
        if crate::sys::fork::fork_count() != self.fork_count {
            self.threads.drain(..).for_each(std::mem::forget);
            return;
        }
        self.threads.iter().for_each(|worker| worker.wake.end());
    }
}

/// A thread of a log; told to end and waited for when dropped.
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
            .map_err(|source| Error::io("starting a thread in the background", source))?;
        Ok(Worker { wake: Arc::clone(wake), thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.wake.end();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

/// Looks after the file once a second at least, and syncs when the interval is over.
fn watch(wake: &Wake, log: &Weak<Log>) {
    let mut last_sync = Instant::now();
    let interval = log.upgrade().and_then(|log| log.options.sync_interval);
    let mut pause = pause_after(last_sync, last_sync, interval);
    while !wake.wait(Some(pause)) {
        let Some(log) = log.upgrade() else { return };
        let began = Instant::now();
        let syncs = interval.is_some_and(|it| last_sync.elapsed() >= it);
        let watched = log.watch(syncs);
        if syncs && matches!(watched, Ok(true)) {
            // What was logged while the sync went on counts from its beginning.
            last_sync = began;
        }
        log.set_warning("watch", watched.err().map(|error| describe(&error)));
        pause = pause_after(began, last_sync, interval);
    }
}

/// How long to wait for the next look: until the next sync is due, but not longer than usual, and
/// after a sync that was due and failed no shorter.
fn pause_after(began: Instant, last_sync: Instant, interval: Option<Duration>) -> Duration {
    let usual = interval.map_or(IDLE_INTERVAL, |it| it.min(IDLE_INTERVAL));
    let until_sync = interval.map_or(usual, |it| it.saturating_sub(last_sync.elapsed()));
    let pause = if until_sync.is_zero() { usual } else { until_sync.min(usual) };
    pause.saturating_sub(began.elapsed())
}

/// Seals what becomes full, and once a second tends to all the rest.
fn seal(wake: &Wake, log: &Weak<Log>) {
    // Sealing costs ten times what logging costs: it takes what the training leaves over.
    crate::sys::system::lower_thread_priority();
    let mut last = Instant::now();
    let mut runner = None;
    while !wake.wait(Some(IDLE_INTERVAL.saturating_sub(last.elapsed()))) {
        let Some(log) = log.upgrade() else { return };
        if runner.is_none() && log.is_fast() {
            // Without it the writer does more by itself.
            runner = Worker::start("tracklite-ahead", &log.runner_wake, &log, run_ahead).ok();
            log.has_runner.store(runner.is_some(), Ordering::Relaxed);
        }
        let is_due = last.elapsed() >= IDLE_INTERVAL;
        let done = if is_due { log.seal_and_tend() } else { log.look_at_extents() };
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
                // The other thread tries again, makes room where it can, and tells what is wrong.
                log.wake.wake();
                break;
            }
        }
    }
}

/// An error with its causes, in one line.
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
