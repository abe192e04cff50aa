//! The state that a writer needs of the chain: writers, used units, experiments, and open runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use foldhash::fast::FixedState;

use crate::entity::id::{ExperimentId, RunId};
use crate::entity::{Lifecycle, PARENT_RUN_TAG, RUN_NAME_TAG};
use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::{Frame, RawRecord};
use crate::format::record::{
    Checkpoint, CheckpointExperiment, CheckpointExtent, CheckpointKind, CheckpointWriter,
    Incarnation, Position, Record, RecordClass, WriterOpened, is_definition, is_of_artifacts,
    is_of_index,
};
use crate::format::{FIRST_CHAIN_UNIT, UNIT_BYTES};

use super::chain::Cursor;
use super::run_state::RunState;

/// The path of the experiment that exists in every file.
pub(crate) const DEFAULT_EXPERIMENT_PATH: &str = "Default";

/// An extent that is not punched yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtentState {
    pub(crate) unit: u32,
    pub(crate) units: u32,
    /// Whether its points are in column blocks, so that only its space is left to punch.
    pub(crate) sealed: bool,
}

/// A writer that has not been closed in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriterState {
    pub(crate) opened_at: Position,
    pub(crate) opened: WriterOpened,
    /// Whether a later writer took its liveness byte, so that it is dead.
    pub(crate) superseded: bool,
    pub(crate) extents: Vec<ExtentState>,
}

impl WriterState {
    /// Returns the extents whose points are not in blocks.
    pub(crate) fn unsealed(&self) -> impl Iterator<Item = ExtentState> + '_ {
        self.extents.iter().copied().filter(|extent| !extent.sealed)
    }
}

/// The state of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExperimentState {
    pub(crate) path: String,
    pub(crate) lifecycle: Lifecycle,
}

/// The state after the frames up to a place of the chain.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The end of the applied frames.
    pub(crate) end: Position,
    /// The first unit that was never allocated.
    pub(crate) next_unit: u32,
    /// Writers that are not closed, in the order of their opening.
    pub(crate) writers: BTreeMap<Position, WriterState>,
    pub(crate) experiments: BTreeMap<ExperimentId, ExperimentState>,
    /// The highest id that was ever used, including purged experiments.
    last_experiment: ExperimentId,
    paths: HashMap<String, ExperimentId>,
    /// The runs that this process has open.
    pub(crate) runs: HashMap<RunId, RunState>,
    /// The kinds of all records so far that a build must not ignore.
    kinds: BTreeSet<CheckpointKind>,
    /// The reason why this build must not write to a file of a newer build.
    pub(crate) read_only: Option<String>,
    /// The size of the frames since the last checkpoint.
    pub(crate) since_checkpoint: u64,
    /// The start of the last frame with a record of each kind, among the frames read here.
    latest: HashMap<u16, Position, FixedState>,
}

impl State {
    /// Creates the state of an empty chain.
    pub(crate) fn new() -> Self {
        let mut state = State {
            end: Position(0),
            next_unit: FIRST_CHAIN_UNIT + 1,
            writers: BTreeMap::new(),
            experiments: BTreeMap::new(),
            last_experiment: ExperimentId::DEFAULT,
            paths: HashMap::new(),
            runs: HashMap::new(),
            kinds: BTreeSet::new(),
            read_only: None,
            since_checkpoint: 0,
            latest: HashMap::default(),
        };
        state.set_experiment(ExperimentId::DEFAULT, DEFAULT_EXPERIMENT_PATH, Lifecycle::Active);
        state
    }

    /// Returns whether a record of one of these kinds is at or after `position`.
    ///
    /// `position` must not be before the place where this process started to read the chain.
    pub(crate) fn has_since(&self, kinds: &[RangeInclusive<u16>], position: Position) -> bool {
        let is_listed = |kind: &u16| kinds.iter().any(|range| range.contains(kind));
        self.latest.iter().any(|(kind, latest)| *latest >= position && is_listed(kind))
    }

    /// Returns the experiment of this path, even if it is deleted.
    pub(crate) fn experiment_of(&self, path: &str) -> Option<ExperimentId> {
        self.paths.get(path).copied()
    }

    /// Returns the id of the next experiment.
    ///
    /// Ids are never reused, because the purge of an old experiment would apply to a new one.
    pub(crate) fn next_experiment(&self) -> ExperimentId {
        ExperimentId::new(self.last_experiment.get() + 1)
    }

    /// Returns the writer of this incarnation, if it is not closed.
    pub(crate) fn writer(&self, incarnation: Incarnation) -> Option<&WriterState> {
        self.writers.values().find(|writer| writer.opened.incarnation == incarnation)
    }

    fn writer_mut(&mut self, incarnation: Incarnation) -> Option<&mut WriterState> {
        self.writers.values_mut().find(|writer| writer.opened.incarnation == incarnation)
    }

    fn set_experiment(&mut self, id: ExperimentId, path: &str, lifecycle: Lifecycle) {
        let experiment = ExperimentState { path: path.to_owned(), lifecycle };
        self.last_experiment = self.last_experiment.max(id);
        if let Some(before) = self.experiments.insert(id, experiment) {
            self.paths.remove(&before.path);
        }
        self.paths.insert(path.to_owned(), id);
    }

    /// Marks the units of the current chain unit as used.
    pub(crate) fn enter_unit(&mut self, cursor: &Cursor) {
        let end = u32::try_from(cursor.unit_end / UNIT_BYTES).unwrap_or(u32::MAX);
        self.next_unit = self.next_unit.max(end);
    }

    /// Applies one frame. Decodes only records that concern a writer.
    pub(crate) fn apply_frame(&mut self, at: &Cursor, frame: &Frame<'_>) -> Result<()> {
        self.enter_unit(at);
        self.end = Position(at.next.0 + frame.length as u64);
        self.since_checkpoint += frame.length as u64;
        for raw in frame.raw_records() {
            let raw = raw?;
            let RawRecord { kind, version, class, .. } = raw;
            self.latest.insert(kind, at.next);
            self.note_kind(CheckpointKind { kind, version, class: class as u8 })?;
            if raw.is_known() && self.concerns(&raw) {
                self.apply(at.next, &raw.decode()?);
            }
        }
        Ok(())
    }

    /// Remembers that the chain has a record of this kind. Enforces the class of an unknown kind.
    fn note_kind(&mut self, seen: CheckpointKind) -> Result<()> {
        let CheckpointKind { kind, version, class } = seen;
        let class = RecordClass::from_byte(class);
        if class == RecordClass::Ignorable || !self.kinds.insert(seen) {
            return Ok(());
        }
        if Record::is_known(kind, version) {
            return Ok(());
        }
        let what = format!(
            "the file has a record of kind {kind}, version {version}, which this build does not \
             support; use a newer build of tracklite"
        );
        match class {
            RecordClass::Ignorable => {}
            RecordClass::WriteIncompatible => self.read_only = Some(what),
            RecordClass::ReadIncompatible => {
                return Err(Error::new(ErrorKind::UnsupportedFormat, what));
            }
        }
        Ok(())
    }

    fn concerns(&self, raw: &RawRecord<'_>) -> bool {
        match raw.run() {
            Some(run) => self.runs.contains_key(&run),
            // Only the owner and the index need definitions. Only the index needs files, models
            // and tokens.
            None => {
                !is_definition(raw.kind) && !is_of_artifacts(raw.kind) && !is_of_index(raw.kind)
            }
        }
    }

    /// Applies one record of the frame at `position`.
    pub(crate) fn apply(&mut self, position: Position, record: &Record) {
        match record {
            Record::WriterOpened(opened) => self.open_writer(position, opened),
            Record::WriterClosed(closed) => {
                self.writers.retain(|_, writer| writer.opened.incarnation != closed.incarnation);
            }
            Record::ExtentOpened(opened) => {
                self.take_units(opened.unit, opened.units);
                let extent = ExtentState { unit: opened.unit, units: opened.units, sealed: false };
                if let Some(writer) = self.writer_mut(opened.incarnation) {
                    writer.extents.push(extent);
                }
            }
            Record::BlockUnitOpened(opened) => self.take_units(opened.unit, opened.units),
            Record::ChunkUnitOpened(opened) => self.take_units(opened.unit, opened.units),
            Record::Sealed(sealed) => {
                if let Some(writer) = self.writer_mut(sealed.incarnation) {
                    let named = |extent: &&mut ExtentState| sealed.extents.contains(&extent.unit);
                    writer.extents.iter_mut().filter(named).for_each(|extent| extent.sealed = true);
                }
            }
            Record::Punched(punched) => {
                for writer in self.writers.values_mut() {
                    writer.extents.retain(|extent| !punched.extents.contains(&extent.unit));
                }
            }
            Record::Checkpoint(_) => self.since_checkpoint = 0,
            Record::ExperimentCreated(created) => {
                self.set_experiment(created.experiment, &created.path, Lifecycle::Active);
            }
            Record::ExperimentRenamed(renamed) => {
                if let Some(before) = self.experiments.get(&renamed.experiment) {
                    let lifecycle = before.lifecycle;
                    self.set_experiment(renamed.experiment, &renamed.path, lifecycle);
                }
            }
            Record::ExperimentLifecycleSet(set) => {
                if let Some(experiment) = self.experiments.get_mut(&set.experiment) {
                    experiment.lifecycle = set.lifecycle;
                }
                let held = self.runs.values_mut().filter(|run| run.experiment == set.experiment);
                held.for_each(|run| run.set_lifecycle(set.lifecycle));
            }
            other => self.apply_to_run(other),
        }
    }

    fn apply_to_run(&mut self, record: &Record) {
        match record {
            Record::RunStarted(started) => {
                if let Some(run) = self.runs.get_mut(&started.run) {
                    run.tags.insert(RUN_NAME_TAG.to_owned());
                    run.tags.extend(started.parent.map(|_| PARENT_RUN_TAG.to_owned()));
                }
            }
            Record::RunUpdated(updated) => {
                if let (Some(run), Some(_)) = (self.runs.get_mut(&updated.run), &updated.name) {
                    run.tags.insert(RUN_NAME_TAG.to_owned());
                }
            }
            Record::RunLifecycleSet(set) => {
                if let Some(run) = self.runs.get_mut(&set.run) {
                    run.set_lifecycle(set.lifecycle);
                }
            }
            Record::ParamsSet(set) => {
                if let Some(run) = self.runs.get_mut(&set.run) {
                    run.params.extend(set.params.iter().cloned());
                }
            }
            Record::TagsSet(set) => {
                if let Some(run) = self.runs.get_mut(&set.run) {
                    run.tags.extend(set.tags.iter().map(|(key, _)| key.clone()));
                }
            }
            Record::TagDeleted(deleted) => {
                if let Some(run) = self.runs.get_mut(&deleted.run) {
                    run.tags.remove(&deleted.key);
                }
            }
            Record::Purged(purged) => {
                for id in &purged.runs {
                    if let Some(run) = self.runs.get_mut(id) {
                        run.purged = true;
                        run.set_lifecycle(Lifecycle::Deleted);
                    }
                }
                for id in &purged.experiments {
                    if let Some(experiment) = self.experiments.remove(id) {
                        self.paths.remove(&experiment.path);
                    }
                }
            }
            _ => {}
        }
    }

    fn open_writer(&mut self, position: Position, opened: &WriterOpened) {
        for writer in self.writers.values_mut() {
            writer.superseded |= writer.opened.byte == opened.byte;
        }
        self.next_unit = self.next_unit.max(opened.floor);
        let writer = WriterState {
            opened_at: position,
            opened: opened.clone(),
            superseded: false,
            extents: Vec::new(),
        };
        self.writers.insert(position, writer);
    }

    fn take_units(&mut self, unit: u32, units: u32) {
        self.next_unit = self.next_unit.max(unit.saturating_add(units));
    }

    /// Returns a checkpoint: the parts of the state that another writer needs, which exclude runs.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let extent = |state: &ExtentState| CheckpointExtent {
            unit: state.unit,
            units: state.units,
            sealed: state.sealed,
        };
        let writer = |state: &WriterState| CheckpointWriter {
            opened_at: state.opened_at,
            opened: state.opened.clone(),
            superseded: state.superseded,
            extents: state.extents.iter().map(extent).collect(),
        };
        let experiment = |(id, state): (&ExperimentId, &ExperimentState)| CheckpointExperiment {
            id: *id,
            path: state.path.clone(),
            lifecycle: state.lifecycle,
        };
        Checkpoint {
            next_unit: self.next_unit,
            last_experiment: self.last_experiment,
            writers: self.writers.values().map(writer).collect(),
            experiments: self.experiments.iter().map(experiment).collect(),
            kinds: self.kinds.iter().copied().collect(),
        }
    }

    /// Restores the state from a checkpoint.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::UnsupportedFormat`] if this build cannot read a kind of record in the chain.
    pub(crate) fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Self> {
        let mut state = State::new();
        checkpoint.kinds.iter().try_for_each(|kind| state.note_kind(*kind))?;
        state.next_unit = checkpoint.next_unit;
        state.last_experiment = checkpoint.last_experiment;
        state.experiments.clear();
        state.paths.clear();
        for experiment in &checkpoint.experiments {
            state.set_experiment(experiment.id, &experiment.path, experiment.lifecycle);
        }
        for saved in &checkpoint.writers {
            let extent = |extent: &CheckpointExtent| ExtentState {
                unit: extent.unit,
                units: extent.units,
                sealed: extent.sealed,
            };
            let writer = WriterState {
                opened_at: saved.opened_at,
                opened: saved.opened.clone(),
                superseded: saved.superseded,
                extents: saved.extents.iter().map(extent).collect(),
            };
            state.writers.insert(saved.opened_at, writer);
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{ExperimentCreated, ExtentOpened, Punched, Purged, Sealed};

    fn opened(incarnation: u64, byte: u16) -> Record {
        WriterOpened {
            incarnation: Incarnation(incarnation),
            byte,
            boot_id: 1,
            floor: 2,
            process: 1,
            host: String::new(),
            time: 0,
        }
        .into()
    }

    fn sample() -> State {
        let mut state = State::new();
        state.apply(Position(128), &opened(1, 0));
        state.apply(Position(256), &opened(2, 1));
        state.apply(Position(300), &opened(3, 0));
        let extent = |unit| ExtentOpened { incarnation: Incarnation(2), unit, units: 1 }.into();
        state.apply(Position(320), &extent(2));
        state.apply(Position(340), &extent(3));
        let sealed = Sealed {
            incarnation: Incarnation(2),
            extents: vec![2],
            dropped: 0,
            blocks: Vec::new(),
        };
        state.apply(Position(360), &sealed.into());
        let created =
            ExperimentCreated { experiment: ExperimentId::new(1), path: "/a".into(), time: 0 };
        state.apply(Position(380), &created.into());
        state
    }

    #[test]
    fn a_writer_whose_byte_was_taken_is_superseded() {
        let state = sample();
        let writers = state.writers.values();
        let superseded: Vec<bool> = writers.map(|writer| writer.superseded).collect();
        assert_eq!(superseded, [true, false, false]);
    }

    #[test]
    fn sealed_extents_stay_until_they_are_punched() {
        let mut state = sample();
        let units = |state: &State| -> Vec<(u32, bool)> {
            let writer = state.writer(Incarnation(2)).unwrap();
            writer.extents.iter().map(|extent| (extent.unit, extent.sealed)).collect()
        };
        assert_eq!(units(&state), [(2, true), (3, false)]);
        state.apply(Position(400), &Punched { extents: vec![2] }.into());
        assert_eq!(units(&state), [(3, false)]);
        assert_eq!(state.next_unit, 4);
    }

    #[test]
    fn a_checkpoint_restores_the_whole_state() {
        let state = sample();
        let again = State::from_checkpoint(&state.checkpoint()).unwrap();
        assert_eq!(again.checkpoint(), state.checkpoint());
        assert_eq!(again.experiment_of("/a"), Some(ExperimentId::new(1)));
        assert_eq!(again.next_experiment(), ExperimentId::new(2));
    }

    #[test]
    fn the_id_of_a_purged_experiment_is_never_reused() {
        let mut state = sample();
        let purged = Purged { runs: Vec::new(), experiments: vec![ExperimentId::new(1)] };
        state.apply(Position(400), &purged.into());
        assert_eq!(state.next_experiment(), ExperimentId::new(2));
        let again = State::from_checkpoint(&state.checkpoint()).unwrap();
        assert_eq!(again.next_experiment(), ExperimentId::new(2));
    }

    /// Returns the state after a chain with records of these kinds.
    fn state_after(records: &[(u16, u8, RecordClass)]) -> Result<State> {
        let mut state = State::new();
        for &(kind, version, class) in records {
            state.note_kind(CheckpointKind { kind, version, class: class as u8 })?;
        }
        Ok(state)
    }

    #[test]
    fn an_unknown_record_before_a_checkpoint_still_forbids_writing() {
        let state = state_after(&[(55, 0, RecordClass::ReadIncompatible)]).unwrap();
        assert_eq!(state.read_only, None);
        let ignorable = (200, 0, RecordClass::Ignorable);
        let write_incompatible = (2, 1, RecordClass::WriteIncompatible);
        let state = state_after(&[ignorable, write_incompatible]).unwrap();
        assert!(state.read_only.as_ref().unwrap().contains("kind 2, version 1"));
        let again = State::from_checkpoint(&state.checkpoint()).unwrap();
        assert_eq!(again.read_only, state.read_only);
        assert_eq!(again.checkpoint(), state.checkpoint());
    }

    #[test]
    fn an_unknown_record_before_a_checkpoint_still_forbids_reading() {
        let error = state_after(&[(200, 3, RecordClass::ReadIncompatible)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat);
        let mut checkpoint = State::new().checkpoint();
        checkpoint.kinds.push(CheckpointKind { kind: 200, version: 3, class: 2 });
        let error = State::from_checkpoint(&checkpoint).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat);
    }
}
