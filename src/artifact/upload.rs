//! Writing files: cut into chunks, each of which is stored once, and named in one frame.
//!
//! The order is what makes a file appear whole or not at all: write the bytes; sync; append.
//! Whatever is written and not named in the end is given back.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use foldhash::fast::RandomState;

use crate::engine::Engine;
use crate::engine::chunk_store::{Block, ChunkStore, Unnamed, fill};
use crate::engine::guards::{check_logged_model_writable, check_run_active};
use crate::engine::pipeline::store_file;
use crate::entity::artifact_path::media_type;
use crate::entity::id::Timestamp;
use crate::entity::{ArtifactOwner, ContentHash};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ArtifactReferenced, ArtifactsDeleted, ArtifactsWritten, ChunksFreed, ChunksStored,
    ExperimentLifecycleSet, LoggedModelLifecycleSet, LoggedModelsPurged, Purged, Record,
    RunLifecycleSet, StoredChunk, WrittenFile,
};
use crate::index::Index;

/// How many chunks of small files are in hand at a time.
const BLOCK_CHUNKS_MAX: usize = 4096;
/// How many files one frame names.
const FILES_MAX: usize = 4096;
/// How often files are read again because chunks that they share were freed meanwhile.
const ATTEMPTS_MAX: usize = 16;

/// What must not happen between a look at the index and the frame that names files.
const GUARDED: [RangeInclusive<u16>; 6] = [
    ChunksStored::KIND..=ChunksFreed::KIND,
    ExperimentLifecycleSet::KIND..=ExperimentLifecycleSet::KIND,
    RunLifecycleSet::KIND..=RunLifecycleSet::KIND,
    Purged::KIND..=Purged::KIND,
    ArtifactsWritten::KIND..=ArtifactsDeleted::KIND,
    LoggedModelLifecycleSet::KIND..=LoggedModelsPurged::KIND,
];

/// Where the bytes of a file come from.
#[derive(Clone, Debug)]
pub(crate) enum Source<'a> {
    /// A file.
    File(PathBuf),
    /// These bytes.
    Bytes(&'a [u8]),
}

/// A file that is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Planned<'a> {
    /// Its path below its owner.
    pub(crate) path: String,
    /// Its bytes.
    pub(crate) source: Source<'a>,
    /// How many there seem to be.
    pub(crate) size: u64,
}

/// Writes files, at most 4,096 in a frame: those of a frame appear at once.
///
/// `progress` hears how many bytes have been read so far; its error ends the upload.
pub(crate) fn upload(
    engine: &Engine,
    owner: ArtifactOwner,
    planned: &[Planned<'_>],
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    engine.log.check_usable()?;
    // What cannot be written in the end is not read first.
    engine.with_index(|index, _| {
        check_owner(index, &owner)?;
        planned.iter().try_for_each(|file| check_place(index, &owner, &file.path))
    })?;
    let place = engine.log.storage().place();
    let place = place.map_err(|source| Error::io("asking where the file is", source))?;
    let mut upload = Upload {
        store: ChunkStore::new(engine, planned.iter().map(|file| file.size).sum())?,
        owner,
        database: (place.device, place.inode),
        block: Block::default(),
        files: Vec::new(),
        taken: 0,
        progress,
    };
    planned.chunks(FILES_MAX).try_for_each(|files| upload.write(files))
}

/// Names a file outside of the database.
pub(crate) fn refer(engine: &Engine, reference: &ArtifactReferenced) -> Result<()> {
    engine.append_decided(&GUARDED, |index| {
        check_owner(index, &reference.owner)?;
        check_place(index, &reference.owner, &reference.path)?;
        Ok((vec![reference.clone().into()], ()))
    })
}

/// Deletes a file, or a folder with all that is in it; [`ErrorKind::NotFound`] when it is neither.
pub(crate) fn delete(engine: &Engine, owner: ArtifactOwner, path: &str) -> Result<()> {
    engine.append_decided(&GUARDED, |index| {
        check_owner(index, &owner)?;
        let is_file = || index.artifact(&owner, path).map(|it| it.is_some());
        if index.artifacts_within(&owner, path)?.is_empty() && !is_file()? {
            return Err(no_such_artifact(&owner, path));
        }
        let time = Timestamp::now_nanos();
        Ok((vec![ArtifactsDeleted { owner, time, path: path.to_owned() }.into()], ()))
    })
}

/// The owner is there and takes artifacts.
fn check_owner(index: &Index, owner: &ArtifactOwner) -> Result<()> {
    match owner {
        ArtifactOwner::Run(id) => check_run_active(index, *id),
        ArtifactOwner::LoggedModel(id) => check_logged_model_writable(index, *id),
        ArtifactOwner::ModelVersion { .. } => {
            let message = "the files of a version of a registered model never change";
            Err(Error::new(ErrorKind::InvalidState, message))
        }
    }
}

/// No file is where this path needs a folder, and no folder where it needs a file.
fn check_place(index: &Index, owner: &ArtifactOwner, path: &str) -> Result<()> {
    match index.path_in_the_way(owner, path)? {
        None => Ok(()),
        Some(other) => {
            let message = format!("{path:?} cannot be a file: there is {other:?} already");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

pub(crate) fn no_such_artifact(owner: &ArtifactOwner, path: &str) -> Error {
    let owner = match owner {
        ArtifactOwner::Run(run) => format!("run {run}"),
        ArtifactOwner::LoggedModel(model) => format!("logged model {model}"),
        ArtifactOwner::ModelVersion { version, .. } => format!("version {version} of the model"),
    };
    Error::new(ErrorKind::NotFound, format!("{owner} has no artifact {path:?}"))
}

/// What became of the attempt to name files.
enum Named {
    /// They are named; these chunks were stored by others meanwhile.
    Done(Vec<StoredChunk>),
    /// These chunks are not there any more.
    Missing(Vec<ContentHash>),
}

struct Upload<'a> {
    store: ChunkStore<'a>,
    owner: ArtifactOwner,
    /// Device and number of the database's own file.
    database: (u64, u64),
    /// Small files in hand.
    block: Block,
    files: Vec<WrittenFile>,
    taken: u64,
    progress: &'a mut dyn FnMut(u64) -> Result<()>,
}

impl Upload<'_> {
    /// Writes files that one frame names.
    fn write(&mut self, planned: &[Planned<'_>]) -> Result<()> {
        let taken = self.taken;
        for _ in 0..ATTEMPTS_MAX {
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
                    // The files are there, whether or not this works out.
                    let _ = self.store.unnamed.give_back(&spare);
                    return Ok(());
                }
                Named::Missing(missing) => {
                    self.store.unnamed.known.retain(|hash| !missing.contains(hash));
                }
            }
        }
        let message = "chunks that the files share with others were freed, again and again";
        Err(Error::new(ErrorKind::Locked, message))
    }

    fn read(&mut self, planned: &Planned<'_>) -> Result<()> {
        match &planned.source {
            Source::Bytes(bytes) => self.read_from(&planned.path, &mut &bytes[..]),
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
                    let what = if facts.is_file() { "is the database" } else { "is no file" };
                    let message = format!("{} {what}, and cannot be logged", path.display());
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                // One that others write to has the length that it had here.
                self.read_from(&planned.path, &mut file.take(facts.len())).map_err(|error| {
                    let is_foreign = error.kind() == ErrorKind::Io && error.path().is_none();
                    if is_foreign { error.with_path(path) } else { error }
                })
            }
        }
    }

    /// Takes in a file up to its end. Of one that a block does not hold the rest is read, cut,
    /// hashed and stored by several threads.
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

    /// Reads until the block is full; whether the file has ended before.
    fn fill(&mut self, source: &mut dyn Read) -> Result<bool> {
        let (got, is_end) = fill(&mut self.block.bytes, source)?;
        self.taken += got as u64;
        (self.progress)(self.taken)?;
        Ok(is_end)
    }

    /// Stores the chunks in hand; afterwards none is.
    fn store_all(&mut self) -> Result<()> {
        let end = self.block.bytes.len();
        self.store.put_block(&mut self.block, end)
    }

    /// Makes the chunks durable and names the files.
    fn name(&mut self) -> Result<Named> {
        if self.files.is_empty() {
            return Ok(Named::Done(Vec::new()));
        }
        if !self.store.unnamed.chunks.is_empty() {
            self.store.engine.log.sync_chunks()?;
        }
        let time = Timestamp::now_nanos();
        let is_doubtful = &self.store.unnamed.is_doubtful;
        let named = self.store.engine.append_decided(&GUARDED, |index| {
            is_doubtful.set(false);
            check_owner(index, &self.owner)?;
            for file in &self.files {
                check_place(index, &self.owner, &file.path)?;
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
            is_doubtful.set(true);
            Ok((records, Named::Done(spare)))
        })?;
        is_doubtful.set(false);
        Ok(named)
    }
}

/// The chunks that were there when they were looked for, and are not any more.
fn missing(index: &Index, unnamed: &Unnamed<'_>) -> Result<Vec<ContentHash>> {
    let own: HashSet<ContentHash, RandomState> =
        unnamed.chunks.iter().map(|chunk| chunk.hash).collect();
    let hashes: Vec<ContentHash> = unnamed.known.difference(&own).copied().collect();
    let found = index.chunks(&hashes)?;
    let missing = hashes.iter().zip(found).filter(|(_, found)| found.is_none());
    Ok(missing.map(|(hash, _)| *hash).collect())
}

/// The chunks that are not stored yet, and those that others have stored meanwhile.
fn divide(index: &Index, chunks: &[StoredChunk]) -> Result<(Vec<StoredChunk>, Vec<StoredChunk>)> {
    let hashes: Vec<ContentHash> = chunks.iter().map(|chunk| chunk.hash).collect();
    let found = index.chunks(&hashes)?;
    let both: Vec<_> = chunks.iter().copied().zip(found).collect();
    let pick = |is_stored: bool| {
        both.iter().filter(move |(_, found)| found.is_some() == is_stored).map(|(chunk, _)| *chunk)
    };
    Ok((pick(false).collect(), pick(true).collect()))
}
