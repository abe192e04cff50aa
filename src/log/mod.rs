//! The truth of a file: its metadata chain, point extents and column blocks, and its writers.
//!
//! A [`Log`] is one process's engine on one file.
//!
//! # Lock order
//!
//! A thread that holds one of these locks may only take locks of a later line:
//!
//! 1. `maintenance`
//! 2. `sealer`
//! 3. `syncing`
//! 4. `chunk_units`
//! 5. `preparing` or `populating`
//! 6. `points` or `definitions`
//! 7. `unopened` or `chain`, which goes with the metadata lock of the file
//!
//! A thread that holds a later lock may still try `maintenance`, because trying never waits. No
//! other lock is taken while holding `refusal`, `warnings`, `seen_dead` or the state of a `Wake`.

mod alarm;
mod append;
mod background;
mod batch;
mod chain;
mod chain_tail;
mod checks;
mod chunk_units;
mod chunks;
mod definitions;
#[cfg(test)]
#[cfg(feature = "internals")]
mod distrust_tests;
mod extent;
#[cfg(feature = "internals")]
mod faults;
mod gather;
mod io_error;
mod janitor;
mod locks;
mod open;
mod own_points;
mod points;
mod read;
mod retry;
mod run_state;
mod seal;
#[cfg(test)]
#[cfg(feature = "internals")]
mod seal_tests;
mod sealer;
mod state;
mod survey;
mod tick;
mod wake;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use self::background::Background;
pub(crate) use self::batch::KeyedPoints;
pub(crate) use self::chain::{ChainEnd, ChainReader, Cursor, damaged};
pub(crate) use self::chain_tail::Take;
pub(crate) use self::checks::{check_row_length, check_run_writable, run_is_deleted};
pub(crate) use self::chunk_units::{ChunkAmount, padded};
pub(crate) use self::definitions::{Definition, Definitions};
pub use self::open::{new_file, new_header};
pub(crate) use self::retry::Retry;
pub(crate) use self::run_state::{RunGate, RunState};
pub(crate) use self::state::{ExtentState, State};
pub use self::survey::Damage;
pub(crate) use crate::sys::memory::reserve_to_fill;

use self::chain_tail::Chain;
use self::chunk_units::ChunkUnits;
use self::io_error::io_error;
use self::own_points::Points;
use self::sealer::Sealer;
use self::wake::Wake;
use crate::error::{Error, ErrorKind, Result};
use crate::format::header::{Header, UnitKind};
use crate::format::record::{Incarnation, Position};
use crate::format::{FileId, UNIT_BYTES};
use crate::storage::Storage;
use crate::sys;
use crate::sys::mutex::{Mutex, RankedMutex};

/// The target of events in the `log` facade. They report what happens in the background.
pub(crate) const EVENTS: &str = "tracklite";

/// Returns how often this process or one of its ancestors was forked off.
pub(crate) fn fork_count() -> u64 {
    sys::fork::fork_count()
}

/// The options of a log.
#[derive(Clone, Debug)]
pub(crate) struct LogOptions {
    /// Writes nothing and takes no lock.
    pub(crate) read_only: bool,
    /// Accepts a chain that has lost its beginning, for tools that look for damage.
    pub(crate) tolerant: bool,
    /// The interval between syncs. `None` syncs only on request.
    pub(crate) sync_interval: Option<Duration>,
    /// How long a call waits for a lock of another process.
    pub(crate) lock_timeout: Duration,
    /// How long a sync waits for other processes to recover from a failed one.
    pub(crate) recovery_timeout: Duration,
    /// The chain bytes between checkpoints. Opening reads only the chain after the last one.
    pub(crate) checkpoint_bytes: u64,
    /// The bytes of full, unsealed extents beyond which logging calls help to seal.
    pub(crate) backlog_bytes: u64,
    /// Wraps calls that may block unexpectedly.
    pub(crate) waits_within: fn(&mut (dyn FnMut() + Send)),
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            read_only: false,
            tolerant: false,
            sync_interval: Some(Duration::from_secs(1)),
            lock_timeout: Duration::from_secs(10),
            recovery_timeout: Duration::from_secs(10),
            checkpoint_bytes: 4 * 1024 * 1024,
            backlog_bytes: 512 * 1024 * 1024,
            waits_within: |work| work(),
        }
    }
}

/// The identity of this process as a writer of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriterIdentity {
    pub(crate) incarnation: Incarnation,
    pub(crate) byte: u16,
    pub(crate) opened_at: Position,
}

/// One process's engine on one file.
#[derive(Debug)]
pub(crate) struct Log {
    storage: Arc<dyn Storage>,
    file: FileId,
    created: i64,
    options: LogOptions,
    fork_count: u64,
    writer: Option<WriterIdentity>,
    maintenance: RankedMutex<()>,
    sealer: RankedMutex<Sealer>,
    chunk_units: RankedMutex<ChunkUnits>,
    points: Mutex<Points>,
    definitions: RankedMutex<Definitions>,
    chain: RankedMutex<Chain>,
    chain_end: ChainMark,
    syncing: RankedMutex<()>,
    /// Whether a sync failed and the alarm is not set yet.
    owes_alarm: AtomicBool,
    /// The poison episode that a sync has waited for in vain, or 0.
    given_up: AtomicU64,
    /// The dead writers for which this process has synced.
    seen_dead: Mutex<BTreeSet<Incarnation>>,
    /// Extents that the chain names but that could not be opened. They are used next.
    unopened: RankedMutex<Vec<ExtentState>>,
    /// Whether the handle must refuse to write. `refusal` has the reason.
    is_refusing: AtomicBool,
    refusal: Mutex<Option<String>>,
    /// The latest failure of each kind of background work, for `info`.
    warnings: Mutex<BTreeMap<&'static str, String>>,
    wake: Arc<Wake>,
    /// Wakes the thread that runs ahead of a fast writer.
    runner_wake: Arc<Wake>,
    has_runner: AtomicBool,
    /// Held while pages are made resident: see [`Log::populate_ahead`].
    populating: RankedMutex<()>,
    /// Held by the thread that prepares the next extent.
    preparing: RankedMutex<()>,
}

/// The ranks of the log's locks: a thread only waits for one of a higher rank than those it holds.
///
/// `points` has no rank, because a logged point takes that lock: it comes after `preparing`, and
/// nothing but `unopened` and `chain` is taken under it.
mod rank {
    pub(super) const MAINTENANCE: u8 = 1;
    pub(super) const SEALER: u8 = 2;
    pub(super) const SYNCING: u8 = 3;
    pub(super) const CHUNK_UNITS: u8 = 4;
    pub(super) const PREPARING: u8 = 5;
    pub(super) const DEFINITIONS: u8 = 6;
    pub(super) const CHAIN: u8 = 7;
}

/// The end of the chain that this process has seen, readable without a lock.
#[derive(Debug)]
struct ChainMark(AtomicU64);

impl ChainMark {
    fn set(&self, position: Position) {
        self.0.fetch_max(position.0, Ordering::AcqRel);
    }

    fn get(&self) -> Position {
        Position(self.0.load(Ordering::Acquire))
    }
}

impl Log {
    /// Returns the storage below the log.
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Returns the header of the file.
    pub(crate) fn header(&self) -> Header {
        Header { file: self.file, created: self.created }
    }

    /// Returns this process's identity as a writer, or `None` if it only reads.
    pub(crate) fn writer(&self) -> Option<WriterIdentity> {
        self.writer
    }

    /// Starts to count attempts that other processes may interfere with.
    pub(crate) fn retry(&self) -> Retry {
        Retry::new(self.options.lock_timeout)
    }

    /// Creates a reader of the chain that starts at `cursor`.
    pub(crate) fn reader(&self, cursor: Cursor) -> ChainReader {
        ChainReader::new(Arc::clone(&self.storage), self.file, cursor)
    }

    /// Returns the total size of the chain's units.
    pub(crate) fn chain_bytes(&self) -> Result<u64> {
        let headers = self.unit_headers()?;
        let chain = headers.iter().filter(|header| header.kind == UnitKind::Chain);
        Ok(chain.map(|header| u64::from(header.units) * UNIT_BYTES).sum())
    }

    /// Releases the liveness byte. Call it only after closing the log.
    pub(crate) fn leave(&self) {
        if let Some(writer) = self.writer {
            // On failure, the lock still ends with the storage.
            let _ = self.storage.unlock(locks::liveness(writer.byte));
        }
    }

    /// Locks all liveness bytes, so that no process can start to write.
    ///
    /// Fails if a writer is alive, or if that cannot be determined.
    pub(crate) fn lock_out_writers(&self) -> Result<locks::LockGuard<'_>> {
        let exclusive = crate::storage::LockMode::Exclusive;
        let all = locks::try_lock(&*self.storage, locks::LIVENESS, exclusive)?;
        let all = all.ok_or_else(|| self.in_use(""))?;
        let has_writers = self.with_state(|state, _| !state.writers.is_empty())?;
        if has_writers && !self.storage.medium().locks_trusted {
            let message = "the file has writers that never closed it, and this file system's locks \
                           cannot show whether they are alive; use `backup` to copy the file";
            return Err(Error::new(ErrorKind::Locked, message));
        }
        Ok(all)
    }

    /// Fails while any process has the file open for writing.
    pub(crate) fn refuse_writers(&self) -> Result<()> {
        let held = self.storage.is_locked_elsewhere(locks::LIVENESS);
        if !held.map_err(io_error("checking for writers".to_owned()))? {
            return Ok(());
        }
        Err(self.in_use(" and read-only here; to copy it while it is in use, make it writable"))
    }

    fn in_use(&self, consequence: &str) -> Error {
        let holders = self.storage.lock_holders(locks::LIVENESS).join(", ");
        let message = format!("the file is open for writing by {holders}{consequence}");
        Error::new(ErrorKind::Locked, message)
    }

    /// Creates a reader of the chain from its start.
    pub(crate) fn reader_from_start(&self) -> Result<ChainReader> {
        Ok(self.reader(Cursor::start()))
    }

    /// Runs work that may block its caller, through the wrapper from the options.
    pub(crate) fn wait_within(&self, mut work: impl FnMut() + Send) {
        (self.options.waits_within)(&mut work);
    }

    /// Catches up with the chain, then passes the state to `look`.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&mut State, &Cursor) -> T) -> Result<T> {
        self.check_fork()?;
        let mut chain = self.chain.lock();
        chain.catch_up()?;
        let cursor = chain.reader.cursor();
        self.chain_end.set(cursor.next);
        Ok(look(&mut chain.state, &cursor))
    }

    /// Releases one handle of a run. After the last one, the run is no longer tracked.
    pub(crate) fn release_run(&self, run: crate::entity::id::RunId) {
        let runs = &mut self.chain.lock().state.runs;
        if let Some(held) = runs.get_mut(&run) {
            held.handles -= 1;
            if held.handles == 0 {
                runs.remove(&run);
            }
        }
    }

    /// Returns whether the writer still has the file open.
    pub(crate) fn is_alive(&self, incarnation: Incarnation) -> Result<bool> {
        match self.with_state(|state, _| state.writer(incarnation).cloned())? {
            Some(writer) => Ok(!self.is_dead(&writer)?),
            None => Ok(false),
        }
    }

    /// Returns failures of background work that concern the user.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().values().cloned().collect()
    }

    fn set_warning(&self, what: &'static str, warning: Option<String>) {
        let mut warnings = self.warnings.lock();
        match warning {
            Some(text) if warnings.get(what) == Some(&text) => {}
            Some(text) => {
                ::log::warn!(target: EVENTS, "background work ({what}) failed: {text}");
                warnings.insert(what, text);
            }
            None => {
                if warnings.remove(what).is_some() {
                    ::log::info!(target: EVENTS, "background work ({what}) succeeds again");
                }
            }
        }
    }

    /// Fails in a forked child.
    ///
    /// Call it before touching any mutex. A child may inherit a mutex locked by a thread that does
    /// not exist in the child.
    #[inline]
    pub(crate) fn check_fork(&self) -> Result<()> {
        if sys::fork::fork_count() == self.fork_count {
            return Ok(());
        }
        Err(forked())
    }

    /// Fails if the handle may not write: it is forked, read-only or refusing.
    #[inline]
    pub(crate) fn check_usable(&self) -> Result<WriterIdentity> {
        self.check_fork()?;
        match self.writer {
            Some(writer) if !self.is_refusing.load(Ordering::Relaxed) => Ok(writer),
            _ => Err(self.refused()),
        }
    }

    #[cold]
    fn refused(&self) -> Error {
        match &*self.refusal.lock() {
            Some(reason) => Error::new(ErrorKind::Poisoned, reason.clone()),
            None => Error::new(ErrorKind::ReadOnly, "the file was opened read-only"),
        }
    }

    /// Makes every later write through this handle fail.
    fn refuse(&self, reason: String) {
        self.refusal.lock().get_or_insert(reason);
        self.is_refusing.store(true, Ordering::Release);
    }
}

#[cold]
fn forked() -> Error {
    Error::new(
        ErrorKind::Forked,
        "the process has forked since this handle was opened; open the file again in the child",
    )
}
