//! Embedded, single-file experiment tracking.

#![cfg_attr(
    not(feature = "internals"),
    allow(
        dead_code,
        unused_imports,
        reason = "some of it is there for tests, benches and fuzzing"
    )
)]
// For loom only what its models reach is built: the layers below the log, and no SQLite.
#![cfg_attr(
    loom,
    allow(
        dead_code,
        unused_imports,
        clippy::useless_conversion,
        reason = "their users are not built"
    )
)]

#[cfg(not(loom))]
mod builder;
#[cfg(all(feature = "cli", not(loom)))]
#[doc(hidden)]
pub mod cli;
#[cfg(not(loom))]
mod copy;
#[cfg(not(loom))]
mod database;
#[cfg(not(loom))]
mod engine;
mod entity;
mod error;
#[cfg(not(loom))]
mod experiment;
mod format;
mod id;
#[cfg(not(loom))]
mod index;
#[cfg(not(loom))]
mod limits;
#[cfg(not(loom))]
mod log;
#[cfg(not(loom))]
mod maintenance;
#[cfg(not(loom))]
mod metric;
#[cfg(not(feature = "internals"))]
mod mutant;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod mutant;
#[cfg(not(loom))]
mod name;
#[cfg(not(loom))]
mod run;
#[cfg(not(loom))]
mod series;
#[cfg(not(feature = "internals"))]
mod storage;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod storage;
mod sys;
#[cfg(not(loom))]
mod verify;

#[cfg(not(loom))]
pub use builder::DatabaseBuilder;
#[cfg(not(loom))]
pub use database::Database;
pub use entity::{
    ExperimentInfo, Lifecycle, MetricHistory, MetricPoint, MetricStatistics, RunInfo, RunRecord,
    RunStatus,
};
pub use error::{Error, ErrorKind, Result};
#[cfg(not(loom))]
pub use experiment::{Experiment, RunBuilder};
pub use id::{ExperimentId, RunId, Timestamp};
#[cfg(not(loom))]
pub use index::{IndexPlace, SqlTable, SqlValue};
#[cfg(not(loom))]
pub use log::Damage;
#[cfg(not(loom))]
pub use maintenance::{DatabaseInfo, GcReport, VacuumReport, WriterInfo};
#[cfg(not(loom))]
pub use metric::{Metric, MetricRow, Step};
#[cfg(not(loom))]
pub use run::Run;
pub use storage::WritePath;
#[cfg(not(loom))]
pub use verify::{SalvageReport, VerifyReport};

/// What the project's own tests, fuzz targets and benches reach into; no promise is made of it.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    #[cfg(not(loom))]
    pub use crate::format::block;
    pub use crate::format::{
        FIRST_CHAIN_UNIT, FIRST_FRAME_BYTES, FileId, UNIT_BYTES, frame, header, record, scan, slot,
        unit_start, word,
    };
    #[cfg(not(loom))]
    pub use crate::log::{new_file, new_header};
    pub use crate::mutant;
    pub use crate::storage;
    pub use crate::sys::fork::testing as forking;
    #[cfg(not(loom))]
    pub use crate::verify::verify_storage;
}
