//! Checking a file byte by byte, and reporting each damage with its place.

pub(crate) mod artifacts;
pub(crate) mod dump;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
#[cfg(feature = "internals")]
use std::sync::Arc;

use crate::copy::artifact_tree::{ArtifactTree, describe};
use crate::copy::backup::second_storage;
use crate::copy::known_jobs::{KnownJobs, Misfit};
use crate::copy::known_models::KnownModels;
use crate::copy::known_revisions::KnownRevisions;
use crate::copy::known_tables::KnownTables;
use crate::copy::known_tokens::KnownTokens;
use crate::copy::known_webhooks::KnownWebhooks;
use crate::copy::salvage::open_damaged;
#[cfg(feature = "internals")]
use crate::copy::salvage::open_damaged_storage;
use crate::entity::id::RunId;
use crate::entity::{ArtifactOwner, ContentHash};
use crate::error::{Error, Result};
use crate::format::block::{self, SeriesLabel};
use crate::format::header::{HEADER_BYTES, HEADER_OFFSETS, Header, UnitKind};
use crate::format::record::{BlockPlace, Incarnation, Position, Record, SealedBlock, SeriesId};
use crate::format::scan::{Entry, ScanReport};
use crate::format::{FIRST_SLOT_BYTES, SLOT_BYTES, unit_start};
use crate::log::{Damage, Definition, ExtentState, Log};
#[cfg(feature = "internals")]
use crate::storage::Storage;
use crate::verify::artifacts::check_artifacts;

/// How often an extent that seems damaged is scanned.
const SCANS_MAX: u32 = 3;

/// The result of a check of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The number of sound frames of the metadata chain.
    pub frames: u64,
    /// The number of runs, without purged ones.
    pub runs: u64,
    /// The number of sealed and live points.
    pub points: u64,
    /// The number of column blocks.
    pub blocks: u64,
    /// The number of artifacts, with references.
    pub artifacts: u64,
    /// The number of stored chunks of artifacts.
    pub chunks: u64,
    /// The damages. A sound file has none.
    pub damages: Vec<Damage>,
    /// Normal effects of a power cut or a killed process that may be of interest.
    pub notes: Vec<String>,
}

impl VerifyReport {
    /// Returns whether the file has no damage.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }
}

/// Checks all checksums of the file, and that its records are consistent.
///
/// The check holds the same lock as a backup, so that no space is freed meanwhile. Without the
/// lock, a file that seems damaged is checked again if another process wrote to it meanwhile.
pub(crate) fn verify(path: &Path) -> Result<VerifyReport> {
    let log = open_damaged(path)?;
    let verify = || match second_storage(&log, path)? {
        Some(storage) => match log.try_maintenance_through(&*storage)? {
            Some(_held) => verify_log(&log),
            None => verify_unlocked(&log),
        },
        None => verify_unlocked(&log),
    };
    verify().map_err(|error| error.with_path(path))
}

fn verify_unlocked(log: &Log) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    for _ in 0..SCANS_MAX {
        let end = |log: &Log| log.with_state(|_, cursor| cursor.next);
        let began = end(log)?;
        report = verify_log(log)?;
        if report.is_sound() || end(log)? == began {
            break;
        }
    }
    Ok(report)
}

/// Checks a file in a simulated storage.
#[cfg(feature = "internals")]
pub fn verify_storage(storage: Arc<dyn Storage>) -> Result<VerifyReport> {
    verify_log(&open_damaged_storage(storage)?)
}

fn verify_log(log: &Log) -> Result<VerifyReport> {
    let mut check = Check { end: log.with_state(|_, cursor| cursor.next)?, ..Check::default() };
    check.headers(log)?;
    let damages = log.survey(|position, frame| {
        check.report.frames += 1;
        for raw in frame.raw_records() {
            match raw.and_then(|raw| raw.decode()) {
                Ok(record) => {
                    check.note_artifacts(position.0, &record);
                    check.note(position.0, record);
                }
                Err(error) => {
                    check.damage("record", position.0, "a record", &error.to_string());
                    break;
                }
            }
        }
        Ok(())
    })?;
    check.report.damages.extend(damages);
    check.units(log)?;
    check.blocks(log);
    check.artifacts(log)?;
    check.extents(log)?;
    check.report.runs = check.runs.len() as u64;
    Ok(check.report)
}

#[derive(Default)]
struct Check {
    report: VerifyReport,
    /// The end of the chain when the check began.
    end: Position,
    runs: HashSet<RunId>,
    /// All blocks, each with the position of the frame that names it.
    blocks: Vec<(u64, Incarnation, SealedBlock)>,
    /// The index in `blocks` of the block at each offset.
    blocks_at: HashMap<u64, usize>,
    /// The indexes in `blocks` of blocks that were moved or removed.
    dropped: HashSet<usize>,
    extents: HashMap<u32, (Incarnation, ExtentState, u128)>,
    /// The units in frames, as (position of the frame, kind, first unit, units).
    named: Vec<((u64, UnitKind, u32, u32), Incarnation)>,
    boots: HashMap<Incarnation, u128>,
    definitions: HashMap<Incarnation, crate::log::Definitions>,
    artifacts: ArtifactTree,
    models: KnownModels,
    tokens: KnownTokens,
    webhooks: KnownWebhooks,
    jobs: KnownJobs,
    revisions: KnownRevisions,
    tables: KnownTables,
}

impl Check {
    fn damage(&mut self, place: &str, offset: u64, wanted: &str, got: &str) {
        self.report.damages.push(Damage {
            place: place.to_owned(),
            offset,
            wanted: wanted.to_owned(),
            got: got.to_owned(),
        });
    }

    fn headers(&mut self, log: &Log) -> Result<()> {
        for offset in HEADER_OFFSETS {
            let bytes = log.read_piece(offset, HEADER_BYTES)?;
            match Header::decode(&bytes) {
                Ok(header) if header == log.header() => {}
                Ok(_) => self.damage("header", offset, "two equal copies", "another header"),
                Err(error) => self.damage("header", offset, "a header", &error.to_string()),
            }
        }
        Ok(())
    }

    fn note(&mut self, position: u64, record: Record) {
        match record {
            Record::WriterOpened(opened) => {
                self.boots.insert(opened.incarnation, opened.boot_id);
            }
            Record::RunStarted(started) => {
                self.runs.insert(started.run);
            }
            Record::Purged(purged) => {
                self.runs.retain(|run| !purged.runs.contains(run));
            }
            Record::ExtentOpened(opened) => {
                let extent = ExtentState { unit: opened.unit, units: opened.units, sealed: false };
                let boot = self.boots.get(&opened.incarnation).copied().unwrap_or(0);
                self.extents.insert(opened.unit, (opened.incarnation, extent, boot));
                let named = (position, UnitKind::Extent, opened.unit, opened.units);
                self.named.push((named, opened.incarnation));
            }
            Record::BlockUnitOpened(opened) => {
                let named = (position, UnitKind::Block, opened.unit, opened.units);
                self.named.push((named, opened.incarnation));
            }
            Record::ChunkUnitOpened(opened) => {
                let named = (position, UnitKind::Chunks, opened.unit, opened.units);
                self.named.push((named, opened.incarnation));
            }
            Record::Sealed(sealed) => {
                self.extents.retain(|unit, _| !sealed.extents.contains(unit));
                if sealed.dropped > 0 {
                    self.report.notes.push(format!(
                        "{} points at byte {position} were dropped: a power cut took the \
                         definition of their series",
                        sealed.dropped
                    ));
                }
                for block in sealed.blocks {
                    self.note_block(position, sealed.incarnation, block);
                }
            }
            Record::BlockMoved(moved) => {
                let Some(at) = self.blocks_at.remove(&moved.from) else { return };
                self.dropped.insert(at);
                if let (Some(to), Some((_, owner, _))) = (moved.to, self.blocks.get(at)) {
                    self.note_block(position, *owner, to);
                }
            }
            Record::SeriesDefined(ref defined) => {
                self.define(position, defined.incarnation, &record);
            }
            Record::RowDefined(ref defined) => {
                self.define(position, defined.incarnation, &record);
            }
            Record::InputsLogged(logged) => self.edges(position, "inputs", logged.run),
            Record::OutputsLogged(logged) => self.edges(position, "outputs", logged.run),
            Record::Unknown { kind, version, .. } => self.report.notes.push(format!(
                "a record of kind {kind}, version {version}, at byte {position} is unknown to \
                 this build"
            )),
            other => self.model(position, &other),
        }
    }

    fn note_block(&mut self, position: u64, owner: Incarnation, block: SealedBlock) {
        if let BlockPlace::At { offset, .. } = block.place {
            self.blocks_at.insert(offset, self.blocks.len());
        }
        self.blocks.push((position, owner, block));
    }

    /// Checks that a record of a model, a token or a webhook refers to an existing one. Checks that
    /// the revisions of a view, endpoint or job increase.
    fn model(&mut self, position: u64, record: &Record) {
        if let Some(what) = self.models.missing(record) {
            self.damage(&what, position, "a model from an earlier record", "an unknown model");
        }
        if let Some(token) = self.tokens.missing(record) {
            let place = format!("revocation of token {token}");
            self.damage(&place, position, "a token from an earlier record", "an unknown token");
        }
        if let Some(webhook) = self.webhooks.missing(record) {
            let place = format!("change of webhook {webhook}");
            self.damage(&place, position, "a webhook from an earlier record", "an unknown webhook");
        }
        let revised = self.revisions.overtaken(record).map(|found| found.words());
        let jobs = self.jobs.misfit(record).map(Misfit::words);
        for (place, wanted, got) in revised.into_iter().chain(jobs) {
            self.damage(&place, position, &wanted, &got);
        }
        if let Some((wanted, got)) = self.tables.wrong(record) {
            self.damage("change of a table", position, &wanted, &got);
        }
        self.models.note(record);
        self.tables.note(record);
        self.jobs.note(record);
        self.tokens.note(record);
        self.webhooks.note(record);
        self.revisions.note(record);
    }

    fn note_artifacts(&mut self, position: u64, record: &Record) {
        self.artifacts.note(position, record);
        let owner = match record {
            Record::ArtifactsWritten(written) => written.owner,
            Record::ArtifactReferenced(reference) => reference.owner,
            _ => return,
        };
        if let ArtifactOwner::Run(run) = owner {
            self.edges(position, "artifacts", run);
        }
    }

    /// Checks that inputs, outputs and artifacts belong to an existing run.
    fn edges(&mut self, position: u64, what: &str, run: RunId) {
        if !self.runs.contains(&run) {
            let place = format!("{what} of run {run}");
            self.damage(&place, position, "a run from an earlier record", "an unknown run");
        }
    }

    /// Adds the definitions of a record. Checks that an id has one definition, and that a row has
    /// defined series.
    fn define(&mut self, position: u64, incarnation: Incarnation, record: &Record) {
        let definitions = self.definitions.entry(incarnation).or_default();
        let mut damages = Vec::new();
        let mut damage = |id: SeriesId, wanted: String, got: String| {
            let place = format!("definition {} of writer {:016x}", id.0, incarnation.0);
            damages.push(Damage { place, offset: position, wanted, got });
        };
        for (id, definition) in definitions_of(record) {
            match definitions.get(id) {
                Some(before) if *before != definition => {
                    damage(id, format!("{before}, as defined earlier"), definition.to_string());
                }
                _ if id.0 == 0 => damage(id, "an id of at least 1".into(), "0".into()),
                _ => {}
            }
            let Definition::Row(series) = definition else { continue };
            let is_series = |id| matches!(definitions.get(id), Some(Definition::Series { .. }));
            if let Some(bad) = series.iter().find(|id| !is_series(**id)) {
                let got = format!("a row of series {}, which is not defined earlier", bad.0);
                damage(id, "a row of defined series".into(), got);
            }
        }
        self.report.damages.extend(damages);
        definitions.apply(incarnation, record);
    }

    /// Checks that each unit has the kind that the chain names, and that the units of durable
    /// frames are within the file.
    fn units(&mut self, log: &Log) -> Result<()> {
        let found: HashMap<u32, UnitKind> =
            log.unit_headers()?.into_iter().map(|header| (header.unit, header.kind)).collect();
        let mark = log.reader_from_start()?.durable_mark()?;
        let length = log.storage().len();
        let length =
            length.map_err(|source| Error::io("reading the length of the file", source))?;
        let boot = log.storage().boot_id();
        for ((position, kind, unit, units), owner) in std::mem::take(&mut self.named) {
            if let Some(found) = found.get(&unit).filter(|found| **found != kind) {
                let (wanted, got) = (format!("{kind:?}"), format!("{found:?}"));
                self.damage("unit header", unit_start(unit), &wanted, &got);
            }
            let end = unit_start(unit.saturating_add(units));
            // A power cut may keep a frame without its unit. So only frames before the durable mark
            // of this boot are checked.
            let is_durable = position < mark && self.boots.get(&owner) == Some(&boot);
            // The header of an extent is written before the frame that names it.
            if is_durable && self.extents.contains_key(&unit) && !found.contains_key(&unit) {
                let wanted = "the header of an extent";
                self.damage("unit header", unit_start(unit), wanted, "other bytes");
            }
            if is_durable && end > length {
                let (wanted, got) = (format!("{units} units"), "the end of the file".to_owned());
                self.damage("length of the file", length, &wanted, &got);
            }
        }
        Ok(())
    }

    fn artifacts(&mut self, log: &Log) -> Result<()> {
        self.report.artifacts = self.artifacts.files.len() as u64;
        self.report.chunks = self.artifacts.chunks.len() as u64;
        let damages = check_artifacts(log, &self.artifacts, self.end)?;
        self.report.damages.extend(damages);
        for (table, path) in self.tables.incomplete(&self.artifacts) {
            let place = format!("rows of table {table}");
            self.damage(&place, 0, &format!("file {path}"), "none");
        }
        self.pinned();
        Ok(())
    }

    /// Checks that each model version still has the files that it pinned.
    fn pinned(&mut self) {
        let mut damages = Vec::new();
        for (&(model, version), pinned) in &self.models.versions {
            let owner = ArtifactOwner::ModelVersion { model, version };
            let found = self.artifacts.digest_of(owner);
            if pinned.is_none() || found == *pinned {
                continue;
            }
            let text = |digest: Option<[u8; 32]>| match digest {
                Some(digest) => format!("files of digest {}", ContentHash::from_bytes(digest)),
                None => "no files".to_owned(),
            };
            let place = format!("files of {}", describe(&owner));
            let offset = self.artifacts.first_frame(owner).unwrap_or(0);
            damages.push(Damage { place, offset, wanted: text(*pinned), got: text(found) });
        }
        damages.sort_by(|one, other| one.place.cmp(&other.place));
        self.report.damages.extend(damages);
    }

    fn blocks(&mut self, log: &Log) {
        let blocks = std::mem::take(&mut self.blocks);
        let dropped = std::mem::take(&mut self.dropped);
        let named = (0..).zip(blocks).filter(|(at, _)| !dropped.contains(at));
        for (_, (position, owner, sealed)) in named {
            self.report.blocks += 1;
            let counted: u64 = sealed.series.iter().map(|series| series.count).sum();
            let offset = match &sealed.place {
                BlockPlace::Inline(_) => position,
                BlockPlace::At { offset, .. } => *offset,
            };
            let read = log.read_block(&sealed.place).and_then(|bytes| {
                let labels = labels(&bytes)?;
                check_block(&bytes).map(|points| (points, labels))
            });
            let points = read.map(|(points, labels)| {
                self.labels(owner, offset, &labels);
                points
            });
            match points {
                Ok(points) if points == counted => self.report.points += points,
                Ok(points) => self.damage(
                    "column block",
                    offset,
                    &format!("{counted} points, as in the chain"),
                    &format!("{points} points"),
                ),
                Err(error) => self.damage("column block", offset, "a block", &error.to_string()),
            }
        }
    }

    /// Checks that the labels of a block match the definitions in the chain.
    fn labels(&mut self, owner: Incarnation, offset: u64, labels: &[SeriesLabel]) {
        for SeriesLabel { series, run, key } in labels {
            let got = Definition::Series { run: *run, key: key.as_str().into() };
            let definitions = self.definitions.entry(owner).or_default();
            // A missing definition is not a damage, because a salvage may lose it and a purge
            // removes it.
            let other = definitions.get(*series).filter(|wanted| **wanted != got);
            if let Some(wanted) = other.map(ToString::to_string) {
                let place = format!("series {} of a column block", series.0);
                self.damage(&place, offset, &wanted, &got.to_string());
            }
        }
    }

    /// Reports each series or row schema of an extent that is undefined or has another type, with
    /// its first slot.
    fn undefined(&mut self, log: &Log, owner: Incarnation, extent: &ExtentState) -> Result<()> {
        let definitions = self.definitions.entry(owner).or_default();
        let mut found: BTreeMap<(bool, SeriesId), (u32, u64, String)> = BTreeMap::new();
        let mut meet = |slot: u32, is_row: bool, id: SeriesId, columns: usize| {
            let got = match definitions.get(id) {
                Some(Definition::Series { .. }) if !is_row => return,
                Some(Definition::Row(series)) if is_row && series.len() == columns => return,
                Some(other) => format!("which is {other}"),
                None => "which is not defined".to_owned(),
            };
            found.entry((is_row, id)).or_insert((slot, 0, got)).1 += 1;
        };
        log.scan_extent(owner, extent, 0, |slot, entry| match entry {
            Entry::Points(points) => {
                let points = (slot..).zip(points.iter());
                points.for_each(|(slot, point)| meet(slot, false, point.series, 1));
            }
            Entry::Row { schema, values, .. } => meet(slot, true, schema, values.len() / 8),
        })?;
        for ((is_row, id), (slot, count, got)) in found {
            let what = if is_row { "row schema" } else { "series" };
            let place = format!("slot {slot} of extent {}", extent.unit);
            let offset = unit_start(extent.unit) + FIRST_SLOT_BYTES + u64::from(slot) * SLOT_BYTES;
            let wanted = format!("a {what} defined by writer {:016x}", owner.0);
            let got = format!("{what} {}, {got}, in {count} entries of the extent", id.0);
            self.damage(&place, offset, &wanted, &got);
        }
        Ok(())
    }

    fn extents(&mut self, log: &Log) -> Result<()> {
        let mut extents: Vec<_> = self.extents.drain().map(|(_, extent)| extent).collect();
        extents.sort_by_key(|(_, extent, _)| extent.unit);
        let length =
            log.storage().len().map_err(|source| Error::io("reading the length", source))?;
        for (incarnation, extent, boot) in extents {
            let definitions = self.definitions.entry(incarnation).or_default();
            let define = |id| definitions.get(id).cloned();
            let mut points = 0;
            let lost = log.encode_extents(incarnation, &[extent], &define, |bytes| {
                points += check_block(&bytes)?;
                Ok(())
            })?;
            self.report.points += points;
            let report = scan_at_rest(log, incarnation, &extent)?;
            let slots = report.unreadable + report.holes + u32::from(report.is_torn);
            let lost_power = boot != log.storage().boot_id();
            let end = unit_start(extent.unit.saturating_add(extent.units));
            if !lost_power && length < end {
                let place = format!("extent {}", extent.unit);
                let wanted = format!("a file of at least {end} bytes");
                self.damage(&place, length, &wanted, &format!("its end, at {length}"));
            }
            let place = format!("extent {}", extent.unit);
            let offset = unit_start(extent.unit);
            // The check does not know definitions from after its begin. So an undefined series is a
            // damage only if the chain has not grown.
            let is_unknown = || Ok::<_, Error>(log.with_state(|_, now| now.next)? == self.end);
            let is_undefined = lost.undefined > 0 && (lost_power || is_unknown()?);
            if (slots > 0 || is_undefined) && lost_power {
                self.report.notes.push(format!(
                    "{place}: a power cut took {slots} slots and the definitions of {} points",
                    lost.undefined
                ));
            } else if slots > 0 {
                let ScanReport { unreadable, holes, is_torn, .. } = report;
                let bad = unreadable + u32::from(is_torn);
                let got = format!("{bad} invalid slots and {holes} empty slots between entries");
                self.damage(&place, offset, "points and rows", &got);
            }
            if is_undefined && !lost_power {
                self.undefined(log, incarnation, &extent)?;
            }
            if report.unfinished > 0 {
                self.report.notes.push(format!(
                    "{place}: the last {} slots are of an incomplete entry",
                    report.unfinished
                ));
            }
        }
        Ok(())
    }
}

/// Returns the definitions of a record by id.
fn definitions_of(record: &Record) -> Vec<(SeriesId, Definition)> {
    match record {
        Record::SeriesDefined(defined) => {
            let ids = (defined.first.0..=u32::MAX).map(SeriesId);
            let define =
                |key: &String| Definition::Series { run: defined.run, key: key.as_str().into() };
            ids.zip(defined.keys.iter().map(define)).collect()
        }
        Record::RowDefined(defined) => {
            vec![(defined.row, Definition::Row(defined.series.as_slice().into()))]
        }
        _ => Vec::new(),
    }
}

/// Scans an extent while its writer may store to it. A slot that changed during the read is sound
/// in the next scan, so an unsound extent is scanned again.
fn scan_at_rest(log: &Log, owner: Incarnation, extent: &ExtentState) -> Result<ScanReport> {
    let mut report = ScanReport::default();
    for _ in 0..SCANS_MAX {
        report = log.scan_extent(owner, extent, 0, |_, _| {})?;
        if report.unreadable == 0 && report.holes == 0 && !report.is_torn {
            break;
        }
    }
    Ok(report)
}

/// Returns the labels of the series in a block.
fn labels(bytes: &[u8]) -> Result<Vec<SeriesLabel>> {
    let groups = block::parse(bytes)?.groups;
    let series = groups.into_iter().flat_map(|group| group.series);
    Ok(series.map(|series| series.label).collect())
}

/// Decodes all columns of a block. Returns the number of points.
fn check_block(bytes: &[u8]) -> Result<u64> {
    let footer = block::parse(bytes)?;
    let mut points = 0;
    let (mut numbers, mut values) = (Vec::new(), Vec::new());
    for group in &footer.groups {
        for column in [&group.steps, &group.times] {
            numbers.clear();
            block::decode_column_i64(column, column.bytes_of(bytes)?, &mut numbers)?;
        }
        for series in &group.series {
            values.clear();
            block::decode_column_f64(&series.values, series.values.bytes_of(bytes)?, &mut values)?;
            points += u64::from(group.points);
        }
    }
    Ok(points)
}
