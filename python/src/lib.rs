//! The native part of the Python package `tracklite`. This file only registers the classes.
//!
//! A child extends its parent: `Database.run` is defined in `run.rs`. So no file imports the files
//! that build on it. All classes are frozen, and threads may share their objects.

#![expect(clippy::needless_pass_by_value, reason = "arguments from Python are passed by value")]

mod arrays;
mod artifact_owner;
mod artifact_reader;
mod artifact_table;
mod artifacts;
mod capture;
mod changes;
mod command;
mod comparison;
mod convert;
mod curves;
mod database;
mod detach;
mod endpoint_entity;
mod endpoint_spec;
mod endpoints;
mod entity;
mod error;
mod experiment;
mod folders;
mod groups;
mod history;
mod inputs;
mod job_entity;
mod jobs;
mod known;
mod lineage;
mod logged_model;
mod metric;
mod model_version;
mod plot;
mod registered_model;
mod registry;
mod run;
mod search;
mod session;
mod start;
mod store;
mod stored_table;
mod table;
mod tables;
mod views;

use pyo3::prelude::*;

/// The native part of the package. Import `tracklite` instead.
#[pymodule]
mod _tracklite {
    #[pymodule_export]
    use crate::artifact_owner::artifact_owner;
    #[pymodule_export]
    use crate::artifact_reader::ArtifactReader;
    #[pymodule_export]
    use crate::artifact_table::{from_parquet, to_parquet, to_table};
    #[pymodule_export]
    use crate::artifacts::Artifacts;
    #[pymodule_export]
    use crate::command::run_command;
    #[pymodule_export]
    use crate::database::Database;
    #[pymodule_export]
    use crate::endpoints::Endpoints;
    #[pymodule_export]
    use crate::error::error_kinds;
    #[pymodule_export]
    use crate::experiment::Experiment;
    #[pymodule_export]
    use crate::history::{Column, History};
    #[pymodule_export]
    use crate::jobs::Jobs;
    #[pymodule_export]
    use crate::lineage::LineageGraph;
    #[pymodule_export]
    use crate::logged_model::LoggedModel;
    #[pymodule_export]
    use crate::metric::{Metric, MetricRow};
    #[pymodule_export]
    use crate::model_version::ModelVersion;
    #[pymodule_export]
    use crate::registered_model::RegisteredModel;
    #[pymodule_export]
    use crate::registry::Registry;
    #[pymodule_export]
    use crate::run::Run;
    #[pymodule_export]
    use crate::store::{
        Store, StoreArtifacts, StoreExperiments, StoreHistories, StoreLoggedModels, StoreRegistry,
        StoreRuns, StoreVersions, StoreWebhooks,
    };
    #[pymodule_export]
    use crate::stored_table::StoredTable;
    #[pymodule_export]
    use crate::table::Table;
}
