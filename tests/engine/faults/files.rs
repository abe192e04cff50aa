//! Storage faults while `create`, `backup`, `vacuum` or `salvage` write a file.
//!
//! The call must return a meaningful error and keep existing files unchanged. The new file must be
//! absent or complete.

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracklite::internals::storage::{CallKind, Fault, FaultPlan, with_faulty_files};
use tracklite::{Database, Error, ErrorKind, IndexPlace, Result, Run, Timestamp};

use super::journal::value_of;
use super::{caught, failures_of, numbers};
use crate::support::{self, Content};

/// A call that creates a file, on a file system that fails by plan.
struct Work {
    name: &'static str,
    /// Whether the source exists beforehand.
    has_source: bool,
    /// Whether another process has the source open and writes to it.
    is_live: bool,
    /// The name of the created file.
    target: &'static str,
    /// Makes the call. Returns descriptions of unreadable data, which are not an error.
    play: fn(&Files) -> Result<Vec<String>>,
}

const CREATE: Work = Work {
    name: "create",
    has_source: false,
    is_live: false,
    target: "runs.tracklite",
    play: |files| open(&files.source()).and_then(Database::close).map(nothing_lost),
};

const BACKUP: Work = Work {
    name: "backup of a live file",
    has_source: true,
    is_live: true,
    target: "copy",
    play: |files| files.live().backup(files.target()).map(nothing_lost),
};

const BACKUP_BY_READER: Work = Work {
    name: "backup of a live file by a reader",
    play: |files| {
        let builder = Database::builder().read_only(true).index(IndexPlace::InMemory);
        let builder = builder.lock_timeout(Duration::from_millis(5));
        builder.open(files.source())?.backup(files.target()).map(nothing_lost)
    },
    ..BACKUP
};

const VACUUM: Work = Work {
    name: "vacuum",
    has_source: true,
    is_live: false,
    target: "runs.tracklite",
    play: |files| Database::vacuum(files.source()).map(|_| Vec::new()),
};

const SALVAGE: Work = Work {
    name: "salvage",
    has_source: true,
    is_live: false,
    target: "copy",
    play: |files| Database::salvage(files.source(), files.target()).map(|report| report.lost),
};

const SALVAGE_LIVE: Work = Work { name: "salvage of a live file", is_live: true, ..SALVAGE };

fn nothing_lost((): ()) -> Vec<String> {
    Vec::new()
}

fn open(path: &Path) -> Result<Database> {
    let builder = Database::builder().create(true).background(false).index(IndexPlace::InMemory);
    builder.sync_interval(None).lock_timeout(Duration::from_millis(5)).open(path)
}

fn log(run: &Run, key: &str, steps: std::ops::Range<i64>) -> Result<()> {
    let metric = run.metric(key)?;
    steps
        .into_iter()
        .try_for_each(|step| metric.log_at(value_of(step), step, Timestamp::from_nanos(step + 1)))
}

/// Creates a file with sealed points of one run, and with a purged run.
fn source() -> Result<Vec<u8>> {
    let folder = support::scratch();
    let path = folder.path().join("runs.tracklite");
    let database = open(&path)?;
    let experiment = database.experiment("/faults")?;
    let [kept, gone] = [experiment.start_run("kept")?, experiment.start_run("gone")?];
    for run in [&kept, &gone] {
        log(run, "loss", 0..3000)?;
        run.log_param("seed", 7)?;
    }
    database.tick()?;
    gone.delete()?;
    database.gc()?;
    drop((kept, experiment));
    database.close()?;
    Ok(fs::read(path).unwrap())
}

/// The folder of one call.
struct Files {
    folder: tempfile::TempDir,
    target: &'static str,
    live: Option<Database>,
    /// The contents of the source.
    content: Option<Content>,
}

impl Files {
    fn new(work: &Work, source: &[u8], plan: &FaultPlan) -> Result<Files> {
        let folder = support::scratch();
        let mut files = Files { folder, target: work.target, live: None, content: None };
        if work.has_source {
            fs::write(files.source(), source).unwrap();
            if work.is_live {
                let database = with_faulty_files(plan, || open(&files.source()))?;
                let run = database.experiment("/faults")?.start_run("live")?;
                log(&run, "loss", 0..100)?;
                files.live = Some(database);
            }
            files.content = Some(support::read_path(&files.source())?);
        }
        Ok(files)
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("runs.tracklite")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join(self.target)
    }

    fn live(&self) -> &Database {
        self.live.as_ref().unwrap()
    }

    /// Returns the names of all files in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Checks that a file is sound and complete.
    fn check(&self, path: &Path) -> std::result::Result<(), String> {
        let locate = |error: Error| format!("{}: {error}", path.display());
        let found = support::read_path(path).map_err(locate)?;
        let is_right = match &self.content {
            Some(content) => found == *content,
            None => found.runs.is_empty() && found.experiments.len() == 1,
        };
        if !is_right {
            let wanted = self.content.as_ref().map_or(0, Content::points);
            let points = found.points();
            return Err(format!("{}: {points} points, expected {wanted}", path.display()));
        }
        let report = Database::verify(path).map_err(locate)?;
        if report.is_sound() { Ok(()) } else { Err(format!("{:?}", report.damages)) }
    }
}

/// Returns whether the call may succeed despite the fault. A lock that cannot be released ends with
/// the process. Space comes from the reserve. Naming has a fallback. A temporary file that cannot
/// be removed does no harm.
fn may_pass(kind: Option<CallKind>) -> bool {
    use CallKind::{Allocate, Lock, Name, Remove};
    matches!(kind, None | Some(Lock | Allocate | Name | Remove))
}

fn check_error(error: &Error) -> std::result::Result<(), String> {
    let is_known = match error.kind() {
        ErrorKind::Io | ErrorKind::StorageFull => error.source().is_some(),
        ErrorKind::Poisoned | ErrorKind::Locked => true,
        _ => false,
    };
    let names_file =
        error.to_string().contains("/runs.tracklite") || error.to_string().contains("/copy");
    if is_known && names_file { Ok(()) } else { Err(format!("{:?}: {error}", error.kind())) }
}

/// The number of storage calls of each kind.
type Calls = [u64; CallKind::ALL.len()];

/// Makes the call with a fault, and checks the files afterwards.
fn play(work: &Work, source: &[u8], fault: Option<Fault>) -> std::result::Result<Calls, String> {
    let plan = FaultPlan::new();
    let prepared = Files::new(work, source, &plan);
    let mut files = prepared.map_err(|error| format!("preparation failed: {error}"))?;
    let before = CallKind::ALL.map(|kind| plan.calls(kind));
    let names = files.names();
    if let Some(fault) = fault {
        plan.arm(fault);
    }
    let outcome = with_faulty_files(&plan, || (work.play)(&files));
    plan.disarm();
    let calls = CallKind::ALL.map(|kind| plan.calls(kind) - before[kind as usize]);
    let was_hit = plan.failures() > 0;
    let kind = fault.and_then(|fault| fault.kind);
    match &outcome {
        // Salvage drops an unreadable block and reports it.
        Ok(lost) if !lost.is_empty() => {
            if !was_hit || !matches!(kind, None | Some(CallKind::Read)) {
                return Err(format!("unexpected loss: {lost:?}"));
            }
            fs::remove_file(files.target()).map_err(|error| error.to_string())?;
        }
        Ok(_) if was_hit && !may_pass(kind) => {
            return Err("succeeded despite a failed storage call".to_owned());
        }
        Err(error) if !was_hit => return Err(format!("failed without a fault: {error}")),
        Err(error) => check_error(error)?,
        Ok(_) => {}
    }
    let is_done = outcome.is_ok_and(|lost| lost.is_empty());
    check_left(work, &mut files, &names, fault, is_done)?;
    Ok(calls)
}

fn fail_every_call(work: &Work) {
    let source = source().unwrap();
    let calls = play(work, &source, None);
    let calls = calls.unwrap_or_else(|error| panic!("without a fault: {error}"));
    let (mut played, mut wrong) = (0, Vec::new());
    for kind in CallKind::ALL.into_iter().map(Some).chain([None]) {
        let count = kind.map_or(calls.iter().sum(), |kind| calls[kind as usize]);
        for nth in numbers(count) {
            for (failure, for_ever) in
                failures_of(kind).iter().flat_map(|failure| [(*failure, false), (*failure, true)])
            {
                let fault = Fault { kind, nth, failure, for_ever };
                played += 1;
                if let Err(error) = caught(|| play(work, &source, Some(fault))) {
                    wrong.push(format!("{fault:?}: {error}"));
                }
            }
        }
    }
    println!("{}: {played} faults in calls {calls:?}", work.name);
    let shown = wrong.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    let count = wrong.len();
    assert!(wrong.is_empty(), "{}: {count} of {played} failed:\n{shown}", work.name);
}

fn check_left(
    work: &Work,
    files: &mut Files,
    before: &[String],
    fault: Option<Fault>,
    is_done: bool,
) -> std::result::Result<(), String> {
    let (source, target) = (files.source(), files.target());
    if work.has_source {
        files.check(&source)?;
    }
    if is_done || target.exists() {
        files.check(&target)?;
    }
    let mut names = files.names();
    names.retain(|name| name != work.target && !before.contains(name));
    let kind = fault.map(|fault| fault.kind);
    let is_removing = matches!(kind, Some(None | Some(CallKind::Remove)));
    if !names.is_empty() && !is_removing {
        return Err(format!("left {names:?} behind"));
    }
    // Without faults the call must now succeed.
    if work.target == "copy" && target.exists() {
        fs::remove_file(&target).map_err(|error| error.to_string())?;
    }
    let lost = (work.play)(files).map_err(|error| format!("repeated call: {error}"))?;
    if !lost.is_empty() {
        return Err(format!("repeated call: lost {lost:?}"));
    }
    files.check(&target)?;
    if let Some(database) = files.live.take() {
        let later = || -> Result<()> {
            let run = database.default_experiment()?.start_run("later")?;
            log(&run, "loss", 0..3000)?;
            run.finish()?;
            database.close()
        };
        later().map_err(|error| format!("logging afterwards failed: {error}"))?;
        let content = support::read_path(&source).map_err(|error| error.to_string())?;
        let wanted = files.content.as_ref().map_or(0, Content::points) + 3000;
        if content.points() != wanted {
            let points = content.points();
            return Err(format!("the source has {points} points, expected {wanted}"));
        }
    }
    Ok(())
}

#[test]
fn faults_while_a_file_is_created() {
    fail_every_call(&CREATE);
}

#[test]
fn faults_during_a_backup() {
    fail_every_call(&BACKUP);
    fail_every_call(&BACKUP_BY_READER);
}

#[test]
fn faults_during_a_vacuum() {
    fail_every_call(&VACUUM);
}

#[test]
fn faults_during_a_salvage() {
    fail_every_call(&SALVAGE);
    fail_every_call(&SALVAGE_LIVE);
}
