//! The truth: the metadata chain, point extents and column blocks of one file, and who may
//! append to them.
//!
//! One [`Log`] is one process's engine on one file. Lock order, outermost first: `maintenance`,
//! `sealer`, `syncing`, `chunk_units`, one of `preparing` and `populating`, then one of `points`
//! and `definitions`, then one of `unopened` and `chain` (which goes with the metadata lock of the
//! file). `maintenance` is also taken further inside, and then only tried. `refusal`, `warnings`,
//! `seen_dead` and the state of a `Wake` are held for no other lock.

mod alarm;
mod append;
mod background;
mod batch;
mod chain;
mod chunks;
mod definitions;
#[cfg(test)]
#[cfg(feature = "internals")]
mod distrust_tests;
mod extent;
mod gather;
mod janitor;
mod locks;
mod open;
mod points;
mod read;
mod run_state;
mod seal;
#[cfg(test)]
#[cfg(feature = "internals")]
mod seal_tests;
mod state;
mod survey;
mod tick;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use self::append::Chain;
pub(crate) use self::append::Take;
pub(crate) use self::background::Background;
pub(crate) use self::batch::KeyedPoints;
pub(crate) use self::chain::{ChainEnd, ChainReader, Cursor, damaged};
use self::chunks::ChunkUnits;
pub(crate) use self::chunks::{ChunkAmount, padded};
pub(crate) use self::definitions::{Definition, Definitions};
pub use self::open::{new_file, new_header};
pub(crate) use self::points::{check_row_length, check_run_writable};
pub(crate) use self::run_state::{RunGate, RunState};
pub(crate) use self::state::{ExtentState, State};
pub use self::survey::Damage;
pub(crate) use crate::sys::memory::reserve_to_fill;

use self::points::Points;
use self::seal::Sealer;
use crate::error::{Error, ErrorKind, Result};
use crate::format::header::{Header, UnitKind};
use crate::format::record::{Incarnation, Position};
use crate::format::{FileId, UNIT_BYTES};
use crate::storage::Storage;
use crate::sys;
use crate::sys::mutex::Mutex;

/// How often this process, or one of its ancestors, was forked off since the first was started.
pub(crate) fn fork_count() -> u64 {
    sys::fork::fork_count()
}

/// How a log behaves.
#[derive(Clone, Debug)]
pub(crate) struct LogOptions {
    /// Nothing is written, no lock is taken.
    pub(crate) read_only: bool,
    /// A chain that has lost its beginning is no reason to fail: for who looks for damage.
    pub(crate) tolerant: bool,
    /// How often what was logged is synced; `None`: only when asked to.
    pub(crate) sync_interval: Option<Duration>,
    /// How long a call waits for a lock of another process.
    pub(crate) lock_timeout: Duration,
    /// How long a sync waits for other processes to recover from one that failed.
    pub(crate) recovery_timeout: Duration,
    /// After so many bytes of chain a checkpoint is due, so that opening costs the tail alone.
    pub(crate) checkpoint_bytes: u64,
    /// With so many bytes of full extents that wait to be sealed, whoever logs helps to seal.
    pub(crate) backlog_bytes: u64,
    /// Runs what makes a call wait for long that otherwise does not.
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

/// Who this process is as a writer of the file.
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
    maintenance: Mutex<()>,
    sealer: Mutex<Sealer>,
    chunk_units: Mutex<ChunkUnits>,
    points: Mutex<Points>,
    definitions: Mutex<Definitions>,
    chain: Mutex<Chain>,
    chain_end: ChainMark,
    syncing: Mutex<()>,
    /// A sync failed and the alarm could not be set yet.
    owes_alarm: AtomicBool,
    /// The episode of poison for whose end a sync has waited in vain; 0 for none.
    given_up: AtomicU64,
    /// The dead writers for which this process has synced.
    seen_dead: Mutex<BTreeSet<Incarnation>>,
    /// Extents that the chain names and that could not be opened: the next ones to be used.
    unopened: Mutex<Vec<ExtentState>>,
    /// Set when the handle must refuse; `refusal` says why.
    is_refusing: AtomicBool,
    refusal: Mutex<Option<String>>,
    /// Failures of background work, for `info`; the latest of each kind.
    warnings: Mutex<BTreeMap<&'static str, String>>,
    wake: Arc<background::Wake>,
    /// Wakes the thread that runs ahead of a fast writer, when there is one.
    runner_wake: Arc<background::Wake>,
    has_runner: AtomicBool,
    /// Held while pages are made resident: see [`Log::populate_ahead`].
    populating: Mutex<()>,
    /// Held while the next extent is made ready, by one thread at a time.
    preparing: Mutex<()>,
}

/// The end of the chain as far as this process knows, readable without a lock.
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
    /// The storage beneath.
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Which file it is.
    pub(crate) fn header(&self) -> Header {
        Header { file: self.file, created: self.created }
    }

    /// Who this process is; `None` when it only reads.
    pub(crate) fn writer(&self) -> Option<WriterIdentity> {
        self.writer
    }

    /// A reader of the chain from a place of the caller's own.
    pub(crate) fn reader(&self, cursor: Cursor) -> ChainReader {
        ChainReader::new(Arc::clone(&self.storage), self.file, cursor)
    }

    /// Bytes of the units that the chain spans.
    pub(crate) fn chain_bytes(&self) -> Result<u64> {
        let headers = self.unit_headers()?;
        let chain = headers.iter().filter(|header| header.kind == UnitKind::Chain);
        Ok(chain.map(|header| u64::from(header.units) * UNIT_BYTES).sum())
    }

    /// Gives the liveness byte back; only after the log was closed.
    pub(crate) fn leave(&self) {
        if let Some(writer) = self.writer {
            // It ends with the storage in any case.
            let _ = self.storage.unlock(locks::liveness(writer.byte));
        }
    }

    /// Holds all liveness bytes, so that nobody can begin to write; fails when somebody does, or
    /// when that cannot be known.
    pub(crate) fn lock_out_writers(&self) -> Result<locks::LockGuard<'_>> {
        let exclusive = crate::storage::LockMode::Exclusive;
        let all = locks::try_lock(&*self.storage, locks::LIVENESS, exclusive)?;
        let all = all.ok_or_else(|| self.in_use(""))?;
        let has_writers = self.with_state(|state, _| !state.writers.is_empty())?;
        if has_writers && !self.storage.medium().locks_trusted {
            let message = "writers have not left the file, and the locks of this file system do \
                           not tell whether they live: copy the file by `backup` instead";
            return Err(Error::new(ErrorKind::Locked, message));
        }
        Ok(all)
    }

    /// Fails while anybody has the file open for writing.
    pub(crate) fn refuse_writers(&self) -> Result<()> {
        let held = self.storage.is_locked_elsewhere(locks::LIVENESS);
        match held.map_err(io_error("looking for writers".to_owned()))? {
            true => Err(self
                .in_use(", and may only be read here: to be copied meanwhile it must be writable")),
            false => Ok(()),
        }
    }

    fn in_use(&self, consequence: &str) -> Error {
        let holders = self.storage.lock_holders(locks::LIVENESS).join(", ");
        let message = format!("the file is open for writing by {holders}{consequence}");
        Error::new(ErrorKind::Locked, message)
    }

    /// A reader of the chain from its start.
    pub(crate) fn reader_from_start(&self) -> Result<ChainReader> {
        Ok(self.reader(Cursor::start()))
    }

    /// Runs work that its caller has to wait for, as the options say.
    pub(crate) fn wait_within(&self, mut work: impl FnMut() + Send) {
        (self.options.waits_within)(&mut work);
    }

    /// Looks at the state after taking in what others have appended.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&mut State, &Cursor) -> T) -> Result<T> {
        self.check_fork()?;
        let mut chain = self.chain.lock();
        chain.catch_up()?;
        let cursor = chain.reader.cursor();
        self.chain_end.set(cursor.next);
        Ok(look(&mut chain.state, &cursor))
    }

    /// One handle of the run is gone; without any, the run is not followed any more.
    pub(crate) fn release_run(&self, run: crate::entity::id::RunId) {
        let runs = &mut self.chain.lock().state.runs;
        if let Some(held) = runs.get_mut(&run) {
            held.handles -= 1;
            if held.handles == 0 {
                runs.remove(&run);
            }
        }
    }

    /// Whether the writer still has the file open.
    pub(crate) fn is_alive(&self, incarnation: Incarnation) -> Result<bool> {
        match self.with_state(|state, _| state.writer(incarnation).cloned())? {
            Some(writer) => Ok(!self.is_dead(&writer)?),
            None => Ok(false),
        }
    }

    /// Failures of background work that the user should hear of.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().values().cloned().collect()
    }

    fn set_warning(&self, what: &'static str, warning: Option<String>) {
        let mut warnings = self.warnings.lock();
        match warning {
            Some(text) => warnings.insert(what, text),
            None => warnings.remove(what),
        };
    }

    /// The process must be the one that opened the file. Checked before any mutex is touched: a
    /// forked child may have inherited one in the hands of a thread that it does not have.
    #[inline]
    pub(crate) fn check_fork(&self) -> Result<()> {
        if sys::fork::fork_count() == self.fork_count {
            return Ok(());
        }
        Err(forked())
    }

    /// The handle may write: not forked, not read-only, not refusing.
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
            None => Error::new(ErrorKind::ReadOnly, "the file was opened for reading only"),
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
        "the process has forked since this handle was opened: open the file anew in the child",
    )
}

/// Turns an operating system's error into one that says what was being done.
fn io_error(doing: String) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::io(doing, source)
}
