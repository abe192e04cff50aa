//! The survey: facts about the whole chain that a copy needs before it copies the first record.

use std::collections::{HashMap, HashSet};

use crate::copy::artifact_tree::ArtifactTree;
use crate::copy::datasets::FirstDatasets;
use crate::copy::known_folders::KnownFolders;
use crate::copy::known_jobs::KnownJobs;
use crate::copy::known_models::KnownModels;
use crate::copy::known_revisions::KnownRevisions;
use crate::copy::known_tables::KnownTables;
use crate::copy::known_tokens::KnownTokens;
use crate::copy::known_webhooks::KnownWebhooks;
use crate::entity::ArtifactOwner;
use crate::entity::id::{ExperimentId, RunId};
use crate::format::record::{BlockPlace, Incarnation, Position, Record, RowDefined, SealedBlock};
use crate::log::{Definition, Definitions, ExtentState};

/// The result of the first pass over the chain.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The position of the last frame to copy. Later frames were appended meanwhile.
    pub(crate) end: Position,
    pub(crate) purged_runs: HashSet<RunId>,
    purged_experiments: HashSet<ExperimentId>,
    /// The new place of each moved block, by its old offset. `None` means that it was removed.
    moved: HashMap<u64, Option<SealedBlock>>,
    /// Writers in order, with their unsealed extents.
    pub(crate) writers: Vec<(Incarnation, Vec<ExtentState>)>,
    /// The place of each writer in `writers`.
    places: HashMap<Incarnation, usize>,
    pub(crate) definitions: HashMap<Incarnation, Definitions>,
    pub(crate) datasets: FirstDatasets,
    pub(crate) artifacts: ArtifactTree,
    pub(crate) models: KnownModels,
    pub(crate) tokens: KnownTokens,
    pub(crate) webhooks: KnownWebhooks,
    pub(crate) tables: KnownTables,
    revisions: KnownRevisions,
    folders: KnownFolders,
    jobs: KnownJobs,
}

impl Survey {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        self.artifacts.note(self.end.0, record);
        self.tokens.note(record);
        self.webhooks.note(record);
        self.revisions.note(record);
        self.folders.note(record);
        self.tables.note(record);
        self.jobs.note(record);
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

    /// Returns the extents of a writer. Adds the writer if the frame that opened it is lost.
    fn extents(&mut self, incarnation: Incarnation) -> &mut Vec<ExtentState> {
        let count = self.writers.len();
        let place = *self.places.entry(incarnation).or_insert(count);
        if place == count {
            self.writers.push((incarnation, Vec::new()));
        }
        &mut self.writers[place].1
    }

    /// Returns a block at its current place. Returns `None` if it was removed.
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

    /// Returns whether a copy needs the record.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        let run = match record {
            Record::RunStarted(change) => change.run,
            Record::RunResumed(change) => change.run,
            Record::RunUpdated(change) => change.run,
            Record::RunLifecycleSet(change) => change.run,
            Record::ParamsSet(change) => change.run,
            Record::TagsSet(change) => change.run,
            Record::TagDeleted(change) => change.run,
            Record::SeriesDefined(change) => change.run,
            Record::InputsLogged(change) => return self.datasets.keeps(change.run),
            Record::OutputsLogged(change) => return self.datasets.keeps(change.run),
            Record::ArtifactsWritten(change) => return self.keeps_owner(&change.owner),
            Record::ArtifactReferenced(change) => return self.keeps_owner(&change.owner),
            Record::RowDefined(change) => return self.keeps_row(change),
            Record::ExperimentCreated(change) => return self.keeps_experiment(change.experiment),
            Record::ExperimentRenamed(change) => return self.keeps_experiment(change.experiment),
            Record::ExperimentLifecycleSet(change) => {
                return self.keeps_experiment(change.experiment);
            }
            Record::ExperimentTagsSet(change) => return self.keeps_experiment(change.experiment),
            Record::ExperimentTagDeleted(change) => {
                return self.keeps_experiment(change.experiment);
            }
            Record::TableSaved(_) | Record::RowsWritten(_) | Record::SegmentsMerged(_) => {
                return self.tables.keeps(record);
            }
            Record::TableDropped(_) => return false,
            Record::TokenRevoked(_) => return self.tokens.missing(record).is_none(),
            Record::FolderMade(_) | Record::FolderRemoved(_) => return self.folders.keeps(record),
            Record::ViewSaved(_)
            | Record::ViewDeleted(_)
            | Record::EndpointSaved(_)
            | Record::EndpointDeleted(_) => return self.revisions.keeps(record),
            other => {
                return self.models.keeps(other)
                    && self.webhooks.keeps(other)
                    && self.jobs.keeps(other);
            }
        };
        !self.purged_runs.contains(&run)
    }

    /// Returns whether all series of a row are defined and not purged.
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
            ArtifactOwner::Table(table) => self.tables.keeps_table(*table),
        }
    }

    fn keeps_experiment(&self, experiment: ExperimentId) -> bool {
        !self.purged_experiments.contains(&experiment)
    }
}
