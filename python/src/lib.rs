//! The Python package `tracklite`: this file only registers what the others define.
//!
//! It wraps the public API of the crate `tracklite`, file by file: a class of `run.rs` here wraps
//! what `src/run.rs` defines there. The classes are frozen and may be used by any thread.

#![expect(clippy::needless_pass_by_value, reason = "what comes from Python comes by value")]

mod artifacts;
mod capture;
mod convert;
mod database;
mod detach;
mod entity;
mod error;
mod experiment;
#[cfg(feature = "frames")]
mod frame;
#[cfg(feature = "frames")]
mod frames;
mod history;
mod inputs;
mod known;
#[cfg(feature = "frames")]
mod lineage;
mod logged_model;
mod metric;
mod model_version;
mod registered_model;
mod registry;
mod run;
mod search;
mod store;

use pyo3::prelude::*;

/// The native part of the package; import `tracklite` instead.
#[pymodule]
mod _tracklite {
    #[pymodule_export]
    use crate::artifacts::Artifacts;
    #[pymodule_export]
    use crate::database::Database;
    #[pymodule_export]
    use crate::error::error_kinds;
    #[pymodule_export]
    use crate::experiment::Experiment;
    #[cfg(feature = "frames")]
    #[pymodule_export]
    use crate::frame::Frame;
    #[pymodule_export]
    use crate::history::{Column, History};
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
        StoreRuns, StoreVersions,
    };
}
