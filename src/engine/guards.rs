//! Checks of what exists and accepts writes, with their errors.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::RangeInclusive;

use crate::entity::id::{ExperimentId, LoggedModelId, RegisteredModelId, RunId};
use crate::entity::limits::Limits;
use crate::entity::wording::{python, shortened};
use crate::entity::{Lifecycle, LoggedModelMetric, ModelVersionStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ExperimentLifecycleSet, LoggedModelLifecycleSet, LoggedModelsPurged, MeasuredMetric, Purged,
    RunLifecycleSet,
};
use crate::index::{Index, VersionChoice};
use crate::log::{State, run_is_deleted};

pub(crate) use crate::entity::id::{no_such_logged_model, no_such_run};

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
        Some(known) if known.lifecycle == Lifecycle::Deleted => Err(experiment_is_deleted(id)),
        Some(_) => Ok(()),
    }
}

/// Fails if the experiment is deleted or does not exist in the index.
pub(crate) fn check_experiment_active(index: &Index, id: ExperimentId) -> Result<()> {
    match index.experiment(id)? {
        None => Err(no_such_experiment(id)),
        Some(info) if info.lifecycle == Lifecycle::Deleted => Err(experiment_is_deleted(id)),
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
                format!("the experiment of logged model {id} is deleted: restore it first");
            Err(Error::new(ErrorKind::InvalidState, message))
        }
    }
}

/// The owner of params, for the text of a conflict.
#[derive(Clone, Copy)]
pub(crate) enum ParamOwner {
    /// A run that exists. The params are in a list.
    Run(RunId),
    /// A run that exists. The param is alone, for which MLflow has another text.
    OneOf(RunId),
    /// A logged model that exists.
    LoggedModel(LoggedModelId),
    /// A run or logged model that is created.
    New(&'static str),
}

impl fmt::Display for ParamOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamOwner::Run(run) | ParamOwner::OneOf(run) => write!(f, "run ID='{run}'"),
            ParamOwner::LoggedModel(model) => write!(f, "logged model ID='{model}'"),
            ParamOwner::New(noun) => write!(f, "the new {noun}"),
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
    owner: ParamOwner,
    known: Option<&BTreeMap<String, String>>,
    given: &[(String, String)],
) -> Result<Vec<(String, String)>> {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    let mut changed: Vec<(&str, &str, &str)> = Vec::new();
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
            Some(first) => changed.push((key, first, value)),
        }
    }
    if changed.is_empty() { Ok(params) } else { Err(params_are_changed(owner, &changed)) }
}

/// Returns MLflow's error for params that are set to other values.
#[cold]
fn params_are_changed(owner: ParamOwner, changed: &[(&str, &str, &str)]) -> Error {
    let message = match (owner, changed) {
        (ParamOwner::OneOf(_), [(key, old, new)]) => format!(
            "Changing param values is not allowed. Param with key='{key}' was already logged with \
             value='{}' for {owner}. Attempted logging new value '{}'.",
            shortened(old),
            shortened(new)
        ),
        _ => {
            let changed = changed.iter().map(|(key, old, new)| {
                let (key, old, new) = (python(key), python(old), python(new));
                format!("{{'key': {key}, 'old_value': {old}, 'new_value': {new}}}")
            });
            let changed: Vec<String> = changed.collect();
            format!(
                "Changing param values is not allowed. Params were already logged='[{}]' for \
                 {owner}.",
                changed.join(", ")
            )
        }
    };
    Error::new(ErrorKind::InvalidInput, message)
}

pub(crate) fn experiment_is_deleted(id: ExperimentId) -> Error {
    Error::new(
        ErrorKind::InvalidState,
        format!(
            "The experiment {id} must be in the 'active' state. Current state is deleted. Restore \
             it first."
        ),
    )
}

pub(crate) fn logged_model_is_deleted(id: LoggedModelId) -> Error {
    Error::new(
        ErrorKind::InvalidState,
        format!(
            "The logged model {id} must be in the 'active' state. Current state is deleted. \
             Restore it first."
        ),
    )
}

pub(crate) fn no_such_experiment(id: ExperimentId) -> Error {
    Error::new(ErrorKind::NotFound, format!("No Experiment with id={id} exists"))
}

/// Checks a metric of a logged model and returns its record.
pub(crate) fn measured(limits: &Limits, metric: LoggedModelMetric) -> Result<MeasuredMetric> {
    let LoggedModelMetric { key, value, step, time, run, dataset } = metric;
    limits.check_metric_key(&key, None)?;
    if let Some((name, digest)) = &dataset {
        limits.check_dataset(name, digest)?;
    }
    Ok(MeasuredMetric { key, value, step, time: time.as_nanos(), run, dataset })
}
