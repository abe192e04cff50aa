//! Tag keys with a meaning to the library. The names are MLflow's.

/// A run's tag that mirrors its name.
pub(crate) const RUN_NAME_TAG: &str = "mlflow.runName";
/// A run's tag that holds the id of the run it is nested in.
pub(crate) const PARENT_RUN_TAG: &str = "mlflow.parentRunId";
/// A dataset input's tag that holds the purpose, such as `train`.
pub(crate) const DATA_CONTEXT_TAG: &str = "mlflow.data.context";

/// The tag of an experiment with its artifact location, if its artifacts are not in the file.
///
/// The plug-in for MLflow sets it and hides it from MLflow. Searches by `artifact_uri` and
/// `artifact_location` follow it.
pub const ARTIFACT_LOCATION_TAG: &str = "tracklite.artifactLocation";
