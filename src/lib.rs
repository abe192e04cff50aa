//! Embedded, single-file experiment tracking.

mod entity;
mod error;
mod format;
mod id;
mod storage;
mod sys;

pub use entity::{
    ExperimentInfo, Lifecycle, MetricHistory, MetricPoint, MetricStatistics, RunInfo, RunRecord,
    RunStatus,
};
pub use error::{Error, ErrorKind, Result};
pub use id::{ExperimentId, RunId, Timestamp};

/// What the project's own tests, fuzz targets and benches reach into; no promise is made of it.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    pub use crate::format::{block, record};
}
