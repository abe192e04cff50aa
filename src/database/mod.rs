//! The database: one file, open once in a process for any number of handles.

pub(crate) mod builder;
pub(crate) mod changes;
pub(crate) mod info;
pub(crate) mod upkeep;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::engine::Engine;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::index::SqlTable;

/// An open file of runs. Clones share it, and any thread may use them.
///
/// Dropping the last handle seals the remaining points, syncs and closes the file.
/// [`Database::close`] does the same and returns any error. Handles of experiments, runs and
/// metrics count too, and keep the file open.
///
/// Opening the same file twice in a process, even by different paths, opens it once. The options of
/// the first opening apply. A background thread syncs and seals once a second.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("runs.tracklite");
/// use tracklite::Database;
///
/// let database = Database::create(&path)?;
/// database.default_experiment()?.start_run("baseline")?;
/// database.close()?;
///
/// let database = Database::open_read_only(&path)?;
/// for run in database.runs()? {
///     println!("{} {}", run.info.id, run.info.name);
/// }
/// let table = database.sql("SELECT name FROM runs")?;
/// assert_eq!(table.rows.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Database(Arc<Engine>);

impl Database {
    pub(crate) fn from_engine(engine: Arc<Engine>) -> Database {
        Database(engine)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0
    }

    /// Returns the path by which the file was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the address of the file: `tracklite://` and its absolute path.
    ///
    /// Bytes other than letters, digits, `/` and `-._~` are percent-encoded.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("my runs.tracklite");
    /// let database = tracklite::Database::create(path)?;
    /// assert!(database.address().ends_with("/my%20runs.tracklite"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn address(&self) -> String {
        let path = std::path::absolute(self.path()).unwrap_or_else(|_| self.path().to_owned());
        let mut address = String::from("tracklite://");
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                    address.push(char::from(*byte));
                }
                other => address.push_str(&format!("%{other:02X}")),
            }
        }
        address
    }

    /// Makes everything durable that any process logged before the call.
    ///
    /// It then survives a power cut, if the device honours a flush.
    ///
    /// If a sync of any process failed, or was cut short because the process was killed, all open
    /// processes write the readable data again. This call does its part and waits for the others,
    /// usually for a second. Logging continues in the meantime.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Poisoned`] if the other processes take longer than
    ///   [`DatabaseBuilder::lock_timeout`](crate::DatabaseBuilder::lock_timeout). Such a process is
    ///   stopped, or has no background thread and does not call [`Database::tick`].
    ///
    /// # Performance
    ///
    /// Takes as long as a flush of the device.
    pub fn sync(&self) -> Result<()> {
        self.0.located(self.0.log.sync())
    }

    /// Syncs, seals and cleans up after dead writers, like the background thread once a second.
    ///
    /// For programs without that thread. See
    /// [`DatabaseBuilder::background`](crate::DatabaseBuilder::background).
    pub fn tick(&self) -> Result<()> {
        self.0.located(self.0.log.tick())
    }

    /// Runs a SQL query on the index, which has the tables `runs`, `params`, `tags`, `metrics` and
    /// others.
    ///
    /// The index contains the latest sealed point of each metric, but no other points.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the query is not valid SQL, or does more than read.
    pub fn sql(&self, query: &str) -> Result<SqlTable> {
        self.0.with_index(|index, _| index.sql(query))
    }

    /// Seals the remaining points, syncs and closes the file.
    ///
    /// If there are other handles, this only syncs.
    pub fn close(self) -> Result<()> {
        match Arc::try_unwrap(self.0) {
            Ok(engine) => engine.close(),
            Err(engine) if engine.log.writer().is_some() => engine.located(engine.log.sync()),
            Err(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.path()).finish()
    }
}
