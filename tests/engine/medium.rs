//! Limited media: without holes, and with locks that are not trusted.

use std::path::Path;
use std::sync::Arc;

use tracklite::internals::storage::{
    Access, CallKind, Failure, Fault, FaultPlan, FaultStorage, FileStorage, MediumTraits,
    MemoryFile, WritePath,
};
use tracklite::{Database, ErrorKind, IndexPlace, Run, Step};

use crate::support::{self, File as _, Opening};

/// More points than fit into an extent of one unit.
const POINTS: usize = 5000;

fn log(run: &Run, count: usize) {
    let loss = run.metric("loss").unwrap();
    (0..count).for_each(|_| loss.log(0.5, Step::NEXT).unwrap());
}

#[test]
fn a_medium_without_holes_only_costs_space_until_the_vacuum() {
    let folder = support::scratch();
    let path = folder.path().join("runs.tracklite");
    Database::create(&path).unwrap().close().unwrap();
    let plan = FaultPlan::new();
    plan.arm(Fault {
        kind: Some(CallKind::Punch),
        nth: 1,
        failure: Failure::Unsupported,
        for_ever: true,
    });
    let storage = FileStorage::open(&path, Access::ReadWrite, WritePath::Automatic).unwrap();
    let storage = FaultStorage::new(Arc::new(storage), &plan);
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    let database = builder.open_storage(&path, Arc::new(storage)).unwrap();
    let experiment = database.default_experiment().unwrap();
    let (kept, purged) =
        (experiment.start_run("kept").unwrap(), experiment.start_run("purged").unwrap());
    for run in [&kept, &purged, &kept] {
        log(run, POINTS);
        database.tick().unwrap();
    }
    let sealed = plan.failures();
    assert!(sealed > 0, "sealing did not try to punch");
    purged.delete().unwrap();
    assert_eq!(database.gc().unwrap().runs, 1);
    let id = kept.id();
    drop((kept, purged, experiment));
    database.close().unwrap();
    assert_eq!(plan.failures(), plan.calls(CallKind::Punch));
    let before = support::read_path(&path).unwrap();
    assert_eq!(before.runs[&id].metrics["loss"].len(), 2 * POINTS);
    assert!(Database::verify(&path).unwrap().is_sound());
    let report = Database::vacuum(&path).unwrap();
    assert!(report.after_bytes < report.before_bytes / 2, "{report:?}");
    assert_eq!(support::read_path(&path).unwrap(), before);
}

/// Creates a file on a medium whose locks are not trusted.
fn doubtful_file() -> MemoryFile {
    let file = support::create(9);
    file.set_medium(MediumTraits { mappable: false, locks_trusted: false });
    file
}

fn writers(database: &Database) -> usize {
    database.info().unwrap().writers.len()
}

#[test]
fn without_trusted_locks_no_writer_counts_as_dead() {
    let file = doubtful_file();
    let (first, kill) = support::open(&file, &Opening::write(), &FaultPlan::new());
    let first = first.unwrap();
    let run = first.default_experiment().unwrap().start_run("first").unwrap();
    log(&run, POINTS);
    let id = run.id();
    drop(run);
    kill.kill();
    // Its liveness byte is free now. That also happens if the medium loses the lock.
    drop(first);
    let unsealed = |database: &Database| database.info().unwrap().unsealed_bytes;
    let plan = FaultPlan::new();
    let (second, _kill) = support::open(&file, &Opening::write(), &plan);
    let second = second.unwrap();
    let before = unsealed(&second);
    assert!(before > 0);
    for _ in 0..3 {
        second.tick().unwrap();
    }
    let found = (unsealed(&second), writers(&second));
    assert_eq!(found, (before, 2), "the first writer was treated as dead");
    assert_eq!(plan.calls(CallKind::Punch), 0);
    assert!(
        second.run(id).unwrap().is_alive().unwrap(),
        "a writer that may be alive counts as dead"
    );
    assert_eq!(second.run(id).unwrap().history("loss").unwrap().len(), POINTS);
    let other = second.default_experiment().unwrap().start_run("second").unwrap();
    log(&other, POINTS);
    drop(other);
    second.close().unwrap();
    let content = support::read_file(&file).unwrap();
    assert_eq!(content.points(), 2 * POINTS);
    assert!(support::verify(&file).unwrap().is_sound());
}

#[test]
fn without_trusted_locks_a_writer_of_another_boot_blocks_writers() {
    let file = doubtful_file();
    let (first, kill) = support::open(&file, &Opening::write(), &FaultPlan::new());
    let first = first.unwrap();
    log(&first.default_experiment().unwrap().start_run("first").unwrap(), 10);
    kill.kill();
    drop(first);
    file.set_boot_id(77);
    let (refused, _kill) = support::open(&file, &Opening::write(), &FaultPlan::new());
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    let text = error.to_string();
    let process = format!("process {} of host", std::process::id());
    for word in [process.as_str(), "locks of this file system", "backup", "memory"] {
        assert!(text.contains(word), "{word:?} is missing in {text:?}");
    }
    assert_eq!(support::read_file(&file).unwrap().points(), 10, "readers must still work");
    // A writer that closed the file does not block others.
    let file = doubtful_file();
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    let open = || builder.clone().open_storage(Path::new("memory"), file.storage());
    open().unwrap().close().unwrap();
    file.set_boot_id(77);
    open().unwrap().close().unwrap();
}
