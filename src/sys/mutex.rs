//! Locks between the threads of a process, for everything that may be waited for when a program
//! forks.
//!
//! They are the standard library's, which keep nothing outside of themselves. `parking_lot` keeps
//! who waits in a table of the process: a forked child has that table and not the threads, and
//! crashes over it when a lock of its own meets what they left there. So `parking_lot` serves only
//! where nobody forks: storages in memory, the simulator, tests.
//!
//! A panic of one thread does not close the lock to the others: nothing behind these locks is left
//! half done by a panic that could happen while they are held.

use std::sync::{self, PoisonError, TryLockError};

pub(crate) use std::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// Lets one thread at a time at what is inside.
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

    /// Without waiting, as nobody else can have it.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` while another thread has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Lets many threads read at a time, or one write.
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
