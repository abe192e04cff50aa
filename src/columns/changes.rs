//! Which runs have to be read again, as the records of the chain tell.

use std::collections::HashSet;

use crate::entity::id::{ExperimentId, RunId};
use crate::error::Result;
use crate::format::record::{Incarnation, Record, SeriesId};
use crate::index::Index;

/// With more than so many runs or series named, all are read again: that is faster, and a writer
/// that nobody asks anything needs no memory for it.
const NAMED_MAX: usize = 10_000;

/// What the records have named since somebody looked.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    is_all: bool,
    runs: HashSet<RunId>,
    experiments: HashSet<ExperimentId>,
    series: HashSet<(Incarnation, SeriesId)>,
}

impl Changes {
    /// Everything may be different.
    pub(crate) fn all() -> Self {
        Changes { is_all: true, ..Changes::default() }
    }

    /// Takes note of what a record changes.
    pub(crate) fn note(&mut self, record: &Record) {
        if self.is_all {
            return;
        }
        match record {
            Record::RunStarted(it) => self.name(it.run),
            Record::RunUpdated(it) => self.name(it.run),
            // The index sets the status by it.
            Record::RunResumed(it) => self.name(it.run),
            Record::RunLifecycleSet(it) => self.name(it.run),
            Record::ParamsSet(it) => self.name(it.run),
            Record::TagsSet(it) => self.name(it.run),
            Record::TagDeleted(it) => self.name(it.run),
            Record::InputsLogged(it) => self.name(it.run),
            Record::OutputsLogged(it) => self.name(it.run),
            Record::ExperimentLifecycleSet(it) => {
                self.experiments.insert(it.experiment);
            }
            Record::Sealed(it) => {
                let series = it.blocks.iter().flat_map(|block| &block.series);
                self.series.extend(series.map(|series| (it.incarnation, series.series)));
            }
            // Rows go: what is left is counted anew.
            Record::Purged(_) => self.is_all = true,
            // A search of runs sees nothing of the rest: space, definitions, names of experiments,
            // files and models.
            _ => {}
        }
        self.forget_if_many();
    }

    /// What is named need not be known any more when everything is read again.
    fn forget_if_many(&mut self) {
        if self.is_all || self.runs.len().max(self.series.len()) > NAMED_MAX {
            *self = Changes::all();
        }
    }

    fn name(&mut self, run: RunId) {
        self.runs.insert(run);
    }

    /// The runs that are named, each once; `None` for all.
    pub(super) fn runs(
        self,
        index: &Index,
        runs_of: impl Fn(ExperimentId) -> Vec<RunId>,
    ) -> Result<Option<Vec<RunId>>> {
        if self.is_all {
            return Ok(None);
        }
        let mut runs = self.runs;
        runs.extend(index.runs_of_series(self.series)?);
        runs.extend(self.experiments.into_iter().flat_map(runs_of));
        Ok(Some(runs.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::RunResumed;

    #[test]
    fn a_run_that_is_resumed_is_read_again() {
        let run = RunId::from_random(7);
        let mut changes = Changes::default();
        let incarnation = Incarnation(1);
        changes.note(&Record::RunResumed(RunResumed { run, incarnation, time: 3 }));
        assert!(changes.runs.contains(&run));
    }
}
