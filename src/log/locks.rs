//! The lock bytes of the file, and waiting for one with a bound.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{LockMode, LockRange, Storage};

/// Held while the chain is appended; for microseconds.
pub(crate) const METADATA: LockRange = LockRange::byte(0);
/// Held exclusively by the janitor and by a backup, shared by who punches.
pub(crate) const MAINTENANCE: LockRange = LockRange::byte(1);
/// One byte for each generation of the lock protocol, shared by all who have the file open.
pub(crate) const GENERATIONS: LockRange = LockRange { start: 256, length: 256 };
/// The number of liveness bytes: so many writers can have the file open at once.
pub(crate) const LIVENESS_COUNT: u16 = 4096;
/// One byte for each writer, held as long as it lives.
pub(crate) const LIVENESS: LockRange = LockRange { start: 4096, length: LIVENESS_COUNT as u64 };

/// How often whoever waits for a lock only lets others run before it looks again.
const YIELDS_MAX: u32 = 64;
/// Later it sleeps as many microseconds as it has looked, at most so many.
const PAUSE_MICROS_MAX: u32 = 1000;

/// The liveness byte of this number.
pub(crate) const fn liveness(byte: u16) -> LockRange {
    LockRange::byte(LIVENESS.start + byte as u64)
}

/// A lock that is given back when dropped.
#[derive(Debug)]
pub(crate) struct LockGuard<'a> {
    storage: &'a dyn Storage,
    range: LockRange,
}

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        // A lock that cannot be given back ends with the process; nothing better can be done here.
        let _ = self.storage.unlock(self.range);
    }
}

/// Takes the lock when nobody else has it.
pub(crate) fn try_lock(
    storage: &dyn Storage,
    range: LockRange,
    mode: LockMode,
) -> Result<Option<LockGuard<'_>>> {
    let taken = storage.try_lock(range, mode).map_err(|source| {
        let LockRange { start, length } = range;
        Error::io(format!("locking {length} lock bytes from {start} on"), source)
    })?;
    Ok(taken.then_some(LockGuard { storage, range }))
}

/// Waits for the lock, at most for `patience`; then [`ErrorKind::Locked`] names its holders.
///
/// Polls, because a waiting lock call cannot be bounded: holds last microseconds, so the first
/// polls only yield.
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
    let holders = if holders.is_empty() {
        "a process that cannot be named".to_owned()
    } else {
        holders.join(", ")
    };
    Error::new(
        ErrorKind::Locked,
        format!("{what} is locked since more than {waited:.1?} by {holders}: is it stopped?"),
    )
}
