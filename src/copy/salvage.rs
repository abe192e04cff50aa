//! Copying what is still good in a damaged file.

use std::path::Path;
use std::sync::Arc;

use crate::copy::backup::copy_in_place;
use crate::error::Result;
use crate::log::{Log, LogOptions};
use crate::storage::{Access, Storage, WritePath, open_error, open_file};

/// What `salvage` wrote to the new file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Runs.
    pub runs: u64,
    /// Points.
    pub points: u64,
    /// Frames of metadata.
    pub frames: u64,
    /// What could not be read, one sentence each.
    pub lost: Vec<String>,
}

/// Opens the file for reading without an index; also when its chain is damaged.
pub(crate) fn open_damaged(path: &Path) -> Result<Log> {
    let storage = open_file(path, Access::ReadOnly, WritePath::Positioned)
        .map_err(|error| open_error("opening the file", path, error))?;
    open_damaged_storage(storage).map_err(|error| error.with_path(path))
}

pub(crate) fn open_damaged_storage(storage: Arc<dyn Storage>) -> Result<Log> {
    Log::open(storage, LogOptions { read_only: true, tolerant: true, ..LogOptions::default() })
}

/// Writes all that is still good to a new file; under the lock of a backup, as writers may be
/// there that have not met the damage.
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
