//! The data model row by row: what MLflow does (`SqlAlchemyStore`), and where this is stricter.

mod reserved;

use std::path::Path;

use tracklite::{Database, ErrorKind, IndexPlace};

fn open(path: &Path) -> Database {
    Database::builder().create(true).index(IndexPlace::InMemory).open(path).unwrap()
}

/// A new database, in a folder that goes with it.
fn new() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("runs.tracklite"));
    (folder, database)
}

#[track_caller]
fn kind<T: std::fmt::Debug>(result: tracklite::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// The message of an error of this kind.
#[track_caller]
fn told<T: std::fmt::Debug>(result: tracklite::Result<T>, kind: ErrorKind) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

/// What a backup of the database holds.
fn backup(folder: &tempfile::TempDir, database: &Database) -> Database {
    let path = folder.path().join("backup.tracklite");
    if path.exists() {
        std::fs::remove_file(&path).unwrap();
    }
    database.backup(&path).unwrap();
    assert_eq!(Database::verify(&path).unwrap().damages, []);
    open(&path)
}
