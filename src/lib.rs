//! Embedded experiment tracking: runs, params, tags, metrics, files and models of many processes in
//! one file, without a server.
//!
#![doc = include_str!("../docs/crate.md")]
// Loom builds only the layers below the log, which its models use, and no SQLite.
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
pub mod artifact;
#[cfg(all(feature = "capture", not(loom)))]
pub mod capture;
#[cfg(not(loom))]
mod columns;
#[cfg(not(loom))]
pub mod comparison;
#[cfg(not(loom))]
mod copy;
#[cfg(not(loom))]
pub mod curve;
#[cfg(not(loom))]
mod database;
#[cfg(all(feature = "polars", not(loom)))]
mod dataframe;
#[cfg(not(loom))]
pub mod endpoint;
#[cfg(not(loom))]
mod engine;
mod entity;
mod error;
#[cfg(not(loom))]
mod experiment;
#[cfg(not(loom))]
pub mod feature;
mod format;
#[cfg(not(loom))]
mod index;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
#[cfg(not(loom))]
pub mod job;
#[cfg(not(loom))]
mod log;
#[cfg(not(loom))]
pub mod logged_model;
mod mutant;
#[cfg(not(loom))]
pub mod registry;
#[cfg(not(loom))]
mod run;
#[cfg(all(feature = "schedule", not(loom)))]
pub mod schedule;
#[cfg(not(loom))]
#[cfg_attr(
    not(feature = "internals"),
    allow(dead_code, unused_imports, reason = "tests see more of it than its users")
)]
mod search;
mod storage;
mod sys;
#[cfg(not(loom))]
pub mod table;
#[cfg(not(loom))]
pub mod token;
#[cfg(not(loom))]
mod verify;
#[cfg(not(loom))]
pub mod view;
#[cfg(not(loom))]
pub mod webhook;

pub use crate::entity::id::{ExperimentId, LoggedModelId, RegisteredModelId, RunId, Timestamp};
pub use crate::entity::{
    ARTIFACT_LOCATION_TAG, ChangeCursor, Changes, ExperimentFolder, ExperimentInfo,
    GOAL_TAG_PREFIX, Lifecycle, MetricGoal, MetricGoals, MetricHistory, MetricPoint,
    MetricStatistics, RunInfo, RunRecord, RunStatus,
};
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::storage::WritePath;
#[cfg(not(loom))]
pub use crate::{
    database::{Database, builder::DatabaseBuilder},
    entity::limits::Limits,
    experiment::{Experiment, search::ExperimentSearch},
    index::{IndexPlace, SqlTable, SqlValue},
    run::{
        Run, batch::Batch, health::RunHealth, history::RunHistory, key_summary::KeyKind,
        key_summary::KeySummary, keys::Step, metric::Metric, metric::MetricRow, search::RunSearch,
        search_all::FoundRuns, start::RunBuilder, update::RunUpdate,
    },
    search::{FilterPart, FilterPlace, Page, View},
};

/// Inputs and outputs of runs: datasets, and the models that were used or made.
///
/// [`Run::log_dataset`], [`Run::log_inputs`] and [`Run::log_outputs`] write them. [`Run::inputs`],
/// [`Run::outputs`] and [`Database::search_datasets`] read them.
pub mod inputs {
    pub use crate::entity::{Dataset, DatasetInput, DatasetSummary, ModelOutput, RunInputs};
}

/// The graph of tables, datasets, runs, models, aliases and endpoints, from [`Database::lineage`].
pub mod lineage {
    pub use crate::entity::{
        LineageDirection, LineageEdge, LineageGraph, LineageKind, LineageNode, LineagePlace,
    };
}

/// Groups of runs with equal params or tags, from [`Database::group_runs`].
#[cfg(not(loom))]
pub mod groups {
    pub use crate::run::groups::{GroupColumn, RunGroup, RunGroups, Spread};
}

/// How much each param matters for a metric, from [`Database::importance`].
#[cfg(not(loom))]
pub mod importance {
    pub use crate::run::importance::{Dependence, Importance, ImportanceQuery, ParamImportance};
}

/// Reports of the operations that check, copy, shrink and clean up a file.
///
/// The operations are methods of [`Database`]: [`info`](Database::info), [`gc`](Database::gc),
/// [`backup`](Database::backup), [`vacuum`](Database::vacuum), [`verify`](Database::verify),
/// [`salvage`](Database::salvage) and [`dump`](Database::dump).
#[cfg(not(loom))]
pub mod upkeep {
    pub use crate::copy::salvage::SalvageReport;
    pub use crate::copy::vacuum::VacuumReport;
    pub use crate::database::info::{DatabaseInfo, WriterInfo};
    pub use crate::engine::gc::GcReport;
    pub use crate::entity::Deleted;
    pub use crate::log::Damage;
    pub use crate::verify::VerifyReport;
    pub use crate::verify::dump::{DumpedFrame, DumpedRecord};
}
