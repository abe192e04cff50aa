//! Embedded, single-file experiment tracking.

mod engine;
mod entity;
mod error;
mod format;
mod id;
mod index;
mod log;
mod mutant;
mod series;
mod storage;
mod sys;

pub use entity::{
    ExperimentInfo, Lifecycle, MetricHistory, MetricPoint, MetricStatistics, RunInfo, RunRecord,
    RunStatus,
};
pub use error::{Error, ErrorKind, Result};
pub use id::{ExperimentId, RunId, Timestamp};
pub use index::{IndexPlace, SqlTable, SqlValue};
pub use storage::WritePath;
