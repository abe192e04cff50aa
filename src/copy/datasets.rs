//! The descriptions of datasets in a copy that omits the run that logged them first.

use std::collections::{HashMap, HashSet};

use crate::entity::id::{ExperimentId, RunId};
use crate::format::record::{DatasetLogged, InputsLogged, RunStarted};

/// A dataset's identity: its experiment, name and digest.
type Key = (ExperimentId, String, String);

/// The first record of each dataset, with the runs that use it.
#[derive(Debug, Default)]
pub(crate) struct FirstDatasets {
    runs: HashMap<RunId, ExperimentId>,
    first: HashMap<Key, (DatasetLogged, HashSet<RunId>)>,
    /// Datasets that an omitted run logged first, and that other runs use.
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

    /// Removes purged runs, and the datasets that no other run uses.
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

    /// Returns whether the copy contains the run.
    pub(crate) fn keeps(&self, run: RunId) -> bool {
        self.runs.contains_key(&run)
    }

    /// Replaces the description of each dataset by that of its first record. The index takes the
    /// description from the first record, which the copy may omit.
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
