//! Looking after a file: facts, gc, backup, vacuum, verify, salvage, dump.

use std::io::Write;
use std::path::Path;
#[cfg(feature = "internals")]
use std::sync::Arc;

use crate::copy::backup::copy_in_place;
use crate::copy::salvage::{SalvageReport, salvage};
use crate::copy::vacuum::{self, VacuumReport};
use crate::database::Database;
use crate::database::info::{self, DatabaseInfo};
use crate::engine::gc::{self, GcReport};
use crate::entity::Deleted;
use crate::entity::id::Timestamp;
#[cfg(feature = "internals")]
use crate::error::Error;
use crate::error::Result;
use crate::log::Damage;
#[cfg(feature = "internals")]
use crate::storage::Storage;
use crate::verify::dump::{self, DumpedFrame};
use crate::verify::{self, VerifyReport};

impl Database {
    /// Facts about the file: sizes, counts, writers, warnings. Reads the live extents.
    pub fn info(&self) -> Result<DatabaseInfo> {
        self.engine().located(info::info(self.engine()))
    }

    /// Purges all deleted runs and experiments for good, and gives the space of their points and
    /// artifacts back, and that of other artifacts that were deleted or replaced.
    ///
    /// Names and params of purged runs stay in the file's history until a vacuum. Others may go on
    /// writing meanwhile. Costs two syncs and the rewriting of blocks that are mostly dead.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// database.default_experiment()?.start_run("a mistake")?.delete()?;
    /// assert_eq!(database.gc()?.runs, 1);
    /// assert!(database.all_runs()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gc(&self) -> Result<GcReport> {
        self.engine().located(gc::gc(self.engine()))
    }

    /// Writes what the file holds now to a new file, while this and other processes go on writing.
    ///
    /// Every point logged before the call is in the copy, of those logged meanwhile the first ones
    /// of each process. A file that may only be read is copied while nobody writes it, else it is
    /// [`ErrorKind::Locked`].
    ///
    /// The copy is compact: its points are in column blocks. A file of that name is
    /// [`ErrorKind::AlreadyExists`]; records that only a newer build knows how to copy are
    /// [`ErrorKind::UnsupportedFormat`]. Costs the reading and writing of all that is live.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, copy) = (folder.path().join("runs.tracklite"), folder.path().join("copy"));
    /// use tracklite::Database;
    ///
    /// let database = Database::create(&path)?;
    /// let run = database.default_experiment()?.start_run("baseline")?;
    /// run.log_metric("loss", 0.5, 0)?;
    /// database.backup(&copy)?;
    /// assert!(Database::verify(&copy)?.is_sound());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<()> {
        let copied = copy_in_place(&self.engine().log, self.path(), to.as_ref(), false);
        self.engine().located(copied.map(drop))
    }

    /// Rewrites a file without what is purged or empty, so that it becomes shorter.
    ///
    /// While anybody has it open for writing it is [`ErrorKind::Locked`]; with other names (hard
    /// links) it is [`ErrorKind::InvalidState`]. Needs room for the new file beside the old one,
    /// which stays in place until the new one is whole and synced.
    ///
    /// The new file has the old one's mode and, as far as the process may give them, its owner,
    /// group, access list and other attributes. The vacuum that the last writer to close does by
    /// itself leaves a file alone that belongs to another user.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.tracklite");
    /// use tracklite::Database;
    ///
    /// Database::create(&path)?.close()?;
    /// let report = Database::vacuum(&path)?;
    /// assert!(report.after_bytes <= report.before_bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn vacuum(path: impl AsRef<Path>) -> Result<VacuumReport> {
        vacuum::vacuum(path.as_ref())
    }

    /// Checks every checksum of a file and that what it says fits together; names each damage, and
    /// changes nothing. Takes the time of reading and decoding the whole file.
    ///
    /// A file whose header cannot be read has no report: it is [`ErrorKind::NotTracklite`] or
    /// [`ErrorKind::Damaged`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.tracklite");
    /// # tracklite::Database::create(&path)?.close()?;
    /// for damage in tracklite::Database::verify(&path)?.damages {
    ///     println!("{} at byte {}: wanted {}, got {}",
    ///              damage.place, damage.offset, damage.wanted, damage.got);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(path: impl AsRef<Path>) -> Result<VerifyReport> {
        verify::verify(path.as_ref())
    }

    /// Writes all that is still good in a damaged file to a new one, and lists what is lost.
    ///
    /// The file itself stays as it is. Others may go on writing to it: as in a backup, nothing is
    /// moved meanwhile, every point logged before the call is looked at, and what is being logged
    /// is no loss. A file that may only be read is salvaged while nobody writes it, else it is
    /// [`ErrorKind::Locked`]. `out` gets its name when it is whole and durable; a file of that name
    /// is [`ErrorKind::AlreadyExists`].
    pub fn salvage(path: impl AsRef<Path>, out: impl AsRef<Path>) -> Result<SalvageReport> {
        salvage(path.as_ref(), out.as_ref())
    }

    /// Writes each frame and record of a file's metadata chain as text, for people.
    pub fn dump(path: impl AsRef<Path>, out: &mut dyn Write) -> Result<()> {
        dump::dump(path.as_ref(), out)
    }

    /// Visits each frame of a file's metadata chain that is sound by itself, in the order of the
    /// chain; gives what is damaged between them.
    ///
    /// Takes the time of reading the chain. An error of `visit` ends it.
    pub fn frames(
        path: impl AsRef<Path>,
        mut visit: impl FnMut(&DumpedFrame) -> Result<()>,
    ) -> Result<Vec<Damage>> {
        dump::frames(path.as_ref(), &mut visit)
    }

    /// What was marked deleted at this time or before, and still is.
    ///
    /// Of an experiment that is the time when it was changed last. Logged models of a deleted
    /// experiment are not listed by themselves.
    pub fn deleted_before(&self, time: Timestamp) -> Result<Deleted> {
        self.engine().with_index(|index, _| {
            Ok(Deleted {
                runs: index.runs_deleted_before(time)?,
                experiments: index.experiments_deleted_before(time)?,
                logged_models: index.models_deleted_before(time)?,
            })
        })
    }

    /// Purges some of what is marked deleted for good, and gives its space back; as
    /// [`Database::gc`] does with all of it. With an experiment go its runs and logged models.
    ///
    /// What is not there is [`ErrorKind::NotFound`], what is not deleted
    /// [`ErrorKind::InvalidState`]; then nothing is purged.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::Timestamp;
    ///
    /// let experiment = database.default_experiment()?;
    /// experiment.start_run("a mistake")?.delete()?;
    /// let deleted = database.deleted_before(Timestamp::now())?;
    /// experiment.start_run("another")?.delete()?;
    /// assert_eq!(database.purge(&deleted)?.runs, 1);
    /// assert_eq!(database.all_runs()?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn purge(&self, chosen: &Deleted) -> Result<GcReport> {
        self.engine().located(gc::purge_chosen(self.engine(), chosen))
    }
}

/// Writes a backup to a new file in a storage of a test's.
#[cfg(feature = "internals")]
pub fn backup_to_storage(database: &Database, storage: Arc<dyn Storage>) -> Result<()> {
    let log = &database.engine().log;
    let doing = |source| Error::io("creating the copy", source);
    storage.write_at(0, &crate::log::new_file(log.header())).map_err(doing)?;
    storage.sync().map_err(doing)?;
    let _held = log.wait_for_maintenance()?;
    crate::copy::copy_into(log, storage, database.path(), false).map(|_| ())
}
