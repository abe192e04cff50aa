//! Checking artifacts: each chunk against its hash, and each file against its digest.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::copy::artifact_tree::{ArtifactTree, describe};
use crate::entity::ContentHash;
use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk::FileHasher;
use crate::format::record::{FileContent, Position, Record, StoredChunk, WrittenFile};
use crate::log::{Damage, Log};

/// Reads all stored chunks. Returns the damages of chunks and files.
///
/// A chunk that was freed after `end`, where the check of the chain ended, does not count.
pub(crate) fn check_artifacts(
    log: &Log,
    tree: &ArtifactTree,
    end: Position,
) -> Result<Vec<Damage>> {
    let mut check =
        Check { log, tree, read: HashMap::default(), files: HashSet::default(), found: Vec::new() };
    for ((owner, path), (position, file)) in &tree.files {
        let Some(file) = file else { continue };
        let place = || format!("artifact {path:?} of {}", describe(owner));
        check.file(&place, *position, file)?;
    }
    let is_read = |chunk: &&StoredChunk| check.read.contains_key(&chunk.hash);
    let mut others: Vec<&StoredChunk> =
        tree.chunks.values().filter(|chunk| !is_read(chunk)).collect();
    others.sort_unstable_by_key(|chunk| chunk.offset);
    for chunk in others {
        check.chunk(&|| "chunk without an artifact".to_owned(), chunk, |_| ())?;
    }
    if check.found.is_empty() {
        return Ok(Vec::new());
    }
    let freed = freed_since(log, end)?;
    let left = check.found.into_iter().filter(|(chunk, _)| !freed.contains(chunk));
    Ok(left.map(|(_, damage)| damage).collect())
}

type Hashes = HashSet<ContentHash, RandomState>;

struct Check<'a> {
    log: &'a Log,
    tree: &'a ArtifactTree,
    /// The chunks that were read, each with its fault, if it has one.
    read: HashMap<ContentHash, Option<String>, RandomState>,
    /// The checked files with several chunks, by digest and first chunk.
    files: HashSet<(ContentHash, Option<ContentHash>)>,
    /// The damages, each with its chunk.
    found: Vec<(ContentHash, Damage)>,
}

impl Check<'_> {
    fn damage(
        &mut self,
        chunk: ContentHash,
        place: String,
        offset: u64,
        wanted: String,
        got: &str,
    ) {
        self.found.push((chunk, Damage { place, offset, wanted, got: got.to_owned() }));
    }

    /// Checks a chunk. Passes its bytes to `show` if they are sound. Returns whether they are.
    fn chunk(
        &mut self,
        place: &dyn Fn() -> String,
        stored: &StoredChunk,
        show: impl FnOnce(&[u8]),
    ) -> Result<bool> {
        let hash = stored.hash;
        let known = self.read.get(&hash).cloned();
        let fault = match known {
            Some(Some(fault)) => Some(fault),
            _ => match self.log.read_chunk(stored) {
                Ok(bytes) => {
                    show(&bytes);
                    None
                }
                Err(error) if error.kind() == ErrorKind::Damaged => Some(error.to_string()),
                Err(error) => return Err(error),
            },
        };
        if let Some(fault) = &fault {
            let wanted = format!("the bytes of hash {hash}");
            self.damage(hash, place(), stored.offset, wanted, fault);
        }
        let is_sound = fault.is_none();
        self.read.insert(hash, fault);
        Ok(is_sound)
    }

    /// Checks that the chunks of a file exist and are sound, and that they match its size and hash.
    fn file(
        &mut self,
        place: &dyn Fn() -> String,
        position: u64,
        file: &WrittenFile,
    ) -> Result<()> {
        let Some(chunks) = self.chunks_of(place, position, file)? else { return Ok(()) };
        let size: u64 = chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
        let first = chunks.first().map(|chunk| chunk.hash);
        let digest = match &chunks[..] {
            [only] => Some(only.hash),
            _ if !self.files.insert((file.digest, first)) => Some(file.digest),
            _ => self.digest(place, &chunks)?,
        };
        if let [only] = &chunks[..] {
            self.sound_chunk(place, only)?;
        }
        let Some(digest) = digest else { return Ok(()) };
        if (size, digest) != (file.size, file.digest) {
            let wanted = format!("{} bytes of hash {}", file.size, file.digest);
            let got = format!("{size} bytes of hash {digest}");
            self.damage(file.digest, place(), position, wanted, &got);
        }
        Ok(())
    }

    /// Checks a chunk like [`Check::chunk`], unless it was read before and is sound.
    fn sound_chunk(&mut self, place: &dyn Fn() -> String, stored: &StoredChunk) -> Result<bool> {
        match self.read.get(&stored.hash) {
            Some(None) => Ok(true),
            _ => self.chunk(place, stored, |_| ()),
        }
    }

    /// Returns the hash of the bytes of these chunks. Returns `None` if one is damaged.
    fn digest(
        &mut self,
        place: &dyn Fn() -> String,
        chunks: &[StoredChunk],
    ) -> Result<Option<ContentHash>> {
        let (mut hasher, mut is_whole) = (FileHasher::default(), true);
        for chunk in chunks {
            is_whole &= self.chunk(place, chunk, |bytes| hasher.update(bytes))?;
        }
        Ok(is_whole.then(|| hasher.finish()))
    }

    /// Returns the chunks of a file. Returns `None` if one is not stored or a list is damaged.
    fn chunks_of(
        &mut self,
        place: &dyn Fn() -> String,
        position: u64,
        file: &WrittenFile,
    ) -> Result<Option<Vec<StoredChunk>>> {
        let lists = match &file.content {
            FileContent::Chunks(hashes) => return Ok(self.find(place, position, hashes)),
            FileContent::List(lists) => self.find(place, position, lists),
        };
        let mut chunks = Vec::new();
        for list in lists.into_iter().flatten() {
            let mut hashes = Vec::new();
            let show = |bytes: &[u8]| {
                let names = bytes.as_chunks().0.iter();
                hashes.extend(names.map(|hash| ContentHash::from_bytes(*hash)));
            };
            if !self.chunk(place, &list, show)? {
                return Ok(None);
            }
            let Some(found) = self.find(place, position, &hashes) else { return Ok(None) };
            chunks.extend(found);
        }
        Ok((!chunks.is_empty()).then_some(chunks))
    }

    fn find(
        &mut self,
        place: &dyn Fn() -> String,
        position: u64,
        hashes: &[ContentHash],
    ) -> Option<Vec<StoredChunk>> {
        let mut found = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let Some(stored) = self.tree.chunks.get(hash) else {
                let wanted = format!("chunk {hash}");
                self.damage(*hash, place(), position, wanted, "a chunk that is not stored");
                return None;
            };
            found.push(*stored);
        }
        Some(found)
    }
}

/// Returns the chunks that were freed after a position in the chain.
fn freed_since(log: &Log, end: Position) -> Result<Hashes> {
    let mut freed = Hashes::default();
    let mut reader = log.reader_from_start()?;
    let visit = |position: Position, record: &Record, freed: &mut Hashes| {
        if let (true, Record::ChunksFreed(chunks)) = (position >= end, record) {
            freed.extend(&chunks.hashes);
        }
    };
    let read = reader.catch_up(|at, frame| {
        frame.records()?.iter().for_each(|record| visit(at.next, record, &mut freed));
        Ok(())
    });
    match read {
        Ok(_) => Ok(freed),
        Err(error) if error.kind() == ErrorKind::Damaged => Ok(freed),
        Err(error) => Err(Error::new(error.kind(), "reading the chain again").with_source(error)),
    }
}
