//! A pool of emptied in-memory connections for tests.
//!
//! The simulator opens a thousand indexes per second. SQLite would spend most of the time parsing
//! the schema and the statements, which a connection caches.

use rusqlite::Connection;
use scopeguard::ScopeGuard;

use crate::sys::mutex::Mutex;

use super::schema;

/// The maximum number of pooled connections, more than the simulated machines need at a time.
const SPARES_MAX: usize = 32;

/// The pool, shared by all threads, because a simulated process often has its own short-lived
/// thread.
///
/// Only ever locked with `try_lock`. A forked child may inherit it locked by a thread that it does
/// not have.
static SPARES: Mutex<Vec<Connection>> = Mutex::new(Vec::new());

/// A connection that returns to the pool when dropped, if it is in memory.
pub(super) type Kept = ScopeGuard<Connection, fn(Connection)>;

/// Wraps a connection of any kind.
pub(super) fn kept(connection: Connection) -> Kept {
    scopeguard::guard(connection, keep)
}

/// Returns a connection with empty tables, if the pool has one.
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

/// Returns a connection to the pool, if it is in memory and has no open transaction.
fn keep(connection: Connection) {
    let in_memory = connection.path().is_none_or(str::is_empty);
    let Some(mut spares) = SPARES.try_lock() else { return };
    if in_memory && connection.is_autocommit() && spares.len() < SPARES_MAX {
        spares.push(connection);
    }
}
