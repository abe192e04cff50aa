//! The native half of the MLflow plug-in: classes that take and return plain Python values.
//!
//! Times are in milliseconds, IDs are texts, and entities are tuples, whose fields are listed in
//! `values.rs`. Nothing here depends on MLflow. Its rules are in `python/tracklite/mlflow`.

mod artifacts;
mod experiments;
mod file;
mod histories;
mod logged_models;
mod registry;
mod runs;
mod values;
mod versions;
mod webhooks;

pub(crate) use self::artifacts::StoreArtifacts;
pub(crate) use self::experiments::StoreExperiments;
pub(crate) use self::file::Store;
pub(crate) use self::histories::StoreHistories;
pub(crate) use self::logged_models::StoreLoggedModels;
pub(crate) use self::registry::StoreRegistry;
pub(crate) use self::runs::StoreRuns;
pub(crate) use self::versions::StoreVersions;
pub(crate) use self::webhooks::StoreWebhooks;
