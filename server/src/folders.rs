//! The folders that clients made by `mkdirs`, cached until the server stops.
//!
//! The file has experiments only, and a folder exists while there is an experiment in it. A client
//! that made a folder expects to find it before its first experiment.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The maximum number of folders that are kept. Further ones are not.
const FOLDERS_MAX: usize = 10_000;

/// Absolute paths of folders.
#[derive(Default)]
pub(crate) struct Folders(Mutex<BTreeSet<String>>);

impl Folders {
    /// Adds a folder.
    pub(crate) fn add(&self, path: &str) {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if folders.len() < FOLDERS_MAX {
            folders.insert(path.to_owned());
        }
    }

    /// Returns all folders.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
