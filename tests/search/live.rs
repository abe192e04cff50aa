//! Searches see unsealed points of one writer and of many.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tracklite::internals::storage::{Access, FileStorage, MemoryFile, WritePath};
use tracklite::internals::{Way, new_file, new_header};
use tracklite::{Database, IndexPlace, RunId, RunSearch, View};

use crate::common::{TestFolder, start_run};

/// Both ways to run a search. Each is forced, even for the first search of a process.
const WAYS: [Way; 2] = [Way::Sql, Way::Columns];

fn new_memory_file() -> MemoryFile {
    MemoryFile::with_bytes(&new_file(new_header(1)))
}

/// Opens the file like another process, without a background thread.
pub(super) fn open(file: &MemoryFile) -> Database {
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    builder.open_storage(Path::new("memory"), Arc::new(file.open())).unwrap()
}

/// Returns the latest `loss` of each run that the filter finds, sorted by name.
fn losses(database: &Database, way: Way, filter: &str) -> Vec<(RunId, f64)> {
    let search = RunSearch::new().filter(filter).order_by("run_name").way(way);
    let runs = database.search_runs(&search).unwrap().items;
    runs.iter().map(|run| (run.info.id, run.metrics["loss"].value)).collect()
}

#[test]
fn the_latest_point_is_found_in_any_unsealed_extent() {
    let file = new_memory_file();
    let database = open(&file);
    let experiment = database.default_experiment().unwrap();
    let [falling, rising] = ["falling", "rising"].map(|name| experiment.start_run(name).unwrap());
    // The latest point is in the first extent, or in the last one.
    for step in 0..20_000_i64 {
        falling.log_metric("loss", (19_999 - step) as f64, 19_999 - step).unwrap();
        rising.log_metric("loss", step as f64, step).unwrap();
    }
    let wanted = [(falling.id(), 19_999.0), (rising.id(), 19_999.0)];
    for way in WAYS {
        for database in [database.clone(), open(&file)] {
            assert_eq!(losses(&database, way, ""), wanted, "{way:?}");
            assert_eq!(losses(&database, way, "metrics.loss = 19999"), wanted, "{way:?}");
            assert_eq!(losses(&database, way, "metrics.loss < 19999"), [], "{way:?}");
            let ordered = RunSearch::new().order_by("metrics.loss DESC").order_by("run_name");
            let ordered = database.search_runs(&ordered.way(way)).unwrap().items;
            assert_eq!(ordered[0].info.id, falling.id(), "{way:?}");
        }
    }
}

#[test]
fn the_latest_point_is_found_among_two_writers_of_a_metric() {
    let file = new_memory_file();
    let (first, second) = (open(&file), open(&file));
    let experiment = first.default_experiment().unwrap();
    let [a, b] = ["a", "b"].map(|name| experiment.start_run(name).unwrap());
    let [a_too, b_too] = [&a, &b].map(|run| second.run(run.id()).unwrap());
    a.log_metric("loss", 1.0, 1).unwrap();
    a_too.log_metric("loss", 2.0, 2).unwrap();
    b.log_metric("loss", 4.0, 4).unwrap();
    b_too.log_metric("loss", 3.0, 3).unwrap();
    let reader = open(&file);
    for way in WAYS {
        for database in [&first, &second, &reader] {
            let wanted = [(a.id(), 2.0), (b.id(), 4.0)];
            assert_eq!(losses(database, way, ""), wanted, "{way:?}");
            assert_eq!(losses(database, way, "metrics.loss > 2"), wanted[1..], "{way:?}");
            assert_eq!(losses(database, way, "metrics.loss <= 2"), wanted[..1], "{way:?}");
        }
    }
    // The points of the first writer are sealed, and those of the second are live.
    for _ in 0..3 {
        first.tick().unwrap();
    }
    drop((a, b, experiment));
    first.close().unwrap();
    for way in WAYS {
        let wanted = [(a_too.id(), 2.0), (b_too.id(), 4.0)];
        assert_eq!(losses(&second, way, ""), wanted, "{way:?}");
        assert_eq!(losses(&reader, way, "metrics.loss > 2"), wanted[1..], "{way:?}");
    }
}

/// The number of concurrent writers.
const WRITERS: usize = 16;

/// Opens a file on disk like another process, with a background thread.
fn open_path(path: &Path) -> Database {
    let storage = FileStorage::open(path, Access::ReadWrite, WritePath::Automatic).unwrap();
    // A small backlog keeps sealing busy during the searches.
    let builder = Database::builder().index(IndexPlace::InMemory).backlog(1 << 20);
    builder.open_storage(path, Arc::new(storage)).unwrap()
}

/// Logs `loss` to its own run and `shared` to a common run until `is_over`, and acknowledges each
/// step.
fn write(path: &Path, shared: RunId, acknowledged: &AtomicI64, is_over: &AtomicBool) {
    let database = open_path(path);
    let own = database.default_experiment().unwrap().start_run("own").unwrap();
    let shared = database.run(shared).unwrap();
    for step in 1.. {
        own.log_metric("loss", step as f64, step).unwrap();
        shared.log_metric("shared", step as f64, step).unwrap();
        acknowledged.store(step, Ordering::SeqCst);
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        if step % 100 == 0 {
            std::thread::yield_now();
        }
    }
}

/// Checks that a search sees every step that was acknowledged before it began.
fn check_sees_all(database: &Database, way: Way, acknowledged: &[AtomicI64]) {
    let before: Vec<i64> = acknowledged.iter().map(|step| step.load(Ordering::SeqCst)).collect();
    let (min, max) = (before.iter().min().unwrap(), before.iter().max().unwrap());
    let filter = format!("run_name = 'own' AND metrics.loss >= {min}");
    let search = RunSearch::new().filter(filter).order_by("metrics.loss").way(way);
    let own = database.search_runs(&search).unwrap().items;
    assert_eq!(own.len(), WRITERS, "{way:?}");
    let mut seen: Vec<i64> = own.iter().map(|run| run.metrics["loss"].step).collect();
    let mut wanted = before.clone();
    seen.sort_unstable();
    wanted.sort_unstable();
    let has_all = seen.iter().zip(&wanted).all(|(seen, wanted)| seen >= wanted);
    assert!(has_all, "{way:?}: steps {wanted:?} were acknowledged, the search saw {seen:?}");
    let search = RunSearch::new().filter(format!("metrics.shared >= {max}")).way(way);
    assert_eq!(database.search_runs(&search).unwrap().items.len(), 1, "{way:?}: {max}");
}

#[test]
fn a_search_sees_every_point_acknowledged_before_it() {
    let folder = TestFolder::new();
    let path = folder.file();
    drop(Database::create(&path).unwrap());
    let reader = open_path(&path);
    let shared = start_run(&reader, "shared").id();
    let acknowledged: Vec<AtomicI64> = (0..WRITERS).map(|_| AtomicI64::new(0)).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for step in &acknowledged {
            scope.spawn(|| write(&path, shared, step, &is_over));
        }
        // The guard stops the writers even if a check fails.
        let _guard = StopOnDrop(&is_over);
        while acknowledged.iter().any(|step| step.load(Ordering::SeqCst) == 0) {
            std::thread::sleep(Duration::from_millis(1));
        }
        for round in 0..40 {
            let fresh = (round % 10 == 9).then(|| open_path(&path));
            for way in WAYS {
                check_sees_all(fresh.as_ref().unwrap_or(&reader), way, &acknowledged);
            }
        }
    });
}

/// Both processes share one index, which changes between two queries of a search.
#[test]
fn a_run_that_is_purged_during_a_search_does_not_end_its_pages() {
    let folder = TestFolder::new();
    let path = folder.file();
    drop(Database::create(&path).unwrap());
    let open = || {
        let storage = FileStorage::open(&path, Access::ReadWrite, WritePath::Automatic).unwrap();
        let index = IndexPlace::Directory(folder.join("index"));
        let builder = Database::builder().index(index).background(false);
        builder.open_storage(&path, Arc::new(storage)).unwrap()
    };
    let reader = open();
    // The oldest run stays, and a newer run is started before another one is purged.
    reader.default_experiment().unwrap().start_run("oldest").unwrap();
    let last = reader.default_experiment().unwrap().start_run("newer").unwrap().id();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| replace_the_last_run(&open(), last, &is_over));
        let _guard = StopOnDrop(&is_over);
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            let search = RunSearch::new().view(View::All).max_results(1).way(Way::Sql);
            let page = reader.search_runs(&search).unwrap();
            assert!(page.next_page_token.is_some(), "the page of the oldest run is missing");
        }
    });
}

fn replace_the_last_run(database: &Database, mut last: RunId, is_over: &AtomicBool) {
    let experiment = database.default_experiment().unwrap();
    while !is_over.load(Ordering::SeqCst) {
        let next = experiment.start_run("newer").unwrap().id();
        database.delete_run(last).unwrap();
        database.gc().unwrap();
        last = next;
    }
}

/// Sets the flag when it is dropped.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
