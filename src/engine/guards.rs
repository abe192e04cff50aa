//! Checks of what exists and accepts writes, with their errors.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::entity::id::{ExperimentId, LoggedModelId, RegisteredModelId, RunId};
use crate::entity::limits::Limits;
use crate::entity::{Lifecycle, LoggedModelMetric, ModelVersionStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ExperimentLifecycleSet, LoggedModelLifecycleSet, LoggedModelsPurged, MeasuredMetric, Purged,
    RunLifecycleSet,
};
use crate::index::{Index, VersionChoice};
use crate::log::{State, run_is_deleted};

/// Records that change whether experiments, runs and logged models exist and accept writes.
pub(crate) const LOGGED_MODEL_LIFECYCLES: [RangeInclusive<u16>; 5] = [
    ExperimentLifecycleSet::KIND..=ExperimentLifecycleSet::KIND,
    RunLifecycleSet::KIND..=RunLifecycleSet::KIND,
    Purged::KIND..=Purged::KIND,
    LoggedModelLifecycleSet::KIND..=LoggedModelLifecycleSet::KIND,
    LoggedModelsPurged::KIND..=LoggedModelsPurged::KIND,
];

/// Fails if the experiment is deleted or does not exist.
pub(crate) fn check_experiment_writable(state: &State, id: ExperimentId) -> Result<()> {
    match state.experiments.get(&id) {
        None => Err(no_such_experiment(id)),
        Some(known) if known.lifecycle == Lifecycle::Deleted => {
            Err(experiment_is_deleted(&known.path))
        }
        Some(_) => Ok(()),
    }
}

/// Fails if the experiment is deleted or does not exist in the index.
pub(crate) fn check_experiment_active(index: &Index, id: ExperimentId) -> Result<()> {
    match index.experiment(id)? {
        None => Err(no_such_experiment(id)),
        Some(info) if info.lifecycle == Lifecycle::Deleted => {
            Err(experiment_is_deleted(&info.path))
        }
        Some(_) => Ok(()),
    }
}

/// Fails if the run is deleted or does not exist.
pub(crate) fn check_run_active(index: &Index, id: RunId) -> Result<()> {
    match index.run_info(id)? {
        None => Err(no_such_run(id)),
        Some(run) if run.lifecycle == Lifecycle::Deleted => Err(run_is_deleted(id)),
        Some(_) => Ok(()),
    }
}

/// Fails if the logged model or its experiment is deleted, or if there is no such model.
pub(crate) fn check_logged_model_writable(index: &Index, id: LoggedModelId) -> Result<()> {
    let Some((model, experiment)) = index.logged_model_lifecycle(id)? else {
        return Err(no_such_logged_model(id));
    };
    match (model, experiment) {
        (Lifecycle::Active, Lifecycle::Active) => Ok(()),
        (Lifecycle::Deleted, _) => Err(logged_model_is_deleted(id)),
        (Lifecycle::Active, Lifecycle::Deleted) => {
            let message =
                format!("the experiment of logged model {id} is deleted; restore it first");
            Err(Error::new(ErrorKind::InvalidState, message))
        }
    }
}

/// Fails unless the files of this version may change: it is pending, and no digest pins them.
pub(crate) fn check_version_writable(
    index: &Index,
    model: RegisteredModelId,
    version: u64,
) -> Result<()> {
    let Some(info) = index.model_version(model, VersionChoice::Number(version))? else {
        let message = format!("there is no version {version} of this registered model");
        return Err(Error::new(ErrorKind::NotFound, message));
    };
    if info.status == ModelVersionStatus::PendingRegistration && info.digest.is_none() {
        return Ok(());
    }
    let message = format!(
        "the files of version {version} of {:?} cannot be changed: only a pending version takes \
         files",
        info.name
    );
    Err(Error::new(ErrorKind::InvalidState, message))
}

/// Returns the given params that are not known yet. Fails if a param has two values.
pub(crate) fn set_once(
    owner: impl Display,
    known: Option<&BTreeMap<String, String>>,
    given: &[(String, String)],
) -> Result<Vec<(String, String)>> {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    let mut params = Vec::new();
    for (key, value) in given {
        let key = key.as_str();
        let set = known.and_then(|known| known.get(key)).map(String::as_str);
        match set.or_else(|| seen.get(key).copied()) {
            None => {
                seen.insert(key, value);
                params.push((key.to_owned(), value.clone()));
            }
            Some(first) if first == value => {}
            Some(first) => {
                let message = format!(
                    "param {key:?} of {owner} is already {first:?}; params cannot be changed \
                     (got {value:?})"
                );
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
        }
    }
    Ok(params)
}

pub(crate) fn experiment_is_deleted(path: &str) -> Error {
    let message = format!("experiment {path:?} is deleted; restore it first");
    Error::new(ErrorKind::InvalidState, message)
}

pub(crate) fn logged_model_is_deleted(id: LoggedModelId) -> Error {
    let message = format!("logged model {id} is deleted; restore it first");
    Error::new(ErrorKind::InvalidState, message)
}

pub(crate) fn no_such_experiment(id: ExperimentId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no experiment {id}"))
}

pub(crate) fn no_such_logged_model(id: LoggedModelId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no logged model {id}"))
}

pub(crate) fn no_such_run(id: RunId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no run {id}"))
}

/// Checks a metric of a logged model and returns its record.
pub(crate) fn measured(limits: &Limits, metric: LoggedModelMetric) -> Result<MeasuredMetric> {
    let LoggedModelMetric { key, value, step, time, run, dataset } = metric;
    limits.check_metric_key(&key)?;
    if let Some((name, digest)) = &dataset {
        limits.check_dataset(name, digest)?;
    }
    Ok(MeasuredMetric { key, value, step, time: time.as_nanos(), run, dataset })
}
