//! Options for opening a database.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::index::IndexPlace;
use crate::log::{LogOptions, new_file, new_header};
use crate::storage::{
    Access, FileStorage, Storage, WritePath, absolute, open_error, open_file, shared,
};
use crate::sys::system::random_bits;

/// How often the file is opened anew that was replaced by another while it was being opened.
const OPENINGS_MAX: u32 = 100;

/// Opens a database with options. Made by [`Database::builder`].
#[derive(Clone, Debug)]
#[must_use = "a database is opened by `open`"]
pub struct DatabaseBuilder {
    create: bool,
    background: bool,
    write_path: WritePath,
    index: IndexPlace,
    log: LogOptions,
    limits: Limits,
}

impl DatabaseBuilder {
    pub(crate) fn new() -> Self {
        DatabaseBuilder {
            create: false,
            background: true,
            write_path: WritePath::Automatic,
            index: IndexPlace::Automatic,
            log: LogOptions::default(),
            limits: Limits::default(),
        }
    }

    /// Whether a file is created when there is none. Default: false.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether the file is only read. Default: false.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.log.read_only = read_only;
        self
    }

    /// How often what was logged is synced to the device; `None`: only by [`Database::sync`] and
    /// by finishing runs. Default: one second. A zero interval is refused when the file is opened
    /// ([`ErrorKind::InvalidInput`]).
    ///
    /// Once a second, or more often with a shorter interval, the thread in the background also
    /// looks after other processes that died and after the file's name; that costs a process that
    /// logs nothing some 100 us of processor time a second.
    pub fn sync_interval(mut self, interval: Option<Duration>) -> Self {
        self.log.sync_interval = interval;
        self
    }

    /// How bytes get into the file; they are the same either way. Default: automatic.
    pub fn write_path(mut self, write_path: WritePath) -> Self {
        self.write_path = write_path;
        self
    }

    /// Where the index is kept, a cache. Default: in the user's cache folder.
    pub fn index(mut self, index: IndexPlace) -> Self {
        self.index = index;
        self
    }

    /// How long a call waits for another process: for a lock that it holds, or after a failed
    /// sync for its part of the recovery. Default: 10 seconds.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.log.lock_timeout = timeout;
        self.log.recovery_timeout = timeout;
        self
    }

    /// How many bytes of points, 32 each, may wait to be packed before whoever logs helps to pack
    /// them, and so logs no faster than that. Default: 512 MiB.
    ///
    /// Points are logged faster than they are packed, and the file has room for both forms
    /// meanwhile: each process that logs may take so much more space than its points need.
    pub fn backlog(mut self, bytes: u64) -> Self {
        self.log.backlog_bytes = bytes;
        self
    }

    /// Whether a thread syncs and seals in the background. Default: true. Without it the program
    /// calls [`Database::tick`] now and then, or the file grows by what
    /// [`DatabaseBuilder::backlog`] allows.
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Runs within this function what makes a call wait for long that otherwise does not: sealing a
    /// backlog when a point is logged, and closing when the last handle is dropped. For bindings to
    /// languages whose threads hold a lock meanwhile that the others need. It must run what it is
    /// given, once. Default: none.
    pub fn waits_within(mut self, run: fn(&mut (dyn FnMut() + Send))) -> Self {
        self.log.waits_within = run;
        self
    }

    /// How long the texts that are written may be. Default: as long as MLflow takes them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Opens the file. One that this process has open already is shared, as it was opened.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Database> {
        self.check_options()?;
        let path = absolute(path.as_ref());
        for _ in 0..OPENINGS_MAX {
            if self.create {
                self.create_file(&path)?;
            }
            match self.open_file(&path) {
                // The file was replaced between the opening and the look at its name.
                Ok(None) => {}
                Ok(Some(database)) => return Ok(database),
                Err(error) => return Err(error),
            }
        }
        let message = "the file is replaced again and again while it is being opened";
        Err(Error::new(ErrorKind::Locked, message).with_path(&path))
    }

    fn check_options(&self) -> Result<()> {
        if self.log.sync_interval != Some(Duration::ZERO) {
            return Ok(());
        }
        let message = "a sync interval of zero: give some milliseconds, or `None` to sync only \
                       when asked to";
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    fn create_file(&self, path: &Path) -> Result<()> {
        if path.exists() {
            return Ok(());
        }
        let created = random_bits()
            .and_then(|random| FileStorage::create_new(path, &new_file(new_header(random))));
        match created {
            // Somebody else was faster: theirs is opened.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other.map_err(|error| open_error("creating the file", path, error)),
        }
    }

    fn open_file(&self, path: &Path) -> Result<Option<Database>> {
        let access = if self.log.read_only { Access::ReadOnly } else { Access::ReadWrite };
        let storage = open_file(path, access, self.write_path)
            .map_err(|error| open_error("opening the file", path, error))?;
        let place = storage.place().map_err(|error| open_error("opening the file", path, error))?;
        let engine = shared((place.device, place.inode, self.log.read_only), || {
            self.engine(path, Arc::clone(&storage))
        })?;
        // A vacuum may have put another file in this place before the liveness byte was taken.
        let leads_here = |storage: &dyn Storage| storage.place().is_ok_and(|it| it.name_leads_here);
        if !leads_here(&**engine.log.storage()) && !self.log.read_only {
            return match leads_here(&*storage) && engine.path() != path {
                true => Err(renamed(engine.path(), path)),
                false => Ok(None),
            };
        }
        Ok(Some(Database::from_engine(engine)))
    }

    fn engine(&self, path: &Path, storage: Arc<dyn Storage>) -> Result<Engine> {
        let (log, limits, index) = (self.log.clone(), self.limits.clone(), self.index.clone());
        Engine::open(path, storage, log, limits, index, self.background)
    }

    /// How long a sync waits for other processes to recover from a failed one; set after
    /// `lock_timeout`, which sets it too.
    #[cfg(feature = "internals")]
    pub fn recovery_timeout(mut self, timeout: Duration) -> Self {
        self.log.recovery_timeout = timeout;
        self
    }

    /// How many bytes of chain there are between two checkpoints. Default: 4 MiB.
    #[cfg(feature = "internals")]
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.log.checkpoint_bytes = bytes;
        self
    }

    /// Opens the file in a storage of the caller's: a test's disk. With `create`, an empty one
    /// becomes a database first.
    #[cfg(feature = "internals")]
    pub fn open_storage(self, path: &Path, storage: Arc<dyn Storage>) -> Result<Database> {
        self.check_options()?;
        let doing = |error| open_error("creating the file", path, error);
        if self.create && storage.len().map_err(doing)? == 0 {
            let header = new_header(storage.random().map_err(doing)?);
            storage.write_at(0, &new_file(header)).map_err(doing)?;
            storage.sync().map_err(doing)?;
        }
        Ok(Database::from_engine(Arc::new(self.engine(path, storage)?)))
    }
}

/// The engine that this process has of the file holds on to a name that it has no more.
fn renamed(before: &Path, now: &Path) -> Error {
    let message = format!(
        "this process has the file open as {}, a name that no longer leads to it: drop the \
         handles of that database first",
        before.display()
    );
    Error::new(ErrorKind::InvalidState, message).with_path(now)
}

impl Database {
    /// Opens the file, creating it when there is none.
    ///
    /// Any number of processes may do so at once: one creates it, all open it. A folder that does
    /// not exist is [`ErrorKind::NotFound`]; else the errors are those of [`Database::open`].
    /// Creating costs two syncs; opening is as in [`Database::open`].
    pub fn create(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().create(true).open(path)
    }

    /// Opens the file, which must exist.
    ///
    /// No file is [`ErrorKind::NotFound`], other bytes [`ErrorKind::NotTracklite`], a newer format
    /// [`ErrorKind::UnsupportedFormat`], a damaged file [`ErrorKind::Damaged`]. One that a newer
    /// build has written so that this one may only read is [`ErrorKind::ReadOnly`]. Costs
    /// the reading of the metadata since its newest checkpoint, and of a word for each piece of it
    /// before: not of the points.
    pub fn open(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().open(path)
    }

    /// Opens the file for reading: nothing is written to it and no lock is taken, so that it may
    /// lie on read-only media. Every write fails with [`ErrorKind::ReadOnly`]. Only a backup takes
    /// a lock, where it may.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().read_only(true).open(path)
    }

    /// Opens the file with options of the caller's.
    pub fn builder() -> DatabaseBuilder {
        DatabaseBuilder::new()
    }
}
