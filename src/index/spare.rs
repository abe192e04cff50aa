//! Emptied connections in memory, kept for the next index.
//!
//! The simulator opens a thousand indexes a second; SQLite would spend most of that on the text
//! of the schema and of the statements, which a connection keeps once it has read it.

use rusqlite::Connection;
use scopeguard::ScopeGuard;

use crate::sys::mutex::Mutex;

use super::schema;

/// More than the simulated machines have processes that run at the same time.
const SPARES_MAX: usize = 32;

/// Of all threads: a simulated process often has a thread of its own, which ends with it. Nobody
/// waits for it: a forked child may have it locked by a thread that is not there.
static SPARES: Mutex<Vec<Connection>> = Mutex::new(Vec::new());

/// A connection that is kept for others when it is dropped, if it is in memory.
pub(super) type Kept = ScopeGuard<Connection, fn(Connection)>;

/// Of a connection of any kind.
pub(super) fn kept(connection: Connection) -> Kept {
    scopeguard::guard(connection, keep)
}

/// A connection whose tables are there, and empty.
pub(super) fn take() -> Option<Connection> {
    let connection = SPARES.try_lock()?.pop()?;
    empty(&connection).ok().map(|()| connection)
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

/// Keeps a connection for others if it is in memory and at rest.
fn keep(connection: Connection) {
    let in_memory = connection.path().is_none_or(str::is_empty);
    let Some(mut spares) = SPARES.try_lock() else { return };
    if in_memory && connection.is_autocommit() && spares.len() < SPARES_MAX {
        spares.push(connection);
    }
}
