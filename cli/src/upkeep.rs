//! Maintenance: `tracklite verify`, `dump`, `backup`, `vacuum`, `gc`, `delete` and `restore`.

use std::path::Path;

use serde::Serialize;
use tracklite::upkeep::{Damage, DumpedFrame, SalvageReport, VerifyReport};
use tracklite::{Database, Error, ErrorKind, Lifecycle, Result, RunId};

use crate::args::{BackupArgs, FileArgs, RunArgs, VerifyArgs};
use crate::columns::short_id;
use crate::json;
use crate::terminal::{Style, Terminal};
use crate::{Exit, Failure, Outcome, text};

#[derive(Serialize)]
struct VerifyObject<'a> {
    is_sound: bool,
    frames: u64,
    runs: u64,
    points: u64,
    blocks: u64,
    artifacts: u64,
    chunks: u64,
    damages: Vec<DamageObject<'a>>,
    notes: &'a [String],
    salvage: Option<SalvageObject<'a>>,
}

#[derive(Serialize)]
struct DamageObject<'a> {
    place: &'a str,
    offset: u64,
    wanted: &'a str,
    got: &'a str,
}

impl<'a> From<&'a Damage> for DamageObject<'a> {
    fn from(damage: &'a Damage) -> Self {
        let Damage { place, offset, wanted, got, .. } = damage;
        DamageObject { place, offset: *offset, wanted, got }
    }
}

#[derive(Serialize)]
struct FrameObject<'a> {
    offset: u64,
    length: u64,
    hash: String,
    records: Vec<RecordObject<'a>>,
}

#[derive(Serialize)]
struct RecordObject<'a> {
    kind: Option<u16>,
    text: &'a str,
}

impl<'a> From<&'a DumpedFrame> for FrameObject<'a> {
    fn from(frame: &'a DumpedFrame) -> Self {
        let records = frame.records.iter();
        let records = records.map(|record| RecordObject { kind: record.kind, text: &record.text });
        FrameObject {
            offset: frame.position,
            length: frame.length,
            hash: format!("{:016x}", frame.hash),
            records: records.collect(),
        }
    }
}

/// Prints each frame and record of the metadata. In JSON, damage comes after the frames.
pub(crate) fn dump(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    if !args.output.json {
        Database::dump(&args.file.path, terminal)?;
        return Ok(Exit::Success);
    }
    let mut array = json::Array::default();
    let damages = Database::frames(&args.file.path, |frame| {
        let written = array.push(terminal, &FrameObject::from(frame));
        written.map_err(|source| Error::io("writing to standard output", source))
    })?;
    damages.iter().try_for_each(|damage| array.push(terminal, &DamageObject::from(damage)))?;
    array.end(terminal)?;
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct SalvageObject<'a> {
    path: &'a Path,
    frames: u64,
    runs: u64,
    points: u64,
    lost: &'a [String],
}

/// Verifies the file, and salvages what is intact if requested.
pub(crate) fn verify(args: &VerifyArgs, terminal: &mut Terminal) -> Outcome {
    let report = match Database::verify(&args.file.path) {
        // The file is too damaged to be read to the end. A salvage may still work.
        Err(error) if error.kind() == ErrorKind::Damaged && args.salvage.is_some() => {
            crate::report(&error);
            None
        }
        Err(error) if error.kind() == ErrorKind::Damaged => {
            crate::report(&error);
            return Ok(Exit::Damaged);
        }
        other => Some(other?),
    };
    let is_sound = report.as_ref().is_some_and(VerifyReport::is_sound);
    let exit = if is_sound { Exit::Success } else { Exit::Damaged };
    let salvage = match &args.salvage {
        Some(out) => Some((out.as_path(), Database::salvage(&args.file.path, out)?)),
        None => None,
    };
    let printed = if args.output.json {
        let empty = VerifyReport::default();
        let report = report.as_ref().unwrap_or(&empty);
        json::print(terminal, &verify_object(report, is_sound, salvage.as_ref()))
    } else {
        print(args, report.as_ref(), salvage.as_ref(), terminal)
    };
    match printed {
        // The verdict counts even if the reader closed the pipe.
        Err(_) if terminal.is_closed() => Ok(exit),
        other => other.map(|()| exit),
    }
}

fn verify_object<'a>(
    report: &'a VerifyReport,
    is_sound: bool,
    salvage: Option<&'a (&Path, SalvageReport)>,
) -> VerifyObject<'a> {
    VerifyObject {
        is_sound,
        frames: report.frames,
        runs: report.runs,
        points: report.points,
        blocks: report.blocks,
        artifacts: report.artifacts,
        chunks: report.chunks,
        damages: report.damages.iter().map(DamageObject::from).collect(),
        notes: &report.notes,
        salvage: salvage.map(|(path, saved)| SalvageObject {
            path,
            frames: saved.frames,
            runs: saved.runs,
            points: saved.points,
            lost: &saved.lost,
        }),
    }
}

fn print(
    args: &VerifyArgs,
    report: Option<&VerifyReport>,
    salvage: Option<&(&Path, SalvageReport)>,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    if let Some(report) = report {
        print_report(&args.file.path, report, terminal)?;
    }
    let Some((path, saved)) = salvage else { return Ok(()) };
    let what = [
        text::plural(saved.runs, "run"),
        text::plural(saved.points, "point"),
        text::plural(saved.frames, "frame"),
    ];
    terminal.line(&format!("saved {} to {}", what.join(", "), path.display()))?;
    for lost in &saved.lost {
        let word = terminal.paint(Style::Bad, "lost").into_owned();
        terminal.line(&format!("{word}: {}", text::printable(lost)))?;
    }
    Ok(())
}

fn print_report(
    file: &Path,
    report: &VerifyReport,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    for damage in &report.damages {
        let word = terminal.paint(Style::Bad, "damage").into_owned();
        let place = text::printable(&damage.place);
        let (wanted, got) = (text::printable(&damage.wanted), text::printable(&damage.got));
        let offset = damage.offset;
        terminal
            .line(&format!("{word}: {place} at byte {offset}: expected {wanted}, found {got}"))?;
    }
    for note in &report.notes {
        terminal.line(&format!("note: {}", text::printable(note)))?;
    }
    let read = [
        text::plural(report.frames, "frame"),
        text::plural(report.runs, "run"),
        text::plural(report.blocks, "column block"),
        text::plural(report.points, "point"),
        text::plural(report.artifacts, "artifact"),
        text::plural(report.chunks, "chunk"),
    ];
    let verdict = match report.damages.len() as u64 {
        0 => terminal.paint(Style::Good, "sound").into_owned(),
        count => terminal.paint(Style::Bad, &text::plural(count, "damage")).into_owned(),
    };
    terminal.line(&format!("{}: {verdict}; read {}", file.display(), read.join(", ")))?;
    Ok(())
}

#[derive(Serialize)]
struct BackupObject<'a> {
    path: &'a Path,
    bytes: u64,
}

/// Copies the file.
pub(crate) fn backup(args: &BackupArgs, terminal: &mut Terminal) -> Outcome {
    Database::open_read_only(&args.file.path)?.backup(&args.to)?;
    if args.output.json {
        let path = args.to.as_path();
        let length = std::fs::metadata(path).map(|metadata| metadata.len());
        let bytes = length.map_err(|source| Error::io("reading the size of the copy", source))?;
        json::print(terminal, &BackupObject { path, bytes })?;
        return Ok(Exit::Success);
    }
    terminal.line(&format!("{} backed up to {}", args.file.path.display(), args.to.display()))?;
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct VacuumObject {
    before_bytes: u64,
    after_bytes: u64,
}

/// Rewrites the file without unused space.
pub(crate) fn vacuum(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let report = Database::vacuum(&args.file.path)?;
    let (before_bytes, after_bytes) = (report.before_bytes, report.after_bytes);
    if args.output.json {
        json::print(terminal, &VacuumObject { before_bytes, after_bytes })?;
    } else {
        let (before, after) = (text::bytes(before_bytes), text::bytes(after_bytes));
        terminal.line(&format!("{}: {before} before, {after} now", args.file.path.display()))?;
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct GcObject {
    runs: u64,
    experiments: u64,
    freed_bytes: u64,
}

/// Removes deleted runs and experiments permanently.
pub(crate) fn gc(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open(&args.file.path)?;
    let report = database.gc()?;
    database.close()?;
    let (runs, experiments) = (report.runs, report.experiments);
    if args.output.json {
        json::print(terminal, &GcObject { runs, experiments, freed_bytes: report.freed_bytes })?;
    } else {
        let (runs, experiments) =
            (text::plural(runs, "run"), text::plural(experiments, "experiment"));
        let freed = text::bytes(report.freed_bytes);
        terminal.line(&format!("removed {runs} and {experiments}; {freed} freed"))?;
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct ChangeObject<'a> {
    run_id: String,
    run_name: &'a str,
    lifecycle_stage: &'static str,
}

/// Changes the lifecycle of a run. Returns its id and name.
fn change(
    args: &RunArgs,
    terminal: &mut Terminal,
    lifecycle: Lifecycle,
    set: impl FnOnce(&Database, RunId) -> Result<()>,
) -> Result<(RunId, String), Failure> {
    let database = Database::open(&args.file.path)?;
    let id = database.run_by_prefix(&args.run.prefix)?.id();
    let name = database.run(id)?.name()?;
    set(&database, id)?;
    database.close()?;
    if args.output.json {
        let (run_id, lifecycle_stage) = (id.to_string(), lifecycle.as_str());
        json::print(terminal, &ChangeObject { run_id, run_name: &name, lifecycle_stage })?;
    }
    Ok((id, name))
}

/// Marks a run as deleted.
pub(crate) fn delete(args: &RunArgs, terminal: &mut Terminal) -> Outcome {
    let (id, name) = change(args, terminal, Lifecycle::Deleted, Database::delete_run)?;
    if !args.output.json {
        let (file, short) = (args.file.path.display(), short_id(id, 8));
        terminal.line(&format!("deleted {short} {}", text::printable(&name)))?;
        terminal.line(&format!("to undo: tracklite restore {file} {short}"))?;
    }
    Ok(Exit::Success)
}

/// Restores a deleted run.
pub(crate) fn restore(args: &RunArgs, terminal: &mut Terminal) -> Outcome {
    let (id, name) = change(args, terminal, Lifecycle::Active, Database::restore_run)?;
    if !args.output.json {
        terminal.line(&format!("restored {} {}", short_id(id, 8), text::printable(&name)))?;
    }
    Ok(Exit::Success)
}
