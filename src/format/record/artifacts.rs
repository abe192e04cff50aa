//! The records of artifacts: files, and the chunks that their bytes are kept in.

use serde::{Deserialize, Serialize};

use super::Incarnation;
use crate::entity::{ArtifactOwner, ContentHash};

/// Units at the end of the file became room for chunks of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkUnitOpened {
    /// The owner.
    pub incarnation: Incarnation,
    /// The first unit.
    pub unit: u32,
    /// How many units.
    pub units: u32,
}

/// A chunk, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChunk {
    /// The hash of its bytes, by which files name it.
    pub hash: ContentHash,
    /// How many bytes it has.
    pub length: u32,
    /// How many bytes it takes in the file.
    pub coded: u32,
    /// How they are to be read: see `format::chunk`.
    pub codec: u8,
    /// Where they begin in the file.
    pub offset: u64,
    /// Their CRC-32C.
    pub checksum: u32,
}

/// Chunks stand in the file from here on. One that did before stays where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunksStored {
    /// The chunks.
    pub chunks: Vec<StoredChunk>,
}

/// No file names these chunks any more, and their space is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunksFreed {
    /// The chunks.
    pub hashes: Vec<ContentHash>,
}

/// What a file is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileContent {
    /// These chunks, one after another; none for an empty file.
    Chunks(Vec<ContentHash>),
    /// The chunks whose hashes are the bytes of these chunks, one after another, 32 bytes each.
    List(Vec<ContentHash>),
}

/// A file, within the record that writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// The path below its owner.
    pub path: String,
    /// How many bytes it has.
    pub size: u64,
    /// The hash of its bytes.
    pub digest: ContentHash,
    /// What kind of file it is, if that is known.
    pub media_type: Option<String>,
    /// Where its bytes are.
    pub content: FileContent,
}

/// Files were written; each takes the place of what had its path before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactsWritten {
    /// To what they belong.
    pub owner: ArtifactOwner,
    /// When, in nanoseconds since the epoch.
    pub time: i64,
    /// The files.
    pub files: Vec<WrittenFile>,
}

/// A path stands for a file outside of this one; it takes the place of what had it before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactReferenced {
    /// To what it belongs.
    pub owner: ArtifactOwner,
    /// When, in nanoseconds since the epoch.
    pub time: i64,
    /// The path below its owner.
    pub path: String,
    /// Where the file is.
    pub uri: String,
    /// How many bytes it has, if that is known.
    pub size: Option<u64>,
    /// A digest of its bytes, in words of the caller's.
    pub digest: Option<String>,
}

/// A file, or all that is in a folder, was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactsDeleted {
    /// To what it belonged.
    pub owner: ArtifactOwner,
    /// When, in nanoseconds since the epoch.
    pub time: i64,
    /// The path of the file or folder; empty for all that the owner has.
    pub path: String,
}
