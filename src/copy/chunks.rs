//! Copying artifacts: the existing files with their chunks.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::copy::artifact_tree::{ArtifactTree, describe};
use crate::entity::{ArtifactOwner, ContentHash};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ArtifactsWritten, ChunksStored, FileContent, StoredChunk, WrittenFile,
};
use crate::log::{ChunkAmount, Log, padded};

/// The maximum number of chunks that one frame of the copy names.
const CHUNKS_MAX: usize = 4096;

/// The chunks that are copied already.
#[derive(Debug, Default)]
pub(crate) struct CopiedChunks {
    hashes: HashSet<ContentHash, RandomState>,
    /// The copied chunks that no frame of the copy names yet.
    unnamed: Vec<StoredChunk>,
    amount: ChunkAmount,
}

/// The error of a chunk that is lost in the source. Other errors end the copy.
type Lost = Option<Error>;

impl CopiedChunks {
    /// Creates an empty set for the chunks of the tree.
    pub(crate) fn new(tree: &ArtifactTree) -> Self {
        let left = tree.chunks.values().map(|chunk| padded(u64::from(chunk.coded))).sum();
        let amount = ChunkAmount { left, written: 0 };
        CopiedChunks { amount, ..CopiedChunks::default() }
    }

    /// Copies the chunks of the files that still exist. Returns the record without the other files.
    ///
    /// If a chunk is lost, its file is skipped and listed in `lost`. Without such a list, the copy
    /// fails. Very many chunks of one file are named in separate frames before it.
    pub(crate) fn copy_files(
        &mut self,
        (source, target): (&Log, &Log),
        tree: &ArtifactTree,
        position: u64,
        written: ArtifactsWritten,
        mut lost: Option<&mut Vec<String>>,
    ) -> Result<ArtifactsWritten> {
        let owner = written.owner;
        let mut files = Vec::new();
        for file in written.files {
            if !tree.is_current(position, owner, &file.path) {
                continue;
            }
            match (self.copy_file(source, target, tree, &file)?, &mut lost) {
                (None, _) => files.push(file),
                (Some(error), Some(lost)) => lost.push(left_out(&owner, &file, &error)),
                (Some(error), None) => return Err(error),
            }
        }
        Ok(ArtifactsWritten { files, ..written })
    }

    /// Returns the record that names the chunks since the last call.
    pub(crate) fn take_record(&mut self) -> Option<ChunksStored> {
        let chunks = std::mem::take(&mut self.unnamed);
        (!chunks.is_empty()).then_some(ChunksStored { chunks })
    }

    fn copy_file(
        &mut self,
        source: &Log,
        target: &Log,
        tree: &ArtifactTree,
        file: &WrittenFile,
    ) -> Result<Lost> {
        let (hashes, is_list) = match &file.content {
            FileContent::Chunks(hashes) => (hashes, false),
            FileContent::List(hashes) => (hashes, true),
        };
        for hash in hashes {
            let bytes = match self.copy_chunk(source, target, tree, *hash)? {
                Ok(bytes) => bytes,
                Err(error) => return Ok(Some(error)),
            };
            if !is_list {
                continue;
            }
            for hash in bytes.as_chunks().0 {
                let hash = ContentHash::from_bytes(*hash);
                if self.hashes.contains(&hash) {
                    continue;
                }
                if let Err(error) = self.copy_chunk(source, target, tree, hash)? {
                    return Ok(Some(error));
                }
            }
        }
        Ok(None)
    }

    /// Copies a chunk unless the copy has it. Returns its bytes.
    fn copy_chunk(
        &mut self,
        source: &Log,
        target: &Log,
        tree: &ArtifactTree,
        hash: ContentHash,
    ) -> Result<Result<Vec<u8>>> {
        let Some(stored) = tree.chunks.get(&hash) else {
            let message = format!("chunk {hash} is not stored");
            return Ok(Err(Error::new(ErrorKind::Damaged, message)));
        };
        let read = source.read_coded(stored).and_then(|coded| {
            let bytes = source.decode_chunk(stored, coded.clone())?;
            Ok((coded, bytes))
        });
        let (mut coded, bytes) = match read {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Damaged => return Ok(Err(error)),
            Err(error) => return Err(error),
        };
        if self.hashes.insert(hash) {
            coded.resize(padded(coded.len() as u64) as usize, 0);
            let offsets = target.write_chunks(&coded, &[coded.len()], self.amount)?;
            self.amount.pass(coded.len() as u64);
            let offset = offsets.first().copied().unwrap_or(0);
            self.unnamed.push(StoredChunk { offset, ..*stored });
            if self.unnamed.len() >= CHUNKS_MAX {
                let record = self.take_record().map(Into::into);
                let records: Vec<_> = record.into_iter().collect();
                target.append(|_, _| Ok((records.clone(), ())))?;
            }
        }
        Ok(Ok(bytes))
    }
}

fn left_out(owner: &ArtifactOwner, file: &WrittenFile, error: &Error) -> String {
    format!("artifact {:?} of {}, {} bytes: {error}", file.path, describe(owner), file.size)
}
