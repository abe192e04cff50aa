//! Reading a file chunk by chunk, each checked against its hash.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::{ArtifactInfo, ContentHash};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{FileContent, StoredChunk};
use crate::index::Artifact;

/// An open artifact: [`Read`] and [`Seek`] over its bytes, as they were when it was opened.
///
/// Each chunk is checked against its BLAKE3 hash before any of its bytes are returned. If the
/// artifact is deleted or replaced, the reader still returns the old bytes, until
/// [`Database::gc`] frees its chunks.
///
/// # Errors
///
/// Reads fail with an [`io::Error`] that contains an [`Error`]:
///
/// - [`io::ErrorKind::InvalidData`] if a chunk is damaged.
/// - [`io::ErrorKind::NotFound`] if the artifact was deleted and its chunks were freed.
///
/// # Performance
///
/// Holds one chunk of at most 1 MiB in memory.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use std::io::{Read, Seek, SeekFrom};
///
/// let run = database.default_experiment()?.start_run("")?;
/// run.log_text("one two three", "notes.txt")?;
/// let mut notes = run.artifacts().open("notes.txt")?;
/// notes.seek(SeekFrom::Start(4))?;
/// let mut word = [0; 3];
/// notes.read_exact(&mut word)?;
/// assert_eq!(&word, b"two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ArtifactReader {
    database: Database,
    info: ArtifactInfo,
    chunks: Vec<StoredChunk>,
    /// The end of each chunk in the file.
    ends: Vec<u64>,
    position: u64,
    /// The number and bytes of the chunk in memory.
    current: Option<(usize, Vec<u8>)>,
}

impl ArtifactReader {
    pub(crate) fn open(database: &Database, artifact: Artifact) -> Result<Self> {
        let engine = database.engine();
        let Artifact { info, content } = artifact;
        if let Some(uri) = &info.uri {
            let message = format!(
                "{:?} is a reference to {uri}; its bytes are not in the database",
                info.path
            );
            return Err(engine.locate(Error::new(ErrorKind::InvalidState, message)));
        }
        let chunks = chunks_of(engine, &content)?;
        let mut end = 0;
        let ends = chunks.iter().map(|chunk| {
            end += u64::from(chunk.length);
            end
        });
        let ends = ends.collect();
        if Some(end) != info.size {
            let message =
                format!("the chunks of {:?} have {end} bytes, expected {:?}", info.path, info.size);
            return Err(engine.locate(Error::new(ErrorKind::Damaged, message)));
        }
        Ok(ArtifactReader {
            database: database.clone(),
            info,
            chunks,
            ends,
            position: 0,
            current: None,
        })
    }

    /// Returns the path, size, type and digest of the file.
    #[must_use]
    pub fn info(&self) -> &ArtifactInfo {
        &self.info
    }

    /// Returns the length of the file in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Returns whether the file has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes from the position to the end of its chunk. Returns none at the end.
    pub(crate) fn piece(&mut self) -> Result<&[u8]> {
        let number = self.ends.partition_point(|end| *end <= self.position);
        let (Some(stored), Some(end)) = (self.chunks.get(number), self.ends.get(number)) else {
            return Ok(&[]);
        };
        let start = end - u64::from(stored.length);
        let bytes = match self.current.take() {
            Some((held, bytes)) if held == number => bytes,
            other => {
                let memory = other.map(|(_, bytes)| bytes).unwrap_or_default();
                read_chunk_into(self.database.engine(), stored, memory)?
            }
        };
        let (_, bytes) = self.current.insert((number, bytes));
        // The difference is less than the length of a chunk, so it fits.
        Ok(bytes.get((self.position - start) as usize..).unwrap_or_default())
    }

    pub(crate) fn advance(&mut self, bytes: usize) {
        self.position += bytes as u64;
    }
}

impl Read for ArtifactReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.piece().map_err(into_io)?;
        let length = piece.len().min(buffer.len());
        let (Some(from), Some(to)) = (piece.get(..length), buffer.get_mut(..length)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.advance(length);
        Ok(length)
    }
}

impl Seek for ArtifactReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(position) => {
                self.position = position;
                return Ok(position);
            }
            SeekFrom::Current(by) => (self.position, by),
            SeekFrom::End(by) => (self.len(), by),
        };
        let position = from.checked_add_signed(by);
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl fmt::Debug for ArtifactReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("ArtifactReader");
        text.field("info", &self.info).field("position", &self.position).finish_non_exhaustive()
    }
}

fn into_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Damaged => io::ErrorKind::InvalidData,
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Returns the chunks of a file in order, with their places.
pub(crate) fn chunks_of(engine: &Engine, content: &FileContent) -> Result<Vec<StoredChunk>> {
    let lists = match content {
        FileContent::Chunks(hashes) => return find(engine, hashes),
        FileContent::List(lists) => find(engine, lists)?,
    };
    let mut chunks = Vec::new();
    for list in lists {
        let bytes = read_chunk(engine, &list)?;
        let hashes: Vec<ContentHash> =
            bytes.as_chunks().0.iter().map(|bytes| ContentHash::from_bytes(*bytes)).collect();
        chunks.extend(find(engine, &hashes)?);
    }
    Ok(chunks)
}

fn find(engine: &Engine, hashes: &[ContentHash]) -> Result<Vec<StoredChunk>> {
    let found = engine.with_index(|index, _| index.chunks(hashes))?;
    let found = found.into_iter().zip(hashes);
    found.map(|(found, hash)| found.ok_or_else(|| engine.locate(lost(*hash)))).collect()
}

fn lost(hash: ContentHash) -> Error {
    let message =
        format!("chunk {hash} does not exist: the artifact was deleted and its space was freed");
    Error::new(ErrorKind::NotFound, message)
}

fn read_chunk(engine: &Engine, stored: &StoredChunk) -> Result<Vec<u8>> {
    read_chunk_into(engine, stored, Vec::new())
}

/// Reads a chunk. If it looks damaged, looks it up again, because `gc` may have freed its place and
/// an upload may have stored it at another one.
fn read_chunk_into(engine: &Engine, stored: &StoredChunk, mut memory: Vec<u8>) -> Result<Vec<u8>> {
    let mut stored = *stored;
    let mut retry = engine.log.retry();
    loop {
        let error = match engine.log.read_chunk_into(&stored, std::mem::take(&mut memory)) {
            Err(error) if error.kind() == ErrorKind::Damaged => error,
            other => return engine.located(other),
        };
        match find(engine, &[stored.hash])?.first() {
            Some(now) if *now != stored => stored = *now,
            _ => return Err(engine.locate(error)),
        }
        engine.located(retry.again("the chunk moved while it was read"))?;
    }
}
