//! What goes on beside the program: syncing once a second, making extents ready, sealing, tending
//! to the dead. One thread; without it `tick` does the same when it is called. Ahead of a fast
//! writer runs another one, since sealing takes too long for pages and extents to wait for it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, ErrorKind, Result};
use crate::format::record::Record;
use crate::format::word::WordPlace;
#[cfg(feature = "internals")]
use crate::mutant::{self, Mutant};

use super::Log;
use super::chain::write_word;

/// How often at least the thread looks whether a peer has died, a sync of theirs has failed, or the
/// file was replaced, however seldom it syncs.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// Wakes the background thread.
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

    fn is_over(&self) -> bool {
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
            match timeout {
                Some(timeout) => drop(self.changed.wait_for(&mut state, timeout)),
                None => self.changed.wait(&mut state),
            }
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

    #[cfg(not(feature = "internals"))]
    pub(super) const fn postpones(&self, _record: &Record) -> bool {
        false
    }
}

impl Log {
    /// Does all that is due, and syncs unless this is done only when asked for.
    pub(crate) fn tick(&self) -> Result<()> {
        self.tick_and(self.options.sync_interval.is_some())
    }

    /// What the background thread does once a second or more often; `syncs` when that is due.
    fn tick_and(&self, syncs: bool) -> Result<()> {
        self.check_usable()?;
        self.check_place()?;
        self.heed_intents()?;
        if !self.recover_from_poison()? {
            return Ok(());
        }
        if syncs && self.has_unsynced() {
            self.sync_once()?;
        }
        #[cfg(feature = "internals")]
        self.release_postponed()?;
        let prepared = self.prepare_extent();
        while self.seal_full()? > 0 {}
        self.pay_debts()?;
        self.tend_dead()?;
        self.write_checkpoint()?;
        self.prepare_again(prepared)
    }

    /// Between ticks: makes the next extent ready, and seals what has become full.
    fn look_at_extents(&self) -> Result<()> {
        self.populate_ahead();
        let prepared = self.prepare_extent();
        self.seal_unless_poisoned()?;
        self.prepare_again(prepared)
    }

    /// One pass of sealing; none while no sync can be believed.
    pub(super) fn seal_unless_poisoned(&self) -> Result<()> {
        if self.is_poisoned()? {
            return Ok(());
        }
        self.seal_full().map(drop)
    }

    /// On a full disk no extent can be made ready, and sealing is what makes room: then once more.
    fn prepare_again(&self, prepared: Result<()>) -> Result<()> {
        match prepared {
            Err(error) if error.kind() == ErrorKind::StorageFull => self.prepare_extent(),
            other => other,
        }
    }

    pub(super) fn has_unsynced(&self) -> bool {
        let points = self.points.lock();
        let known = points.chain_synced;
        points.stored > points.synced || self.chain_end.get() > known
    }

    #[cfg(feature = "internals")]
    fn release_postponed(&self) -> Result<()> {
        let records = std::mem::take(&mut *self.wake.postponed.lock());
        if records.is_empty() {
            return Ok(());
        }
        self.append(|_, _| Ok((records.clone(), ())))
    }

    /// The file must still have its name, or what is written to it is lost for everybody else.
    fn check_place(&self) -> Result<()> {
        let Ok(place) = self.storage.place() else { return Ok(()) };
        if place.links > 0 && place.name_leads_here {
            return Ok(());
        }
        let reason = "the file was removed or replaced while it was open: nothing is written to \
                      it any more; what was logged so far is in the file that was opened";
        self.refuse(reason.to_owned());
        Err(self.refused())
    }

    fn write_checkpoint(&self) -> Result<()> {
        let bytes = self.options.checkpoint_bytes;
        let due = |state: &super::State| state.since_checkpoint >= bytes;
        if !self.with_state(|state, _| due(state))? {
            return Ok(());
        }
        let written = self.append(|state, _| {
            let records = if due(state) { vec![state.checkpoint().into()] } else { Vec::new() };
            let written = !records.is_empty();
            Ok((records, written))
        })?;
        if written {
            let position = self.with_state(|_, cursor| cursor.last)?;
            // A power cut that keeps a checkpoint and loses a frame before it must not leave a
            // hint to it: whoever goes on behind it would fork the chain.
            self.sync_once()?;
            self.hint_checkpoint(position)?;
        }
        Ok(())
    }

    pub(super) fn hint_checkpoint(&self, position: crate::format::record::Position) -> Result<()> {
        write_word(&*self.storage, self.file, WordPlace::Checkpoint, position.0 / 8)
    }
}

/// The background thread; ends when dropped.
#[derive(Debug)]
pub(crate) struct Background {
    wake: Arc<Wake>,
    thread: Option<JoinHandle<()>>,
    fork_count: u64,
}

impl Background {
    /// Starts the thread for a log that writes.
    pub(crate) fn start(log: &Arc<Log>) -> Result<Background> {
        let wake = Arc::clone(&log.wake);
        let weak = Arc::downgrade(log);
        let waker = Arc::clone(&wake);
        let thread = std::thread::Builder::new()
            .name("tracklite".to_owned())
            .spawn(move || run(&waker, &weak))
            .map_err(|source| Error::io("starting the background thread", source))?;
        Ok(Background { wake, thread: Some(thread), fork_count: log.fork_count })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // In a forked child the thread does not exist and its mutex may be held for ever.
        if crate::sys::fork::fork_count() != self.fork_count {
            std::mem::forget(self.thread.take());
            return;
        }
        self.wake.end();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

/// The thread that runs ahead of a fast writer; ends when dropped.
struct Runner {
    wake: Arc<Wake>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Starts the thread; without it the writer does more by itself.
    fn start(log: &Arc<Log>) -> Option<Runner> {
        let (wake, waker) = (Arc::clone(&log.runner_wake), Arc::clone(&log.runner_wake));
        let weak = Arc::downgrade(log);
        let thread = std::thread::Builder::new()
            .name("tracklite-ahead".to_owned())
            .spawn(move || run_ahead(&waker, &weak))
            .ok()?;
        log.has_runner.store(true, Ordering::Relaxed);
        Some(Runner { wake, thread: Some(thread) })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.wake.end();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the thread itself.
            let _ = thread.join();
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

fn run(wake: &Wake, log: &Weak<Log>) {
    // Sealing costs ten times what logging costs: it takes what the training leaves over.
    crate::sys::system::lower_thread_priority();
    let (mut last_tick, mut last_sync) = (Instant::now(), Instant::now());
    let mut runner = None;
    loop {
        let Some(sync_interval) = log.upgrade().map(|log| log.options.sync_interval) else {
            return;
        };
        let interval = sync_interval.map_or(IDLE_INTERVAL, |it| it.min(IDLE_INTERVAL));
        if wake.wait(Some(interval.saturating_sub(last_tick.elapsed()))) {
            return;
        }
        let Some(log) = log.upgrade() else { return };
        if runner.is_none() && log.is_fast() {
            runner = Runner::start(&log);
        }
        let is_due = last_tick.elapsed() >= interval;
        let syncs = is_due && sync_interval.is_some_and(|it| last_sync.elapsed() >= it);
        let done = if is_due { log.tick_and(syncs) } else { log.look_at_extents() };
        if is_due {
            last_tick = Instant::now();
        }
        if syncs {
            last_sync = last_tick;
        }
        let warning = done.err().map(|error| describe(&error));
        if is_due || warning.is_some() {
            log.set_warning("background", warning);
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
