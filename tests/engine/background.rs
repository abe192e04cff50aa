//! The background thread: what it does by default, and how often.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tracklite::internals::storage::{
    CallKind, Failure, Fault, FaultPlan, FaultStorage, LockMode, LockRange, MemoryFile,
};
use tracklite::{Database, ErrorKind, IndexPlace, Run, Step};

use crate::support::{self, File as _, Opening};
use crate::watched::{Watch, Watched};

/// The lock byte of the janitor and of backups.
const MAINTENANCE: LockRange = LockRange::byte(1);

/// The time limit for work that is due each second.
const SOON: Duration = Duration::from_secs(3);
const HOUR: Duration = Duration::from_secs(3600);

/// Opens the file with a background thread. The plan counts the calls of its storage.
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

/// Returns whether the condition becomes true within [`SOON`].
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
    assert!(soon(|| plan.calls(CallKind::Sync) > syncs), "the point was never synced");
    // Without new data there are no syncs.
    thread::sleep(Duration::from_millis(200));
    let syncs = plan.calls(CallKind::Sync);
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(plan.calls(CallKind::Sync), syncs);
}

/// Even a process that seldom syncs checks each second for dead writers and a removed file.
#[test]
fn a_long_interval_delays_nothing_but_the_sync() {
    let file = support::create(22);
    let (database, plan) = start(&file, Some(HOUR));
    let run = start_run(&database);
    let syncs = plan.calls(CallKind::Sync);
    run.log_metric("loss", 0.5, Step::NEXT).unwrap();
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(plan.calls(CallKind::Sync), syncs, "synced before the interval was over");

    let (other, kill) = support::open(&file, &Opening::write(), &FaultPlan::new());
    let other = other.unwrap();
    drop(start_run(&other));
    kill.kill();
    drop(other);
    let is_cleaned_up = || database.info().unwrap().writers.len() == 1;
    assert!(soon(is_cleaned_up), "the dead writer was not cleaned up");

    file.set_name_leads_here(false);
    let poisoned = || match run.log_metric("loss", 0.5, Step::NEXT) {
        Err(error) => error.kind() == ErrorKind::Poisoned,
        Ok(()) => false,
    };
    assert!(soon(poisoned), "the removal of the file was not detected");
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
        assert!(began.elapsed() < Duration::from_secs(15), "20 syncs at 20 ms take too long");
    }
}

#[test]
fn an_interval_of_zero_is_rejected() {
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
    assert!(!path.exists(), "the rejected call created a file");
}

/// Logs rows of values that do not compress well, so that they fill many blocks.
fn log_much(run: &Run) {
    let row = run.metric_row(&["a", "b", "c", "d"]).unwrap();
    let mut value = 0.5_f64;
    for step in 0..600_000_i64 {
        value = (value * 3.99 * (1.0 - value)).abs();
        row.log(&[value, value * 0.7, value * 0.3, value * 0.1], step).unwrap();
    }
}

/// Returns the longest time without a sync, while points are logged and a backlog is sealed.
fn longest_gap(run: &Run, watch: &Watch, is_sealed: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    watch.take();
    while !is_sealed() {
        run.log_metric("loss", 0.5, Step::NEXT).unwrap();
        thread::sleep(Duration::from_millis(5));
        assert!(began.elapsed() < Duration::from_secs(60), "the backlog is never sealed");
    }
    let took = began.elapsed();
    assert!(took > 5 * GAP, "the backlog was sealed in {took:?}, too fast to measure gaps");
    let syncs = watch.take().syncs;
    let gaps = syncs.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or(took)
}

/// The longest acceptable gap between syncs that are due each 20 ms, on a busy machine.
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
fn the_interval_is_kept_while_a_dead_writer_is_cleaned_up() {
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

/// Space that could not be punched during a backup is freed later, even on a full disk.
#[test]
fn deferred_punches_happen_on_a_full_disk() {
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
    assert_eq!(plan.calls(CallKind::Punch), 0, "punched during a backup");
    log_much(&run);
    let full = Failure::StorageFull;
    plan.arm(Fault { kind: Some(CallKind::Allocate), nth: 1, failure: full, for_ever: true });
    assert_eq!(database.tick().unwrap_err().kind(), ErrorKind::StorageFull);
    backup.unlock(MAINTENANCE).unwrap();
    let _ = database.tick();
    assert!(plan.calls(CallKind::Punch) > 0, "the space was not freed after the backup");
}
