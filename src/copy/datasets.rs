//! What datasets say, when the run that logged one first is left out of the copy.

use std::collections::{HashMap, HashSet};

use crate::entity::id::{ExperimentId, RunId};
use crate::format::record::{DatasetLogged, InputsLogged, RunStarted};

/// A dataset's identity: its experiment, name and digest.
type Key = (ExperimentId, String, String);

/// What the first record of each dataset says, with the runs that were given it.
#[derive(Debug, Default)]
pub(crate) struct FirstDatasets {
    runs: HashMap<RunId, ExperimentId>,
    first: HashMap<Key, (DatasetLogged, HashSet<RunId>)>,
    /// What was logged first by a run that is left out, as far as others were given it too.
    orphans: HashSet<Key>,
}

impl FirstDatasets {
    pub(crate) fn start(&mut self, started: &RunStarted) {
        self.runs.entry(started.run).or_insert(started.experiment);
    }

    pub(crate) fn log(&mut self, logged: &InputsLogged) {
        let Some(experiment) = self.runs.get(&logged.run).copied() else { return };
        for dataset in &logged.datasets {
            let key = (experiment, dataset.name.clone(), dataset.digest.clone());
            let first = self.first.entry(key);
            let (_, users) = first.or_insert_with(|| (dataset.clone(), HashSet::new()));
            users.insert(logged.run);
        }
    }

    /// A dataset is forgotten with the last run that was given it.
    pub(crate) fn purge(&mut self, runs: &[RunId]) {
        for run in runs {
            self.runs.remove(run);
        }
        self.first.retain(|key, (_, users)| {
            let before = users.len();
            users.retain(|run| !runs.contains(run));
            if users.len() < before && !users.is_empty() {
                self.orphans.insert(key.clone());
            }
            !users.is_empty()
        });
    }

    /// Whether the run is in the copy.
    pub(crate) fn keeps(&self, run: RunId) -> bool {
        self.runs.contains_key(&run)
    }

    /// The record, saying of each dataset what its first record in the file says.
    pub(crate) fn settle(&self, mut logged: InputsLogged) -> InputsLogged {
        let Some(experiment) = self.runs.get(&logged.run).copied() else { return logged };
        for dataset in &mut logged.datasets {
            let key = (experiment, dataset.name.clone(), dataset.digest.clone());
            if let (true, Some((first, _))) = (self.orphans.contains(&key), self.first.get(&key)) {
                let tags = std::mem::take(&mut dataset.tags);
                *dataset = DatasetLogged { tags, ..first.clone() };
            }
        }
        logged
    }
}
