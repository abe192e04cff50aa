//! Embedded, single-file experiment tracking.

mod entity;
mod error;
mod format;
mod id;
mod log;
mod mutant;
mod storage;
mod sys;

pub use entity::{
    ExperimentInfo, Lifecycle, MetricHistory, MetricPoint, MetricStatistics, RunInfo, RunRecord,
    RunStatus,
};
pub use error::{Error, ErrorKind, Result};
pub use id::{ExperimentId, RunId, Timestamp};
