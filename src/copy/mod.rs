//! Copying a file to a new one, for backup, vacuum and salvage.
//!
//! A copy has two passes. The survey reads the whole chain and collects what is purged, moved or
//! deleted. The second pass copies the records in order, without those of purged runs. It omits
//! records about the space of the old file. Points in unsealed extents become column blocks.
//!
//! Other processes may append meanwhile. The copy has the chain up to the end of the survey. For
//! each writer, it has a prefix of the points without gaps.

pub(crate) mod artifact_tree;
pub(crate) mod backup;
pub(crate) mod chunks;
pub(crate) mod datasets;
pub(crate) mod known_folders;
pub(crate) mod known_jobs;
pub(crate) mod known_models;
pub(crate) mod known_revisions;
pub(crate) mod known_tables;
pub(crate) mod known_tokens;
pub(crate) mod known_webhooks;
pub(crate) mod pinned;
pub(crate) mod salvage;
pub(crate) mod survey;
pub(crate) mod vacuum;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::copy::chunks::CopiedChunks;
use crate::copy::pinned::{BrokenVersion, IncompleteVersions, PinnedFiles};
use crate::copy::survey::Survey;
use crate::entity::id::Timestamp;
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

/// The liveness byte that copied writers get. No live writer holds it for long.
const COPIED_BYTE: u16 = 4095;

/// The content of a copy, and what could not be read.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    pub(crate) runs: u64,
    pub(crate) points: u64,
    pub(crate) frames: u64,
    pub(crate) lost: Vec<String>,
}

/// Copies `source` to a new file at `to`.
///
/// The file gets its name after it is complete and durable, and after `is_fixed` has checked that
/// nothing in the source moved meanwhile. With `tolerant`, the result lists unreadable parts
/// instead of failing the copy. The caller must keep the extents and blocks of the source in place.
/// A killed process leaves a temporary file, which nothing reads.
pub(crate) fn copy_to(
    source: &Log,
    to: &Path,
    tolerant: bool,
    is_fixed: impl FnOnce() -> Result<()>,
) -> Result<Copied> {
    // This check only saves work. The rename below decides a race.
    if to.exists() {
        return Err(name_taken(to));
    }
    let temporary = temporary_beside(to)?;
    let copied = copy_temporary(source, &temporary, to, tolerant)
        .and_then(|copied| is_fixed().map(|()| copied))
        .and_then(|copied| give_name(&temporary, to).map(|()| copied).map_err(naming_error(to)));
    // After a link this is a second name, and after a rename it is gone. After a failure it is
    // useless.
    let _ = remove(&temporary);
    let copied = copied?;
    sync_folder(to)?;
    Ok(copied)
}

/// Copies `source` to a new file at `temporary`, a name that no other process uses.
///
/// If the copy fails, the caller must remove the file. Errors of the new file name it `to`.
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

/// Copies `source` to a new file in `storage`, and makes it durable.
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
        incomplete: IncompleteVersions::default(),
    };
    let done = copy.run();
    let copied = copy.copied;
    done?;
    target.close().map_err(|error| error.with_path(to))?;
    Ok(copied)
}

/// Returns an unused name in the folder of `path`.
pub(crate) fn temporary_beside(path: &Path) -> Result<PathBuf> {
    temporary_name(path).map_err(|source| {
        let error = Error::new(ErrorKind::InvalidInput, "cannot make a temporary name beside it");
        error.with_source(source).with_path(path)
    })
}

/// Makes the name of a file durable.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    sync_name(path).map_err(|source| Error::io("syncing the folder", source).with_path(path))
}

/// Returns the error for a file whose mode cannot be changed.
pub(crate) fn restricting_error(source: io::Error) -> Error {
    Error::io(
        "making the file private to its owner, because it has access tokens (only its owner can)",
        source,
    )
}

fn name_taken(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, "the file already exists").with_path(path)
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
    /// The final name of the target.
    to: &'a Path,
    survey: Survey,
    tolerant: bool,
    copied: Copied,
    /// Records to write before the current one: definitions found in blocks, and names of chunks.
    found: Vec<Record>,
    chunks: CopiedChunks,
    /// Versions of the current frame that have lost files.
    broken: Vec<BrokenVersion>,
    /// Those of all frames so far.
    incomplete: IncompleteVersions,
}

impl Copy<'_> {
    fn run(&mut self) -> Result<()> {
        let mut survey = std::mem::take(&mut self.survey);
        let found = self.each_frame(|position, records| {
            survey.end = position;
            records.iter().for_each(|record| survey.note(record));
            Ok(())
        })?;
        let end = survey.end;
        self.chunks = CopiedChunks::new(&survey.artifacts);
        self.survey = survey;
        self.restrict_if_tokens()?;
        let (source, tolerant) = (self.source, self.tolerant);
        let damages = walk(source, tolerant, |position, records| {
            // Frames after the survey are omitted. So an extent that was sealed since then is
            // copied once, as an extent.
            if position > end { Ok(()) } else { self.copy_frame(position, records) }
        })?;
        self.copied.lost.extend(damages.iter().map(describe));
        if !found.is_empty() {
            self.revoke_tokens()?;
            self.disable_webhooks()?;
        }
        self.copy_unsealed()
    }

    /// Makes the copy of a file with access tokens private to its owner.
    fn restrict_if_tokens(&self) -> Result<()> {
        if self.survey.tokens.is_empty() {
            return Ok(());
        }
        let restricted = self.target.storage().restrict_to_owner();
        restricted.map_err(|source| restricting_error(source).with_path(self.to))
    }

    /// Revokes all tokens in the copy, because the damage may have taken their revocations.
    fn revoke_tokens(&mut self) -> Result<()> {
        let revocations = self.survey.tokens.revocations(Timestamp::now_nanos());
        if revocations.is_empty() {
            return Ok(());
        }
        let count = revocations.len();
        self.copied.lost.push(format!(
            "{count} access tokens: revoked in the copy, because the damage may have taken their \
             revocations; create new ones"
        ));
        self.append(&revocations)
    }

    /// Disables all webhooks in the copy, because the damage may have taken their deletions.
    fn disable_webhooks(&mut self) -> Result<()> {
        let disabling = self.survey.webhooks.disabling(Timestamp::now_nanos());
        if disabling.is_empty() {
            return Ok(());
        }
        let count = disabling.len();
        self.copied.lost.push(format!(
            "{count} webhooks: disabled in the copy, because the damage may have taken their \
             deletions; enable those that are still wanted"
        ));
        self.append(&disabling)
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
            self.incomplete.add(&broken);
            broken.mark_failed(&mut kept);
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

    /// Translates a record for the new file. Returns `None` if the new file does not need it.
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
                    let current = self.survey.current(&block);
                    let copied = current.map(|block| self.copy_block(owner, &block));
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
            Record::ArtifactReferenced(reference) => {
                let artifacts = &self.survey.artifacts;
                let is_current = artifacts.is_current(position.0, reference.owner, &reference.path);
                is_current.then(|| reference.into())
            }
            Record::InputsLogged(logged) => Some(self.survey.datasets.settle(logged).into()),
            Record::ModelVersionCreated(created) => Some(self.survey.models.redact(created).into()),
            Record::ModelVersionFinalized(finalized) => {
                let lost = self.tolerant.then_some(&mut self.copied.lost);
                Some(self.incomplete.settle(finalized, &self.survey.artifacts, lost))
            }
            rows @ (Record::RowsWritten(_) | Record::SegmentsMerged(_)) => {
                Some(self.survey.tables.without_lost(rows))
            }
            Record::RunStarted(started) => {
                self.copied.runs += 1;
                Some(started.into())
            }
            other => Some(other),
        })
    }

    /// Copies the files of the record that still exist. The frame names their chunks before them.
    fn copy_artifacts(
        &mut self,
        position: Position,
        written: ArtifactsWritten,
    ) -> Result<Option<Record>> {
        let logs = (self.source, self.target);
        let pinned = PinnedFiles::of(&written, &self.survey.artifacts, position);
        let lost = self.tolerant.then_some(&mut self.copied.lost);
        let tree = &self.survey.artifacts;
        let is_current = |path: &String| tree.is_current(position.0, written.owner, path);
        let wanted = written.files.iter().map(|file| file.path.clone()).filter(is_current);
        let wanted: Vec<String> = wanted.collect();
        let copied = self.chunks.copy_files(logs, tree, position.0, written, lost)?;
        self.survey.tables.note_lost(&wanted, &copied);
        self.found.extend(self.chunks.take_record().map(Record::from));
        self.broken.extend(pinned.and_then(|pinned| pinned.without(&copied)));
        Ok((!copied.files.is_empty()).then(|| copied.into()))
    }

    /// Omits a record of a newer build, or fails because only that build can translate it.
    fn leave_out(&mut self, kind: u16, version: u8, class: RecordClass) -> Result<()> {
        let what = format!("a record of kind {kind}, version {version}");
        match class {
            RecordClass::Ignorable => {}
            _ if self.tolerant => self.copied.lost.push(format!("{what}: unknown to this build")),
            _ => {
                let message =
                    format!("the file contains {what}; copy it with the build that wrote it");
                return Err(Error::new(ErrorKind::UnsupportedFormat, message));
            }
        }
        Ok(())
    }

    /// Restores lost definitions from a block, whose labels have the run and key of each series.
    fn find_definitions(&mut self, owner: Incarnation, block: &[u8]) -> Result<()> {
        let definitions = self.survey.definitions.entry(owner).or_default();
        for group in block::parse(block)?.groups {
            let labels = group.series.into_iter().map(|series| series.label);
            for SeriesLabel { series, run, key } in labels {
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

    /// Seals the points of unsealed extents into the new file, and closes its writers.
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
        // Each block has a frame. The last one is delayed, because its frame also has the number of
        // dropped points and the end of the writer.
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
                "extents: {slots} slots have no valid entry, {dropped} points have no known series"
            ));
        }
        let mut records: Vec<Record> = last.into_iter().map(|block| seal(dropped, block)).collect();
        records.push(WriterClosed { incarnation }.into());
        self.append(&records)
    }

    /// Omits empty extents at the end. If a writer began to use one while the extents before it are
    /// read, the copy would have a gap.
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

    /// Returns whether the writer has defined series or rows since the survey. Their points are
    /// after the copied prefix, so they are not lost.
    fn defines_later(&self, incarnation: Incarnation) -> Result<bool> {
        let mut reader = self.source.reader_from_start()?;
        let Some(end) = reader.cursor_after(self.survey.end, None)? else { return Ok(false) };
        Definitions::read(&mut reader, end, incarnation).map(|later| !later.is_empty())
    }
}

/// Visits the decoded frames of the chain. With `tolerant`, includes frames after damage.
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
        // A copy up to the damage would look like a complete one, so this is an error.
        ChainEnd::Damage(reason) => Err(damaged(&reader.cursor(), &reason)),
        ChainEnd::Clean | ChainEnd::Remains(_) | ChainEnd::LostSuccessor(_) => Ok(Vec::new()),
    }
}

/// Returns the records of a frame up to the first malformed one, without undecodable ones.
fn decodable(frame: &Frame<'_>) -> Vec<Record> {
    frame.raw_records().map_while(Result::ok).filter_map(|raw| raw.decode().ok()).collect()
}

fn describe(damage: &Damage) -> String {
    let Damage { place, offset, wanted, got } = damage;
    format!("{place} at byte {offset}: expected {wanted}, found {got}")
}
