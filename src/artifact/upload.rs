//! Writing files: cuts them into chunks, stores each chunk once, and names them in one frame.
//!
//! The order makes a file appear completely or not at all: write the bytes, sync, append the frame.
//! Chunks that were written but not named by a frame are freed at the end.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use foldhash::fast::RandomState;

use crate::engine::Engine;
use crate::engine::chunk_store::{Block, ChunkStore, Unnamed, fill};
use crate::engine::guards::{
    check_logged_model_writable, check_run_active, check_version_writable,
};
use crate::engine::pipeline::store_file;
use crate::entity::artifact_path::media_type;
use crate::entity::id::Timestamp;
use crate::entity::{ArtifactOwner, ContentHash, TableId};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ArtifactReferenced, ArtifactsDeleted, ArtifactsWritten, ChunksFreed, ChunksStored,
    ExperimentLifecycleSet, LoggedModelLifecycleSet, LoggedModelsPurged, ModelVersionDeleted,
    ModelVersionFinalized, ModelVersionUpdated, Purged, Record, RegisteredModelDeleted,
    RunLifecycleSet, StoredChunk, TABLE_KINDS, WrittenFile,
};
use crate::index::Index;

/// The number of chunks of small files that are in memory at a time.
const BLOCK_CHUNKS_MAX: usize = 4096;
/// The maximum number of files in one frame.
const FILES_MAX: usize = 4096;
/// Records that must not appear between the lookup in the index and the frame that names files.
const GUARDED: [RangeInclusive<u16>; 9] = [
    ChunksStored::KIND..=ChunksFreed::KIND,
    ExperimentLifecycleSet::KIND..=ExperimentLifecycleSet::KIND,
    RunLifecycleSet::KIND..=RunLifecycleSet::KIND,
    Purged::KIND..=Purged::KIND,
    ArtifactsWritten::KIND..=ArtifactsDeleted::KIND,
    LoggedModelLifecycleSet::KIND..=LoggedModelsPurged::KIND,
    RegisteredModelDeleted::KIND..=RegisteredModelDeleted::KIND,
    ModelVersionUpdated::KIND..=ModelVersionDeleted::KIND,
    ModelVersionFinalized::KIND..=ModelVersionFinalized::KIND,
];

/// Where the bytes of a file come from.
pub(crate) enum Source<'a> {
    /// A local file.
    File(PathBuf),
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// A reader, which can be read once.
    Reader(&'a RefCell<dyn Read + 'a>),
}

/// A file to write.
pub(crate) struct Planned<'a> {
    /// The path below the owner.
    pub(crate) path: String,
    /// The source of the bytes.
    pub(crate) source: Source<'a>,
    /// The expected number of bytes.
    pub(crate) size: u64,
}

impl Planned<'_> {
    fn is_read_once(&self) -> bool {
        matches!(self.source, Source::Reader(_))
    }
}

/// Writes files, at most 4,096 in a frame. The files of a frame appear at once.
///
/// If `is_new`, a file that already exists is an error.
///
/// Calls `progress` with the number of bytes read so far. An error from it ends the upload.
pub(crate) fn upload(
    engine: &Engine,
    owner: ArtifactOwner,
    planned: &[Planned<'_>],
    is_new: bool,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    engine.log.check_usable()?;
    // Checked again before the frame. This first check avoids reading files that cannot be written.
    engine.with_index(|index, _| {
        check_owner(index, &owner)?;
        planned.iter().try_for_each(|file| check_place(index, &owner, &file.path, is_new))
    })?;
    let place = engine.log.storage().place();
    let place = place.map_err(|source| Error::io("looking up the database file", source))?;
    let mut upload = Upload {
        store: ChunkStore::new(engine, planned.iter().map(|file| file.size).sum())?,
        owner,
        is_new,
        database: (place.device, place.inode),
        block: Block::default(),
        files: Vec::new(),
        taken: 0,
        progress,
        rows: None,
    };
    planned.chunks(FILES_MAX).try_for_each(|files| upload.write(files))
}

/// The records of rows, decided on the index directly before the frame that has them.
pub(crate) type RowRecords<'a> = dyn Fn(&Index) -> Result<Vec<Record>> + 'a;

/// Writes the files of a table, with the records that `rows` returns, in one frame.
///
/// `rows` runs again if records of tables appeared after the index was read.
pub(crate) fn upload_rows(
    engine: &Engine,
    table: TableId,
    files: &[(String, Vec<u8>)],
    rows: &RowRecords<'_>,
) -> Result<()> {
    engine.log.check_usable()?;
    let planned = files.iter().map(|(path, bytes)| {
        let size = bytes.len() as u64;
        Planned { path: path.clone(), source: Source::Bytes(bytes), size }
    });
    let planned: Vec<Planned<'_>> = planned.collect();
    let mut upload = Upload {
        store: ChunkStore::new(engine, planned.iter().map(|file| file.size).sum())?,
        owner: ArtifactOwner::Table(table),
        is_new: true,
        // No file is read from a path.
        database: (0, 0),
        block: Block::default(),
        files: Vec::new(),
        taken: 0,
        progress: &mut |_| Ok(()),
        rows: Some(rows),
    };
    upload.write(&planned)
}

/// Writes a reference to a file outside the database.
pub(crate) fn refer(engine: &Engine, reference: &ArtifactReferenced) -> Result<()> {
    engine.append_decided(&GUARDED, |index| {
        check_owner(index, &reference.owner)?;
        check_place(index, &reference.owner, &reference.path, false)?;
        Ok((vec![reference.clone().into()], ()))
    })
}

/// Deletes a file, or a folder with all its files. Fails with [`ErrorKind::NotFound`] otherwise.
pub(crate) fn delete(engine: &Engine, owner: ArtifactOwner, path: &str) -> Result<()> {
    engine.append_decided(&GUARDED, |index| {
        check_owner(index, &owner)?;
        let is_file = || index.artifact(&owner, path).map(|artifact| artifact.is_some());
        if index.artifacts_within(&owner, path)?.is_empty() && !is_file()? {
            return Err(no_such_artifact(&owner, path));
        }
        let time = Timestamp::now_nanos();
        Ok((vec![ArtifactsDeleted { owner, time, path: path.to_owned() }.into()], ()))
    })
}

/// Fails if the owner does not exist or does not accept artifacts.
fn check_owner(index: &Index, owner: &ArtifactOwner) -> Result<()> {
    match owner {
        ArtifactOwner::Run(id) => check_run_active(index, *id),
        ArtifactOwner::LoggedModel(id) => check_logged_model_writable(index, *id),
        ArtifactOwner::ModelVersion { model, version } => {
            check_version_writable(index, *model, *version)
        }
        ArtifactOwner::Table(_) => {
            let message = "the files of a table are written with its rows: write rows instead";
            Err(Error::new(ErrorKind::InvalidState, message))
        }
    }
}

/// Fails if the path needs a folder where a file exists, or a file where a folder exists. If
/// `is_new`, also if the file itself exists.
fn check_place(index: &Index, owner: &ArtifactOwner, path: &str, is_new: bool) -> Result<()> {
    if is_new && index.artifact(owner, path)?.is_some() {
        let message = format!("the file {path:?} already exists");
        return Err(Error::new(ErrorKind::AlreadyExists, message));
    }
    match index.path_in_the_way(owner, path)? {
        None => Ok(()),
        Some(other) => {
            let message = format!("cannot write the file {path:?}: {other:?} already exists");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

pub(crate) fn no_such_artifact(owner: &ArtifactOwner, path: &str) -> Error {
    let owner = match owner {
        ArtifactOwner::Run(run) => format!("run {run}"),
        ArtifactOwner::LoggedModel(model) => format!("logged model {model}"),
        ArtifactOwner::ModelVersion { version, .. } => format!("model version {version}"),
        ArtifactOwner::Table(table) => format!("table {table}"),
    };
    Error::new(ErrorKind::NotFound, format!("{owner} has no artifact {path:?}"))
}

/// The outcome of an attempt to append the frame that names the files.
enum Named {
    /// The frame is appended. Other uploads stored these chunks too, so our copies are spare.
    Done(Vec<StoredChunk>),
    /// The frame is not appended, because these chunks were freed.
    Missing(Vec<ContentHash>),
}

struct Upload<'a> {
    store: ChunkStore<'a>,
    owner: ArtifactOwner,
    is_new: bool,
    /// Device and inode of the database file.
    database: (u64, u64),
    /// Small files in memory.
    block: Block,
    files: Vec<WrittenFile>,
    taken: u64,
    progress: &'a mut dyn FnMut(u64) -> Result<()>,
    /// The records of the rows in the files of a table.
    rows: Option<&'a RowRecords<'a>>,
}

impl Upload<'_> {
    /// Writes the files of one frame.
    fn write(&mut self, planned: &[Planned<'_>]) -> Result<()> {
        let taken = self.taken;
        let mut retry = self.store.engine.log.retry();
        loop {
            self.files.clear();
            self.taken = taken;
            for file in planned {
                self.read(file)?;
            }
            self.store_all()?;
            match self.name()? {
                Named::Done(spare) => {
                    self.store.unnamed.chunks.clear();
                    self.store.unnamed.known.clear();
                    // A failure is ignored, because the files are written.
                    let _ = self.store.unnamed.give_back(&spare);
                    return Ok(());
                }
                Named::Missing(_) if planned.iter().any(Planned::is_read_once) => {
                    let message = "chunks that the file shares were freed during the upload: \
                                   repeat the upload";
                    return Err(Error::new(ErrorKind::Conflict, message));
                }
                Named::Missing(missing) => {
                    self.store.unnamed.known.retain(|hash| !missing.contains(hash));
                }
            }
            retry.again("chunks that the files share were freed during the upload")?;
        }
    }

    fn read(&mut self, planned: &Planned<'_>) -> Result<()> {
        match &planned.source {
            Source::Bytes(bytes) => self.read_from(&planned.path, &mut &bytes[..]),
            Source::Reader(reader) => self.read_from(&planned.path, &mut *reader.borrow_mut()),
            Source::File(path) => {
                let reading = |source| {
                    let doing = format!("reading {}", path.display());
                    match io::Error::kind(&source) {
                        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, doing),
                        _ => Error::new(ErrorKind::Io, doing),
                    }
                    .with_source(source)
                };
                let file = File::open(path).map_err(reading)?;
                let facts = file.metadata().map_err(reading)?;
                if !facts.is_file() || (facts.dev(), facts.ino()) == self.database {
                    let reason =
                        if facts.is_file() { "is the database" } else { "is not a regular file" };
                    let message = format!("cannot log {}: it {reason}", path.display());
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                // Another process may append to the file. The length is fixed here, so that the
                // upload ends.
                self.read_from(&planned.path, &mut file.take(facts.len())).map_err(|error| {
                    let is_foreign = error.kind() == ErrorKind::Io && error.path().is_none();
                    if is_foreign { error.with_path(path) } else { error }
                })
            }
        }
    }

    /// Reads a file to its end. If it exceeds a block, several threads read, cut, hash and store
    /// the rest.
    fn read_from(&mut self, path: &str, source: &mut dyn Read) -> Result<()> {
        let mut start = self.block.bytes.len();
        let mut is_end = self.fill(source)?;
        if !is_end && start > 0 {
            self.store.put_block(&mut self.block, start)?;
            start = 0;
            is_end = self.fill(source)?;
        }
        let (size, digest, chunks) = match is_end {
            true => self.block.cut(start),
            false => {
                let first = std::mem::take(&mut self.block.bytes);
                let (taken, progress) = (&mut self.taken, &mut *self.progress);
                let mut passed = |bytes: usize| {
                    *taken += bytes as u64;
                    progress(*taken)
                };
                store_file(&mut self.store, first, source, &mut passed)?
            }
        };
        if self.block.chunks.len() >= BLOCK_CHUNKS_MAX {
            self.store_all()?;
        }
        let content = self.store.content(chunks)?;
        let media_type = media_type(path).map(str::to_owned);
        self.files.push(WrittenFile { path: path.to_owned(), size, digest, media_type, content });
        Ok(())
    }

    /// Reads until the block is full. Returns whether the file ended.
    fn fill(&mut self, source: &mut dyn Read) -> Result<bool> {
        let (got, is_end) = fill(&mut self.block.bytes, source)?;
        self.taken += got as u64;
        (self.progress)(self.taken)?;
        Ok(is_end)
    }

    /// Stores all chunks of the block and empties it.
    fn store_all(&mut self) -> Result<()> {
        let end = self.block.bytes.len();
        self.store.put_block(&mut self.block, end)
    }

    /// Syncs the chunks, then appends the frame that names the files.
    fn name(&mut self) -> Result<Named> {
        if self.files.is_empty() {
            return Ok(Named::Done(Vec::new()));
        }
        if !self.store.unnamed.chunks.is_empty() {
            self.store.engine.log.sync_chunks()?;
        }
        let time = Timestamp::now_nanos();
        let is_doubtful = &self.store.unnamed.is_doubtful;
        let guarded = [&GUARDED[..], &[TABLE_KINDS][..if self.rows.is_some() { 1 } else { 0 }]];
        let named = self.store.engine.append_decided(&guarded.concat(), |index| {
            is_doubtful.set(false);
            let rows = match self.rows {
                Some(rows) => rows(index)?,
                None => check_owner(index, &self.owner).map(|()| Vec::new())?,
            };
            for file in &self.files {
                check_place(index, &self.owner, &file.path, self.is_new)?;
            }
            let missing = missing(index, &self.store.unnamed)?;
            if !missing.is_empty() {
                return Ok((Vec::new(), Named::Missing(missing)));
            }
            let (chunks, spare) = divide(index, &self.store.unnamed.chunks)?;
            let mut records: Vec<Record> = Vec::new();
            if !chunks.is_empty() {
                records.push(ChunksStored { chunks }.into());
            }
            let (owner, files) = (self.owner, self.files.clone());
            records.push(ArtifactsWritten { owner, time, files }.into());
            records.extend(rows);
            is_doubtful.set(true);
            Ok((records, Named::Done(spare)))
        })?;
        is_doubtful.set(false);
        Ok(named)
    }
}

/// Returns the chunks that existed when they were looked up, and have been freed since.
fn missing(index: &Index, unnamed: &Unnamed<'_>) -> Result<Vec<ContentHash>> {
    let own: HashSet<ContentHash, RandomState> =
        unnamed.chunks.iter().map(|chunk| chunk.hash).collect();
    let hashes: Vec<ContentHash> = unnamed.known.difference(&own).copied().collect();
    let found = index.chunks(&hashes)?;
    let missing = hashes.iter().zip(found).filter(|(_, found)| found.is_none());
    Ok(missing.map(|(hash, _)| *hash).collect())
}

/// Returns the chunks to name, and those that another upload has stored and named meanwhile.
fn divide(index: &Index, chunks: &[StoredChunk]) -> Result<(Vec<StoredChunk>, Vec<StoredChunk>)> {
    let hashes: Vec<ContentHash> = chunks.iter().map(|chunk| chunk.hash).collect();
    let found = index.chunks(&hashes)?;
    let both: Vec<_> = chunks.iter().copied().zip(found).collect();
    let pick = |is_stored: bool| {
        both.iter().filter(move |(_, found)| found.is_some() == is_stored).map(|(chunk, _)| *chunk)
    };
    Ok((pick(false).collect(), pick(true).collect()))
}
