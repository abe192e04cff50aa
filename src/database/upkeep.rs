//! Maintenance of a file: facts, gc, backup, vacuum, verify, salvage, dump.

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
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::log::Damage;
#[cfg(feature = "internals")]
use crate::storage::Storage;
use crate::verify::dump::{self, DumpedFrame};
use crate::verify::{self, VerifyReport};

impl Database {
    /// Returns facts about the file: sizes, counts, writers, warnings.
    ///
    /// # Performance
    ///
    /// Reads the live extents.
    pub fn info(&self) -> Result<DatabaseInfo> {
        self.engine().located(info::info(self.engine()))
    }

    /// Purges all deleted runs, experiments and logged models permanently, and frees their space.
    ///
    /// This also frees the space of artifacts that were deleted or replaced. Names and params of
    /// purged runs stay in the history of the file until a vacuum. Other processes may write during
    /// the call.
    ///
    /// # Performance
    ///
    /// Takes two syncs, and rewrites blocks whose points are mostly purged.
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

    /// Copies the file to a new file, while this and other processes continue to write.
    ///
    /// The copy has every point that was logged before the call. If a process logs points during
    /// the call, the copy has the first ones of them. The copy is compact, because all its points
    /// are sealed.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if the new file exists.
    /// - [`ErrorKind::UnsupportedFormat`] if the file has records that only a newer build can copy.
    /// - [`ErrorKind::Locked`] if this process may only read the file and another one is writing.
    ///
    /// # Performance
    ///
    /// Reads and writes all live data once.
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

    /// Rewrites a file without purged data and empty space, which shortens it.
    ///
    /// The old file stays in place until the new one is complete and synced, so the disk needs room
    /// for both. The new file has the mode of the old one. It also has the owner, group, access
    /// list and other attributes, if the process may set them.
    ///
    /// The last writer that closes a file may vacuum it automatically. It does not touch files of
    /// other users.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such file.
    /// - [`ErrorKind::Locked`] if a process has the file open for writing.
    /// - [`ErrorKind::InvalidState`] if the file has other names (hard links).
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

    /// Checks every checksum of a file and the consistency of its content. Changes nothing.
    ///
    /// The report lists each damage.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such file.
    /// - [`ErrorKind::NotTracklite`] or [`ErrorKind::Damaged`] if the header is unreadable.
    ///
    /// # Performance
    ///
    /// Reads and decodes the whole file.
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

    /// Copies the intact data of a damaged file to a new file, and lists the losses.
    ///
    /// The damaged file does not change. Other processes may write to it during the call, as in
    /// [`Database::backup`]. Points that they log during the call are not reported as losses. The
    /// file `out` appears when it is complete and durable.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no file `path`.
    /// - [`ErrorKind::AlreadyExists`] if `out` exists.
    /// - [`ErrorKind::Locked`] if this process may only read the file and another one is writing.
    pub fn salvage(path: impl AsRef<Path>, out: impl AsRef<Path>) -> Result<SalvageReport> {
        salvage(path.as_ref(), out.as_ref())
    }

    /// Writes each frame and record of the metadata chain as readable text.
    pub fn dump(path: impl AsRef<Path>, out: &mut dyn Write) -> Result<()> {
        dump::dump(path.as_ref(), out)
    }

    /// Visits each intact frame of the metadata chain in order. Returns the damages between them.
    ///
    /// # Errors
    ///
    /// - Any error of `visit`, which ends the traversal.
    ///
    /// # Performance
    ///
    /// Reads the whole chain.
    pub fn frames(
        path: impl AsRef<Path>,
        mut visit: impl FnMut(&DumpedFrame) -> Result<()>,
    ) -> Result<Vec<Damage>> {
        dump::frames(path.as_ref(), &mut visit)
    }

    /// Returns the runs, experiments and logged models that were deleted at this time or earlier.
    ///
    /// For an experiment, the time of its last change counts. Logged models of a deleted experiment
    /// are not listed separately.
    pub fn deleted_before(&self, time: Timestamp) -> Result<Deleted> {
        self.engine().with_index(|index, _| {
            Ok(Deleted {
                runs: index.runs_deleted_before(time)?,
                experiments: index.experiments_deleted_before(time)?,
                logged_models: index.models_deleted_before(time)?,
            })
        })
    }

    /// Purges the chosen deleted objects permanently, and frees their space.
    ///
    /// Purging an experiment purges its runs and logged models too. [`Database::gc`] purges
    /// everything that is deleted.
    ///
    /// # Errors
    ///
    /// Nothing is purged after an error.
    ///
    /// - [`ErrorKind::NotFound`] if one of them does not exist.
    /// - [`ErrorKind::InvalidState`] if one of them is not deleted.
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

/// Writes a backup to a new file in the given storage.
#[cfg(feature = "internals")]
pub fn backup_to_storage(database: &Database, storage: Arc<dyn Storage>) -> Result<()> {
    let log = &database.engine().log;
    let doing = |source| Error::io("creating the copy", source);
    storage.write_at(0, &crate::log::new_file(log.header())).map_err(doing)?;
    storage.sync().map_err(doing)?;
    let _held = log.wait_for_maintenance()?;
    crate::copy::copy_into(log, storage, database.path(), false).map(|_| ())
}
