//! Internals for the project's own tests, fuzz targets and benches. Not part of the public API.

/// The rules for paths of artifacts.
#[cfg(not(loom))]
pub mod artifact_path {
    use crate::error::Result;

    /// Checks whether an artifact can have this path.
    pub fn check_path(path: &str) -> Result<()> {
        crate::entity::artifact_path::check_path(path)
    }
}

/// The faults that tests inject.
pub mod mutant {
    pub use crate::mutant::*;
}

/// The query language.
#[cfg(not(loom))]
pub mod search {
    pub use crate::search::*;
}

/// The storages, with those of the tests.
pub mod storage {
    pub use crate::storage::*;
}

#[cfg(not(loom))]
pub use crate::database::upkeep::backup_to_storage;
#[cfg(not(loom))]
pub use crate::format::block;
pub use crate::format::{
    FIRST_CHAIN_UNIT, FIRST_FRAME_BYTES, FileId, UNIT_BYTES, frame, header, record, scan, slot,
    unit_start, word,
};
#[cfg(not(loom))]
pub use crate::log::{new_file, new_header};
#[cfg(not(loom))]
pub use crate::run::search::Way;
pub use crate::sys::fork::testing as forking;
#[cfg(not(loom))]
pub use crate::verify::verify_storage;
