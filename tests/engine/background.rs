//! The thread in the background: what it does unasked, and how often.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tracklite::storage::{
    CallKind, Failure, Fault, FaultPlan, FaultStorage, LockMode, LockRange, MemoryFile,
};
use tracklite::{Database, ErrorKind, IndexPlace, Run, Step};

use crate::support::{self, File as _, Opening};
use crate::watched::{Watch, Watched};

/// The lock byte of the janitor and of backups.
const MAINTENANCE: LockRange = LockRange::byte(1);

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

/// Points in rows, of values that take space, so that they fill many blocks.
fn log_much(run: &Run) {
    let row = run.metric_row(&["a", "b", "c", "d"]).unwrap();
    let mut value = 0.5_f64;
    for step in 0..600_000_i64 {
        value = (value * 3.99 * (1.0 - value)).abs();
        row.log(&[value, value * 0.7, value * 0.3, value * 0.1], step).unwrap();
    }
}

/// The longest time without a sync, while points come in and much is sealed.
fn longest_gap(run: &Run, watch: &Watch, is_sealed: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    watch.take();
    while !is_sealed() {
        run.log_metric("loss", 0.5, Step::NEXT).unwrap();
        thread::sleep(Duration::from_millis(5));
        assert!(began.elapsed() < Duration::from_secs(60), "it is never sealed");
    }
    let took = began.elapsed();
    assert!(took > 5 * GAP, "all was sealed in {took:?}: too soon to tell");
    let syncs = watch.take().syncs;
    let gaps = syncs.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or(took)
}

/// As long as no sync may be away that is due each 20 ms, on a busy machine.
const GAP: Duration = Duration::from_millis(500);

fn watched(file: &MemoryFile, watch: &Watch) -> Database {
    let storage = Watched::over(file.storage(), watch);
    let interval = Some(Duration::from_millis(20));
    let builder = Database::builder().index(IndexPlace::InMemory).sync_interval(interval);
    builder.open_storage(Path::new("memory"), storage).unwrap()
}

#[test]
fn the_interval_is_kept_while_a_backlog_is_sealed() {
    let (file, watch) = (support::create(25), Watch::default());
    let database = watched(&file, &watch);
    let run = start_run(&database);
    watch.slow_down(Duration::from_millis(300));
    log_much(&run);
    let is_sealed = || database.info().unwrap().unsealed_bytes <= 8 << 20;
    let gap = longest_gap(&run, &watch, is_sealed);
    assert!(gap < GAP, "nothing was synced for {gap:?}");
}

#[test]
fn the_interval_is_kept_while_a_dead_writer_is_wound_up() {
    let file = support::create(26);
    let (other, kill) = support::open(&file, &Opening::write(), &FaultPlan::new());
    let other = other.unwrap();
    log_much(&start_run(&other));
    kill.kill();
    drop(other);
    let watch = Watch::default();
    watch.slow_down(Duration::from_millis(300));
    let database = watched(&file, &watch);
    let run = start_run(&database);
    let is_sealed = || database.info().unwrap().writers.len() == 1;
    let gap = longest_gap(&run, &watch, is_sealed);
    assert!(gap < GAP, "nothing was synced for {gap:?}");
}

/// A disk that is full because a backup has kept everything in place gets its space back.
#[test]
fn what_is_owed_is_paid_on_a_full_disk() {
    let file = support::create(27);
    let plan = FaultPlan::new();
    let storage = FaultStorage::new(file.storage(), &plan);
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    let database = builder.open_storage(Path::new("memory"), Arc::new(storage)).unwrap();
    let run = start_run(&database);
    let backup = file.storage();
    assert!(backup.try_lock(MAINTENANCE, LockMode::Exclusive).unwrap());
    log_much(&run);
    database.tick().unwrap();
    assert_eq!(plan.calls(CallKind::Punch), 0, "under a backup nothing is punched");
    log_much(&run);
    let full = Failure::StorageFull;
    plan.arm(Fault { kind: Some(CallKind::Allocate), nth: 1, failure: full, for_ever: true });
    assert_eq!(database.tick().unwrap_err().kind(), ErrorKind::StorageFull);
    backup.unlock(MAINTENANCE).unwrap();
    let _ = database.tick();
    assert!(plan.calls(CallKind::Punch) > 0, "the space that was owed was not given back");
}
