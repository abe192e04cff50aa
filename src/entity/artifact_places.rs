//! The addresses of artifacts, as MLflow knows them: below the artifact location of an experiment.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::{LoggedModelInfo, RunInfo};
use crate::entity::id::ExperimentId;

/// The root address of artifacts, and the experiments with their own artifact location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArtifactPlaces {
    /// The prefix of the addresses of all other experiments.
    pub(crate) root: String,
    /// The locations of the experiments that have the tag
    /// [`ARTIFACT_LOCATION_TAG`](super::ARTIFACT_LOCATION_TAG).
    pub(crate) own: BTreeMap<ExperimentId, String>,
}

impl ArtifactPlaces {
    /// Returns the address of the artifacts of a run.
    pub(crate) fn of_run(&self, run: &RunInfo) -> String {
        self.below(run.experiment, format_args!("{}/artifacts", run.id))
    }

    /// Returns the address of the artifacts of a logged model.
    pub(crate) fn of_logged_model(&self, model: &LoggedModelInfo) -> String {
        self.below(model.experiment, format_args!("models/{}/artifacts", model.id))
    }

    fn below(&self, experiment: ExperimentId, parts: impl Display) -> String {
        let Some(location) = self.own.get(&experiment) else {
            return format!("{}/{experiment}/{parts}", self.root);
        };
        below(location, parts)
    }
}

/// Appends parts to the path of an address. A query stays at the end, as in MLflow.
pub(crate) fn below(address: &str, parts: impl Display) -> String {
    let (path, query) = address.split_at(address.find('?').unwrap_or(address.len()));
    format!("{}/{parts}{query}", path.trim_end_matches('/'))
}
