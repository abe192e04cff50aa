//! Helpers shared by all modules of this test binary: databases in temporary folders, and checks of
//! errors.

use std::fmt::Debug;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracklite::{Database, DatabaseBuilder, ErrorKind, IndexPlace, Result, Run};

/// A temporary folder that holds a database file, which may not exist yet.
pub(crate) struct TestFolder(TempDir);

impl TestFolder {
    pub(crate) fn new() -> TestFolder {
        TestFolder(tempfile::tempdir().expect("a temporary folder can be created"))
    }

    /// Creates the folder in memory where possible, for tests that sync often.
    pub(crate) fn in_memory() -> TestFolder {
        match tempfile::tempdir_in("/dev/shm") {
            Ok(folder) => TestFolder(folder),
            Err(_) => TestFolder::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the path of a file in this folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Returns the path of the database file.
    pub(crate) fn file(&self) -> PathBuf {
        self.join("runs.tracklite")
    }

    /// Counts the files and folders directly in this folder.
    pub(crate) fn entries(&self) -> usize {
        std::fs::read_dir(self.path()).expect("the folder can be read").count()
    }
}

/// An open database in a temporary folder of its own.
pub(crate) struct TestDatabase {
    // Dropped in this order: the database is closed before its folder is removed.
    database: Database,
    folder: TestFolder,
    builder: DatabaseBuilder,
}

impl TestDatabase {
    /// Creates a database with its index in memory.
    pub(crate) fn new() -> TestDatabase {
        TestDatabase::build(builder())
    }

    /// Creates a database with these options.
    pub(crate) fn build(builder: DatabaseBuilder) -> TestDatabase {
        TestDatabase::build_in(TestFolder::new(), builder)
    }

    /// Creates a database in memory, without a background thread and without periodic syncs.
    pub(crate) fn quiet() -> TestDatabase {
        TestDatabase::build_in(TestFolder::in_memory(), quiet_builder())
    }

    pub(crate) fn build_in(folder: TestFolder, builder: DatabaseBuilder) -> TestDatabase {
        let database = builder.clone().open(folder.file()).expect("the database can be opened");
        TestDatabase { database, folder, builder }
    }

    pub(crate) fn folder(&self) -> &TestFolder {
        &self.folder
    }

    /// Closes the database and returns its folder.
    pub(crate) fn close(self) -> TestFolder {
        self.database.close().expect("the database can be closed");
        self.folder
    }

    /// Closes the database and opens it again with the same options.
    pub(crate) fn reopen(self) -> TestDatabase {
        let builder = self.builder.clone();
        TestDatabase::build_in(self.close(), builder)
    }

    /// Writes a backup into the same folder, verifies it and opens it.
    pub(crate) fn verified_backup(&self) -> Database {
        let path = self.folder.join(&format!("{:?}.tracklite", std::time::Instant::now()));
        self.backup(&path).unwrap();
        assert_eq!(Database::verify(&path).unwrap().damages, []);
        open(&path)
    }
}

impl Deref for TestDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

/// Returns options that create a missing file and keep the index in memory.
pub(crate) fn builder() -> DatabaseBuilder {
    Database::builder().create(true).index(IndexPlace::InMemory)
}

/// Returns the same options without a background thread and without periodic syncs.
pub(crate) fn quiet_builder() -> DatabaseBuilder {
    builder().background(false).sync_interval(None)
}

pub(crate) fn open(path: &Path) -> Database {
    builder().open(path).unwrap()
}

pub(crate) fn open_quietly(path: &Path) -> Database {
    quiet_builder().open(path).unwrap()
}

pub(crate) fn open_read_only(path: &Path) -> Database {
    try_open_read_only(path).unwrap()
}

pub(crate) fn try_open_read_only(path: &Path) -> Result<Database> {
    Database::builder().read_only(true).index(IndexPlace::InMemory).open(path)
}

/// Starts a run in the default experiment.
pub(crate) fn start_run(database: &Database, name: &str) -> Run {
    database.default_experiment().unwrap().start_run(name).unwrap()
}

/// Counts the frames of the file's metadata chain.
pub(crate) fn count_frames(path: &Path) -> usize {
    let mut count = 0;
    let damages = Database::frames(path, |_| {
        count += 1;
        Ok(())
    });
    assert_eq!(damages.unwrap(), []);
    count
}

/// Returns the kind of an expected error.
#[track_caller]
pub(crate) fn error_kind<T: Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// Returns the message of an expected error of this kind.
#[track_caller]
pub(crate) fn error_message<T: Debug>(result: Result<T>, kind: ErrorKind) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

/// Returns bytes that cannot be compressed, the same for the same seed.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
