//! Emptied connections in memory, kept for the next index.
//!
//! The simulator opens a thousand indexes a second; SQLite would spend most of that on the text
//! of the schema and of the statements, which a connection keeps once it has read it.

use std::ops::{Deref, DerefMut};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::schema;

/// More than the simulated machines have processes that run at the same time.
const SPARES_MAX: usize = 32;

/// Of all threads: a simulated process often has a thread of its own, which ends with it.
static SPARES: Mutex<Vec<Connection>> = Mutex::new(Vec::new());

/// A connection that is kept for others when it is dropped, if it is in memory.
#[derive(Debug)]
pub(super) struct Kept(Option<Connection>);

impl Kept {
    /// A connection whose tables are there, and empty.
    pub(super) fn spare() -> Option<Connection> {
        let connection = SPARES.lock().pop()?;
        empty(&connection).ok().map(|()| connection)
    }
}

fn empty(connection: &Connection) -> rusqlite::Result<()> {
    let mut tables = connection
        .prepare_cached("SELECT 'DELETE FROM ' || name FROM sqlite_schema WHERE type = 'table'")?;
    let deletions: Vec<String> =
        tables.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    if deletions.len() != schema::tables() {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    connection.prepare_cached("BEGIN")?.execute(())?;
    for deletion in deletions {
        connection.prepare_cached(&deletion)?.execute(())?;
    }
    schema::insert_first_row(connection)?;
    connection.prepare_cached("COMMIT")?.execute(()).map(drop)
}

impl From<Connection> for Kept {
    fn from(connection: Connection) -> Self {
        Kept(Some(connection))
    }
}

#[expect(clippy::expect_used, reason = "the connection is taken by drop alone")]
impl Deref for Kept {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.as_ref().expect("a connection")
    }
}

#[expect(clippy::expect_used, reason = "the connection is taken by drop alone")]
impl DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut Connection {
        self.0.as_mut().expect("a connection")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let in_memory = self.0.take().filter(|it| it.path().is_none_or(str::is_empty));
        let idle = in_memory.filter(Connection::is_autocommit);
        let mut spares = SPARES.lock();
        if spares.len() < SPARES_MAX {
            spares.extend(idle);
        }
    }
}
