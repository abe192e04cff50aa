//! The handle of a stored table.

use std::fmt;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::id::Timestamp;
use crate::entity::{TableId, TableInfo, TableWrite};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::table::Tables;

/// A handle of a stored table, which is cheap to clone.
///
/// The handle follows the table when it is renamed.
#[derive(Clone)]
pub struct StoredTable {
    tables: Tables,
    id: TableId,
}

impl StoredTable {
    pub(crate) fn new(tables: Tables, id: TableId) -> Self {
        StoredTable { tables, id }
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.tables.engine()
    }

    pub(crate) fn database(&self) -> &Database {
        self.tables.database()
    }

    /// Returns the id of the table.
    #[must_use]
    pub fn id(&self) -> TableId {
        self.id
    }

    /// Returns the name, the columns and the last version.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    pub fn info(&self) -> Result<TableInfo> {
        self.engine().with_index(|index, _| self.info_in(index))
    }

    pub(crate) fn info_in(&self, index: &Index) -> Result<TableInfo> {
        index.table_info(self.id)?.ok_or_else(|| {
            let message = format!("table {} was dropped", self.id);
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// Returns all writes, oldest first.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    pub fn writes(&self) -> Result<Vec<TableWrite>> {
        self.engine().with_index(|index, _| {
            self.info_in(index)?;
            index.table_writes(self.id)
        })
    }

    /// Returns the version that was the last one at a time, or 0 if there was none yet.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    pub fn version_at(&self, time: Timestamp) -> Result<u64> {
        let writes = self.writes()?;
        let after = writes.partition_point(|write| write.time <= time);
        let last = after.checked_sub(1).and_then(|at| writes.get(at));
        Ok(last.map_or(0, |write| write.version))
    }
}

impl fmt::Debug for StoredTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoredTable").field(&self.id).finish()
    }
}
