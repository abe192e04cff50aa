//! The handles of the runs used last: logging to one of them needs no lookup.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tracklite::{Database, Result, Run, RunId};

/// The maximum number of handles that are kept.
const HANDLES_MAX: usize = 256;

/// Handles of runs, the one used last at the end.
#[derive(Default)]
pub(crate) struct Handles(Mutex<VecDeque<Run>>);

impl Handles {
    /// Returns the handle of a run.
    pub(crate) fn run(&self, database: &Database, id: RunId) -> Result<Run> {
        let known = {
            let handles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            handles.iter().rev().find(|run| run.id() == id).cloned()
        };
        match known {
            Some(run) => Ok(run),
            None => {
                let run = database.run(id)?;
                self.keep(&run);
                Ok(run)
            }
        }
    }

    /// Keeps a handle.
    pub(crate) fn keep(&self, run: &Run) {
        let oldest = {
            let mut handles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if handles.iter().any(|known| known.id() == run.id()) {
                return;
            }
            handles.push_back(run.clone());
            if handles.len() > HANDLES_MAX { handles.pop_front() } else { None }
        };
        // After the lock is released, because dropping a run takes another lock.
        drop(oldest);
    }
}
