//! Embedded, single-file experiment tracking.
//!
//! Any number of processes of one machine log into one file, without a server, and what was logged
//! outlives `kill -9` of any of them.
//!
//! ```
//! use tracklite::{Database, RunStatus};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("runs.tracklite");
//! let database = Database::create(&path)?;
//! let run = database.experiment("/Shared/team/churn")?.start_run("baseline")?;
//! run.log_param("learning_rate", 0.1)?;
//! for step in 0..3 {
//!     run.log_metric("loss", 1.0 / f64::from(step + 1), step)?;
//! }
//! let id = run.id();
//! run.finish()?;
//!
//! let record = database.run(id)?.record()?;
//! assert_eq!(record.info.status, RunStatus::Finished);
//! assert_eq!(record.params["learning_rate"], "0.1");
//! assert_eq!(record.metrics["loss"].step, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a loop that counts nanoseconds, a metric or a row of metrics is looked up once:
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("runs.tracklite");
//! use tracklite::{Database, Step};
//!
//! let run = Database::create(&path)?.default_experiment()?.start_run("")?;
//! let row = run.metric_row(&["loss", "accuracy"])?;
//! std::thread::scope(|scope| {
//!     scope.spawn(|| (0..100).try_for_each(|step| row.log(&[0.5, 0.9], step)));
//!     scope.spawn(|| run.log_metric("temperature", 71.5, Step::NEXT));
//! });
//! assert_eq!(run.history("accuracy")?.len(), 100);
//! assert_eq!(run.statistics("loss")?.map(|it| it.mean()), Some(0.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
mod dump;
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
#[cfg(not(loom))]
pub use dump::{DumpedFrame, DumpedRecord};
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
