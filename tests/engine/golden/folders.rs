//! The records of folders in the golden file, and their expected effect.

use tracklite::internals::record::*;
use tracklite::internals::storage::{FaultPlan, MemoryFile};

use super::writer::TIME;
use crate::support::{self, Opening};

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let made = |path: &str| FolderMade { path: path.to_owned(), time: TIME }.into();
    let removed = FolderRemoved { path: "/golden/removed".to_owned(), time: TIME + 1 };
    vec![vec![made("/golden/kept"), made("/golden/removed")], vec![removed.into()]]
}

/// Reads the folders through the public API, then makes the removed one again.
pub fn check(file: &MemoryFile) {
    let (database, _) = support::open(file, &Opening::write(), &FaultPlan::new());
    let database = database.unwrap();
    assert_eq!(database.folders().unwrap(), ["/golden/kept"]);
    assert_eq!(database.experiment_folder("/golden").unwrap().folders, ["/golden/kept"]);
    database.create_folder("/golden/removed").unwrap();
    assert_eq!(database.folders().unwrap().len(), 3);
}
