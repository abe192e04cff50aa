//! The Python package `tracklite`: this file only registers what the others define.
//!
//! It wraps the public API of the crate `tracklite`, file by file: a class of `run.rs` here wraps
//! what `src/run.rs` defines there. The classes are frozen and may be used by any thread.

mod database;
mod detach;
mod error;
mod store;

use pyo3::prelude::*;

/// The native part of the package; import `tracklite` instead.
#[pymodule(gil_used = false)]
mod _tracklite {
    #[pymodule_export]
    use crate::database::Database;
    #[pymodule_export]
    use crate::error::error_kinds;
    #[pymodule_export]
    use crate::store::{
        Store, StoreArtifacts, StoreExperiments, StoreHistories, StoreLoggedModels, StoreRegistry,
        StoreRuns, StoreVersions,
    };
}
