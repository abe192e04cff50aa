//! Embedded, single-file experiment tracking.

mod builder;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod copy;
mod database;
mod engine;
mod entity;
mod error;
mod experiment;
mod format;
mod id;
mod index;
mod limits;
mod log;
mod maintenance;
mod metric;
#[cfg(not(feature = "internals"))]
mod mutant;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod mutant;
mod name;
mod run;
mod series;
#[cfg(not(feature = "internals"))]
mod storage;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod storage;
mod sys;
mod verify;

pub use builder::DatabaseBuilder;
pub use database::Database;
pub use entity::{
    ExperimentInfo, Lifecycle, MetricHistory, MetricPoint, MetricStatistics, RunInfo, RunRecord,
    RunStatus,
};
pub use error::{Error, ErrorKind, Result};
pub use experiment::{Experiment, RunBuilder};
pub use id::{ExperimentId, RunId, Timestamp};
pub use index::{IndexPlace, SqlTable, SqlValue};
pub use log::Damage;
pub use maintenance::{DatabaseInfo, GcReport, VacuumReport, WriterInfo};
pub use metric::{Metric, MetricRow, Step};
pub use run::Run;
pub use storage::WritePath;
pub use verify::{SalvageReport, VerifyReport};

/// What the project's own tests, fuzz targets and benches reach into; no promise is made of it.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    pub use crate::format::{
        FIRST_CHAIN_UNIT, FIRST_FRAME_BYTES, FileId, UNIT_BYTES, block, frame, header, record,
        slot, unit_start, word,
    };
    pub use crate::log::{new_file, new_header};
    pub use crate::mutant;
    pub use crate::storage;
    pub use crate::sys::fork::testing as forking;
    pub use crate::verify::verify_storage;
}
