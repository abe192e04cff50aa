//! Embedded, single-file experiment tracking.

mod entity;
mod error;
mod format;
mod id;
mod mutant;
mod storage;
mod sys;

pub use entity::{
    ExperimentInfo, Lifecycle, MetricHistory, MetricPoint, MetricStatistics, RunInfo, RunRecord,
    RunStatus,
};
pub use error::{Error, ErrorKind, Result};
pub use id::{ExperimentId, RunId, Timestamp};

/// What the project's own tests, fuzz targets and benches reach into; not part of the public API.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    pub use crate::mutant::{Mutant, active_mutant, with_mutant};
    pub use crate::storage::simulated;
    pub use crate::storage::{FilePlace, LockMode, LockRange, MediumTraits, Region, Storage};
}
