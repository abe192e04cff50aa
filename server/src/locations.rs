//! The artifact locations that users set for experiments, cached.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tracklite::ExperimentId;

/// The maximum number of experiments in the cache. It is emptied when it is full.
const EXPERIMENTS_MAX: usize = 10_000;

/// Locations by experiment; `None` is the file itself.
///
/// An entry never changes, because ids are not used again and no call changes a location.
#[derive(Default)]
pub(crate) struct Locations(Mutex<HashMap<ExperimentId, Option<String>>>);

impl Locations {
    pub(crate) fn get(&self, id: ExperimentId) -> Option<Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn put(&self, id: ExperimentId, location: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= EXPERIMENTS_MAX {
            known.clear();
        }
        known.insert(id, location);
    }
}
