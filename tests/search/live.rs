//! Searches see points that are not sealed yet: of one writer or of many.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tracklite::internals::storage::{Access, FileStorage, MemoryFile, WritePath};
use tracklite::internals::{Way, new_file, new_header};
use tracklite::{Database, IndexPlace, RunId, RunSearch, View};

/// Both ways of answering, each from the first search of a process on.
const WAYS: [Way; 2] = [Way::Sql, Way::Columns];

/// A new file.
fn new_memory_file() -> MemoryFile {
    MemoryFile::with_bytes(&new_file(new_header(1)))
}

/// Opens the file like a process of its own that seals nothing by itself.
pub(super) fn open(file: &MemoryFile) -> Database {
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    builder.open_storage(Path::new("memory"), Arc::new(file.open())).unwrap()
}

/// The latest value of `loss` of each run that `filter` finds, by name.
fn losses(database: &Database, way: Way, filter: &str) -> Vec<(RunId, f64)> {
    let search = RunSearch::new().filter(filter).order_by("run_name").way(way);
    let runs = database.search_runs(&search).unwrap().items;
    runs.iter().map(|run| (run.info.id, run.metrics["loss"].value)).collect()
}

#[test]
fn the_latest_of_many_unsealed_extents_counts() {
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
fn the_latest_of_two_writers_of_one_metric_counts() {
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
    // One of them is sealed: the other's point is still the later one.
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

/// How many write at once.
const WRITERS: usize = 16;

/// A file on the disk opened like a process of its own, with its thread in the background.
fn open_path(path: &Path) -> Database {
    let storage = FileStorage::open(path, Access::ReadWrite, WritePath::Automatic).unwrap();
    // A small backlog: extents are sealed all the time, under the eyes of whoever searches.
    let builder = Database::builder().index(IndexPlace::InMemory).backlog(1 << 20);
    builder.open_storage(path, Arc::new(storage)).unwrap()
}

/// Logs `loss` to a run of its own and `shared` to one of all, until it is told to stop; says
/// after each step that it was taken.
fn write(path: &Path, shared: RunId, taken: &AtomicI64, is_over: &AtomicBool) {
    let database = open_path(path);
    let own = database.default_experiment().unwrap().start_run("own").unwrap();
    let shared = database.run(shared).unwrap();
    for step in 1.. {
        own.log_metric("loss", step as f64, step).unwrap();
        shared.log_metric("shared", step as f64, step).unwrap();
        taken.store(step, Ordering::SeqCst);
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        if step % 100 == 0 {
            std::thread::yield_now();
        }
    }
}

/// Searches once, and compares what it sees with what was taken before it began.
fn check_sees_all(database: &Database, way: Way, taken: &[AtomicI64]) {
    let before: Vec<i64> = taken.iter().map(|it| it.load(Ordering::SeqCst)).collect();
    let (least, most) = (before.iter().min().unwrap(), before.iter().max().unwrap());
    let filter = format!("run_name = 'own' AND metrics.loss >= {least}");
    let search = RunSearch::new().filter(filter).order_by("metrics.loss").way(way);
    let own = database.search_runs(&search).unwrap().items;
    assert_eq!(own.len(), WRITERS, "{way:?}");
    let mut seen: Vec<i64> = own.iter().map(|run| run.metrics["loss"].step).collect();
    let mut wanted = before.clone();
    seen.sort_unstable();
    wanted.sort_unstable();
    let has_all = seen.iter().zip(&wanted).all(|(seen, wanted)| seen >= wanted);
    assert!(has_all, "{way:?}: {wanted:?} were taken, {seen:?} are seen");
    let search = RunSearch::new().filter(format!("metrics.shared >= {most}")).way(way);
    assert_eq!(database.search_runs(&search).unwrap().items.len(), 1, "{way:?}: {most}");
}

#[test]
fn every_point_that_was_taken_before_a_search_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.tracklite");
    drop(Database::create(&path).unwrap());
    let reader = open_path(&path);
    let shared = reader.default_experiment().unwrap().start_run("shared").unwrap().id();
    let taken: Vec<AtomicI64> = (0..WRITERS).map(|_| AtomicI64::new(0)).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for taken in &taken {
            scope.spawn(|| write(&path, shared, taken, &is_over));
        }
        // Also when a search fails the writers are told.
        let _guard = Over(&is_over);
        while taken.iter().any(|it| it.load(Ordering::SeqCst) == 0) {
            std::thread::sleep(Duration::from_millis(1));
        }
        for round in 0..40 {
            let fresh = (round % 10 == 9).then(|| open_path(&path));
            for way in WAYS {
                check_sees_all(fresh.as_ref().unwrap_or(&reader), way, &taken);
            }
        }
    });
}

/// The index of the file is one for both processes, and changes between two looks at it.
#[test]
fn a_run_that_goes_during_a_search_is_not_the_end_of_its_pages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.tracklite");
    drop(Database::create(&path).unwrap());
    let open = || {
        let storage = FileStorage::open(&path, Access::ReadWrite, WritePath::Automatic).unwrap();
        let index = IndexPlace::Directory(folder.path().join("index"));
        let builder = Database::builder().index(index).background(false);
        builder.open_storage(&path, Arc::new(storage)).unwrap()
    };
    let reader = open();
    // The oldest run stays, and before another one goes there is a newer one.
    reader.default_experiment().unwrap().start_run("oldest").unwrap();
    let last = reader.default_experiment().unwrap().start_run("newer").unwrap().id();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| come_and_go(&open(), last, &is_over));
        let _guard = Over(&is_over);
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            let search = RunSearch::new().view(View::All).max_results(1).way(Way::Sql);
            let page = reader.search_runs(&search).unwrap();
            assert!(page.next_page_token.is_some(), "the oldest run is on no page");
        }
    });
}

fn come_and_go(database: &Database, mut last: RunId, is_over: &AtomicBool) {
    let experiment = database.default_experiment().unwrap();
    while !is_over.load(Ordering::SeqCst) {
        let next = experiment.start_run("newer").unwrap().id();
        database.delete_run(last).unwrap();
        database.gc().unwrap();
        last = next;
    }
}

/// Says when it is dropped that it is over.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
