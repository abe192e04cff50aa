//! The index: SQLite tables derived from the metadata chain. If deleted, it is rebuilt.
//!
//! The index does not know the log. The caller reads [`Index::cursor`], checks that this frame is
//! on the chain, and feeds the following frames to [`Index::apply`]. If the frame is not on the
//! chain, it calls [`Index::reset`] first. The index contains no points, only the latest values of
//! sealed points and the places where all others are found.
//!
//! An error of kind [`ErrorKind::Index`] means that the index is no longer trusted. Call
//! [`Index::reset`] and feed the whole chain again.

#![cfg_attr(
    not(feature = "internals"),
    allow(clippy::useless_conversion, reason = "with that feature the connection is wrapped")
)]

mod apply;
mod artifacts;
mod deleted;
mod endpoints;
mod inputs;
pub(crate) mod job_events;
pub(crate) mod jobs;
mod leftovers;
mod lineage;
mod lineage_rooms;
mod logged_models;
mod place;
mod query;
mod registry;
mod registry_search;
mod rows;
mod run_scope;
mod schema;
mod search;
mod source;
#[cfg(feature = "internals")]
mod spare;
mod sql;
mod statement;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;
mod version_rows;
mod views;
mod webhooks;

use std::error::Error as StdError;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior};

use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{Position, Record};

use self::apply::Applier;
pub(crate) use self::artifacts::Artifact;
pub(crate) use self::place::IndexKey;
pub use self::place::IndexPlace;
use self::place::{FolderLock, IndexFiles};
pub(crate) use self::registry::VersionChoice;
pub(crate) use self::rows::{RunRows, TextTable};
pub(crate) use self::run_scope::RunScope;
pub(crate) use self::source::{BlockRuns, SeriesSource, UnsealedExtent};
#[cfg(feature = "internals")]
use self::spare::{Kept, kept};
pub use self::sql::{SqlTable, SqlValue};
pub(crate) use self::tables::StoredSegment;
pub(crate) use self::version_rows::VersionRow;

/// The owner of the connection. Tests reuse the connection for their next index.
#[cfg(not(feature = "internals"))]
type Kept = Connection;
#[cfg(not(feature = "internals"))]
fn kept(connection: Connection) -> Kept {
    connection
}

/// How long a statement waits for another process before the index counts as busy.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// The number of applied records below which a rebuild is as fast as a sync.
const WORTH_CLEANING_RECORDS: i64 = 50_000;

/// The part of a chain frame that the index needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChainFrame {
    /// The position of the frame. Positions increase along the chain.
    pub(crate) position: Position,
    /// The running hash of the chain after this frame.
    pub(crate) hash: u64,
    /// The records of the frame.
    pub(crate) records: Vec<Record>,
}

/// The contents in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IndexCounts {
    /// The number of experiments, including the default one and deleted ones.
    pub(crate) experiments: u64,
    /// The number of runs, including deleted ones.
    pub(crate) runs: u64,
    /// The number of sealed points of these runs.
    pub(crate) points: u64,
    /// The number of points dropped by sealing, because no record defined their series.
    pub(crate) dropped: u64,
}

/// An open index. One thread uses it at a time. Other processes may use the same file.
#[derive(Debug)]
pub(crate) struct Index {
    key: IndexKey,
    place: IndexPlace,
    store: Store,
    /// Whether another process kept the file busy too long. The next reset is then in memory.
    was_busy: bool,
    worth_cleaning_records: i64,
}

/// The connection and its files. The order of the fields matters: files are synced after the
/// connection is closed.
#[derive(Debug)]
struct Store {
    connection: Kept,
    files: Option<IndexFiles>,
}

type AnyError = Box<dyn StdError + Send + Sync>;

impl Index {
    /// Opens the index of this key, or creates an empty one if there is none to be trusted.
    ///
    /// An index is not trusted if it has another schema or a defect, or was in use during a crash.
    /// If no file can be used, the index is kept in memory, private to this process.
    pub(crate) fn open(key: &IndexKey, place: &IndexPlace) -> Result<Index> {
        let in_folder = place::folder(key, place)
            .map(|folder| Store::in_folder(key, &FolderLock::take(&folder)?));
        let store = match in_folder {
            Some(Ok(store)) => store,
            // With an unusable folder, fall back to memory.
            Some(Err(_)) | None => Store::in_memory(key).map_err(index_error)?,
        };
        Ok(Index {
            key: *key,
            place: place.clone(),
            store,
            was_busy: false,
            worth_cleaning_records: WORTH_CLEANING_RECORDS,
        })
    }

    /// Starts over with an empty index: in a new file, or in memory if the file was busy for too
    /// long.
    pub(crate) fn reset(&mut self) -> Result<()> {
        if let Some(files) = &mut self.store.files {
            files.set_worth_cleaning(false);
        }
        self.store = Store::in_memory(&self.key).map_err(index_error)?;
        if self.was_busy {
            return Ok(());
        }
        if let Some(folder) = place::folder(&self.key, &self.place) {
            let lock = FolderLock::take(&folder).map_err(AnyError::from);
            if let Ok(store) = lock.and_then(|lock| Store::fresh(&self.key, &lock)) {
                self.store = store;
            }
        }
        Ok(())
    }

    /// Records the path of the database, which keeps its index folder from being removed. May
    /// remove folders of databases that are gone.
    pub(crate) fn note_database(&self, path: &Path) {
        if let Some(files) = &self.store.files {
            leftovers::note(files.folder(), path);
        }
    }

    /// Returns the path of the SQLite file, or `None` if the index is in memory.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.store.files.as_ref().map(IndexFiles::path)
    }

    /// Returns the last frame applied by any process: its position, and the chain's hash after it.
    pub(crate) fn cursor(&self) -> Result<Option<(Position, u64)>> {
        read_cursor(&self.store.connection).map_err(index_error)
    }

    /// Applies the frames after the cursor in one transaction, and skips the others.
    ///
    /// Large batches are cheaper than small ones.
    pub(crate) fn apply(&mut self, frames: &[ChainFrame]) -> Result<()> {
        let applied = self.store.apply(&self.key, frames, self.worth_cleaning_records);
        if let Err(error) = &applied {
            self.was_busy |= error.downcast_ref().is_some_and(is_busy);
        }
        applied.map_err(index_error)
    }
}

impl Store {
    /// Opens the index that the pointer names, or else creates one. If the index is busy, this
    /// fails, because other processes trust it.
    fn in_folder(key: &IndexKey, lock: &FolderLock) -> Result<Store, AnyError> {
        if let Some(path) = lock.current() {
            match Store::existing(key, lock, &path) {
                Ok(store) => return Ok(store),
                Err(error) if error.downcast_ref().is_some_and(is_busy) => return Err(error),
                Err(_) => {}
            }
        }
        Store::fresh(key, lock)
    }

    fn existing(key: &IndexKey, lock: &FolderLock, path: &Path) -> Result<Store, AnyError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let files = IndexFiles::open(lock, path)?;
        let connection = Connection::open_with_flags(path, flags)?;
        let store = Store { connection: kept(connection), files: Some(files) };
        store.configure()?;
        let clean = store.files.as_ref().is_some_and(IndexFiles::is_clean);
        if store.is_sound(key, clean)? { Ok(store) } else { Err("the index is not trusted".into()) }
    }

    fn fresh(key: &IndexKey, lock: &FolderLock) -> Result<Store, AnyError> {
        let path = lock.fresh()?;
        let mut files = IndexFiles::open(lock, &path)?;
        files.begin_write()?;
        let connection = kept(Connection::open(&path)?);
        let mut store = Store { connection, files: Some(files) };
        let mode: String =
            store
                .connection
                .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode != "wal" {
            return Err("write-ahead logging is not available here".into());
        }
        store.fill(key)?;
        lock.point_to(&path)?;
        Ok(store)
    }

    fn in_memory(key: &IndexKey) -> Result<Store, AnyError> {
        #[cfg(feature = "internals")]
        if let Some(connection) = spare::take() {
            let store = Store { connection: kept(connection), files: None };
            begin(&store.connection, key)?;
            return Ok(store);
        }
        let connection = kept(Connection::open_in_memory()?);
        let mut store = Store { connection, files: None };
        store.fill(key)?;
        Ok(store)
    }

    /// Applies the settings that belong to the connection, not to the file.
    fn configure(&self) -> rusqlite::Result<()> {
        self.connection.set_prepared_statement_cache_capacity(96);
        self.connection.busy_timeout(BUSY_WAIT)?;
        // Query plans that depend on bound values would be prepared again whenever the values
        // change.
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        search::add_functions(&self.connection)?;
        self.connection.execute_batch(
            "PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32000;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216;
             PRAGMA trusted_schema = OFF;",
        )?;
        // After the pragma `temp_store`, which drops temporary tables.
        self.connection.execute_batch(search::TEMPORARY_TABLES)
    }

    fn fill(&mut self, key: &IndexKey) -> rusqlite::Result<()> {
        self.configure()?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::create(&transaction)?;
        begin(&transaction, key)?;
        transaction.commit()
    }

    /// Returns whether the index has this schema and key, and cannot have been torn by a power cut.
    fn is_sound(&self, key: &IndexKey, clean: bool) -> rusqlite::Result<bool> {
        let version: i64 =
            self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != schema::SCHEMA_VERSION {
            return Ok(false);
        }
        let (file_id, format_level, dirty_boot): (String, u32, String) = self
            .connection
            .query_row("SELECT file_id, format_level, dirty_boot FROM state", (), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let same_boot = key.boot_id != 0 && dirty_boot == hex(key.boot_id);
        let same_key = file_id == hex(key.file_id) && format_level == key.format_level;
        Ok(same_key && (clean || same_boot))
    }

    fn apply(
        &mut self,
        key: &IndexKey,
        frames: &[ChainFrame],
        worth_cleaning: i64,
    ) -> Result<(), AnyError> {
        let Some(last) = frames.last() else { return Ok(()) };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let cursor = read_cursor(&transaction)?;
        let after = cursor.map(|(position, _)| position);
        if let Some((position, hash)) = cursor {
            let same = frames.iter().find(|frame| frame.position == position);
            if same.is_some_and(|frame| frame.hash != hash) {
                return Err("the index follows another chain".into());
            }
        }
        if after >= Some(last.position) {
            return Ok(());
        }
        if let Some(files) = &mut self.files {
            files.begin_write()?;
        }
        let mut applier = Applier::new(&transaction);
        for frame in frames.iter().filter(|frame| Some(frame.position) > after) {
            frame.records.iter().try_for_each(|record| applier.apply(record))?;
        }
        let records = applier.finish(last.position, last.hash, key.boot_id)?;
        transaction.commit()?;
        if let Some(files) = &mut self.files {
            files.set_worth_cleaning(records >= worth_cleaning);
        }
        Ok(())
    }
}

/// Inserts the single row of `state` into empty tables.
fn begin(connection: &Connection, key: &IndexKey) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO state (id, file_id, format_level, dirty_boot) VALUES (0, ?1, ?2, ?3)",
    )?;
    insert.execute((hex(key.file_id), key.format_level, hex(key.boot_id))).map(drop)
}

fn read_cursor(connection: &Connection) -> rusqlite::Result<Option<(Position, u64)>> {
    let mut statement = connection.prepare_cached(
        "SELECT position, hash FROM state WHERE position IS NOT NULL AND hash IS NOT NULL",
    )?;
    let cursor =
        statement.query_row((), |row| Ok((Position(unsigned(row.get(0)?)), unsigned(row.get(1)?))));
    cursor.optional()
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

fn index_error(source: impl Into<AnyError>) -> Error {
    Error::new(ErrorKind::Index, "cannot use the index").with_source(source)
}

/// Converts SQLite's signed integer to an unsigned one with the same bits.
fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}

fn hex(bits: u128) -> String {
    format!("{bits:032x}")
}
