//! The lock bytes of the file, and waiting for a lock with a timeout.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{LockMode, LockRange, Storage};

/// Held for microseconds while a frame is appended to the chain.
pub(crate) const METADATA: LockRange = LockRange::byte(0);
/// Held exclusively by the janitor and by a backup, and shared by processes that punch.
pub(crate) const MAINTENANCE: LockRange = LockRange::byte(1);
/// One byte for each generation of the lock protocol, shared by all processes with the file open.
pub(crate) const GENERATIONS: LockRange = LockRange { start: 256, length: 256 };
/// The number of liveness bytes, which is the maximum number of concurrent writers.
pub(crate) const LIVENESS_COUNT: u16 = 4096;
/// One byte for each writer, held as long as it lives.
pub(crate) const LIVENESS: LockRange = LockRange { start: 4096, length: LIVENESS_COUNT as u64 };

/// How often a waiter only yields before it starts to sleep.
const YIELDS_MAX: u32 = 64;
/// The longest sleep between polls. A waiter sleeps as many microseconds as it has polled.
const PAUSE_MICROS_MAX: u32 = 1000;

/// Returns the range of a liveness byte.
pub(crate) const fn liveness(byte: u16) -> LockRange {
    LockRange::byte(LIVENESS.start + byte as u64)
}

/// A lock that is released when dropped.
#[derive(Debug)]
pub(crate) struct LockGuard<'a> {
    storage: &'a dyn Storage,
    range: LockRange,
}

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        // If the unlock fails, the lock still ends with the process.
        let _ = self.storage.unlock(self.range);
    }
}

/// Takes the lock, or returns `None` if it is held.
pub(crate) fn try_lock(
    storage: &dyn Storage,
    range: LockRange,
    mode: LockMode,
) -> Result<Option<LockGuard<'_>>> {
    let taken = storage.try_lock(range, mode).map_err(|source| {
        let LockRange { start, length } = range;
        Error::io(format!("locking {length} lock bytes from {start}"), source)
    })?;
    Ok(taken.then_some(LockGuard { storage, range }))
}

/// Waits for the lock for at most `patience`.
///
/// This polls, because a blocking lock call has no timeout. Locks are mostly held for microseconds,
/// so the first polls only yield.
///
/// # Errors
///
/// - [`ErrorKind::Locked`] after that time. The message names the holders.
pub(crate) fn lock<'a>(
    storage: &'a dyn Storage,
    range: LockRange,
    mode: LockMode,
    patience: Duration,
    what: &str,
) -> Result<LockGuard<'a>> {
    let mut polls = 0_u32;
    let mut began = None;
    loop {
        if let Some(guard) = try_lock(storage, range, mode)? {
            return Ok(guard);
        }
        let waited = began.get_or_insert_with(Instant::now).elapsed();
        if waited >= patience {
            return Err(held_too_long(storage, range, waited, what));
        }
        polls += 1;
        if polls < YIELDS_MAX {
            std::thread::yield_now();
        } else {
            std::thread::sleep(Duration::from_micros(u64::from(polls.min(PAUSE_MICROS_MAX))));
        }
    }
}

fn held_too_long(storage: &dyn Storage, range: LockRange, waited: Duration, what: &str) -> Error {
    let holders = storage.lock_holders(range);
    let holders =
        if holders.is_empty() { "an unknown process".to_owned() } else { holders.join(", ") };
    Error::new(
        ErrorKind::Locked,
        format!(
            "{what} has been locked for more than {waited:.1?} by {holders}; check whether it is \
             stopped"
        ),
    )
}
