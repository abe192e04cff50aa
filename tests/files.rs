//! The file as other programs and people treat it: linked, renamed, removed, replaced, copied,
//! made read-only, opened by many at once, by stopped processes, by forks, by careless ones.

#[path = "files/helper.rs"]
mod helper;
#[path = "files/vacuums.rs"]
mod vacuums;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
#[cfg(feature = "internals")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tracklite::{Database, Error, ErrorKind, IndexPlace, Run, Step};

pub(crate) use helper::Helper;

/// The first extent of a process, and more than half of the points that it takes.
#[cfg(feature = "internals")]
const FIRST_EXTENT_BYTES: u64 = 64 * 1024;
#[cfg(feature = "internals")]
const HALF_EXTENT: usize = 1500;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.path("runs.tracklite")
    }

    /// A closed file with one run of ten points.
    fn closed_file(&self) -> PathBuf {
        let database = open(&self.file());
        let run = start(&database, "first");
        log(&run, 10);
        drop(run);
        database.close().unwrap();
        self.file()
    }
}

fn open(path: &Path) -> Database {
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    builder.open(path).unwrap()
}

fn open_to_read(path: &Path) -> Database {
    let builder = Database::builder().read_only(true).index(IndexPlace::InMemory);
    builder.open(path).unwrap()
}

fn start(database: &Database, name: &str) -> Run {
    database.default_experiment().unwrap().start_run(name).unwrap()
}

fn log(run: &Run, count: u32) {
    (0..count).for_each(|step| run.log_metric("loss", f64::from(step), step).unwrap());
}

fn points(database: &Database, run: &Run) -> usize {
    database.run(run.id()).unwrap().history("loss").unwrap().len()
}

/// The file has been taken away: the handle learns it within a tick and says why.
fn must_be_poisoned(run: &Run, path: &Path) {
    let began = Instant::now();
    let mut logged = 0;
    let error = loop {
        match run.log_metric("late", 1.0, Step::NEXT) {
            Ok(()) => logged += 1,
            Err(error) => break error,
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{logged} points went nowhere");
        thread::sleep(Duration::from_millis(1));
    };
    check_poisoned(&error, path);
    check_poisoned(&run.set_tag("a", "b").unwrap_err(), path);
    check_poisoned(&run.clone().finish().unwrap_err(), path);
}

fn check_poisoned(error: &Error, path: &Path) {
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    let text = error.to_string();
    assert!(text.contains("removed or replaced"), "{text}");
    assert!(text.contains(path.file_name().unwrap().to_str().unwrap()), "{text}");
}

#[test]
fn the_same_file_by_two_paths_and_a_hard_link_is_one_engine() {
    let place = Place::new();
    let first = open(&place.file());
    let run = start(&first, "first");
    log(&run, 10);
    fs::create_dir(place.path("folder")).unwrap();
    let around = open(&place.path("folder/../runs.tracklite"));
    fs::hard_link(place.file(), place.path("link")).unwrap();
    let linked = open(&place.path("link"));
    symlink("runs.tracklite", place.path("symbolic")).unwrap();
    let symbolic = open(&place.path("symbolic"));
    for (other, more) in [&around, &linked, &symbolic].into_iter().zip(0..) {
        assert_eq!(points(other, &run), 10 + more);
        other.run(run.id()).unwrap().log_metric("loss", 0.0, 10).unwrap();
        other.run(run.id()).unwrap().set_tag("a", "b").unwrap();
        assert_eq!(other.info().unwrap().writers.len(), 1, "one engine, not two");
    }
    assert_eq!(points(&first, &run), 13);
    drop((run, around, linked, symbolic));
    first.close().unwrap();
    // Another process comes by the other name.
    Helper::start("create", &place.path("link")).finish();
    assert_eq!(open_to_read(&place.file()).runs().unwrap().len(), 2);
    let error = Database::vacuum(place.file()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    assert!(error.to_string().contains("hard links"), "{error}");
    fs::remove_file(place.path("link")).unwrap();
    Database::vacuum(place.path("symbolic")).unwrap();
    assert!(fs::symlink_metadata(place.path("symbolic")).unwrap().is_symlink());
    assert!(Database::verify(place.file()).unwrap().is_sound());
}

#[test]
fn a_symbolic_link_to_nothing_makes_the_file_that_it_names() {
    let place = Place::new();
    symlink("target", place.path("link")).unwrap();
    let database = open(&place.path("link"));
    assert!(fs::symlink_metadata(place.path("target")).unwrap().is_file());
    drop(database);
    symlink("loop", place.path("loop")).unwrap();
    let error = Database::create(place.path("loop")).unwrap_err();
    assert!(error.to_string().contains("loop"), "{error}");
}

#[test]
fn a_link_that_is_led_elsewhere_poisons_the_handle() {
    let place = Place::new();
    symlink("target", place.path("link")).unwrap();
    let database = open(&place.path("link"));
    let run = start(&database, "first");
    log(&run, 10);
    fs::remove_file(place.path("link")).unwrap();
    symlink("elsewhere", place.path("link")).unwrap();
    must_be_poisoned(&run, &place.path("link"));
    assert!(!place.path("elsewhere").exists());
}

#[test]
fn a_renamed_file_poisons_the_handle_and_keeps_what_was_logged() {
    let place = Place::new();
    let database = open(&place.file());
    let run = start(&database, "first");
    log(&run, 5000);
    fs::rename(place.file(), place.path("renamed")).unwrap();
    must_be_poisoned(&run, &place.file());
    // The same process under the new name: the old handle is in the way, and that is said.
    let error = Database::open(place.path("renamed")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState, "{error}");
    assert!(error.to_string().contains("runs.tracklite"), "{error}");
    let id = run.id();
    drop((run, database));
    let database = open(&place.path("renamed"));
    let run = database.run(id).unwrap();
    assert_eq!(run.history("loss").unwrap().len(), 5000);
    run.log_metric("loss", 0.0, 5000).unwrap();
    drop(run);
    database.close().unwrap();
    assert!(Database::verify(place.path("renamed")).unwrap().is_sound());
}

#[test]
fn a_tick_sees_a_removed_file() {
    let place = Place::new();
    let builder = Database::builder().create(true).background(false);
    let database = builder.index(IndexPlace::InMemory).open(place.file()).unwrap();
    let run = start(&database, "first");
    log(&run, 10);
    fs::remove_file(place.file()).unwrap();
    check_poisoned(&database.tick().unwrap_err(), &place.file());
    must_be_poisoned(&run, &place.file());
    // A new file of the name is another one, also beside the old handle.
    let other = open(&place.file());
    assert_eq!(other.runs().unwrap().len(), 0);
    log(&start(&other, "second"), 10);
    assert_eq!(run.history("loss").unwrap().len(), 10, "what was logged can still be read");
    drop((run, database));
    assert_eq!(other.runs().unwrap().len(), 1);
}

#[test]
fn a_file_put_over_a_live_one_is_not_written_to() {
    let place = Place::new();
    let closed = place.closed_file();
    let copy = place.path("copy");
    fs::copy(&closed, &copy).unwrap();
    let bytes = fs::read(&copy).unwrap();
    let database = open(&closed);
    let run = start(&database, "second");
    log(&run, 100);
    fs::rename(&copy, &closed).unwrap();
    must_be_poisoned(&run, &closed);
    drop((run, database));
    assert!(fs::read(&closed).unwrap() == bytes, "the file that replaced ours was written to");
    assert_eq!(open(&closed).runs().unwrap().len(), 1);
}

#[test]
fn many_processes_create_one_file_at_once() {
    for _ in 0..8 {
        let place = Place::new();
        let helpers: Vec<_> = (0..5).map(|_| Helper::start("create", &place.file())).collect();
        helpers.into_iter().for_each(Helper::finish);
        let database = open_to_read(&place.file());
        let runs = database.runs().unwrap();
        assert_eq!(runs.len(), 5);
        assert!(runs.iter().all(|run| run.metrics["loss"].step == 9));
        let names = fs::read_dir(place.folder.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside the file");
        assert!(Database::verify(place.file()).unwrap().is_sound());
    }
}

#[test]
fn a_stopped_writer_does_not_stop_others() {
    let place = Place::new();
    drop(open(&place.file()));
    let mut helper = Helper::start("log for ever", &place.file());
    let stopped: tracklite::RunId = helper.wait_for("run ").parse().unwrap();
    let builder = Database::builder().index(IndexPlace::InMemory);
    let database = builder.lock_timeout(Duration::from_millis(300)).open(place.file()).unwrap();
    let run = start(&database, "other");
    let loss = run.metric("loss").unwrap();
    let mut logged = 0_u32;
    for _ in 0..20 {
        helper.signal(Signal::STOP);
        for _ in 0..100 {
            loss.log(1.0, Step::NEXT).unwrap();
            logged += 1;
        }
        // Rarely it is stopped while it holds the lock: then the error names it.
        if let Err(error) = run.set_tag("round", logged) {
            check_names_holder(&error, helper.number());
        }
        assert!(database.run(stopped).unwrap().is_alive().unwrap(), "stopped is not dead");
        helper.signal(Signal::CONT);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(run.history("loss").unwrap().len(), logged as usize);
    drop(helper);
    assert!(!database.run(stopped).unwrap().is_alive().unwrap());
    database.tick().unwrap();
    assert!(database.run(stopped).unwrap().latest("loss").unwrap().is_some());
}

fn check_names_holder(error: &Error, process: u32) {
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("process {process}, stopped")), "{text}");
    assert!(text.contains("metadata chain") && text.contains("runs.tracklite"), "{text}");
}

#[cfg(feature = "internals")]
#[test]
fn a_stopped_holder_of_the_metadata_lock_is_named() {
    let place = Place::new();
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    let patience = Duration::from_millis(300);
    let database = builder.lock_timeout(patience).open(place.file()).unwrap();
    let run = start(&database, "first");
    let loss = run.metric("loss").unwrap();
    // More than half of the first extent: then the next one is opened ahead, and held ready.
    (0..HALF_EXTENT).for_each(|_| loss.log(0.0, Step::NEXT).unwrap());
    let began = Instant::now();
    while database.info().unwrap().unsealed_bytes <= FIRST_EXTENT_BYTES {
        assert!(began.elapsed() < Duration::from_secs(20), "no extent is held ready");
        thread::sleep(Duration::from_millis(5));
    }
    let mut helper = Helper::start("hold the metadata lock", &place.file());
    helper.wait_for("ready");
    helper.signal(Signal::STOP);
    thread::sleep(Duration::from_millis(50));
    let began = Instant::now();
    check_names_holder(&run.set_tag("a", "b").unwrap_err(), helper.number());
    assert!(began.elapsed() >= patience && began.elapsed() < Duration::from_secs(10));
    let opened = Database::builder().lock_timeout(patience).open(place.path("runs.tracklite"));
    assert!(opened.is_ok(), "the engine that is there is shared");
    // The first extent is left for the next one, and the lock is not asked for.
    let began = Instant::now();
    (0..HALF_EXTENT).for_each(|_| loss.log(1.0, Step::NEXT).unwrap());
    assert!(began.elapsed() < patience, "a point has waited for the lock");
    assert_eq!(run.history("loss").unwrap().len(), 2 * HALF_EXTENT);
    drop(helper);
    run.set_tag("a", "b").unwrap();
}

#[cfg(feature = "internals")]
#[test]
fn whoever_comes_during_a_vacuum_waits_for_it() {
    let place = Place::new();
    let closed = place.closed_file();
    let mut helper = Helper::start("hold all liveness bytes", &closed);
    helper.wait_for("ready");
    let impatient = Database::builder().lock_timeout(Duration::from_millis(100)).open(&closed);
    let error = impatient.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(error.to_string().contains(&format!("process {}", helper.number())), "{error}");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            is_over.store(true, Ordering::SeqCst);
            drop(helper);
        });
        let database = open(&closed);
        assert!(is_over.load(Ordering::SeqCst), "it came in while all bytes were held");
        assert_eq!(database.runs().unwrap().len(), 1);
    });
}

#[cfg(feature = "internals")]
#[test]
fn a_process_that_loses_its_descriptors_loses_no_point() {
    let place = Place::new();
    drop(open(&place.file()));
    let mut helper = Helper::start("lose its descriptors", &place.file());
    let told = helper.wait_for("logged ");
    let (logged, id) = told.split_once(' ').unwrap();
    let (logged, id) = (logged.parse::<usize>().unwrap(), id.parse().unwrap());
    let database = open(&place.file());
    let run = database.run(id).unwrap();
    assert!(run.is_alive().unwrap(), "its lock outlives its descriptor");
    database.tick().unwrap();
    assert_eq!(run.history("loss").unwrap().len(), logged);
    drop(helper);
    assert!(!run.is_alive().unwrap());
    database.tick().unwrap();
    assert_eq!(run.history("loss").unwrap().len(), logged);
    drop(run);
    database.close().unwrap();
    assert!(Database::verify(place.file()).unwrap().is_sound());
}

#[cfg(feature = "internals")]
#[test]
fn a_fork_opens_anew_and_its_parent_goes_on() {
    let place = Place::new();
    for _ in 0..5 {
        Helper::start("fork", &place.file()).finish();
    }
    let database = open_to_read(&place.file());
    let runs = database.runs().unwrap();
    let count = |name: &str| runs.iter().filter(|run| run.info.name == name).count();
    assert_eq!((count("parent"), count("child")), (5, 5));
    for run in runs {
        let wanted = if run.info.name == "parent" { 99 } else { 0 };
        assert_eq!(run.metrics["loss"].step, wanted);
    }
    assert!(Database::verify(place.file()).unwrap().is_sound());
}

#[test]
fn forks_amid_threads_that_wait_are_well() {
    let place = Place::new();
    Helper::start("fork while threads wait", &place.file()).finish();
}

#[test]
fn a_fork_amid_a_definition_is_told_and_does_not_wait() {
    let place = Place::new();
    Helper::start("fork while a metric is defined", &place.file()).finish();
}

#[test]
fn a_copy_of_a_closed_file_is_a_file_of_its_own() {
    let place = Place::new();
    let closed = place.closed_file();
    let copy = place.path("copy.tracklite");
    fs::copy(&closed, &copy).unwrap();
    let (first, second) = (open(&closed), open(&copy));
    log(&start(&first, "only here"), 3);
    assert_eq!(first.runs().unwrap().len(), 2);
    assert_eq!(second.runs().unwrap().len(), 1);
    log(&start(&second, "only there"), 3);
    let names = |database: &Database| -> Vec<String> {
        database.runs().unwrap().into_iter().map(|run| run.info.name).collect()
    };
    assert_eq!(names(&first), ["only here", "first"]);
    assert_eq!(names(&second), ["only there", "first"]);
}

#[test]
fn a_file_being_written_can_be_read_by_others() {
    let place = Place::new();
    let database = open(&place.file());
    let run = start(&database, "first");
    let reader = open_to_read(&place.file());
    for round in 1..=20_u32 {
        (0..1000).for_each(|_| run.log_metric("loss", 1.0, Step::NEXT).unwrap());
        database.tick().unwrap();
        assert_eq!(points(&reader, &run), 1000 * round as usize);
    }
    let seen = reader.run(run.id()).unwrap();
    let denied = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
        assert!(error.to_string().contains("runs.tracklite"), "{error}");
    };
    denied(seen.log_metric("loss", 1.0, 0).unwrap_err());
    denied(seen.log_param("a", "b").unwrap_err());
    denied(seen.set_tag("a", "b").unwrap_err());
    denied(seen.clone().finish().unwrap_err());
    denied(reader.experiment("/new").unwrap_err());
    denied(reader.delete_run(run.id()).unwrap_err());
    denied(reader.resume_run(run.id()).unwrap_err());
    denied(reader.gc().unwrap_err());
    denied(reader.sync().unwrap_err());
    assert_eq!(reader.info().unwrap().writers.len(), 1, "a reader is no writer");
    reader.close().unwrap();
}

#[test]
fn a_reader_is_told_of_a_vacuum() {
    const LEFT: &str = ".runs.tracklite.0123456789abcdef.new";
    let place = Place::new();
    let closed = place.closed_file();
    let reader = open_to_read(&closed);
    let id = reader.runs().unwrap()[0].info.id;
    let held = reader.run(id).unwrap();
    for left in [LEFT, ".runs.tracklite.12.new", ".other.0123456789abcdef.new"] {
        fs::write(place.path(left), "left by a vacuum that was killed, or not").unwrap();
    }
    Database::vacuum(&closed).unwrap();
    assert!(!place.path(LEFT).exists(), "leftovers are removed");
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 3, "and nothing else is");
    for error in [reader.runs().unwrap_err(), held.history("loss").unwrap_err()] {
        check_poisoned(&error, &closed);
        assert!(error.to_string().contains("vacuum"), "{error}");
    }
    let again = open_to_read(&closed);
    assert_eq!(again.run(id).unwrap().history("loss").unwrap().len(), 10);
}

/// Does the work as a user whom permissions bind: a thread may give up what it is.
pub(crate) fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let work = || {
        if rustix::process::getuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(65_534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        }
        work()
    };
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_may_only_be_read_is_read() {
    let place = Place::new();
    let closed = place.closed_file();
    set_mode(place.folder.path(), 0o755);
    set_mode(&closed, 0o444);
    as_nobody(|| {
        let error = Database::open(&closed).unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
        assert!(error.to_string().contains("runs.tracklite"), "{error}");
        assert_eq!(open_to_read(&closed).runs().unwrap().len(), 1);
        assert!(Database::verify(&closed).unwrap().is_sound());
    });
    set_mode(&closed, 0o000);
    as_nobody(|| {
        let builder = Database::builder().read_only(true).index(IndexPlace::InMemory);
        let error = builder.open(&closed).unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
        assert!(Database::verify(&closed).is_err());
    });
}

#[test]
fn a_folder_that_may_only_be_read_still_lets_a_file_be_written() {
    let place = Place::new();
    let closed = place.closed_file();
    set_mode(place.folder.path(), 0o555);
    set_mode(&closed, 0o666);
    as_nobody(|| {
        let database = open(&closed);
        log(&start(&database, "second"), 3000);
        database.close().unwrap();
        let error = Database::create(place.path("new.tracklite")).unwrap_err();
        assert!(error.to_string().contains("new.tracklite"), "{error}");
        let error = Database::vacuum(&closed).unwrap_err();
        assert!(error.to_string().contains("runs.tracklite"), "{error}");
        assert_eq!(open_to_read(&closed).runs().unwrap().len(), 2);
    });
    set_mode(place.folder.path(), 0o755);
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1);
    assert!(Database::verify(&closed).unwrap().is_sound());
}
