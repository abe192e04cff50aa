//! Writing files: cut into chunks, each of which is stored once, and named in one frame.
//!
//! The order is what makes a file appear whole or not at all: write the bytes; sync; append.
//! Whatever is written and not named in the end is given back.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::ops::{Range, RangeInclusive};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use foldhash::fast::RandomState;

use crate::artifact_path::media_type;
use crate::engine::Engine;
use crate::entity::{ArtifactOwner, ContentHash, Lifecycle};
use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk::{self, CHUNK_BYTES_MAX, ChunkEncoder, FileHasher};
use crate::format::record::{
    ArtifactReferenced, ArtifactsDeleted, ArtifactsWritten, ChunksFreed, ChunksStored,
    ExperimentLifecycleSet, FileContent, LoggedModelLifecycleSet, LoggedModelsPurged, Purged,
    Record, RunLifecycleSet, StoredChunk, WrittenFile,
};
use crate::id::Timestamp;
use crate::index::Index;
use crate::log::{ChunkAmount, Log, padded};
use crate::run::no_such_run;
use crate::sys::checksum::crc32c_bytes;

/// How many bytes of files are in hand at a time; several of the largest chunks.
const BLOCK_BYTES: usize = 4 * CHUNK_BYTES_MAX;
/// So many bytes are hashed by two threads.
const SHARED_BYTES: usize = 512 * 1024;
/// How many chunks of small files are in hand at a time.
const BLOCK_CHUNKS_MAX: usize = 4096;
/// How many files one frame names.
const FILES_MAX: usize = 4096;
/// A file of more chunks than this is named by lists of them.
const NAMED_CHUNKS_MAX: usize = 64;
/// How many chunks one list names: as many as make a list of average length.
const LIST_CHUNKS: usize = 8192;
/// After so many chunks that no frame names yet, one does that names no file.
const UNNAMED_CHUNKS_MAX: usize = 16_384;
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
/// `progress` hears how many bytes have been read so far.
pub(crate) fn upload(
    engine: &Engine,
    owner: ArtifactOwner,
    planned: &[Planned<'_>],
    progress: &mut dyn FnMut(u64),
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
        engine,
        owner,
        database: (place.device, place.inode),
        encoder: ChunkEncoder::new()?,
        bytes: Vec::new(),
        chunks: Vec::new(),
        coded: Vec::new(),
        unnamed: Unnamed::new(&engine.log),
        files: Vec::new(),
        amount: ChunkAmount { left: planned.iter().map(|file| file.size).sum(), written: 0 },
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
        let time = Timestamp::now().as_nanos();
        Ok((vec![ArtifactsDeleted { owner, time, path: path.to_owned() }.into()], ()))
    })
}

/// The owner is there and takes artifacts.
fn check_owner(index: &Index, owner: &ArtifactOwner) -> Result<()> {
    match owner {
        ArtifactOwner::Run(id) => match index.run_info(*id)? {
            None => Err(no_such_run(*id)),
            Some(run) if run.lifecycle == Lifecycle::Deleted => {
                let message = format!("run {id} is deleted: restore it before writing to it");
                Err(Error::new(ErrorKind::InvalidState, message))
            }
            Some(_) => Ok(()),
        },
        ArtifactOwner::LoggedModel(id) => match index.logged_model_lifecycle(*id)? {
            None => Err(Error::new(ErrorKind::NotFound, format!("there is no logged model {id}"))),
            Some((Lifecycle::Active, Lifecycle::Active)) => Ok(()),
            Some(_) => {
                let message = format!("logged model {id} or its experiment is deleted");
                Err(Error::new(ErrorKind::InvalidState, message))
            }
        },
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

/// Chunks that were written and that no frame names yet; what is left of them when the upload ends,
/// however it does, is given back.
struct Unnamed<'a> {
    log: &'a Log,
    chunks: Vec<StoredChunk>,
    /// Their hashes, and those of chunks that were there before, or that a frame names meanwhile.
    known: HashSet<ContentHash, RandomState>,
    /// A frame that names them may have been written although the attempt failed.
    is_doubtful: Cell<bool>,
}

impl<'a> Unnamed<'a> {
    fn new(log: &'a Log) -> Self {
        let is_doubtful = Cell::new(false);
        Unnamed { log, chunks: Vec::new(), known: HashSet::default(), is_doubtful }
    }

    fn give_back(&self, chunks: &[StoredChunk]) -> Result<()> {
        if chunks.is_empty() || self.log.is_poisoned()? {
            return Ok(());
        }
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for chunk in chunks {
            let end = chunk.offset + padded(u64::from(chunk.coded));
            match ranges.last_mut() {
                Some(last) if last.end == chunk.offset => last.end = end,
                _ => ranges.push(chunk.offset..end),
            }
        }
        ranges.into_iter().try_for_each(|range| self.log.punch_within(range))
    }
}

impl Drop for Unnamed<'_> {
    fn drop(&mut self) {
        // What cannot be given back now is by gc, once this process is gone.
        if !self.is_doubtful.get() {
            let _ = self.give_back(&self.chunks);
        }
    }
}

/// What became of the attempt to name files.
enum Named {
    /// They are named; these chunks were stored by others meanwhile.
    Done(Vec<StoredChunk>),
    /// These chunks are not there any more.
    Missing(Vec<ContentHash>),
}

/// A file that is being read.
#[derive(Default)]
struct Growing {
    size: u64,
    hasher: FileHasher,
    chunks: Vec<ContentHash>,
    lists: Vec<ContentHash>,
}

struct Upload<'a> {
    engine: &'a Engine,
    owner: ArtifactOwner,
    /// Device and number of the database's own file.
    database: (u64, u64),
    encoder: ChunkEncoder,
    /// Bytes in hand, and the chunks in them that are not stored yet.
    bytes: Vec<u8>,
    chunks: Vec<(Range<usize>, ContentHash)>,
    /// Memory for chunks as they are stored.
    coded: Vec<u8>,
    unnamed: Unnamed<'a>,
    files: Vec<WrittenFile>,
    amount: ChunkAmount,
    taken: u64,
    progress: &'a mut dyn FnMut(u64),
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
            self.store()?;
            match self.name()? {
                Named::Done(spare) => {
                    self.unnamed.chunks.clear();
                    self.unnamed.known.clear();
                    // The files are there, whether or not this works out.
                    let _ = self.unnamed.give_back(&spare);
                    return Ok(());
                }
                Named::Missing(missing) => {
                    self.unnamed.known.retain(|hash| !missing.contains(hash));
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

    /// Takes in a file up to its end.
    fn read_from(&mut self, path: &str, source: &mut dyn Read) -> Result<()> {
        let mut file = Growing::default();
        let mut start = self.bytes.len();
        loop {
            let room = BLOCK_BYTES.saturating_sub(self.bytes.len());
            let got = (&mut *source).take(room as u64).read_to_end(&mut self.bytes);
            let got = got.map_err(|source| Error::io("reading a file to be logged", source))?;
            let is_end = got < room;
            self.taken += got as u64;
            start += self.cut(&mut file, start, got, is_end)?;
            (self.progress)(self.taken);
            if is_end {
                break;
            }
            self.store_before(start)?;
            start = 0;
        }
        if self.chunks.len() >= BLOCK_CHUNKS_MAX {
            self.store()?;
        }
        let file = self.finish(path, file)?;
        self.files.push(file);
        Ok(())
    }

    /// Cuts what is in hand of a file from `start` on, of which the last `fresh` bytes were not
    /// there the last time; gives how many bytes are in whole chunks.
    fn cut(
        &mut self,
        file: &mut Growing,
        start: usize,
        fresh: usize,
        is_end: bool,
    ) -> Result<usize> {
        let bytes = self.bytes.get(start..).unwrap_or_default();
        let is_whole = is_end && file.size == 0 && fresh == bytes.len();
        let cut = cut_and_hash(bytes, fresh, (is_end, is_whole), &mut file.hasher);
        let mut at = 0;
        for (length, hash) in cut {
            file.chunks.push(hash);
            self.chunks.push((start + at..start + at + length, hash));
            at += length;
        }
        file.size += at as u64;
        if file.chunks.len() >= LIST_CHUNKS {
            self.end_list(file)?;
        }
        Ok(at)
    }

    /// Stores the list of the chunks so far.
    fn end_list(&mut self, file: &mut Growing) -> Result<()> {
        for hashes in std::mem::take(&mut file.chunks).chunks(LIST_CHUNKS) {
            let list: Vec<u8> = hashes.iter().flat_map(ContentHash::as_bytes).copied().collect();
            let hash = chunk::hash(&list);
            file.lists.push(hash);
            self.put(&[(hash, &list)])?;
        }
        Ok(())
    }

    fn finish(&mut self, path: &str, mut file: Growing) -> Result<WrittenFile> {
        let digest = match (&file.chunks[..], &file.lists[..]) {
            // Its hasher may have been left out.
            ([only], []) => *only,
            _ => file.hasher.finish(),
        };
        if !file.lists.is_empty() || file.chunks.len() > NAMED_CHUNKS_MAX {
            self.end_list(&mut file)?;
        }
        let Growing { size, chunks, lists, .. } = file;
        let is_list = !lists.is_empty();
        let content = if is_list { FileContent::List(lists) } else { FileContent::Chunks(chunks) };
        let media_type = media_type(path).map(str::to_owned);
        Ok(WrittenFile { path: path.to_owned(), size, digest, media_type, content })
    }

    /// Stores the chunks in hand; afterwards none is.
    fn store(&mut self) -> Result<()> {
        self.store_before(self.bytes.len())
    }

    /// Stores the chunks in hand, which end at `end`; what follows stays in hand.
    fn store_before(&mut self, end: usize) -> Result<()> {
        let chunks = std::mem::take(&mut self.chunks);
        let mut bytes = std::mem::take(&mut self.bytes);
        let pieces: Vec<(ContentHash, &[u8])> = chunks
            .iter()
            .map(|(range, hash)| (*hash, bytes.get(range.clone()).unwrap_or_default()))
            .collect();
        self.put(&pieces)?;
        bytes.drain(..end.min(bytes.len()));
        self.bytes = bytes;
        Ok(())
    }

    /// Stores those chunks that are not stored yet.
    fn put(&mut self, chunks: &[(ContentHash, &[u8])]) -> Result<()> {
        let known = &mut self.unnamed.known;
        let fresh: Vec<_> = chunks.iter().filter(|(hash, _)| known.insert(*hash)).collect();
        let hashes: Vec<ContentHash> = fresh.iter().map(|(hash, _)| *hash).collect();
        let found = self.engine.with_index(|index, _| index.chunks(&hashes))?;
        let mut missing = fresh.iter().zip(&found).filter(|(_, found)| found.is_none()).peekable();
        while missing.peek().is_some() {
            let (mut lengths, mut written) = (Vec::new(), Vec::new());
            let coded = &mut self.coded;
            coded.clear();
            for ((hash, bytes), _) in missing.by_ref() {
                let start = coded.len();
                let codec = self.encoder.encode(bytes, coded);
                let own = coded.get(start..).unwrap_or_default();
                written.push(StoredChunk {
                    hash: *hash,
                    // A chunk has at most 1 MiB.
                    length: bytes.len() as u32,
                    coded: own.len() as u32,
                    codec,
                    offset: 0,
                    checksum: crc32c_bytes(0, own),
                });
                coded.resize(padded(coded.len() as u64) as usize, 0);
                lengths.push(coded.len() - start);
                if coded.len() >= BLOCK_BYTES - CHUNK_BYTES_MAX {
                    break;
                }
            }
            let offsets = self.engine.log.write_chunks(coded, &lengths, self.amount)?;
            self.amount.pass(coded.len() as u64);
            for (chunk, offset) in written.into_iter().zip(offsets) {
                self.unnamed.chunks.push(StoredChunk { offset, ..chunk });
            }
        }
        if self.unnamed.chunks.len() >= UNNAMED_CHUNKS_MAX {
            self.name_chunks()?;
        }
        Ok(())
    }

    /// Names the chunks so far without a file: of a file of many chunks.
    fn name_chunks(&mut self) -> Result<()> {
        self.engine.log.sync_chunks()?;
        let record = ChunksStored { chunks: self.unnamed.chunks.clone() };
        self.unnamed.is_doubtful.set(true);
        self.engine.log.append(|_, _| Ok((vec![record.clone().into()], ())))?;
        self.unnamed.is_doubtful.set(false);
        self.unnamed.chunks.clear();
        Ok(())
    }

    /// Makes the chunks durable and names the files.
    fn name(&mut self) -> Result<Named> {
        if self.files.is_empty() {
            return Ok(Named::Done(Vec::new()));
        }
        if !self.unnamed.chunks.is_empty() {
            self.engine.log.sync_chunks()?;
        }
        let time = Timestamp::now().as_nanos();
        let is_doubtful = &self.unnamed.is_doubtful;
        let named = self.engine.append_decided(&GUARDED, |index| {
            is_doubtful.set(false);
            check_owner(index, &self.owner)?;
            for file in &self.files {
                check_place(index, &self.owner, &file.path)?;
            }
            let missing = missing(index, &self.unnamed)?;
            if !missing.is_empty() {
                return Ok((Vec::new(), Named::Missing(missing)));
            }
            let (chunks, spare) = divide(index, &self.unnamed.chunks)?;
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

/// Cuts bytes into chunks and hashes them; the hasher of the file takes in the last `fresh` bytes,
/// but not a file that is one chunk as a whole.
///
/// Of many bytes two threads do that: cutting, and each kind of hash, takes about as long.
fn cut_and_hash(
    bytes: &[u8],
    fresh: usize,
    (is_end, is_whole): (bool, bool),
    hasher: &mut FileHasher,
) -> Vec<(usize, ContentHash)> {
    let added = bytes.get(bytes.len() - fresh.min(bytes.len())..).unwrap_or_default();
    if bytes.len() < SHARED_BYTES {
        let lengths = chunk::cut(bytes, is_end);
        let hashed = hash_chunks(bytes, &lengths);
        // The one chunk of a small file has the hash of the file.
        if !(is_whole && hashed.len() == 1) {
            hasher.update(added);
        }
        return hashed;
    }
    let lengths = std::thread::scope(|scope| {
        scope.spawn(|| hasher.update(added));
        chunk::cut(bytes, is_end)
    });
    let (first, second) = lengths.split_at(lengths.len() / 2);
    let (before, after) = bytes.split_at(first.iter().sum());
    std::thread::scope(|scope| {
        let helper = scope.spawn(|| hash_chunks(after, second));
        let mut hashed = hash_chunks(before, first);
        // A thread that panicked has left nothing: then it is done here.
        hashed.extend(helper.join().unwrap_or_else(|_| hash_chunks(after, second)));
        hashed
    })
}

fn hash_chunks(mut bytes: &[u8], lengths: &[usize]) -> Vec<(usize, ContentHash)> {
    let hash = |length: &usize| {
        let (piece, rest) = bytes.split_at(*length);
        bytes = rest;
        (*length, chunk::hash(piece))
    };
    lengths.iter().map(hash).collect()
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
