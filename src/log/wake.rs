//! The signal that wakes a background thread.

use std::sync::{Condvar, PoisonError};
use std::time::Duration;

use crate::format::record::Record;
#[cfg(feature = "internals")]
use crate::mutant::fault;
use crate::sys::mutex::Mutex;

/// A signal that wakes a background thread.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    pub(super) state: Mutex<WakeState>,
    pub(super) changed: Condvar,
    /// Definitions that a mutant delays.
    #[cfg(feature = "internals")]
    pub(super) postponed: Mutex<Vec<Record>>,
}

#[derive(Debug, Default)]
pub(super) struct WakeState {
    pub(super) is_due: bool,
    pub(super) is_over: bool,
}

impl Wake {
    /// Requests a check of the extents. Costs about 20 ns, because it does not wait.
    pub(super) fn wake(&self) {
        self.state.lock().is_due = true;
        self.changed.notify_one();
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.lock().is_over
    }

    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_one();
    }

    /// Waits until woken or until `timeout` has passed. Returns whether the thread must end.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> bool {
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

    /// Returns whether a mutant delays the definition until the next tick.
    #[cfg(feature = "internals")]
    pub(super) fn postpones(&self, record: &Record) -> bool {
        let postpones = fault!(DefinitionAfterUse);
        if postpones {
            self.postponed.lock().push(record.clone());
        }
        postpones
    }

    /// Takes the definitions that a mutant has delayed.
    #[cfg(feature = "internals")]
    pub(super) fn take_postponed(&self) -> Vec<Record> {
        std::mem::take(&mut *self.postponed.lock())
    }

    #[cfg(not(feature = "internals"))]
    pub(super) const fn postpones(&self, _record: &Record) -> bool {
        false
    }
}
