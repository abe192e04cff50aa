//! Stored tables: rows of typed columns in the file, by the name `catalog.schema.table`.

pub(crate) mod batch;
pub(crate) mod blocks;
pub(crate) mod change;
pub(crate) mod compact;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod merge;
pub(crate) mod read;
pub(crate) mod segment;
pub(crate) mod snapshot;
pub(crate) mod spec;
pub(crate) mod stored;
pub(crate) mod write;

use std::fmt;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::TableInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::user::user_name;

pub use crate::entity::table::{Bytes, Column, List, Lists, Row, Table, Texts, Value, Values};
pub use crate::entity::{
    ColumnType, TableColumn, TableId, TableInfo as StoredTableInfo, TableState, TableWrite,
    WriteMode,
};
pub use crate::table::read::TableRead;
pub use crate::table::spec::TableSpec;
pub use crate::table::stored::StoredTable;

/// A handle of the stored tables of a file, which is cheap to clone. See [`Database::tables`].
///
/// A table has typed columns. With a primary key, [`StoredTable::merge`] inserts rows and replaces
/// those with an equal key. With a timestamp too, a key has one row for each time. Without a key,
/// [`StoredTable::append`] keeps each row.
///
/// Each write is a version of the table: visible whole or not at all, and synced before the call
/// returns. [`TableRead::version`] reads the rows as they were at an earlier version.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::table::{ColumnType, Table, TableSpec, Value, Values};
///
/// let spec = TableSpec::new()
///     .column("user", ColumnType::Long)
///     .column("spend", ColumnType::Double)
///     .primary_key(["user"]);
/// let users = database.tables().create("ml.features.users", &spec)?;
///
/// let mut rows = Table::new();
/// rows.add_column("user", Values::from(vec![2_i64, 1]))?;
/// rows.add_column("spend", Values::from(vec![0.5, 9.0]))?;
/// let first = users.merge(&rows)?;
/// assert_eq!((first.version, first.rows), (1, 2));
///
/// let mut rows = Table::new();
/// rows.add_column("user", Values::from(vec![2_i64]))?;
/// rows.add_column("spend", Values::from(vec![7.5]))?;
/// users.merge(&rows)?;
///
/// let now = users.read().table()?;
/// assert_eq!(now.rows().next_back().and_then(|row| row.get("spend")), Some(Value::Float(7.5)));
/// let then = users.read().version(1).table()?;
/// assert_eq!(then.rows().next_back().and_then(|row| row.get("spend")), Some(Value::Float(0.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tables {
    database: Database,
    user: Option<String>,
}

impl Database {
    /// Returns the stored tables of the file.
    #[must_use]
    pub fn tables(&self) -> Tables {
        Tables { database: self.clone(), user: None }
    }
}

impl Tables {
    /// Returns the same tables, acting for a user other than that of the process.
    #[must_use]
    pub fn acting_for(&self, user: &str) -> Tables {
        Tables { database: self.database.clone(), user: Some(user.to_owned()) }
    }

    /// Returns all tables whose name begins so, ordered by name. The empty text means all.
    pub fn list(&self, prefix: &str) -> Result<Vec<TableInfo>> {
        self.engine().with_index(|index, _| index.stored_tables(prefix))
    }

    /// Returns the table of a name.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such table.
    pub fn get(&self, name: &str) -> Result<StoredTable> {
        let found = self.engine().with_index(|index, _| index.table_named(name))?;
        match found {
            Some(info) => Ok(StoredTable::new(self.clone(), info.id)),
            None => Err(self.engine().locate(no_such_table(name))),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.database.engine()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the user for whom the changes are made.
    pub(crate) fn user(&self) -> String {
        self.user.clone().unwrap_or_else(user_name)
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tables").field(&self.database.path()).finish()
    }
}

pub(crate) fn no_such_table(name: &str) -> Error {
    let message =
        format!("there is no table {name:?}: create it first, or list the tables for its name");
    Error::new(ErrorKind::NotFound, message)
}
