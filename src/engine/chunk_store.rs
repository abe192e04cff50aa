//! Storing chunks: each chunk once, those of small files many at a time.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::Read;
use std::ops::Range;

use foldhash::fast::RandomState;

use crate::engine::Engine;
use crate::entity::ContentHash;
use crate::error::{Error, Result};
use crate::format::chunk::{self, CHUNK_BYTES_MAX, ChunkEncoder, FileHasher};
use crate::format::record::{ChunksStored, FileContent, StoredChunk};
use crate::log::{ChunkAmount, Log, padded};
use crate::sys::checksum::crc32c_bytes;

/// The bytes of files that are in memory at a time: three chunks of the maximum size.
const BLOCK_BYTES: usize = 3 * CHUNK_BYTES_MAX;
/// A frame names up to this many chunks of a file directly. Larger files use lists of chunks.
const NAMED_CHUNKS_MAX: usize = 64;
/// The number of chunks in one list, so that the list has the average size of a chunk.
const LIST_CHUNKS: usize = 8192;
/// After this many unnamed chunks, a frame names them before their file is complete.
const UNNAMED_CHUNKS_MAX: usize = 16_384;

/// Reads until `bytes` is a full block. Returns the bytes read and whether the file ended.
pub(crate) fn fill(bytes: &mut Vec<u8>, source: &mut dyn Read) -> Result<(usize, bool)> {
    let room = BLOCK_BYTES.saturating_sub(bytes.len());
    bytes.reserve_exact(room);
    let got = (&mut *source).take(room as u64).read_to_end(bytes);
    let got = got.map_err(|source| Error::io("reading a file to be logged", source))?;
    Ok((got, got < room))
}

/// Splits `bytes` into chunks of these lengths, with their hashes.
pub(crate) fn hash_chunks<'a>(
    mut bytes: &'a [u8],
    lengths: &[usize],
) -> Vec<(ContentHash, &'a [u8])> {
    let hash = |length: &usize| {
        let (piece, rest) = bytes.split_at((*length).min(bytes.len()));
        bytes = rest;
        (chunk::hash(piece), piece)
    };
    lengths.iter().map(hash).collect()
}

/// A block of small files in memory, with their chunks, which are not stored yet.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    pub(crate) chunks: Vec<(Range<usize>, ContentHash)>,
}

impl Block {
    /// Cuts the file that begins at `start` into chunks. Returns its size, hash and chunks.
    pub(crate) fn cut(&mut self, start: usize) -> (u64, ContentHash, FileChunks) {
        let bytes = self.bytes.get(start..).unwrap_or_default();
        let lengths = chunk::cut(bytes, true);
        let hashed = hash_chunks(bytes, &lengths);
        let digest = match hashed[..] {
            // If a file has one chunk, both have the same hash.
            [(only, _)] => only,
            _ => {
                let mut hasher = FileHasher::default();
                hasher.update(bytes);
                hasher.finish()
            }
        };
        let mut at = start;
        for (hash, piece) in &hashed {
            self.chunks.push((at..at + piece.len(), *hash));
            at += piece.len();
        }
        let named = hashed.iter().map(|(hash, _)| *hash).collect();
        (bytes.len() as u64, digest, FileChunks { chunks: named, lists: Vec::new() })
    }
}

/// The hashes of a file's chunks so far. The earlier ones are in lists.
#[derive(Debug, Default)]
pub(crate) struct FileChunks {
    chunks: Vec<ContentHash>,
    lists: Vec<ContentHash>,
}

/// Chunks that were written but that no frame names yet. Their space is freed when the upload ends,
/// also when it fails.
pub(crate) struct Unnamed<'a> {
    log: &'a Log,
    pub(crate) chunks: Vec<StoredChunk>,
    /// The hashes of all chunks that need not be written: these, and those that frames name.
    pub(crate) known: HashSet<ContentHash, RandomState>,
    /// Whether a failed append may still have written a frame that names these chunks. Their space
    /// must not be freed then.
    pub(crate) is_doubtful: Cell<bool>,
}

impl<'a> Unnamed<'a> {
    fn new(log: &'a Log) -> Self {
        let is_doubtful = Cell::new(false);
        Unnamed { log, chunks: Vec::new(), known: HashSet::default(), is_doubtful }
    }

    /// Frees the space of chunks that no frame names or will name.
    pub(crate) fn give_back(&self, chunks: &[StoredChunk]) -> Result<()> {
        if chunks.is_empty() || self.log.is_poisoned()? {
            return Ok(());
        }
        self.log.punch_chunks(chunks)
    }
}

impl Drop for Unnamed<'_> {
    fn drop(&mut self) {
        // If this fails, gc frees the space after this process has ended.
        if !self.is_doubtful.get() {
            let _ = self.give_back(&self.chunks);
        }
    }
}

/// A writer of chunks that skips those already stored.
pub(crate) struct ChunkStore<'a> {
    pub(crate) engine: &'a Engine,
    encoder: ChunkEncoder,
    /// Buffer of encoded chunks.
    coded: Vec<u8>,
    pub(crate) unnamed: Unnamed<'a>,
    amount: ChunkAmount,
}

impl<'a> ChunkStore<'a> {
    /// Creates a store for files with about this many bytes.
    pub(crate) fn new(engine: &'a Engine, bytes: u64) -> Result<Self> {
        Ok(ChunkStore {
            engine,
            encoder: ChunkEncoder::new()?,
            coded: Vec::new(),
            unnamed: Unnamed::new(&engine.log),
            amount: ChunkAmount { left: bytes, written: 0 },
        })
    }

    /// Stores the chunks of a block, which end at `end`. Keeps the bytes after them.
    pub(crate) fn put_block(&mut self, block: &mut Block, end: usize) -> Result<()> {
        let piece = |(range, hash): &(Range<usize>, ContentHash)| {
            (*hash, block.bytes.get(range.clone()).unwrap_or_default())
        };
        let pieces: Vec<(ContentHash, &[u8])> = block.chunks.iter().map(piece).collect();
        self.put(&pieces)?;
        block.chunks.clear();
        block.bytes.drain(..end.min(block.bytes.len()));
        Ok(())
    }

    /// Adds the next chunks to a large file, and stores those that are not stored yet.
    pub(crate) fn put_next(
        &mut self,
        file: &mut FileChunks,
        chunks: &[(ContentHash, &[u8])],
    ) -> Result<()> {
        file.chunks.extend(chunks.iter().map(|(hash, _)| *hash));
        self.put(chunks)?;
        if file.chunks.len() >= LIST_CHUNKS { self.end_list(file) } else { Ok(()) }
    }

    /// Stores the chunks that are not stored yet.
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

    /// Appends a frame that names the chunks so far, without a file. Bounds the unnamed chunks of a
    /// very large file.
    fn name_chunks(&mut self) -> Result<()> {
        self.engine.log.sync_chunks()?;
        let record = ChunksStored { chunks: self.unnamed.chunks.clone() };
        self.unnamed.is_doubtful.set(true);
        self.engine.append(|_, _| Ok((vec![record.clone().into()], ())))?;
        self.unnamed.is_doubtful.set(false);
        self.unnamed.chunks.clear();
        Ok(())
    }

    /// Stores lists of the chunks so far.
    fn end_list(&mut self, file: &mut FileChunks) -> Result<()> {
        for hashes in std::mem::take(&mut file.chunks).chunks(LIST_CHUNKS) {
            let list: Vec<u8> = hashes.iter().flat_map(ContentHash::as_bytes).copied().collect();
            let hash = chunk::hash(&list);
            file.lists.push(hash);
            self.put(&[(hash, &list)])?;
        }
        Ok(())
    }

    /// Returns the content of a complete file: its chunks, or lists of them.
    pub(crate) fn content(&mut self, mut file: FileChunks) -> Result<FileContent> {
        if !file.lists.is_empty() || file.chunks.len() > NAMED_CHUNKS_MAX {
            self.end_list(&mut file)?;
        }
        Ok(match file.lists.is_empty() {
            true => FileContent::Chunks(file.chunks),
            false => FileContent::List(file.lists),
        })
    }
}
