//! The addresses of artifacts, which depend on the client that asks.
//!
//! They are made from ids at each answer and never stored. MLflow's own clients take
//! `mlflow-artifacts:/...`, and clients of Databricks take `dbfs:/databricks/...`. Each would
//! refuse the other form.

use tracklite::{ExperimentId, ExperimentInfo, LoggedModelId};

use super::entities::LOCATION_TAG;
use crate::access::Dialect;
use crate::call::Call;
use crate::failure::Outcome;

/// Returns the prefix of the addresses of artifacts in the file.
pub(crate) fn root(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Mlflow => "mlflow-artifacts:",
        Dialect::Databricks => "dbfs:/databricks/mlflow-tracking",
    }
}

/// Returns the address of an experiment's artifacts.
pub(crate) fn of_experiment(call: &Call, info: &ExperimentInfo) -> String {
    match info.tags.get(LOCATION_TAG) {
        Some(location) => location.clone(),
        None => own(call.caller.dialect, info.id),
    }
}

/// Returns the address of an experiment's artifacts by its id.
pub(crate) fn of_experiment_id(call: &Call, id: ExperimentId) -> Outcome<String> {
    if let Some(known) = call.shared.locations.get(id) {
        return Ok(known.unwrap_or_else(|| own(call.caller.dialect, id)));
    }
    let info = call.database().experiment_by_id(id)?.info()?;
    call.shared.locations.put(id, info.tags.get(LOCATION_TAG).cloned());
    Ok(of_experiment(call, &info))
}

/// Returns the address of a logged model's files.
pub(crate) fn of_logged_model(
    call: &Call,
    experiment: ExperimentId,
    model: LoggedModelId,
) -> Outcome<String> {
    let location = of_experiment_id(call, experiment)?;
    let location = location.trim_end_matches('/');
    let is_own = call.shared.locations.get(experiment) == Some(None);
    let folder = match call.caller.dialect {
        Dialect::Databricks if is_own => "logged_models",
        _ => "models",
    };
    Ok(format!("{location}/{folder}/{model}/artifacts"))
}

fn own(dialect: Dialect, id: ExperimentId) -> String {
    format!("{}/{id}", root(dialect))
}
