//! What a copy must know of the whole chain before it copies the first record.

use std::collections::{HashMap, HashSet};

use crate::copy::artifact_tree::ArtifactTree;
use crate::copy::datasets::FirstDatasets;
use crate::copy::known_models::KnownModels;
use crate::entity::ArtifactOwner;
use crate::entity::id::{ExperimentId, RunId};
use crate::format::record::{BlockPlace, Incarnation, Position, Record, RowDefined, SealedBlock};
use crate::log::{Definition, Definitions, ExtentState};

/// What must be known of the whole chain before its first record is copied.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Where the last frame begins that is copied; what follows was appended meanwhile.
    pub(crate) end: Position,
    pub(crate) purged_runs: HashSet<RunId>,
    purged_experiments: HashSet<ExperimentId>,
    /// Where blocks are that were moved, by where they were; `None` when they are gone.
    moved: HashMap<u64, Option<SealedBlock>>,
    /// Writers in order, with their extents that are not sealed.
    pub(crate) writers: Vec<(Incarnation, Vec<ExtentState>)>,
    /// Where among them a writer is.
    places: HashMap<Incarnation, usize>,
    pub(crate) definitions: HashMap<Incarnation, Definitions>,
    pub(crate) datasets: FirstDatasets,
    pub(crate) artifacts: ArtifactTree,
    pub(crate) models: KnownModels,
}

impl Survey {
    /// Takes in a record.
    pub(crate) fn note(&mut self, record: &Record) {
        self.artifacts.note(self.end.0, record);
        match record {
            Record::Purged(purged) => {
                self.datasets.purge(&purged.runs);
                self.purged_runs.extend(&purged.runs);
                self.purged_experiments.extend(&purged.experiments);
            }
            Record::BlockMoved(moved) => {
                self.moved.insert(moved.from, moved.to.clone());
            }
            Record::WriterOpened(opened) => {
                self.extents(opened.incarnation);
            }
            Record::ExtentOpened(opened) => {
                let extent = ExtentState { unit: opened.unit, units: opened.units, sealed: false };
                self.extents(opened.incarnation).push(extent);
            }
            Record::Sealed(sealed) => {
                let extents = self.extents(sealed.incarnation);
                extents.retain(|extent| !sealed.extents.contains(&extent.unit));
            }
            Record::SeriesDefined(defined) => {
                self.definitions
                    .entry(defined.incarnation)
                    .or_default()
                    .apply(defined.incarnation, record);
            }
            Record::RowDefined(defined) => {
                self.definitions
                    .entry(defined.incarnation)
                    .or_default()
                    .apply(defined.incarnation, record);
            }
            Record::RunStarted(started) => self.datasets.start(started),
            Record::InputsLogged(logged) => self.datasets.log(logged),
            other => self.models.note(other),
        }
    }

    /// The extents of a writer, of which the frame that opened it may be lost.
    fn extents(&mut self, incarnation: Incarnation) -> &mut Vec<ExtentState> {
        let count = self.writers.len();
        let place = *self.places.entry(incarnation).or_insert(count);
        if place == count {
            self.writers.push((incarnation, Vec::new()));
        }
        &mut self.writers[place].1
    }

    /// Where a block is now.
    pub(crate) fn current(&self, block: &SealedBlock) -> Option<SealedBlock> {
        let mut block = block.clone();
        while let BlockPlace::At { offset, .. } = block.place {
            match self.moved.get(&offset) {
                Some(to) => block = to.clone()?,
                None => break,
            }
        }
        Some(block)
    }

    /// Whether the record means anything in a copy.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        let run = match record {
            Record::RunStarted(it) => it.run,
            Record::RunResumed(it) => it.run,
            Record::RunUpdated(it) => it.run,
            Record::RunLifecycleSet(it) => it.run,
            Record::ParamsSet(it) => it.run,
            Record::TagsSet(it) => it.run,
            Record::TagDeleted(it) => it.run,
            Record::SeriesDefined(it) => it.run,
            Record::InputsLogged(it) => return self.datasets.keeps(it.run),
            Record::OutputsLogged(it) => return self.datasets.keeps(it.run),
            Record::ArtifactsWritten(it) => return self.keeps_owner(&it.owner),
            Record::ArtifactReferenced(it) => return self.keeps_owner(&it.owner),
            Record::RowDefined(it) => return self.keeps_row(it),
            Record::ExperimentCreated(it) => return self.keeps_experiment(it.experiment),
            Record::ExperimentRenamed(it) => return self.keeps_experiment(it.experiment),
            Record::ExperimentLifecycleSet(it) => return self.keeps_experiment(it.experiment),
            Record::ExperimentTagsSet(it) => return self.keeps_experiment(it.experiment),
            Record::ExperimentTagDeleted(it) => return self.keeps_experiment(it.experiment),
            other => return self.models.keeps(other),
        };
        !self.purged_runs.contains(&run)
    }

    /// A row of purged series means nothing, nor does one whose series are lost.
    fn keeps_row(&self, row: &RowDefined) -> bool {
        let definitions = self.definitions.get(&row.incarnation);
        row.series.iter().all(|series| {
            let series = definitions.and_then(|definitions| definitions.get(*series));
            matches!(series, Some(Definition::Series { run, .. })
                if !self.purged_runs.contains(run))
        })
    }

    fn keeps_owner(&self, owner: &ArtifactOwner) -> bool {
        match owner {
            ArtifactOwner::Run(run) => self.datasets.keeps(*run),
            ArtifactOwner::LoggedModel(_) | ArtifactOwner::ModelVersion { .. } => true,
        }
    }

    fn keeps_experiment(&self, experiment: ExperimentId) -> bool {
        !self.purged_experiments.contains(&experiment)
    }
}
