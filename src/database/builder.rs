//! Options for opening a database.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::index::IndexPlace;
use crate::log::{LogOptions, Retry, new_file, new_header};
use crate::storage::{
    Access, FileStorage, Storage, WritePath, absolute, open_error, open_file, shared,
};
use crate::sys::system::random_bits;

/// Options for opening a database, from [`Database::builder`].
#[derive(Clone, Debug)]
#[must_use = "a database is opened by `open`"]
pub struct DatabaseBuilder {
    create: bool,
    background: bool,
    write_path: WritePath,
    index: IndexPlace,
    log: LogOptions,
    limits: Limits,
    pepper_file: Option<PathBuf>,
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
            pepper_file: None,
        }
    }

    /// Sets whether to create the file if it does not exist. Default: false.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets whether to open the file for reading only. Default: false.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.log.read_only = read_only;
        self
    }

    /// Sets how often the background thread syncs the file to the device. Default: one second.
    ///
    /// `None` syncs only in [`Database::sync`] and when a run finishes. A zero interval is invalid;
    /// [`DatabaseBuilder::open`] then fails.
    ///
    /// # Performance
    ///
    /// The thread wakes once a second, or more often with a shorter interval. It also looks for
    /// writers that died and checks whether the file was renamed. An idle process spends about
    /// 100 us of processor time a second.
    pub fn sync_interval(mut self, interval: Option<Duration>) -> Self {
        self.log.sync_interval = interval;
        self
    }

    /// Sets how bytes are written to the file. The bytes are the same either way. Default:
    /// automatic.
    pub fn write_path(mut self, write_path: WritePath) -> Self {
        self.write_path = write_path;
        self
    }

    /// Sets where the index is. The index is a cache. Default: the user's cache folder.
    pub fn index(mut self, index: IndexPlace) -> Self {
        self.index = index;
        self
    }

    /// Sets how long a call waits for another process. Default: 10 seconds.
    ///
    /// A call waits for a lock that another process holds. After a failed sync, it also waits until
    /// the other processes have recovered.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.log.lock_timeout = timeout;
        self.log.recovery_timeout = timeout;
        self
    }

    /// Limits the backlog: the bytes of points that are not sealed yet. Default: 512 MiB.
    ///
    /// Beyond the limit, a call that logs a point first seals some of the backlog. A point takes 32
    /// bytes until it is sealed.
    ///
    /// Logging is faster than sealing, and the file holds both forms for a while. Each process that
    /// logs can therefore use this much space in addition to its sealed points.
    pub fn backlog(mut self, bytes: u64) -> Self {
        self.log.backlog_bytes = bytes;
        self
    }

    /// Sets whether a background thread syncs and seals. Default: true.
    ///
    /// Without the thread, the program must call [`Database::tick`] regularly. Otherwise the file
    /// grows by up to [`DatabaseBuilder::backlog`].
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Wraps calls that may block unexpectedly. Default: no wrapper.
    ///
    /// Language bindings use it to release their interpreter lock. Two calls may block: logging a
    /// point, if it seals some of the backlog, and dropping the last handle, which closes the file.
    /// The function must run its argument exactly once.
    pub fn waits_within(mut self, run: fn(&mut (dyn FnMut() + Send))) -> Self {
        self.log.waits_within = run;
        self
    }

    /// Sets the maximum lengths of texts. Default: the limits of MLflow.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the file of the pepper, which protects access tokens. Default: the user's.
    ///
    /// The user's is `$TRACKLITE_PEPPER_FILE`, or else `tracklite/pepper` in `$XDG_CONFIG_HOME` or
    /// `~/.config`. It has 32 random bytes. The first token that is created creates it.
    pub fn pepper_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.pepper_file = Some(path.into());
        self
    }

    /// Opens the file.
    ///
    /// If this process has the file open already, the handles share it and the options of the first
    /// opening apply.
    ///
    /// # Errors
    ///
    /// - Those of [`Database::create`] or [`Database::open`].
    /// - [`ErrorKind::InvalidInput`] if the sync interval is zero.
    /// - [`ErrorKind::InvalidState`] if this process has the file open by a name that was since
    ///   removed.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Database> {
        self.check_options()?;
        let path = absolute(path.as_ref());
        let mut retry = Retry::new(self.log.lock_timeout);
        loop {
            if self.create {
                self.create_file(&path)?;
            }
            match self.open_file(&path) {
                // The file was replaced after it was opened and before its name was checked.
                Ok(None) => {}
                Ok(Some(database)) => return Ok(database),
                Err(error) => return Err(error),
            }
            let again = retry.again("other processes replaced the file while it was opened");
            again.map_err(|error| error.with_path(&path))?;
        }
    }

    fn check_options(&self) -> Result<()> {
        if self.log.sync_interval != Some(Duration::ZERO) {
            return Ok(());
        }
        let message = "the sync interval is zero: use at least some milliseconds, or `None` to \
                       sync only on request";
        Err(Error::new(ErrorKind::InvalidInput, message))
    }

    fn create_file(&self, path: &Path) -> Result<()> {
        if path.exists() {
            return Ok(());
        }
        let created = random_bits()
            .and_then(|random| FileStorage::create_new(path, &new_file(new_header(random))));
        match created {
            // Another process created it first, so this one opens that file.
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
        // A vacuum may have replaced the file before this process took its liveness byte.
        let leads_here =
            |storage: &dyn Storage| storage.place().is_ok_and(|place| place.name_leads_here);
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
        let engine = Engine::open(path, storage, log, limits, index, self.background)?;
        Ok(engine.with_pepper_file(self.pepper_file.clone()))
    }

    /// Sets how long a sync waits for other processes to recover from a failed one. Call it after
    /// `lock_timeout`, which sets it too.
    #[cfg(feature = "internals")]
    pub fn recovery_timeout(mut self, timeout: Duration) -> Self {
        self.log.recovery_timeout = timeout;
        self
    }

    /// Sets the bytes of chain between two checkpoints. Default: 4 MiB.
    #[cfg(feature = "internals")]
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.log.checkpoint_bytes = bytes;
        self
    }

    /// Opens the file in the given storage, such as a simulated disk. With `create`, an empty
    /// storage first becomes a database.
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

/// Returns the error for a file that this process has open by a name that was removed.
fn renamed(before: &Path, now: &Path) -> Error {
    let message = format!(
        "this process has the file open as {}, which is no longer its name: drop the handles of \
         that database first",
        before.display()
    );
    Error::new(ErrorKind::InvalidState, message).with_path(now)
}

impl Database {
    /// Opens the file, and creates it first if it does not exist.
    ///
    /// Any number of processes may call this at once. One of them creates the file, and all open
    /// it.
    ///
    /// # Errors
    ///
    /// - Those of [`Database::open`].
    /// - [`ErrorKind::NotFound`] if the folder does not exist.
    ///
    /// # Performance
    ///
    /// Creating takes two syncs. Opening takes as long as in [`Database::open`].
    pub fn create(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().create(true).open(path)
    }

    /// Opens an existing file.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such file.
    /// - [`ErrorKind::NotTracklite`] if the file is something else.
    /// - [`ErrorKind::UnsupportedFormat`] if its format is newer than this build.
    /// - [`ErrorKind::ReadOnly`] if a newer build wrote it such that this build may only read it.
    /// - [`ErrorKind::Damaged`] if its header or metadata is damaged.
    ///
    /// # Performance
    ///
    /// Reads the metadata since its newest checkpoint, and one word for each earlier piece. It does
    /// not read the points.
    pub fn open(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().open(path)
    }

    /// Opens an existing file for reading.
    ///
    /// The file is not changed and not locked, so it may be on a read-only medium. Only a backup
    /// takes a lock, if permitted.
    ///
    /// # Errors
    ///
    /// - Those of [`Database::open`].
    ///
    /// Each later write fails with [`ErrorKind::ReadOnly`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Database> {
        Database::builder().read_only(true).open(path)
    }

    /// Returns a builder for opening a file with options.
    pub fn builder() -> DatabaseBuilder {
        DatabaseBuilder::new()
    }
}
