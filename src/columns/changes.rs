//! Tracks which runs must be read again because of records in the chain.

use std::collections::HashSet;

use crate::entity::id::{ExperimentId, RunId};
use crate::error::Result;
use crate::format::record::{Incarnation, Record, SeriesId};
use crate::index::Index;

/// Beyond this many runs or series, all runs are read again. That is faster, and it bounds the
/// memory of a writer that never searches.
const NAMED_MAX: usize = 10_000;

/// The runs, experiments and series changed since the last query.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    is_all: bool,
    runs: HashSet<RunId>,
    experiments: HashSet<ExperimentId>,
    series: HashSet<(Incarnation, SeriesId)>,
}

impl Changes {
    /// Returns the changes after which everything may be different.
    pub(crate) fn all() -> Self {
        Changes { is_all: true, ..Changes::default() }
    }

    /// Notes what a record changes.
    pub(crate) fn note(&mut self, record: &Record) {
        if self.is_all {
            return;
        }
        match record {
            Record::RunStarted(record) => self.name(record.run),
            Record::RunUpdated(record) => self.name(record.run),
            // The index updates the status.
            Record::RunResumed(record) => self.name(record.run),
            Record::RunLifecycleSet(record) => self.name(record.run),
            Record::ParamsSet(record) => self.name(record.run),
            Record::TagsSet(record) => self.name(record.run),
            Record::TagDeleted(record) => self.name(record.run),
            Record::InputsLogged(record) => self.name(record.run),
            Record::OutputsLogged(record) => self.name(record.run),
            Record::ExperimentLifecycleSet(record) => {
                self.experiments.insert(record.experiment);
            }
            Record::Sealed(record) => {
                let series = record.blocks.iter().flat_map(|block| &block.series);
                self.series.extend(series.map(|series| (record.incarnation, series.series)));
            }
            // Purged rows change the statistics of what is left.
            Record::Purged(_) => self.is_all = true,
            // A search of runs does not depend on the rest: space, definitions, experiment names,
            // files and models.
            _ => {}
        }
        self.forget_if_many();
    }

    /// Replaces too many single changes with "all".
    fn forget_if_many(&mut self) {
        if self.is_all || self.runs.len().max(self.series.len()) > NAMED_MAX {
            *self = Changes::all();
        }
    }

    fn name(&mut self, run: RunId) {
        self.runs.insert(run);
    }

    /// Returns the changed runs without duplicates, or `None` for all runs.
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
    fn a_resumed_run_is_read_again() {
        let run = RunId::from_random(7);
        let mut changes = Changes::default();
        let incarnation = Incarnation(1);
        changes.note(&Record::RunResumed(RunResumed { run, incarnation, time: 3 }));
        assert!(changes.runs.contains(&run));
    }
}
