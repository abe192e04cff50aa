//! Queries about artifacts and their chunks.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::entity::id::Timestamp;
use crate::entity::{ArtifactInfo, ArtifactOwner, ContentHash};
use crate::error::Result;
use crate::format::record::{FileContent, Incarnation, StoredChunk};
use crate::format::{UNIT_BYTES, unit_start};

use super::{Index, unsigned};

/// A file, or a reference to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    /// The description for users.
    pub(crate) info: ArtifactInfo,
    /// The chunks of the content. Empty for a reference.
    pub(crate) content: FileContent,
}

/// A range of units that contains chunks of one writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkUnit {
    pub(crate) unit: u32,
    pub(crate) units: u32,
    pub(crate) incarnation: Incarnation,
    /// Whether the writer is closed.
    pub(crate) is_closed: bool,
}

impl ChunkUnit {
    /// Returns the byte range in the file.
    pub(crate) fn range(&self) -> Range<u64> {
        let start = unit_start(self.unit);
        start..start + u64::from(self.units) * UNIT_BYTES
    }
}

const INFO: &str = "path, size, media_type, digest, uri, written, is_list, content";
const CHUNK: &str = "hash, length, coded, codec, offset, checksum";

impl Index {
    /// Returns the places of these chunks in the same order. `None` for chunks that are not stored.
    pub(crate) fn chunks(&self, hashes: &[ContentHash]) -> Result<Vec<Option<StoredChunk>>> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached(&format!("SELECT {CHUNK} FROM chunks WHERE hash = ?1"))?;
            let mut find =
                |hash: &ContentHash| select.query_row([hash.as_bytes()], chunk).optional();
            hashes.iter().map(&mut find).collect()
        })
    }

    /// Returns the file or reference with this path.
    pub(crate) fn artifact(&self, owner: &ArtifactOwner, path: &str) -> Result<Option<Artifact>> {
        self.read(|connection| {
            let (_, owner, version) = owner_columns(owner);
            let mut select = connection.prepare_cached(&format!(
                "SELECT {INFO} FROM artifacts WHERE owner = ?1 AND version = ?2 AND path = ?3"
            ))?;
            select.query_row((owner, version, path), artifact).optional()
        })
    }

    /// Returns all files and references below this folder, sorted by path. The empty path is the
    /// root.
    pub(crate) fn artifacts_within(
        &self,
        owner: &ArtifactOwner,
        folder: &str,
    ) -> Result<Vec<Artifact>> {
        self.read(|connection| {
            let (_, owner, version) = owner_columns(owner);
            let (first, end) = bounds_within(folder);
            let mut select = connection.prepare_cached(&format!(
                "SELECT {INFO} FROM artifacts
                 WHERE owner = ?1 AND version = ?2 AND path >= ?3 AND path < ?4 ORDER BY path"
            ))?;
            select.query_map((owner, version, first, end), artifact)?.collect()
        })
    }

    /// Returns a path that conflicts with a file at this path. It is a file in place of one of its
    /// folders, or a file below it.
    pub(crate) fn path_in_the_way(
        &self,
        owner: &ArtifactOwner,
        path: &str,
    ) -> Result<Option<String>> {
        self.read(|connection| {
            let mut folders = path.match_indices('/').map(|(at, _)| path.get(..at));
            let above = folders.find_map(|folder| {
                exists(connection, owner, folder?)
                    .map(|is_file| is_file.then_some(folder?))
                    .transpose()
            });
            if let Some(above) = above {
                return above.map(|above| Some(above.to_owned()));
            }
            let (_, owner, version) = owner_columns(owner);
            let (first, end) = bounds_within(path);
            let mut select = connection.prepare_cached(
                "SELECT path FROM artifacts
                 WHERE owner = ?1 AND version = ?2 AND path >= ?3 AND path < ?4 LIMIT 1",
            )?;
            select.query_row((owner, version, first, end), |row| row.get(0)).optional()
        })
    }

    /// Returns up to `most` chunks after `after` that no file refers to directly, sorted by hash.
    pub(crate) fn unnamed_chunks(
        &self,
        after: Option<ContentHash>,
        most: u32,
    ) -> Result<Vec<StoredChunk>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT {CHUNK} FROM chunks WHERE hash > ifnull(?1, x'')
                 AND NOT EXISTS (SELECT 1 FROM artifact_chunks
                                 WHERE artifact_chunks.hash = chunks.hash)
                 ORDER BY hash LIMIT ?2"
            ))?;
            select.query_map((after.map(|hash| *hash.as_bytes()), most), chunk)?.collect()
        })
    }

    /// Returns the chunks that hold lists of chunks, without duplicates.
    pub(crate) fn lists_of_chunks(&self) -> Result<Vec<ContentHash>> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT DISTINCT content FROM artifacts WHERE is_list")?;
            let contents = select.query_map((), |row| row.get(0))?;
            let mut lists = Vec::new();
            for content in contents {
                let content: Vec<u8> = content?;
                lists.extend(hashes(&content));
            }
            lists.sort_unstable();
            lists.dedup();
            Ok(lists)
        })
    }

    /// Returns the units that contain chunks, in file order.
    pub(crate) fn chunk_units(&self) -> Result<Vec<ChunkUnit>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT unit, units, incarnation, ifnull(closed, 0) FROM chunk_units
                 LEFT JOIN writers USING (incarnation) ORDER BY unit",
            )?;
            let unit = |row: &Row<'_>| {
                Ok(ChunkUnit {
                    unit: row.get(0)?,
                    units: row.get(1)?,
                    incarnation: Incarnation(unsigned(row.get(2)?)),
                    is_closed: row.get(3)?,
                })
            };
            select.query_map((), unit)?.collect()
        })
    }

    /// Returns the byte ranges of the chunks that begin within a range of the file, in file order.
    pub(crate) fn chunks_within(&self, range: &Range<u64>) -> Result<Vec<Range<u64>>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT offset, coded FROM chunks WHERE offset >= ?1 AND offset < ?2
                 ORDER BY offset",
            )?;
            let bounds = (range.start.cast_signed(), range.end.cast_signed());
            let place = |row: &Row<'_>| {
                let (start, coded): (i64, u32) = (row.get(0)?, row.get(1)?);
                Ok(unsigned(start)..unsigned(start) + u64::from(coded))
            };
            select.query_map(bounds, place)?.collect()
        })
    }
}

fn exists(connection: &Connection, owner: &ArtifactOwner, path: &str) -> rusqlite::Result<bool> {
    let (_, owner, version) = owner_columns(owner);
    let mut select = connection.prepare_cached(
        "SELECT 1 FROM artifacts WHERE owner = ?1 AND version = ?2 AND path = ?3",
    )?;
    select.exists((owner, version, path))
}

fn chunk(row: &Row<'_>) -> rusqlite::Result<StoredChunk> {
    Ok(StoredChunk {
        hash: ContentHash::from_bytes(row.get(0)?),
        length: row.get(1)?,
        coded: row.get(2)?,
        codec: row.get(3)?,
        offset: unsigned(row.get(4)?),
        checksum: row.get(5)?,
    })
}

fn artifact(row: &Row<'_>) -> rusqlite::Result<Artifact> {
    let chunks = hashes(&row.get::<_, Vec<u8>>(7)?).collect();
    let is_list: bool = row.get(6)?;
    Ok(Artifact {
        info: ArtifactInfo {
            path: row.get(0)?,
            is_folder: false,
            size: row.get::<_, Option<i64>>(1)?.map(unsigned),
            media_type: row.get(2)?,
            digest: row.get(3)?,
            uri: row.get(4)?,
            written: Timestamp::from_nanos(row.get(5)?),
        },
        content: if is_list { FileContent::List(chunks) } else { FileContent::Chunks(chunks) },
    })
}

/// Splits bytes into hashes.
fn hashes(bytes: &[u8]) -> impl Iterator<Item = ContentHash> + '_ {
    bytes.as_chunks().0.iter().map(|bytes| ContentHash::from_bytes(*bytes))
}

/// Returns the kind, id and version of an owner. The id and version alone are unique.
pub(super) fn owner_columns(owner: &ArtifactOwner) -> (&'static str, String, i64) {
    match owner {
        ArtifactOwner::Run(run) => ("run", run.to_string(), 0),
        ArtifactOwner::LoggedModel(model) => ("logged_model", model.to_string(), 0),
        ArtifactOwner::ModelVersion { model, version } => {
            ("model_version", format!("{:032x}", model.to_bits()), version.cast_signed())
        }
        ArtifactOwner::Table(table) => ("table", table.to_string(), 0),
    }
}

/// Returns the bounds of the paths within a folder: the first path, and the first path after them.
/// The byte after the slash is the digit 0.
pub(super) fn bounds_within(folder: &str) -> (String, String) {
    match folder {
        // No path is empty, and no path contains a character as large as this.
        "" => (String::new(), "\u{10ffff}".to_owned()),
        folder => (format!("{folder}/"), format!("{folder}0")),
    }
}
