//! Locks between the threads of a process that may fork.
//!
//! They wrap the locks of the standard library, which keep no state outside of themselves.
//! `parking_lot` keeps its waiters in a process-wide table. A forked child inherits the table
//! without the threads, and crashes when one of its locks meets a stale entry. So `parking_lot`
//! is only used where nothing forks: storages in memory, the simulator, tests.
//!
//! A panic of one thread does not poison the lock for the others. No code that runs under these
//! locks can panic in the middle of a change.

use std::ops::{Deref, DerefMut};
use std::sync::{self, PoisonError, TryLockError};

pub(crate) use std::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// A mutual exclusion lock that ignores poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(inside: T) -> Self {
        Mutex(sync::Mutex::new(inside))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the value without locking, because the borrow is exclusive.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks without waiting. Returns `None` if another thread holds the lock.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A lock for many readers or one writer that ignores poisoning.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    #[inline]
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names an object whose locks are taken in one order.
///
/// Locks of different objects do not order each other: a copy holds locks of two logs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockOwner {
    #[cfg(feature = "internals")]
    number: u64,
}

impl LockOwner {
    pub(crate) fn new() -> LockOwner {
        LockOwner {
            #[cfg(feature = "internals")]
            number: order::next_owner(),
        }
    }
}

/// A [`Mutex`] with a place in the lock order of its owner.
///
/// A thread that waits for it must not hold a lock of the same owner with the same or a higher
/// rank, because two threads could then wait for each other. Builds with the feature `internals`,
/// which all tests use, check that at each lock. Trying never waits, so it is always allowed.
#[derive(Debug)]
pub(crate) struct RankedMutex<T> {
    inside: Mutex<T>,
    #[cfg(feature = "internals")]
    place: order::Place,
}

/// A lock of a [`RankedMutex`], released when it is dropped.
#[derive(Debug)]
pub(crate) struct RankedGuard<'a, T> {
    guard: MutexGuard<'a, T>,
    #[cfg(feature = "internals")]
    _held: order::Held,
}

impl<T> RankedMutex<T> {
    #[cfg_attr(
        not(feature = "internals"),
        expect(unused_variables, reason = "only checks use them")
    )]
    pub(crate) fn new(owner: LockOwner, rank: u8, inside: T) -> Self {
        RankedMutex {
            inside: Mutex::new(inside),
            #[cfg(feature = "internals")]
            place: order::Place { owner: owner.number, rank },
        }
    }

    pub(crate) fn lock(&self) -> RankedGuard<'_, T> {
        #[cfg(feature = "internals")]
        self.place.check();
        RankedGuard {
            guard: self.inside.lock(),
            #[cfg(feature = "internals")]
            _held: self.place.hold(),
        }
    }

    /// Locks without waiting. Returns `None` if another thread holds the lock.
    pub(crate) fn try_lock(&self) -> Option<RankedGuard<'_, T>> {
        let guard = self.inside.try_lock()?;
        Some(RankedGuard {
            guard,
            #[cfg(feature = "internals")]
            _held: self.place.hold(),
        })
    }
}

impl<T> Deref for RankedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for RankedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// The locks that a thread holds, for the check of their order.
#[cfg(feature = "internals")]
mod order {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The place of a lock: its owner, and its rank among the owner's locks.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Place {
        pub(super) owner: u64,
        pub(super) rank: u8,
    }

    /// Removes the place from the thread's list when it is dropped.
    #[derive(Debug)]
    pub(super) struct Held(Place);

    thread_local! {
        static HELD: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn next_owner() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    impl Place {
        /// Panics if the thread holds a lock that must be taken after this one.
        pub(super) fn check(self) {
            let is_late = |held: &Place| held.owner == self.owner && held.rank >= self.rank;
            let late = HELD.with_borrow(|held| held.iter().copied().find(is_late));
            assert!(late.is_none(), "lock order: rank {} after {late:?}", self.rank);
        }

        pub(super) fn hold(self) -> Held {
            HELD.with_borrow_mut(|held| held.push(self));
            Held(self)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            // A thread that ends may have dropped its list already.
            let _ = HELD.try_with(|held| {
                let mut held = held.borrow_mut();
                if let Some(place) = held.iter().rposition(|place| *place == self.0) {
                    held.remove(place);
                }
            });
        }
    }
}

#[cfg(all(test, feature = "internals"))]
mod tests {
    use super::*;

    #[test]
    fn locks_are_taken_in_their_order() {
        let owner = LockOwner::new();
        let [first, second] = [1, 2].map(|rank| RankedMutex::new(owner, rank, ()));
        let other = RankedMutex::new(LockOwner::new(), 1, ());
        let one = first.lock();
        let two = second.lock();
        drop(other.lock());
        drop((one, two));
        let held = second.lock();
        assert!(first.try_lock().is_some());
        drop(held);
        drop(first.lock());
    }

    #[test]
    #[should_panic(expected = "lock order: rank 1 after")]
    fn a_lock_out_of_order_is_detected() {
        let owner = LockOwner::new();
        let [first, second] = [1, 2].map(|rank| RankedMutex::new(owner, rank, ()));
        let _held = second.lock();
        let _late = first.lock();
    }
}
