//! The thread in the background: what it does unasked, and how often.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tracklite::storage::{CallKind, FaultPlan, FaultStorage, MemoryFile};
use tracklite::{Database, ErrorKind, IndexPlace, Run, Step};

use crate::support::{self, File as _, Opening};

/// What is due each second must have been done after so many.
const SOON: Duration = Duration::from_secs(3);
const HOUR: Duration = Duration::from_secs(3600);

/// A process with its thread; the plan counts its calls.
fn start(file: &MemoryFile, interval: Option<Duration>) -> (Database, FaultPlan) {
    let plan = FaultPlan::new();
    let storage = FaultStorage::new(file.storage(), &plan);
    let builder = Database::builder().index(IndexPlace::InMemory).sync_interval(interval);
    (builder.open_storage(Path::new("memory"), Arc::new(storage)).unwrap(), plan)
}

fn start_run(database: &Database) -> Run {
    let run = database.default_experiment().unwrap().start_run("run").unwrap();
    run.log_metric("loss", 0.5, Step::NEXT).unwrap();
    database.sync().unwrap();
    run
}

/// Whether it comes to be so soon.
fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > SOON {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

#[test]
fn one_point_is_synced_within_the_interval() {
    let file = support::create(21);
    let (database, plan) = start(&file, Some(Duration::from_secs(1)));
    let run = start_run(&database);
    let syncs = plan.calls(CallKind::Sync);
    run.log_metric("loss", 0.5, Step::NEXT).unwrap();
    assert!(soon(|| plan.calls(CallKind::Sync) > syncs), "one point was never synced");
    // Nothing to sync: nothing is synced.
    thread::sleep(Duration::from_millis(200));
    let syncs = plan.calls(CallKind::Sync);
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(plan.calls(CallKind::Sync), syncs);
}

/// However seldom a process syncs, it looks after the file and the dead.
#[test]
fn a_long_interval_delays_nothing_but_the_sync() {
    let file = support::create(22);
    let (database, plan) = start(&file, Some(HOUR));
    let run = start_run(&database);
    let syncs = plan.calls(CallKind::Sync);
    run.log_metric("loss", 0.5, Step::NEXT).unwrap();
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(plan.calls(CallKind::Sync), syncs, "an hour is not over");

    let (other, kill) = support::open(&file, &Opening::write(), &FaultPlan::new());
    let other = other.unwrap();
    drop(start_run(&other));
    kill.kill();
    drop(other);
    let is_tended = || database.info().unwrap().writers.len() == 1;
    assert!(soon(is_tended), "the dead writer was not wound up");

    file.set_name_leads_here(false);
    let poisoned = || match run.log_metric("loss", 0.5, Step::NEXT) {
        Err(error) => error.kind() == ErrorKind::Poisoned,
        Ok(()) => false,
    };
    assert!(soon(poisoned), "the file was removed, and nobody noticed");
}

#[test]
fn a_short_interval_is_kept() {
    let file = support::create(23);
    let (database, plan) = start(&file, Some(Duration::from_millis(20)));
    let run = start_run(&database);
    let syncs = plan.calls(CallKind::Sync);
    let began = Instant::now();
    while plan.calls(CallKind::Sync) < syncs + 20 {
        run.log_metric("loss", 0.5, Step::NEXT).unwrap();
        thread::sleep(Duration::from_millis(5));
        assert!(began.elapsed() < Duration::from_secs(15), "20 syncs, 20 ms apart, take so long");
    }
}

#[test]
fn an_interval_of_zero_is_refused() {
    let builder = Database::builder().sync_interval(Some(Duration::ZERO));
    let file = support::create(24);
    let opened = builder.clone().open_storage(Path::new("memory"), file.storage());
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("sync interval"), "{error}");
    let folder = support::scratch();
    let path = folder.path().join("runs.tracklite");
    let error = builder.create(true).open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(!path.exists(), "a file was made for nothing");
}
