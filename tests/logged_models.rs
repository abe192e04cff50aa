//! Logged models: their lives, metrics tied to datasets, and searches against plain code.

mod lives;
mod search;

use std::path::Path;

use tracklite::{Database, ErrorKind, IndexPlace};

fn open(path: &Path) -> Database {
    Database::builder().create(true).index(IndexPlace::InMemory).open(path).unwrap()
}

fn new() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("runs.tracklite"));
    (folder, database)
}

#[track_caller]
fn kind<T: std::fmt::Debug>(result: tracklite::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}
