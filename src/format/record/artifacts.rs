//! The records of artifacts: files, and the chunks that store their bytes.

use serde::{Deserialize, Serialize};

use super::Incarnation;
use crate::entity::{ArtifactOwner, ContentHash};

/// Units at the end of the file were allocated for chunks of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkUnitOpened {
    /// The owner.
    pub incarnation: Incarnation,
    /// The first unit.
    pub unit: u32,
    /// The number of units.
    pub units: u32,
}

/// A chunk and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChunk {
    /// The hash of its bytes, by which files name it.
    pub hash: ContentHash,
    /// The number of bytes.
    pub length: u32,
    /// The number of bytes it takes in the file.
    pub coded: u32,
    /// The codec, see `format::chunk`.
    pub codec: u8,
    /// The offset of the stored bytes in the file.
    pub offset: u64,
    /// The CRC-32C of the stored bytes.
    pub checksum: u32,
}

/// Chunks were stored. A chunk that is already stored keeps its old place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunksStored {
    /// The chunks.
    pub chunks: Vec<StoredChunk>,
}

/// Chunks that no file names any more were freed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunksFreed {
    /// The chunks.
    pub hashes: Vec<ContentHash>,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileContent {
    /// These chunks in order, or none for an empty file.
    Chunks(Vec<ContentHash>),
    /// The chunks whose 32-byte hashes are the content of these chunks, in order.
    List(Vec<ContentHash>),
}

/// A file in the record that writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// The path below its owner.
    pub path: String,
    /// The size in bytes.
    pub size: u64,
    /// The hash of its bytes.
    pub digest: ContentHash,
    /// The media type, if it is known.
    pub media_type: Option<String>,
    /// The chunks with its bytes.
    pub content: FileContent,
}

/// Files were written. Each replaces the previous one at its path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactsWritten {
    /// The owner of the files.
    pub owner: ArtifactOwner,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
    /// The files.
    pub files: Vec<WrittenFile>,
}

/// A reference to an external file was logged. It replaces the previous file at its path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactReferenced {
    /// The owner of the reference.
    pub owner: ArtifactOwner,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
    /// The path below its owner.
    pub path: String,
    /// The location of the file.
    pub uri: String,
    /// The size in bytes, if it is known.
    pub size: Option<u64>,
    /// A digest of its bytes, in the caller's notation.
    pub digest: Option<String>,
}

/// A file or all files in a folder were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactsDeleted {
    /// The owner of the files.
    pub owner: ArtifactOwner,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
    /// The path of the file or folder, or empty for all files of the owner.
    pub path: String,
}
