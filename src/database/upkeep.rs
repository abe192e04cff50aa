//! What keeps a file in shape: gc of deleted runs, backup, vacuum, and facts about the file.

use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::XattrFlags;

use crate::copy::{Copied, copy_temporary, copy_to, sync_folder, temporary_beside};
use crate::engine::Engine;
use crate::engine::free_chunks::free_chunks;
use crate::engine::shared::{absolute, is_open_here};
use crate::entity::id::Timestamp;
use crate::entity::{Lifecycle, RunInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::block;
use crate::format::record::{
    BlockMoved, BlockPlace, ExperimentLifecycleSet, LoggedModelLifecycleSet, LoggedModelsPurged,
    Purged, RunLifecycleSet, SealedBlock,
};
use crate::format::{FORMAT_VERSION, unit_start};
use crate::index::{BlockRuns, Index, RunScope};
use crate::log::{Log, LogOptions};
use crate::mutant::{self, Mutant};
use crate::storage::{
    Access, FilePlace, Storage, WritePath, is_temporary_name, open_file, remove, replace,
};

/// A file of at least this length vacuums itself when it is mostly holes.
const VACUUM_LENGTH_MIN: u64 = 16 * 1024 * 1024;
/// What a vacuum by itself copies at most: well under a second.
const VACUUM_ALLOCATED_MAX: u64 = 64 * 1024 * 1024;

/// The greatest length of a file's attribute, and of the list of their names.
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;
/// How many runs and how many experiments one frame purges at most.
const PURGED_MAX: usize = 10_000;
/// How many blocks gc rewrites between two syncs.
const MOVES_MAX: usize = 512;
/// About how many bytes of records name them.
const MOVE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What gc did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcReport {
    /// Runs that are gone.
    pub runs: u64,
    /// Experiments that are gone.
    pub experiments: u64,
    /// Logged models that are gone.
    pub logged_models: u64,
    /// Bytes of column blocks, and of chunks of artifacts, whose space was given back.
    pub freed_bytes: u64,
}

/// What vacuum did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VacuumReport {
    /// The length of the file before.
    pub before_bytes: u64,
    /// The length of the file now.
    pub after_bytes: u64,
}

/// A process that has the file open for writing, or had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterInfo {
    /// Its process id, as it said.
    pub process: u32,
    /// The host's name.
    pub host: String,
    /// When it opened the file.
    pub opened: Timestamp,
    /// Whether it still has the file open.
    pub alive: bool,
}

/// Facts about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseInfo {
    /// The path by which it was opened.
    pub path: PathBuf,
    /// The random id in its header.
    pub file_id: u128,
    /// The version of its format.
    pub format_version: u16,
    /// When it was created.
    pub created: Timestamp,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// The space that it takes on the disk.
    pub allocated_bytes: u64,
    /// Experiments, deleted ones too.
    pub experiments: u64,
    /// Runs, deleted ones too.
    pub runs: u64,
    /// Points, sealed and live.
    pub points: u64,
    /// Bytes of extents that are not sealed.
    pub unsealed_bytes: u64,
    /// Bytes of units of the metadata chain.
    pub chain_bytes: u64,
    /// Writers that have not left the file.
    pub writers: Vec<WriterInfo>,
    /// The file of the index; `None` when it is in memory.
    pub index_path: Option<PathBuf>,
    /// What somebody should look at.
    pub warnings: Vec<String>,
}

pub(crate) fn info(engine: &Engine) -> Result<DatabaseInfo> {
    let log = &engine.log;
    let doing = |source| Error::io("asking for the size of the file", source);
    let points = engine.count_points()?;
    let counts = engine.with_index(|index, _| index.counts())?;
    let extents = engine.with_index(|index, _| index.unsealed_extents())?;
    let unsealed_bytes = extents.iter().map(|(_, extent)| unit_start(extent.units)).sum();
    let header = log.header();
    let file_bytes = log.storage().len().map_err(doing)?;
    let allocated_bytes = log.storage().allocated_bytes().map_err(doing)?;
    let mut warnings = log.warnings();
    if log.is_poisoned()? {
        warnings.push("a sync of this file failed: see the log of the system".to_owned());
    }
    if file_bytes >= VACUUM_LENGTH_MIN && file_bytes > 2 * allocated_bytes {
        warnings.push("the file is mostly holes: `tracklite vacuum` makes it shorter".to_owned());
    }
    if counts.dropped > 0 {
        let message = "points beyond the last sync were lost in a power cut";
        warnings.push(format!("{} {message}", counts.dropped));
    }
    Ok(DatabaseInfo {
        path: engine.path().to_owned(),
        file_id: header.file.0,
        format_version: FORMAT_VERSION,
        created: Timestamp::from_nanos(header.created),
        file_bytes,
        allocated_bytes,
        experiments: counts.experiments,
        runs: counts.runs,
        points,
        unsealed_bytes,
        chain_bytes: log.chain_bytes()?,
        writers: writers(engine)?,
        index_path: engine.index_path(),
        warnings,
    })
}

fn writers(engine: &Engine) -> Result<Vec<WriterInfo>> {
    let open = engine.with_index(|index, _| index.open_writers())?;
    let mut writers = Vec::new();
    for writer in open {
        writers.push(WriterInfo {
            process: writer.process,
            host: writer.host,
            opened: writer.opened,
            alive: engine.log.is_alive(writer.incarnation)?,
        });
    }
    Ok(writers)
}

/// Purges what is marked deleted, and gives the space of its points back.
pub(crate) fn gc(engine: &Engine) -> Result<GcReport> {
    with_space_given_back(engine, |engine| {
        let logged_models = purge_logged_models(engine)?;
        let mut report = GcReport { logged_models, ..GcReport::default() };
        while let Some(purged) = purge(engine)? {
            report.runs += purged.runs.len() as u64;
            report.experiments += purged.experiments.len() as u64;
        }
        Ok(report)
    })
}

/// Purges by `purge`, with the maintenance lock, and gives back the space of what is gone.
pub(crate) fn with_space_given_back(
    engine: &Engine,
    purge: impl FnOnce(&Engine) -> Result<GcReport>,
) -> Result<GcReport> {
    let log = &engine.log;
    log.check_usable()?;
    if log.is_poisoned()? {
        // Waits for the recovery, which needs the maintenance lock: before it is taken here.
        log.sync()?;
    }
    let _janitor = log.wait_for_maintenance()?;
    let mut report = purge(engine)?;
    report.freed_bytes = free_blocks(engine)? + free_chunks(engine)?;
    Ok(report)
}

/// Purges the logged models that are marked deleted, or whose experiment is; gives their number.
fn purge_logged_models(engine: &Engine) -> Result<u64> {
    let kinds = [
        LoggedModelLifecycleSet::KIND..=LoggedModelsPurged::KIND,
        ExperimentLifecycleSet::KIND..=ExperimentLifecycleSet::KIND,
    ];
    let mut purged = 0;
    loop {
        let count = engine.append_decided(&kinds, |index| {
            let models = index.deleted_logged_models(PURGED_MAX)?;
            let count = models.len() as u64;
            Ok((if count > 0 { vec![LoggedModelsPurged { models }.into()] } else { vec![] }, count))
        })?;
        purged += count;
        if count == 0 {
            return Ok(purged);
        }
    }
}

/// Makes it irreversible that what is marked deleted is gone, as much as goes into a frame; `None`
/// when nothing is marked.
fn purge(engine: &Engine) -> Result<Option<Purged>> {
    let only = |kind| kind..=kind;
    // What was looked up must still hold when it is made irreversible.
    let kinds =
        [only(ExperimentLifecycleSet::KIND), only(RunLifecycleSet::KIND), only(Purged::KIND)];
    engine.append_decided(&kinds, |index| {
        let purged = deleted(index)?;
        match purged.runs.is_empty() && purged.experiments.is_empty() {
            true => Ok((Vec::new(), None)),
            false => Ok((vec![purged.clone().into()], Some(purged))),
        }
    })
}

/// What is marked deleted, as much as goes into a frame: experiments when their runs are gone.
fn deleted(index: &Index) -> Result<Purged> {
    let is_deleted = |lifecycle| lifecycle == Lifecycle::Deleted;
    let experiments = index.experiments()?.into_iter().filter(|it| is_deleted(it.lifecycle));
    let mut experiments: Vec<_> = experiments.map(|it| it.id).collect();
    let runs = index.run_infos(RunScope::All)?;
    let is_gone = |run: &&RunInfo| {
        is_deleted(run.lifecycle) || experiments.binary_search(&run.experiment).is_ok()
    };
    let mut runs: Vec<_> = runs.iter().filter(is_gone).map(|run| run.id).collect();
    experiments.truncate(if runs.len() > PURGED_MAX { 0 } else { PURGED_MAX });
    runs.truncate(PURGED_MAX);
    Ok(Purged { runs, experiments })
}

/// Rewrites blocks that are mostly dead, and gives back the space of what no frame names.
fn free_blocks(engine: &Engine) -> Result<u64> {
    let mut freed = 0;
    let (mut moves, mut bytes) = (Vec::new(), 0);
    for block in engine.with_index(|index, _| index.blocks_with_purged())? {
        let Some(moved) = rewrite(&engine.log, &block)? else { continue };
        bytes += record_bytes(&moved);
        moves.push(moved);
        if moves.len() >= MOVES_MAX || bytes >= MOVE_BYTES_MAX {
            freed += commit_moves(&engine.log, &moves)?;
            moves.clear();
            bytes = 0;
        }
    }
    Ok(freed + commit_moves(&engine.log, &moves)?)
}

/// About what the record of a move takes in a frame, or more.
fn record_bytes(moved: &BlockMoved) -> usize {
    let Some(to) = &moved.to else { return 32 };
    let inline = if let BlockPlace::Inline(bytes) = &to.place { bytes.len() } else { 0 };
    64 + inline + to.series.len() * 48
}

/// Makes the chain name the blocks at their new places, and gives the space of the old ones back.
///
/// Nothing records that this space is owed: what a process leaves that dies before it is given
/// back is free after the next vacuum.
///
/// The syncs do not wait out a poison: nobody can lift it while the caller has the maintenance
/// lock.
fn commit_moves(log: &Log, moves: &[BlockMoved]) -> Result<u64> {
    if moves.is_empty() {
        return Ok(0);
    }
    log.sync_once()?;
    log.append(|_, _| Ok((moves.iter().cloned().map(Into::into).collect(), ())))?;
    if !mutant::is_active(Mutant::Rule14MovedBeforeSync) {
        log.sync_once()?;
    }
    let mut freed = 0;
    for it in moves {
        log.punch_range(it.from, u64::from(it.from_length))?;
        freed += u64::from(it.from_length);
    }
    Ok(freed)
}

/// The move of a block without its purged runs; `None` when too little of it is dead.
fn rewrite(log: &Log, block: &BlockRuns) -> Result<Option<BlockMoved>> {
    let BlockPlace::At { offset, length, .. } = block.place else { return Ok(None) };
    let moved = |to| Some(BlockMoved { from: offset, from_length: length, to });
    if block.live.is_empty() {
        return Ok(moved(None));
    }
    if (block.purged as usize) < block.live.len() {
        return Ok(None);
    }
    let bytes = log.read_block(&block.place)?;
    let keep = |run| block.live.iter().any(|(_, live)| *live == run);
    let Some(bytes) = block::retain(&bytes, keep)? else { return Ok(moved(None)) };
    let series = block::parse(&bytes)?.sealed_series();
    let place = log.adopt_block(bytes)?;
    Ok(moved(Some(SealedBlock { place, series })))
}

/// Writes what the file holds to a new file, while others go on writing to this one.
pub(crate) fn backup(engine: &Engine, to: &Path) -> Result<()> {
    copy_in_place(&engine.log, engine.path(), to, false).map(|_| ())
}

/// Writes a backup to a new file in a storage of a test's.
#[cfg(feature = "internals")]
pub fn backup_to_storage(database: &crate::Database, storage: Arc<dyn Storage>) -> Result<()> {
    let log = &database.engine().log;
    let doing = |source| Error::io("creating the copy", source);
    storage.write_at(0, &crate::log::new_file(log.header())).map_err(doing)?;
    storage.sync().map_err(doing)?;
    let _held = log.wait_for_maintenance()?;
    crate::copy::copy_into(log, storage, database.path(), false).map(|_| ())
}

/// Copies a log, which was opened by the name `path`, to a new file, with nothing punched
/// meanwhile: others may seal what is copied as an extent, and a punched one reads as empty.
///
/// That is what the maintenance lock is for. Who may only read the file cannot have it, and
/// copies what nobody writes.
pub(crate) fn copy_in_place(log: &Log, path: &Path, to: &Path, tolerant: bool) -> Result<Copied> {
    let to = absolute(to);
    if log.writer().is_some() {
        let _held = log.wait_for_maintenance()?;
        return copy_to(log, &to, tolerant, || Ok(()));
    }
    if let Some(storage) = second_storage(log, path)? {
        let _held = log.wait_for_maintenance_through(&*storage)?;
        return copy_to(log, &to, tolerant, || Ok(()));
    }
    let end = log.with_state(|_, cursor| cursor.next)?;
    log.refuse_writers()?;
    copy_to(log, &to, tolerant, || {
        // Whoever gives space back has told the chain before.
        if log.with_state(|_, cursor| cursor.next)? == end {
            return Ok(());
        }
        let message = "the file was written to while it was copied: try again";
        Err(Error::new(ErrorKind::Locked, message))
    })
}

/// The file of a log that only reads opened once more, to lock it; `None` where it may only be
/// read.
pub(crate) fn second_storage(log: &Log, path: &Path) -> Result<Option<Arc<dyn Storage>>> {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    let doing = |source| Error::io("opening the file to lock it", source);
    let storage = match open_file(path, Access::ReadWrite, WritePath::Positioned) {
        Err(error) if matches!(error.kind(), NotFound | PermissionDenied | ReadOnlyFilesystem) => {
            return Ok(None);
        }
        other => other.map_err(doing)?,
    };
    let (own, second) = (log.storage().place().map_err(doing)?, storage.place().map_err(doing)?);
    Ok(((own.device, own.inode) == (second.device, second.inode)).then_some(storage))
}

/// Rewrites the file without what is purged or empty. Nobody else may have it open for writing.
pub(crate) fn vacuum(path: &Path) -> Result<VacuumReport> {
    let path = absolute(path);
    let storage = open_file(&path, Access::ReadWrite, WritePath::Positioned)
        .map_err(|error| crate::database::builder::open_error("opening the file", &path, error))?;
    vacuum_storage(&path, &storage).map_err(|error| error.with_path(&path))
}

fn vacuum_storage(path: &Path, storage: &Arc<dyn Storage>) -> Result<VacuumReport> {
    let doing = |source| Error::io("looking at the file", source);
    let place = storage.place().map_err(doing)?;
    if is_open_here((place.device, place.inode)) {
        let message = "this process has the file open: close it before the vacuum";
        return Err(Error::new(ErrorKind::Locked, message));
    }
    refuse_replaced(&place)?;
    if place.links != 1 {
        let message = "the file has other names (hard links), which a vacuum would tear off";
        return Err(Error::new(ErrorKind::InvalidState, message));
    }
    let target = std::fs::canonicalize(path).map_err(doing)?;
    let before_bytes = storage.len().map_err(doing)?;
    // An opening without other writers repairs what a power cut left; it ends before the copy.
    Log::open(Arc::clone(storage), LogOptions::default())?.close()?;
    let options = LogOptions { read_only: true, ..LogOptions::default() };
    let log = Log::open(Arc::clone(storage), options)?;
    let _all = log.lock_out_writers()?;
    // From here on nobody else puts a file there. Before, another vacuum may have: what was logged
    // into its file since would be lost under a copy of this one.
    refuse_replaced(&storage.place().map_err(doing)?)?;
    remove_leftovers(&target);
    let temporary = temporary_beside(&target)?;
    let written = copy_temporary(&log, &temporary, &target, false).and_then(|_| {
        let kept = keep_facts(&target, &temporary);
        kept.and_then(|()| replace(&temporary, &target))
            .map_err(|source| Error::io("putting the new file in place", source))
    });
    if written.is_err() {
        let _ = remove(&temporary);
    }
    written?;
    sync_folder(&target)?;
    let after_bytes = std::fs::metadata(&target).map_err(doing)?.len();
    Ok(VacuumReport { before_bytes, after_bytes })
}

/// Another vacuum may have put its file in place after this one was opened: the old file then has
/// no name left, or its name leads to the new one.
fn refuse_replaced(place: &FilePlace) -> Result<()> {
    if place.links > 0 && place.name_leads_here {
        return Ok(());
    }
    let message = "another process has just vacuumed the file: try again";
    Err(Error::new(ErrorKind::Locked, message))
}

/// Vacuums a file that was just closed, when it is mostly holes and the copy takes no time.
///
/// Not somebody else's: the new file might become this process's own.
pub(crate) fn vacuum_if_mostly_holes(path: &Path, length: u64, allocated: u64) {
    let is_due =
        length >= VACUUM_LENGTH_MIN && length > 2 * allocated && allocated <= VACUUM_ALLOCATED_MAX;
    let user = rustix::process::geteuid().as_raw();
    if is_due && std::fs::metadata(path).is_ok_and(|facts| facts.uid() == user) {
        // Somebody may have opened it meanwhile: then it is not the last writer that left.
        let _ = vacuum(path);
    }
}

/// Removes what vacuums of this file that were killed have left; nobody else vacuums it now.
fn remove_leftovers(path: &Path) {
    let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else { return };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_temporary_name(&entry.file_name(), name) {
            // It is in nobody's way if it stays.
            let _ = remove(&entry.path());
        }
    }
}

/// Gives the new file what the old one's metadata says: its mode, and as far as this process may
/// its owner, its group and its attributes, of which its access list is one.
fn keep_facts(old: &Path, new: &Path) -> io::Result<()> {
    let facts = std::fs::metadata(old)?;
    if chown(new, Some(facts.uid()), Some(facts.gid())).is_err() {
        let _ = chown(new, None, Some(facts.gid()));
    }
    keep_attributes(old, new);
    std::fs::set_permissions(new, facts.permissions())
}

fn keep_attributes(old: &Path, new: &Path) {
    let mut names = vec![0; ATTRIBUTE_BYTES_MAX];
    let mut value = vec![0; ATTRIBUTE_BYTES_MAX];
    let Ok(length) = rustix::fs::listxattr(old, names.as_mut_slice()) else { return };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if let Ok(length) = rustix::fs::getxattr(old, name, value.as_mut_slice()) {
            let _ = rustix::fs::setxattr(new, name, &value[..length], XattrFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vacuum_of_a_file_that_another_one_replaced_is_to_be_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["runs", "other"].map(|name| folder.path().join(name));
        crate::Database::create(&path).unwrap().close().unwrap();
        std::fs::copy(&path, &other).unwrap();
        let storage = open_file(&path, Access::ReadWrite, WritePath::Positioned).unwrap();
        std::fs::rename(&other, &path).unwrap();
        let refused = vacuum_storage(&path, &storage).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
        assert!(vacuum(&path).is_ok());
    }
}
