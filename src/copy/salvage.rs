//! Copying the sound parts of a damaged file.

use std::path::Path;
use std::sync::Arc;

use crate::copy::backup::copy_in_place;
use crate::error::Result;
use crate::log::{Log, LogOptions};
use crate::storage::{Access, Storage, WritePath, open_error, open_file};

/// The content of a file that `salvage` has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageReport {
    /// The number of runs.
    pub runs: u64,
    /// The number of points.
    pub points: u64,
    /// The number of metadata frames.
    pub frames: u64,
    /// The parts that could not be read, one sentence for each.
    pub lost: Vec<String>,
}

/// Opens a file for reading without an index, even if its chain is damaged.
pub(crate) fn open_damaged(path: &Path) -> Result<Log> {
    let storage = open_file(path, Access::ReadOnly, WritePath::Positioned)
        .map_err(|error| open_error("opening the file", path, error))?;
    open_damaged_storage(storage).map_err(|error| error.with_path(path))
}

pub(crate) fn open_damaged_storage(storage: Arc<dyn Storage>) -> Result<Log> {
    Log::open(storage, LogOptions { read_only: true, tolerant: true, ..LogOptions::default() })
}

/// Copies all sound parts to a new file. It takes the same lock as a backup, because writers that
/// have not noticed the damage may be active.
pub(crate) fn salvage(path: &Path, out: &Path) -> Result<SalvageReport> {
    let copied = copy_in_place(&open_damaged(path)?, path, out, true);
    let copied = copied.map_err(|error| error.with_path(path))?;
    Ok(SalvageReport {
        runs: copied.runs,
        points: copied.points,
        frames: copied.frames,
        lost: copied.lost,
    })
}
