//! Facts about a file: sizes, counts, writers, warnings.

use std::path::PathBuf;

use crate::copy::vacuum::VACUUM_LENGTH_MIN;
use crate::engine::Engine;
use crate::entity::id::Timestamp;
use crate::error::{Error, Result};
use crate::format::{FORMAT_VERSION, unit_start};

/// A process that opened the file for writing and has not closed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterInfo {
    /// Its process id in its own namespace.
    pub process: u32,
    /// The name of its host.
    pub host: String,
    /// When it opened the file.
    pub opened: Timestamp,
    /// Whether it still has the file open.
    pub alive: bool,
}

/// Facts about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseInfo {
    /// The path by which it was opened.
    pub path: PathBuf,
    /// The random id in its header.
    pub file_id: u128,
    /// The version of its format.
    pub format_version: u16,
    /// When it was created.
    pub created: Timestamp,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// The space that it occupies on the disk.
    pub allocated_bytes: u64,
    /// The number of experiments, including deleted ones.
    pub experiments: u64,
    /// The number of runs, including deleted ones.
    pub runs: u64,
    /// The number of points, sealed and live.
    pub points: u64,
    /// The bytes of extents that are not sealed.
    pub unsealed_bytes: u64,
    /// The bytes of the metadata chain.
    pub chain_bytes: u64,
    /// The writers that have not closed the file, dead ones too.
    pub writers: Vec<WriterInfo>,
    /// The file of the index, or `None` if the index is in memory.
    pub index_path: Option<PathBuf>,
    /// Problems that need attention.
    pub warnings: Vec<String>,
}

pub(crate) fn info(engine: &Engine) -> Result<DatabaseInfo> {
    let log = &engine.log;
    let doing = |source| Error::io("reading the size of the file", source);
    let points = engine.count_points()?;
    let counts = engine.with_index(|index, _| index.counts())?;
    let extents = engine.with_index(|index, _| index.unsealed_extents())?;
    let unsealed_bytes = extents.iter().map(|(_, extent)| unit_start(extent.units)).sum();
    let header = log.header();
    let file_bytes = log.storage().len().map_err(doing)?;
    let allocated_bytes = log.storage().allocated_bytes().map_err(doing)?;
    let mut warnings = log.warnings();
    if log.is_poisoned()? {
        warnings.push("a sync of this file failed: see the system log".to_owned());
    }
    if file_bytes >= VACUUM_LENGTH_MIN && file_bytes > 2 * allocated_bytes {
        warnings.push("the file is mostly holes: `tracklite vacuum` shortens it".to_owned());
    }
    if counts.dropped > 0 {
        let message = "points beyond the last sync were lost in a power cut";
        warnings.push(format!("{} {message}", counts.dropped));
    }
    Ok(DatabaseInfo {
        path: engine.path().to_owned(),
        file_id: header.file.0,
        format_version: FORMAT_VERSION,
        created: Timestamp::from_nanos(header.created),
        file_bytes,
        allocated_bytes,
        experiments: counts.experiments,
        runs: counts.runs,
        points,
        unsealed_bytes,
        chain_bytes: log.chain_bytes()?,
        writers: writers(engine)?,
        index_path: engine.index_path(),
        warnings,
    })
}

fn writers(engine: &Engine) -> Result<Vec<WriterInfo>> {
    let open = engine.with_index(|index, _| index.open_writers())?;
    let mut writers = Vec::new();
    for writer in open {
        writers.push(WriterInfo {
            process: writer.process,
            host: writer.host,
            opened: writer.opened,
            alive: engine.log.is_alive(writer.incarnation)?,
        });
    }
    Ok(writers)
}
