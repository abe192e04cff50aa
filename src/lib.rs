//! Embedded experiment tracking: runs, params, tags and metrics of any number of processes in one
//! file, without a server.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("runs.tracklite");
//! use tracklite::Database;
//!
//! let database = Database::create(&path)?;
//! let run = database.experiment("/Shared/team/churn")?.start_run("baseline")?;
//! run.log_param("learning_rate", 0.1)?;
//! for step in 0..3 {
//!     run.log_metric("loss", 1.0 / f64::from(step + 1), step)?;
//! }
//! assert_eq!(run.history("loss")?.values, [1.0, 0.5, 1.0 / 3.0]);
//! run.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The model
//!
//! A [`Database`] is one open file. It holds [`Experiment`]s, named by a path; an experiment holds
//! [`Run`]s; a run has *params* (set once), *tags* (overwritten at will) and *metrics*: series of
//! points, each with a step, a time and a value. The words and the rules are MLflow's.
//!
//! Any number of processes may open the file at once, to write or to read; nobody waits for a
//! reader, and a writer waits for another only for the microseconds in which that one starts a run
//! or defines a metric. All handles are cheap to clone and may be used by any thread. After a fork
//! the child opens the file anew.
//!
//! For training loops: [`Run::log_metric`] looks the key up each time; a [`Metric`] saves that, and
//! a [`MetricRow`] logs several values as one, whole or not at all.
//!
//! In a loop that counts nanoseconds, a row of metrics is looked up once:
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
//!
//! # Models
//!
//! A [`LoggedModel`] is what a run has made, with params, tags and metrics of its own. The
//! [`Registry`] gives models names: a [`RegisteredModel`] has numbered versions, and aliases that
//! are moved from one to another. [`Database::lineage`] tells what was made of what.
//!
//! # What survives what
//!
//! | level | promise |
//! | --- | --- |
//! | the call returned | survives the death of the process by any means: `kill -9`, a panic |
//! | interval, 1 s by default | while a writer lives: after a power cut everything returned more than one interval plus one sync ago is there |
//! | [`Database::sync`], [`Run::finish`] or a change of the registry returned `Ok` | survives a power cut, as far as the device honours a flush |
//! | beyond the sync point | any subset of calls may be lost, each whole or absent, never altered |
//!
//! # Errors
//!
//! Every call that can fail gives an [`Error`], which names the file, says what is wrong, and has
//! an [`ErrorKind`] to match on. Beside the kinds that a method names, each may report
//! [`ErrorKind::Io`] and [`ErrorKind::StorageFull`] from the system, [`ErrorKind::Locked`] when
//! another process holds a lock for longer than [`DatabaseBuilder::lock_timeout`],
//! [`ErrorKind::Damaged`] from a file whose bytes contradict themselves, [`ErrorKind::Forked`] in a
//! forked child, and [`ErrorKind::Poisoned`] after a failure that the handle does not get over.
//! Writing to a file opened for reading is [`ErrorKind::ReadOnly`].
//!
//! # Looking after a file
//!
//! [`Database::verify`] names each damage, [`Database::salvage`] saves what is good,
//! [`Database::backup`] copies a live file, [`Database::gc`] removes what is deleted, and
//! [`Database::vacuum`] makes the file shorter. The program `tracklite` does the same.

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
mod artifact;
#[cfg(all(feature = "capture", not(loom)))]
mod capture;
#[cfg(not(loom))]
mod columns;
#[cfg(not(loom))]
mod copy;
#[cfg(not(loom))]
mod database;
#[cfg(all(feature = "polars", not(loom)))]
mod dataframe;
#[cfg(not(loom))]
mod engine;
mod entity;
mod error;
#[cfg(not(loom))]
mod experiment;
mod format;
#[cfg(not(loom))]
mod index;
#[cfg(not(loom))]
mod log;
#[cfg(not(loom))]
mod logged_model;
#[cfg(not(feature = "internals"))]
mod mutant;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod mutant;
#[cfg(not(loom))]
mod registry;
#[cfg(not(loom))]
mod run;
#[cfg(not(feature = "internals"))]
#[allow(dead_code, unused_imports, reason = "tests see more of it than its users")]
mod search;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod search;
#[cfg(not(feature = "internals"))]
mod storage;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod storage;
mod sys;
#[cfg(not(loom))]
mod verify;

#[cfg(not(loom))]
pub use artifact::reader::ArtifactReader;
#[cfg(not(loom))]
pub use artifact::{ArtifactUpload, Artifacts};
#[cfg(all(feature = "capture", not(loom)))]
pub use capture::{BuildFacts, Capture, Capturing};
#[cfg(not(loom))]
pub use copy::salvage::SalvageReport;
#[cfg(not(loom))]
pub use copy::vacuum::VacuumReport;
#[cfg(not(loom))]
pub use database::Database;
#[cfg(not(loom))]
pub use database::builder::DatabaseBuilder;
#[cfg(not(loom))]
#[cfg(not(loom))]
pub use database::info::{DatabaseInfo, WriterInfo};
#[cfg(not(loom))]
pub use engine::gc::GcReport;
pub use entity::id::{ExperimentId, LoggedModelId, RegisteredModelId, RunId, Timestamp};
#[cfg(not(loom))]
pub use entity::limits::Limits;
#[cfg(not(loom))]
pub use entity::model_uri::{ModelTarget, ModelUri};
#[cfg(not(loom))]
pub use entity::signature::{FieldType, Signature, SignatureField, SignatureParam};
pub use entity::table::Table;
pub use entity::{
    ArtifactInfo, ArtifactOwner, CatalogInfo, ContentHash, Dataset, DatasetInput, DatasetSummary,
    Deleted, ExperimentFolder, ExperimentInfo, Lifecycle, LineageDirection, LineageEdge,
    LineageGraph, LineageKind, LineageNode, LoggedModelInfo, LoggedModelMetric, LoggedModelStatus,
    MetricHistory, MetricPoint, MetricStatistics, ModelOutput, ModelStage, ModelVersionInfo,
    ModelVersionStatus, RegisteredModelInfo, RegistryMode, RunInfo, RunInputs, RunRecord,
    RunStatus, SchemaInfo,
};
pub use error::{Error, ErrorKind, Result};
#[cfg(not(loom))]
pub use experiment::Experiment;
#[cfg(not(loom))]
pub use experiment::search::ExperimentSearch;
#[cfg(not(loom))]
pub use index::{IndexPlace, SqlTable, SqlValue};
#[cfg(not(loom))]
pub use log::Damage;
#[cfg(not(loom))]
pub use logged_model::search::{LOGGED_MODELS_PAGE_DEFAULT, LoggedModelSearch};
#[cfg(not(loom))]
pub use logged_model::{LoggedModel, LoggedModelBuilder};
#[cfg(not(loom))]
pub use registry::Registry;
#[cfg(not(loom))]
pub use registry::model::{RegisteredModel, RegisteredModelBuilder};
#[cfg(not(loom))]
pub use registry::new_version::ModelVersionBuilder;
#[cfg(not(loom))]
pub use registry::resolve::ResolvedModel;
#[cfg(not(loom))]
pub use registry::search::{MODELS_PAGE, RegistrySearch, VERSIONS_PAGE};
#[cfg(not(loom))]
pub use registry::version::ModelVersion;
#[cfg(not(loom))]
pub use run::Run;
#[cfg(not(loom))]
pub use run::batch::Batch;
#[cfg(not(loom))]
pub use run::history::RunHistory;
#[cfg(not(loom))]
pub use run::inputs::DATASET_RESULTS_MAX;
#[cfg(not(loom))]
pub use run::keys::Step;
#[cfg(not(loom))]
pub use run::metric::{Metric, MetricRow};
#[cfg(not(loom))]
pub use run::search::{PAGE_RESULTS_DEFAULT, PAGE_RESULTS_MAX, Page, RunSearch, View};
#[cfg(not(loom))]
pub use run::search_all::FoundRuns;
#[cfg(not(loom))]
pub use run::start::RunBuilder;
#[cfg(not(loom))]
pub use run::update::RunUpdate;
pub use storage::WritePath;
#[cfg(not(loom))]
pub use verify::VerifyReport;
#[cfg(not(loom))]
pub use verify::dump::{DumpedFrame, DumpedRecord};

/// The columns and values of a [`Table`].
pub mod table {
    pub use crate::entity::table::{Column, Row, Texts, Value, Values};
}

/// What the project's own tests, fuzz targets and benches reach into; no promise is made of it.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    /// The rules for paths of artifacts.
    #[cfg(not(loom))]
    pub mod artifact_path {
        use crate::error::Result;

        /// Whether a path can be one of an artifact; see `Artifacts`.
        pub fn check_path(path: &str) -> Result<()> {
            crate::entity::artifact_path::check_path(path)
        }
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
    pub use crate::mutant;
    #[cfg(not(loom))]
    pub use crate::run::search::Way;
    pub use crate::search;
    pub use crate::storage;
    pub use crate::sys::fork::testing as forking;
    #[cfg(not(loom))]
    pub use crate::verify::verify_storage;
}
