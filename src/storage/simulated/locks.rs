//! The byte-range locks of a simulated disk, which work like those of the kernel.

use crate::storage::{LockMode, LockRange};

#[derive(Clone, Copy, Debug)]
struct Lock {
    owner: u64,
    start: u64,
    end: u64,
    mode: LockMode,
}

/// All held locks.
#[derive(Debug, Default)]
pub(super) struct LockTable {
    locks: Vec<Lock>,
}

impl LockTable {
    /// Takes the lock unless another owner holds a conflicting one.
    pub(super) fn try_lock(&mut self, owner: u64, range: LockRange, mode: LockMode) -> bool {
        let excluded = self
            .foreign(owner, range)
            .any(|lock| lock.mode == LockMode::Exclusive || mode == LockMode::Exclusive);
        if !excluded {
            self.unlock(owner, range);
            let end = range.start.saturating_add(range.length);
            self.locks.push(Lock { owner, start: range.start, end, mode });
        }
        !excluded
    }

    /// Releases the owner's locks within the range. The parts outside of it stay locked.
    pub(super) fn unlock(&mut self, owner: u64, range: LockRange) {
        let end = range.start.saturating_add(range.length);
        let mut kept = Vec::with_capacity(self.locks.len() + 1);
        for lock in self.locks.drain(..) {
            if lock.owner != owner || lock.end <= range.start || end <= lock.start {
                kept.push(lock);
                continue;
            }
            if lock.start < range.start {
                kept.push(Lock { end: range.start, ..lock });
            }
            if end < lock.end {
                kept.push(Lock { start: end, ..lock });
            }
        }
        self.locks = kept;
    }

    /// Releases all locks of the owner.
    pub(super) fn release(&mut self, owner: u64) {
        self.locks.retain(|lock| lock.owner != owner);
    }

    /// Returns the other owners with locks in the range.
    pub(super) fn others(&self, owner: u64, range: LockRange) -> Vec<u64> {
        let mut owners: Vec<u64> = self.foreign(owner, range).map(|lock| lock.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    fn foreign(&self, owner: u64, range: LockRange) -> impl Iterator<Item = &Lock> {
        let end = range.start.saturating_add(range.length);
        self.locks
            .iter()
            .filter(move |lock| lock.owner != owner && lock.start < end && range.start < lock.end)
    }
}
