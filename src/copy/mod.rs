//! Writing what a file holds to a new one: the one mechanism of backup, vacuum and salvage.
//!
//! The records of the chain are copied in their order, without those of purged runs; points that
//! were still in extents become column blocks. What was only true of the old file's space is
//! left out.
//!
//! Others may append meanwhile. The copy is of the chain as it was when the survey ended, and of
//! each writer's points up to some point: the first ones, whole.

pub(crate) mod artifact_tree;
pub(crate) mod backup;
pub(crate) mod chunks;
pub(crate) mod datasets;
pub(crate) mod known_models;
pub(crate) mod pinned;
pub(crate) mod salvage;
pub(crate) mod survey;
pub(crate) mod vacuum;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::copy::chunks::CopiedChunks;
use crate::copy::pinned::{BrokenVersion, PinnedFiles};
use crate::copy::survey::Survey;
use crate::error::{Error, ErrorKind, Result};
use crate::format::block::{self, SeriesLabel};
use crate::format::frame::Frame;
use crate::format::record::{
    ArtifactsWritten, Incarnation, Position, Record, RecordClass, Sealed, SealedBlock,
    SeriesDefined, WriterClosed, WriterOpened,
};
use crate::log::{ChainEnd, Damage, Definitions, ExtentState, Log, LogOptions, damaged, new_file};
use crate::storage::{
    Access, FileStorage, Storage, WritePath, give_name, open_file, remove, sync_name,
    temporary_name,
};

/// The liveness byte that copied writers are said to have had; nobody alive has it for long.
const COPIED_BYTE: u16 = 4095;

/// What a copy holds, and what could not be read.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    pub(crate) runs: u64,
    pub(crate) points: u64,
    pub(crate) frames: u64,
    pub(crate) lost: Vec<String>,
}

/// Copies what `source` holds to a new file at `to`, which gets its name when it is whole and
/// durable, and when `is_fixed` says that nothing of what was copied changed its place meanwhile.
///
/// `tolerant`: what cannot be read is listed in the result instead of failing the copy. The
/// caller keeps the source's extents and blocks in place meanwhile. A process that is killed
/// leaves a file of a temporary name, which nothing looks at.
pub(crate) fn copy_to(
    source: &Log,
    to: &Path,
    tolerant: bool,
    is_fixed: impl FnOnce() -> Result<()>,
) -> Result<Copied> {
    // Only saves work: a race is decided by the naming.
    if to.exists() {
        return Err(name_taken(to));
    }
    let temporary = temporary_beside(to)?;
    let copied = copy_temporary(source, &temporary, to, tolerant)
        .and_then(|copied| is_fixed().map(|()| copied))
        .and_then(|copied| give_name(&temporary, to).map(|()| copied).map_err(naming_error(to)));
    // After a link this was the second name, after a rename it is gone, else it is of no use.
    let _ = remove(&temporary);
    let copied = copied?;
    sync_folder(to)?;
    Ok(copied)
}

/// Copies what `source` holds to a new file at `temporary`, a name that nobody else knows; what
/// a copy that fails leaves there is the caller's to remove. Errors of the new file name `to`.
pub(crate) fn copy_temporary(
    source: &Log,
    temporary: &Path,
    to: &Path,
    tolerant: bool,
) -> Result<Copied> {
    FileStorage::create_new(temporary, &new_file(source.header()))
        .map_err(|error| Error::io("creating the copy", error).with_path(to))?;
    let storage = open_file(temporary, Access::ReadWrite, WritePath::Positioned)
        .map_err(|error| Error::io("opening the copy", error).with_path(to))?;
    copy_into(source, storage, to, tolerant)
}

/// Copies what `source` holds to a new file in `storage`, and makes it durable.
pub(crate) fn copy_into(
    source: &Log,
    storage: Arc<dyn Storage>,
    to: &Path,
    tolerant: bool,
) -> Result<Copied> {
    let options = LogOptions { sync_interval: None, ..LogOptions::default() };
    let target = Log::open(storage, options).map_err(|error| error.with_path(to))?;
    let mut copy = Copy {
        source,
        target: &target,
        to,
        survey: Survey::default(),
        tolerant,
        copied: Copied::default(),
        found: Vec::new(),
        chunks: CopiedChunks::default(),
        broken: Vec::new(),
    };
    let done = copy.run();
    let copied = copy.copied;
    done?;
    target.close().map_err(|error| error.with_path(to))?;
    Ok(copied)
}

/// A name that nobody else has, in the folder of `path`.
pub(crate) fn temporary_beside(path: &Path) -> Result<PathBuf> {
    temporary_name(path).map_err(|source| {
        let error = Error::new(ErrorKind::InvalidInput, "no name can be found beside this one");
        error.with_source(source).with_path(path)
    })
}

/// Makes a name durable.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    sync_name(path).map_err(|source| Error::io("syncing the folder", source).with_path(path))
}

fn name_taken(path: &Path) -> Error {
    let message = "there is a file of this name already";
    Error::new(ErrorKind::AlreadyExists, message).with_path(path)
}

fn naming_error(to: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| match source.kind() {
        io::ErrorKind::AlreadyExists => name_taken(to),
        _ => Error::io("naming the copy", source).with_path(to),
    }
}

struct Copy<'a> {
    source: &'a Log,
    target: &'a Log,
    /// The name that the target will have.
    to: &'a Path,
    survey: Survey,
    tolerant: bool,
    copied: Copied,
    /// Definitions to be written before the record that is being copied.
    found: Vec<Record>,
    chunks: CopiedChunks,
    /// Versions of the frame that is being copied that have lost files.
    broken: Vec<BrokenVersion>,
}

impl Copy<'_> {
    fn run(&mut self) -> Result<()> {
        let mut survey = std::mem::take(&mut self.survey);
        self.each_frame(|position, records| {
            survey.end = position;
            records.iter().for_each(|record| survey.note(record));
            Ok(())
        })?;
        let end = survey.end;
        self.chunks = CopiedChunks::new(&survey.artifacts);
        self.survey = survey;
        let (source, tolerant) = (self.source, self.tolerant);
        let damages = walk(source, tolerant, |position, records| {
            // An extent that was sealed since the survey is copied as an extent, once.
            if position > end { Ok(()) } else { self.copy_frame(position, records) }
        })?;
        self.copied.lost.extend(damages.iter().map(describe));
        self.copy_unsealed()
    }

    fn each_frame(
        &self,
        visit: impl FnMut(Position, Vec<Record>) -> Result<()>,
    ) -> Result<Vec<Damage>> {
        walk(self.source, self.tolerant, visit)
    }

    fn copy_frame(&mut self, position: Position, records: Vec<Record>) -> Result<()> {
        let mut kept = Vec::new();
        for record in records {
            let translated = self.translate(position, record)?;
            kept.append(&mut self.found);
            kept.extend(translated);
        }
        for broken in std::mem::take(&mut self.broken) {
            self.copied.lost.push(broken.to_string());
            broken.tell(&mut kept);
        }
        if kept.is_empty() {
            return Ok(());
        }
        self.copied.frames += 1;
        self.append(&kept)
    }

    fn append(&self, records: &[Record]) -> Result<()> {
        let appended = self.target.append(|_, _| Ok((records.to_vec(), ())));
        appended.map_err(|error| error.with_path(self.to))
    }

    /// The record as it stands in the new file; `None` for one that means nothing there.
    fn translate(&mut self, position: Position, record: Record) -> Result<Option<Record>> {
        if !self.survey.keeps(&record) {
            return Ok(None);
        }
        Ok(match record {
            Record::WriterOpened(opened) => {
                Some(WriterOpened { byte: COPIED_BYTE, floor: 0, ..opened }.into())
            }
            Record::Sealed(sealed) => {
                let mut blocks = Vec::new();
                for block in sealed.blocks {
                    let owner = sealed.incarnation;
                    let copied = self.survey.current(&block).map(|it| self.copy_block(owner, &it));
                    blocks.extend(copied.transpose()?.flatten());
                }
                let extents = Vec::new();
                (!blocks.is_empty()).then(|| Sealed { blocks, extents, ..sealed }.into())
            }
            Record::ExtentOpened(_)
            | Record::BlockUnitOpened(_)
            | Record::ChunkUnitOpened(_)
            | Record::ChunksStored(_)
            | Record::ChunksFreed(_)
            | Record::ArtifactsDeleted(_)
            | Record::Punched(_)
            | Record::BlockMoved(_)
            | Record::Checkpoint(_)
            | Record::Purged(_)
            | Record::WriterClosed(_) => None,
            Record::Unknown { kind, version, class } => {
                self.leave_out(kind, version, class)?;
                None
            }
            Record::ArtifactsWritten(written) => self.copy_artifacts(position, written)?,
            Record::ArtifactReferenced(it) => {
                let artifacts = &self.survey.artifacts;
                artifacts.is_current(position.0, it.owner, &it.path).then(|| it.into())
            }
            Record::InputsLogged(logged) => Some(self.survey.datasets.settle(logged).into()),
            Record::ModelVersionCreated(created) => Some(self.survey.models.redact(created).into()),
            Record::RunStarted(started) => {
                self.copied.runs += 1;
                Some(started.into())
            }
            other => Some(other),
        })
    }

    /// The files of the record that are still there, with their chunks before them.
    fn copy_artifacts(
        &mut self,
        position: Position,
        written: ArtifactsWritten,
    ) -> Result<Option<Record>> {
        let logs = (self.source, self.target);
        let pinned = PinnedFiles::of(&written, &self.survey.artifacts, position);
        let lost = self.tolerant.then_some(&mut self.copied.lost);
        let tree = &self.survey.artifacts;
        let copied = self.chunks.copy_files(logs, tree, position.0, written, lost)?;
        self.found.extend(self.chunks.take_record().map(Record::from));
        self.broken.extend(pinned.and_then(|pinned| pinned.without(&copied)));
        Ok((!copied.files.is_empty()).then(|| copied.into()))
    }

    /// A record of which only a newer build knows what it means in another file.
    fn leave_out(&mut self, kind: u16, version: u8, class: RecordClass) -> Result<()> {
        let what = format!("a record of kind {kind}, version {version}");
        match class {
            RecordClass::Ignorable => {}
            _ if self.tolerant => self.copied.lost.push(format!("{what}: unknown to this build")),
            _ => {
                let message =
                    format!("the file holds {what}: copy it with the build that wrote it");
                return Err(Error::new(ErrorKind::UnsupportedFormat, message));
            }
        }
        Ok(())
    }

    /// Takes definitions that are lost from the block itself, which says of what its series are.
    fn find_definitions(&mut self, owner: Incarnation, block: &[u8]) -> Result<()> {
        let definitions = self.survey.definitions.entry(owner).or_default();
        for group in block::parse(block)?.groups {
            for SeriesLabel { series, run, key } in group.series.into_iter().map(|it| it.label) {
                if definitions.get(series).is_some() {
                    continue;
                }
                let (incarnation, keys) = (owner, vec![key]);
                let record = SeriesDefined { incarnation, run, first: series, keys }.into();
                definitions.apply(owner, &record);
                self.found.push(record);
            }
        }
        Ok(())
    }

    fn copy_block(
        &mut self,
        owner: Incarnation,
        sealed: &SealedBlock,
    ) -> Result<Option<SealedBlock>> {
        let purged = &self.survey.purged_runs;
        let read = self.source.read_block(&sealed.place);
        let kept = read.and_then(|bytes| {
            let footer = block::parse(&bytes)?;
            let is_whole = footer
                .groups
                .iter()
                .flat_map(|group| &group.series)
                .all(|series| !purged.contains(&series.label.run));
            if is_whole {
                Ok(Some(bytes))
            } else {
                block::retain(&bytes, |run| !purged.contains(&run))
            }
        });
        match kept {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => {
                if self.tolerant {
                    self.find_definitions(owner, &bytes)?;
                }
                self.adopt(bytes).map(Some)
            }
            Err(error) if self.tolerant => {
                let points: u64 = sealed.series.iter().map(|series| series.count).sum();
                self.copied.lost.push(format!("{points} points: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn adopt(&mut self, bytes: Vec<u8>) -> Result<SealedBlock> {
        let series = block::parse(&bytes)?.sealed_series();
        self.copied.points += series.iter().map(|series| series.count).sum::<u64>();
        let place = self.target.adopt_block(bytes).map_err(|error| error.with_path(self.to))?;
        Ok(SealedBlock { place, series })
    }

    /// Seals what is in extents into the new file, and closes its writers.
    fn copy_unsealed(&mut self) -> Result<()> {
        for (incarnation, extents) in std::mem::take(&mut self.survey.writers) {
            self.copy_writer(incarnation, extents)?;
        }
        Ok(())
    }

    fn copy_writer(
        &mut self,
        incarnation: Incarnation,
        mut extents: Vec<ExtentState>,
    ) -> Result<()> {
        self.leave_out_unused(incarnation, &mut extents)?;
        let definitions = self.survey.definitions.remove(&incarnation).unwrap_or_default();
        let define = |id| definitions.get(id).cloned();
        let seal = |dropped, block| {
            let (extents, blocks) = (Vec::new(), vec![block]);
            Record::from(Sealed { incarnation, extents, dropped, blocks })
        };
        // One frame for each block, the last one's later, with what else is to be said.
        let mut last = None;
        let source = self.source;
        let lost = source.encode_extents(incarnation, &extents, &define, |bytes| {
            let purged = &self.survey.purged_runs;
            let kept = block::retain(&bytes, |run| !purged.contains(&run))?;
            let Some(kept) = kept else { return Ok(()) };
            match last.replace(self.adopt(kept)?) {
                Some(block) => self.append(&[seal(0, block)]),
                None => Ok(()),
            }
        })?;
        let is_later = lost.undefined > 0 && self.defines_later(incarnation)?;
        let dropped = if is_later { 0 } else { lost.undefined };
        let slots = lost.slots;
        if slots + dropped > 0 {
            self.copied.lost.push(format!(
                "extents: {slots} slots hold no entry, {dropped} points are of no known series"
            ));
        }
        let mut records: Vec<Record> = last.into_iter().map(|block| seal(dropped, block)).collect();
        records.push(WriterClosed { incarnation }.into());
        self.append(&records)
    }

    /// Leaves out the last extents that hold nothing yet. A writer that comes to them while those
    /// before are read would leave a gap in the copy.
    fn leave_out_unused(
        &self,
        incarnation: Incarnation,
        extents: &mut Vec<ExtentState>,
    ) -> Result<()> {
        while let Some(last) = extents.last() {
            let mut is_used = false;
            self.source.scan_extent(incarnation, last, 0, |_, _| is_used = true)?;
            if is_used {
                break;
            }
            extents.pop();
        }
        Ok(())
    }

    /// Whether the writer has defined series or rows since the survey: their points lie beyond
    /// the copy, and are not lost.
    fn defines_later(&self, incarnation: Incarnation) -> Result<bool> {
        let mut reader = self.source.reader_from_start()?;
        let Some(end) = reader.cursor_after(self.survey.end, None)? else { return Ok(false) };
        Definitions::read(&mut reader, end, incarnation).map(|later| !later.is_empty())
    }
}

/// Visits the decoded frames of the chain; tolerant, also those beyond damage.
fn walk(
    source: &Log,
    tolerant: bool,
    mut visit: impl FnMut(Position, Vec<Record>) -> Result<()>,
) -> Result<Vec<Damage>> {
    if tolerant {
        return source.survey(|position, frame| visit(position, decodable(frame)));
    }
    let mut reader = source.reader_from_start()?;
    match reader.catch_up(|at, frame| visit(at.next, frame.records()?))? {
        // A copy of the part before the damage would pass for a whole one.
        ChainEnd::Damage(reason) => Err(damaged(&reader.cursor(), &reason)),
        ChainEnd::Clean | ChainEnd::Remains(_) | ChainEnd::LostSuccessor(_) => Ok(Vec::new()),
    }
}

/// The records of a frame that can be decoded.
fn decodable(frame: &Frame<'_>) -> Vec<Record> {
    frame.raw_records().map_while(Result::ok).filter_map(|raw| raw.decode().ok()).collect()
}

fn describe(damage: &Damage) -> String {
    let Damage { place, offset, wanted, got } = damage;
    format!("{place} at byte {offset}: wanted {wanted}, got {got}")
}
