//! Keys of tags that mean something to the library itself; the words are MLflow's.

/// The tag of a run that always says the run's name.
pub(crate) const RUN_NAME_TAG: &str = "mlflow.runName";
/// The tag of a run that names the run which it is nested in.
pub(crate) const PARENT_RUN_TAG: &str = "mlflow.parentRunId";
/// The tag of a dataset input that says what the dataset was used for.
pub(crate) const DATA_CONTEXT_TAG: &str = "mlflow.data.context";
