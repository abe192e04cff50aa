//! Costs that no result shows: opening must not read the whole history, only reading may create an
//! index, and nothing may wait for the disk while it holds the lock of the chain.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tracklite::internals::storage::{MemoryFile, Storage};
use tracklite::{Database, IndexPlace, Limits, MetricPoint, Run, Timestamp};

use crate::support::{self, File as _};
use crate::watched::{Watch, Watched};

const UNIT: u64 = 64 * 1024;
/// Slightly more than the slots of an extent of one unit.
const EXTENT_POINTS: usize = 2100;
/// The offset of the shared word that points to the newest checkpoint.
const CHECKPOINT_HINT: u64 = 4104;

/// The only slow storage calls allowed under the lock of the chain, each with its situation.
/// A process that opens the file has no waiting threads, so it does not allocate ahead. The last
/// writer frees the reserve under the lock, because no process may open the file meanwhile.
const SLOW_UNDER_LOCK: [(&str, &str); 3] = [
    ("opening where the chain's unit is full", "allocate"),
    ("opening after a power cut", "allocate"),
    ("closing as the last writer", "punch"),
];

fn open(file: &MemoryFile, watch: &Watch, index: IndexPlace) -> Database {
    let storage: Arc<dyn Storage> = Watched::over(file.storage(), watch);
    let builder = Database::builder().background(false).index(index).limits(Limits::unlimited());
    let builder = builder.checkpoint_bytes(256 * 1024);
    builder.open_storage(Path::new("memory"), storage).unwrap()
}

fn log_points(run: &Run, count: usize) {
    let point = |step| MetricPoint { step, time: Timestamp::from_nanos(step), value: 0.5 };
    let points: Vec<MetricPoint> = (0..count as i64).map(point).collect();
    run.metric("loss").unwrap().log_points(&points).unwrap();
}

/// Starts runs, fills extents and units of the chain, syncs, seals and collects garbage.
fn work(database: &Database) {
    for round in 0..3 {
        let run = database.default_experiment().unwrap().start_run("worked").unwrap();
        log_points(&run, 2 * EXTENT_POINTS);
        for number in 0..4 {
            run.set_tag(&number.to_string(), "t".repeat(30_000)).unwrap();
        }
        database.sync().unwrap();
        database.tick().unwrap();
        if round > 0 {
            run.delete().unwrap();
            database.gc().unwrap();
        }
    }
}

/// Writes bytes that are not a frame behind the end of the chain, in its first unit.
fn leave_remains(file: &MemoryFile) {
    let bytes = file.bytes();
    let unit = &bytes[UNIT as usize..2 * UNIT as usize];
    let used = unit.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    file.storage().write_at(UNIT + used.next_multiple_of(8) as u64, &[0xAA; 64]).unwrap();
}

#[test]
fn slow_storage_calls_do_not_happen_under_the_lock_of_the_chain() {
    let mut found = BTreeSet::new();
    let watch = Watch::default();
    let mut note = |situation: &'static str, min_holds: u64| {
        let seen = watch.take();
        assert!(seen.holds >= min_holds, "{situation}: the lock was taken {} times", seen.holds);
        found.extend(seen.under_lock.into_iter().map(|call| (situation, call)));
    };
    let file = support::create(1);
    let database = open(&file, &watch, IndexPlace::InMemory);
    note("opening", 1);
    work(&database);
    note("working", 20);
    database.close().unwrap();
    note("closing as the last writer", 2);

    let file = support::create(2);
    for _ in 0..UNIT / 64 {
        // The killed process leaves only the frame of its opening.
        let faults = tracklite::internals::storage::FaultPlan::new();
        let (database, kill) =
            support::open(&WatchedFile(&file, &watch), &support::Opening::write(), &faults);
        let database = database.unwrap();
        kill.kill();
        drop(database);
    }
    assert!(file.bytes().len() as u64 > 2 * UNIT, "the first unit was not filled");
    note("opening where the chain's unit is full", UNIT / 64);

    let file = support::create(3);
    let database = open(&file, &watch, IndexPlace::InMemory);
    database.default_experiment().unwrap().start_run("before").unwrap();
    database.close().unwrap();
    leave_remains(&file);
    watch.take();
    let database = open(&file, &watch, IndexPlace::InMemory);
    note("opening after a power cut", 1);
    assert_eq!(database.runs().unwrap().len(), 1);
    assert_eq!(found, BTreeSet::from(SLOW_UNDER_LOCK));
}

/// A file whose processes are all watched.
struct WatchedFile<'a>(&'a MemoryFile, &'a Watch);

impl support::File for WatchedFile<'_> {
    fn storage(&self) -> Arc<dyn Storage> {
        Watched::over(self.0.storage(), self.1)
    }
}

#[test]
fn opening_reads_the_tail_of_the_chain_and_not_its_history() {
    const HISTORY: u64 = 4 * 1024 * 1024;
    let (file, watch) = (support::create(4), Watch::default());
    let database = open(&file, &watch, IndexPlace::InMemory);
    let run = database.default_experiment().unwrap().start_run("long").unwrap();
    for number in 0..HISTORY / 40_000 {
        run.set_tag("tag", number.to_string().repeat(40_000 / number.to_string().len())).unwrap();
        database.tick().unwrap();
    }
    drop(run);
    database.close().unwrap();
    let bytes_to_open = || {
        watch.take();
        let database = open(&file, &watch, IndexPlace::InMemory);
        let read = watch.take().bytes_read;
        database.close().unwrap();
        read
    };
    let tail = bytes_to_open();
    assert!(tail < HISTORY / 8, "{tail} bytes were read to open a chain of {HISTORY}");
    // Without the hint it reads the whole chain, so the hint makes the difference.
    file.storage().write_at(CHECKPOINT_HINT, &[0; 8]).unwrap();
    let whole = bytes_to_open();
    assert!(whole > HISTORY * 3 / 4, "{whole} bytes were read without a checkpoint");
}

#[test]
fn unsealed_bytes_are_reported() {
    let (file, watch) = (support::create(5), Watch::default());
    let database = open(&file, &watch, IndexPlace::InMemory);
    let unsealed = |database: &Database| database.info().unwrap().unsealed_bytes;
    assert_eq!(unsealed(&database), 0);
    let run = database.default_experiment().unwrap().start_run("busy").unwrap();
    log_points(&run, 1);
    assert_eq!(unsealed(&database), UNIT);
    log_points(&run, 400 * EXTENT_POINTS);
    let backlog = unsealed(&database);
    assert!(backlog > 400 * UNIT, "{backlog}");
    database.tick().unwrap();
    // The extent in use and the prepared one, each of up to 64 units.
    let left = unsealed(&database);
    assert!((UNIT..=128 * UNIT).contains(&left), "a tick left {left} of {backlog} bytes");
    drop(run);
    database.close().unwrap();
    let reader = Database::builder().read_only(true).index(IndexPlace::InMemory);
    let reader = reader.open_storage(Path::new("memory"), file.storage()).unwrap();
    assert_eq!(unsealed(&reader), 0);
}

#[test]
fn a_thread_that_logs_too_fast_helps_to_seal() {
    let file = support::create(7);
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    let builder = builder.backlog(20 * UNIT);
    let database = builder.open_storage(Path::new("memory"), file.storage()).unwrap();
    let run = database.default_experiment().unwrap().start_run("fast").unwrap();
    let row = run.metric_row(&["a", "b"]).unwrap();
    let points = 200 * EXTENT_POINTS as i64;
    let mut max = 0;
    for step in 0..points {
        run.log_metric("loss", step as f64, step).unwrap();
        row.log(&[step as f64, 0.5], step).unwrap();
        if step % 5000 == 0 {
            max = max.max(database.info().unwrap().unsealed_bytes);
        }
    }
    let allocated = database.info().unwrap().allocated_bytes;
    assert!(allocated < points as u64 * 3 * 32 / 2, "{allocated} bytes are allocated");
    // The backlog, the extent in use and the prepared one, both of up to 64 units.
    assert!((20 * UNIT..(20 + 2 * 64) * UNIT).contains(&max), "{max} bytes were unsealed");
    for key in ["loss", "a"] {
        let expected: Vec<f64> = (0..points).map(|step| step as f64).collect();
        assert_eq!(run.history(key).unwrap().values, expected, "{key}");
    }
}

#[test]
fn a_process_that_only_logs_creates_no_index() {
    let folder = support::scratch();
    let index = folder.path().join("index");
    let (file, watch) = (support::create(6), Watch::default());
    let database = open(&file, &watch, IndexPlace::Directory(index.clone()));
    let run = database.experiment("/logged").unwrap().start_run("logged").unwrap();
    run.log_param("rate", 0.1).unwrap();
    run.set_tag("a", "b").unwrap();
    log_points(&run, 2 * EXTENT_POINTS);
    database.tick().unwrap();
    database.sync().unwrap();
    run.finish().unwrap();
    database.close().unwrap();
    assert!(!index.exists(), "an index was created without a read");
    let database = open(&file, &watch, IndexPlace::Directory(index.clone()));
    assert_eq!(database.runs().unwrap().len(), 1);
    assert!(index.exists(), "the read did not create an index");
}
