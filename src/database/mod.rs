//! The database: one file, opened once in a process however many handles there are.

pub(crate) mod builder;
pub(crate) mod info;
pub(crate) mod upkeep;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::engine::Engine;
use crate::error::Result;
use crate::index::SqlTable;

/// An open file of runs. Clones are the same handle; any thread may use them.
///
/// The last handle that is dropped seals what is still in extents, syncs and leaves the file;
/// [`Database::close`] does the same and says whether it went well. Runs, experiments and metric
/// handles are handles of the database too.
///
/// The same file opened twice in a process, by whatever path, is one open file; the options of
/// the first opening hold. A thread in the background syncs and seals once a second.
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

    /// The path by which the file was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes everything durable that was logged before the call, by any process; survives a power
    /// cut as far as the device honours a flush. Costs what the device takes for one.
    ///
    /// After a sync of any process has failed, or its process was killed in it, everything that is
    /// readable is written again by the processes that have the file open. This call does its
    /// part and waits for the others, usually a second; it is [`ErrorKind::Poisoned`] when they
    /// take longer than `DatabaseBuilder::lock_timeout`: one is stopped, or has no background
    /// thread and does not call `tick`. Logging goes on meanwhile.
    pub fn sync(&self) -> Result<()> {
        self.0.located(self.0.log.sync())
    }

    /// Does at once what the background thread does once a second: sync, seal, tend to the dead.
    ///
    /// For programs that run without it (see `DatabaseBuilder::background`).
    pub fn tick(&self) -> Result<()> {
        self.0.located(self.0.log.tick())
    }

    /// Answers a SQL query over the index: tables `runs`, `params`, `tags`, `metrics` and others.
    ///
    /// Anything but reading is [`ErrorKind::InvalidInput`]. Points are not in the index; the
    /// latest sealed point of each metric is.
    pub fn sql(&self, query: &str) -> Result<SqlTable> {
        self.0.with_index(|index, _| index.sql(query))
    }

    /// Seals what is still in extents, syncs, and leaves the file. With other handles still there
    /// it only syncs.
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
