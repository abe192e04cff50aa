//! Queries about stored tables.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row};

use crate::entity::id::Timestamp;
use crate::entity::{TableId, TableInfo, TableState, TableWrite, WriteMode};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::RowSegment;

use super::{Index, unsigned};

/// A segment of a table, with the write that replaced its rows, if one did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredSegment {
    pub(crate) segment: RowSegment,
    /// The write that removed it.
    pub(crate) removed: Option<u64>,
}

const TABLE: &str = "SELECT name, table_id, creator, created, author, updated, revision, state,
    ifnull((SELECT max(version) FROM table_writes
            WHERE table_writes.table_id = stored_tables.table_id), 0)
    FROM stored_tables";
const WRITE: &str = "SELECT version, time, author, mode, rows FROM table_writes";

impl Index {
    /// Returns the tables whose name begins so, ordered by name.
    pub(crate) fn stored_tables(&self, prefix: &str) -> Result<Vec<TableInfo>> {
        self.read(|connection| {
            let sql = format!("{TABLE} WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name");
            let mut select = connection.prepare_cached(&sql)?;
            select.query_map([prefix], table_info)?.collect()
        })
    }

    /// Returns the table of a name.
    pub(crate) fn table_named(&self, name: &str) -> Result<Option<TableInfo>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{TABLE} WHERE name = ?1"))?;
            select.query_row([name], table_info).optional()
        })
    }

    /// Returns the table of an id.
    pub(crate) fn table_info(&self, id: TableId) -> Result<Option<TableInfo>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{TABLE} WHERE table_id = ?1"))?;
            select.query_row([id.to_string()], table_info).optional()
        })
    }

    /// Returns the number of the first version of a table that can still be read.
    pub(crate) fn table_floor(&self, id: TableId) -> Result<u64> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT floor FROM stored_tables WHERE table_id = ?1")?;
            let found = select.query_row([id.to_string()], |row| row.get(0)).optional()?;
            Ok(found.map_or(0, unsigned))
        })
    }

    /// Returns the writes of a table, oldest first.
    pub(crate) fn table_writes(&self, id: TableId) -> Result<Vec<TableWrite>> {
        self.read(|connection| {
            let sql = format!("{WRITE} WHERE table_id = ?1 ORDER BY version");
            let mut select = connection.prepare_cached(&sql)?;
            select.query_map([id.to_string()], table_write)?.collect()
        })
    }

    /// Returns the last write of a table.
    pub(crate) fn last_table_write(&self, id: TableId) -> Result<Option<TableWrite>> {
        self.read(|connection| {
            let sql = format!("{WRITE} WHERE table_id = ?1 ORDER BY version DESC LIMIT 1");
            let mut select = connection.prepare_cached(&sql)?;
            select.query_row([id.to_string()], table_write).optional()
        })
    }

    /// Returns the segments of a table, by their first version.
    pub(crate) fn table_segments(&self, id: TableId) -> Result<Vec<StoredSegment>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT path, rows, first_version, last_version, removed FROM table_segments
                 WHERE table_id = ?1 ORDER BY first_version, path",
            )?;
            let segment = |row: &Row<'_>| {
                Ok(StoredSegment {
                    segment: RowSegment {
                        path: row.get(0)?,
                        rows: unsigned(row.get(1)?),
                        first: unsigned(row.get(2)?),
                        last: unsigned(row.get(3)?),
                    },
                    removed: row.get::<_, Option<i64>>(4)?.map(unsigned),
                })
            };
            select.query_map([id.to_string()], segment)?.collect()
        })
    }
}

fn table_info(row: &Row<'_>) -> rusqlite::Result<TableInfo> {
    let bits = u128::from_str_radix(row.get_ref(1)?.as_str()?, 16);
    Ok(TableInfo {
        name: row.get(0)?,
        id: bits.map(TableId::from_bits).map_err(|error| unreadable(1, error))?,
        creator: row.get(2)?,
        created: Timestamp::from_nanos(row.get(3)?),
        author: row.get(4)?,
        updated: Timestamp::from_nanos(row.get(5)?),
        revision: unsigned(row.get(6)?),
        state: TableState::from_json(row.get_ref(7)?.as_str()?)
            .map_err(|error| unreadable(7, error))?,
        version: unsigned(row.get(8)?),
    })
}

fn table_write(row: &Row<'_>) -> rusqlite::Result<TableWrite> {
    let mode = row.get_ref(3)?.as_str()?;
    let found = WriteMode::ALL.into_iter().find(|known| known.as_str() == mode);
    Ok(TableWrite {
        version: unsigned(row.get(0)?),
        time: Timestamp::from_nanos(row.get(1)?),
        author: row.get(2)?,
        mode: found.ok_or_else(|| {
            unreadable(3, Error::new(ErrorKind::Index, "unknown mode of a write"))
        })?,
        rows: unsigned(row.get(4)?),
    })
}

fn unreadable(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
