//! Database files that other programs link, rename, remove, replace, copy or make read-only, and
//! that many processes open at once, including stopped processes, forks and careless ones.

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
use tracklite::{Database, Error, ErrorKind, Run, Step};

#[cfg(feature = "internals")]
use crate::common::TestDatabase;
use crate::common::{TestFolder, builder, open, open_read_only, start_run, try_open_read_only};
pub(crate) use helper::Helper;

const LOCK_TIMEOUT: Duration = Duration::from_millis(300);
/// The size of the first extent of a process.
#[cfg(feature = "internals")]
const FIRST_EXTENT_BYTES: u64 = 64 * 1024;
/// More than half of the points that fit into the first extent.
#[cfg(feature = "internals")]
const HALF_EXTENT: usize = 1500;

/// Creates a file with one run of ten points and closes it.
fn closed_file(folder: &TestFolder) -> PathBuf {
    let database = open(&folder.file());
    let run = start_run(&database, "first");
    log(&run, 10);
    drop(run);
    database.close().unwrap();
    folder.file()
}

fn log(run: &Run, count: u32) {
    (0..count).for_each(|step| run.log_metric("loss", f64::from(step), step).unwrap());
}

fn count_points(database: &Database, run: &Run) -> usize {
    database.run(run.id()).unwrap().history("loss").unwrap().len()
}

/// Checks that writes fail soon after the file was removed or replaced.
fn check_poisoned_soon(run: &Run, path: &Path) {
    let began = Instant::now();
    let mut logged = 0;
    let error = loop {
        match run.log_metric("late", 1.0, Step::NEXT) {
            Ok(()) => logged += 1,
            Err(error) => break error,
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{logged} points were lost silently");
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
fn all_paths_and_links_to_a_file_share_one_engine() {
    let folder = TestFolder::new();
    let first = open(&folder.file());
    let run = start_run(&first, "first");
    log(&run, 10);
    fs::create_dir(folder.join("folder")).unwrap();
    let detour = open(&folder.join("folder/../runs.tracklite"));
    fs::hard_link(folder.file(), folder.join("link")).unwrap();
    let linked = open(&folder.join("link"));
    symlink("runs.tracklite", folder.join("symbolic")).unwrap();
    let symbolic = open(&folder.join("symbolic"));
    for (other, more) in [&detour, &linked, &symbolic].into_iter().zip(0..) {
        assert_eq!(count_points(other, &run), 10 + more);
        other.run(run.id()).unwrap().log_metric("loss", 0.0, 10).unwrap();
        other.run(run.id()).unwrap().set_tag("a", "b").unwrap();
        assert_eq!(other.info().unwrap().writers.len(), 1, "there must be only one engine");
    }
    assert_eq!(count_points(&first, &run), 13);
}

#[test]
fn another_process_can_open_the_file_by_a_hard_link() {
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    fs::hard_link(&closed, folder.join("link")).unwrap();
    Helper::start("create", &folder.join("link")).finish();
    assert_eq!(open_read_only(&closed).runs().unwrap().len(), 2);
    assert!(Database::verify(&closed).unwrap().is_sound());
}

#[test]
fn vacuum_refuses_hard_links_and_follows_symbolic_links() {
    let folder = TestFolder::new();
    closed_file(&folder);
    fs::hard_link(folder.file(), folder.join("link")).unwrap();
    symlink("runs.tracklite", folder.join("symbolic")).unwrap();
    let error = Database::vacuum(folder.file()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    assert!(error.to_string().contains("hard links"), "{error}");
    fs::remove_file(folder.join("link")).unwrap();
    Database::vacuum(folder.join("symbolic")).unwrap();
    assert!(fs::symlink_metadata(folder.join("symbolic")).unwrap().is_symlink());
    assert!(Database::verify(folder.file()).unwrap().is_sound());
}

#[test]
fn opening_a_dangling_symbolic_link_creates_its_target() {
    let folder = TestFolder::new();
    symlink("target", folder.join("link")).unwrap();
    let database = open(&folder.join("link"));
    assert!(fs::symlink_metadata(folder.join("target")).unwrap().is_file());
    drop(database);
    symlink("loop", folder.join("loop")).unwrap();
    let error = Database::create(folder.join("loop")).unwrap_err();
    assert!(error.to_string().contains("loop"), "{error}");
}

#[test]
fn changing_the_target_of_a_link_poisons_the_handle() {
    let folder = TestFolder::new();
    symlink("target", folder.join("link")).unwrap();
    let database = open(&folder.join("link"));
    let run = start_run(&database, "first");
    log(&run, 10);
    fs::remove_file(folder.join("link")).unwrap();
    symlink("elsewhere", folder.join("link")).unwrap();
    check_poisoned_soon(&run, &folder.join("link"));
    assert!(!folder.join("elsewhere").exists());
}

#[test]
fn renaming_the_file_poisons_the_handle_but_keeps_all_points() {
    let folder = TestFolder::new();
    let database = open(&folder.file());
    let run = start_run(&database, "first");
    log(&run, 5000);
    fs::rename(folder.file(), folder.join("renamed")).unwrap();
    check_poisoned_soon(&run, &folder.file());
    // The poisoned handle blocks this process from opening the file under its new name.
    let error = Database::open(folder.join("renamed")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState, "{error}");
    assert!(error.to_string().contains("runs.tracklite"), "{error}");
    let id = run.id();
    drop((run, database));
    let database = open(&folder.join("renamed"));
    let run = database.run(id).unwrap();
    assert_eq!(run.history("loss").unwrap().len(), 5000);
    run.log_metric("loss", 0.0, 5000).unwrap();
    drop(run);
    database.close().unwrap();
    assert!(Database::verify(folder.join("renamed")).unwrap().is_sound());
}

#[test]
fn a_tick_detects_a_removed_file() {
    let folder = TestFolder::new();
    let database = builder().background(false).open(folder.file()).unwrap();
    let run = start_run(&database, "first");
    log(&run, 10);
    fs::remove_file(folder.file()).unwrap();
    check_poisoned(&database.tick().unwrap_err(), &folder.file());
    check_poisoned_soon(&run, &folder.file());
    // The old handle does not affect a new file at the same path.
    let other = open(&folder.file());
    assert_eq!(other.runs().unwrap().len(), 0);
    log(&start_run(&other, "second"), 10);
    assert_eq!(run.history("loss").unwrap().len(), 10, "logged points must stay readable");
    drop((run, database));
    assert_eq!(other.runs().unwrap().len(), 1);
}

#[test]
fn a_file_that_replaces_an_open_one_is_not_written() {
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    let copy = folder.join("copy");
    fs::copy(&closed, &copy).unwrap();
    let bytes = fs::read(&copy).unwrap();
    let database = open(&closed);
    let run = start_run(&database, "second");
    log(&run, 100);
    fs::rename(&copy, &closed).unwrap();
    check_poisoned_soon(&run, &closed);
    drop((run, database));
    assert!(fs::read(&closed).unwrap() == bytes, "the new file was written");
    assert_eq!(open(&closed).runs().unwrap().len(), 1);
}

#[test]
fn several_processes_can_create_a_file_at_once() {
    for _ in 0..8 {
        let folder = TestFolder::new();
        let helpers: Vec<_> = (0..5).map(|_| Helper::start("create", &folder.file())).collect();
        helpers.into_iter().for_each(Helper::finish);
        let database = open_read_only(&folder.file());
        let runs = database.runs().unwrap();
        assert_eq!(runs.len(), 5);
        assert!(runs.iter().all(|run| run.metrics["loss"].step == 9));
        assert_eq!(folder.entries(), 1, "no temporary file may be left");
        assert!(Database::verify(folder.file()).unwrap().is_sound());
    }
}

#[test]
fn a_stopped_writer_does_not_block_others() {
    let folder = TestFolder::new();
    drop(open(&folder.file()));
    let mut helper = Helper::start("log forever", &folder.file());
    let stopped: tracklite::RunId = helper.wait_for("run ").parse().unwrap();
    let database = builder().lock_timeout(LOCK_TIMEOUT).open(folder.file()).unwrap();
    let run = start_run(&database, "other");
    let loss = run.metric("loss").unwrap();
    let mut logged = 0_u32;
    for _ in 0..20 {
        helper.signal(Signal::STOP);
        for _ in 0..100 {
            loss.log(1.0, Step::NEXT).unwrap();
            logged += 1;
        }
        // If the writer was stopped while it held the lock, the error names it.
        if let Err(error) = run.set_tag("round", logged) {
            check_lock_error(&error, helper.process_id());
        }
        let is_alive = database.run(stopped).unwrap().is_alive().unwrap();
        assert!(is_alive, "the run of a stopped process is alive");
        helper.signal(Signal::CONT);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(run.history("loss").unwrap().len(), logged as usize);
    drop(helper);
    assert!(!database.run(stopped).unwrap().is_alive().unwrap());
    database.tick().unwrap();
    assert!(database.run(stopped).unwrap().latest("loss").unwrap().is_some());
}

fn check_lock_error(error: &Error, process: u32) {
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("process {process}, stopped")), "{text}");
    assert!(text.contains("metadata chain") && text.contains("runs.tracklite"), "{text}");
}

/// Starts a process that takes the metadata lock and is then stopped.
#[cfg(feature = "internals")]
fn stopped_lock_owner(file: &Path) -> Helper {
    let mut helper = Helper::start("hold the metadata lock", file);
    helper.wait_for("ready");
    helper.signal(Signal::STOP);
    thread::sleep(Duration::from_millis(50));
    helper
}

#[cfg(feature = "internals")]
#[test]
fn a_lock_error_names_the_stopped_owner_of_the_metadata_lock() {
    let database = TestDatabase::build(builder().lock_timeout(LOCK_TIMEOUT));
    let run = start_run(&database, "first");
    let helper = stopped_lock_owner(database.path());
    let began = Instant::now();
    check_lock_error(&run.set_tag("a", "b").unwrap_err(), helper.process_id());
    assert!(began.elapsed() >= LOCK_TIMEOUT && began.elapsed() < Duration::from_secs(10));
    let opened = Database::builder().lock_timeout(LOCK_TIMEOUT).open(database.path());
    assert!(opened.is_ok(), "opening again must share the engine, without the lock");
    drop(helper);
    run.set_tag("a", "b").unwrap();
}

#[cfg(feature = "internals")]
#[test]
fn logging_does_not_wait_for_the_metadata_lock() {
    let database = TestDatabase::build(builder().lock_timeout(LOCK_TIMEOUT));
    let run = start_run(&database, "first");
    let loss = run.metric("loss").unwrap();
    // Once the first extent is more than half full, the next one is opened ahead of time.
    (0..HALF_EXTENT).for_each(|_| loss.log(0.0, Step::NEXT).unwrap());
    let began = Instant::now();
    while database.info().unwrap().unsealed_bytes <= FIRST_EXTENT_BYTES {
        assert!(began.elapsed() < Duration::from_secs(20), "the next extent was not opened");
        thread::sleep(Duration::from_millis(5));
    }
    let helper = stopped_lock_owner(database.path());
    check_lock_error(&run.set_tag("a", "b").unwrap_err(), helper.process_id());
    // These points fill the first extent and continue in the next one.
    let began = Instant::now();
    (0..HALF_EXTENT).for_each(|_| loss.log(1.0, Step::NEXT).unwrap());
    assert!(began.elapsed() < LOCK_TIMEOUT, "a point waited for the lock");
    assert_eq!(run.history("loss").unwrap().len(), 2 * HALF_EXTENT);
}

#[cfg(feature = "internals")]
#[test]
fn opening_waits_until_a_vacuum_ends() {
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    let mut helper = Helper::start("hold all liveness bytes", &closed);
    helper.wait_for("ready");
    let impatient = Database::builder().lock_timeout(Duration::from_millis(100)).open(&closed);
    let error = impatient.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(error.to_string().contains(&format!("process {}", helper.process_id())), "{error}");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            is_over.store(true, Ordering::SeqCst);
            drop(helper);
        });
        let database = open(&closed);
        assert!(is_over.load(Ordering::SeqCst), "the file was opened while the locks were held");
        assert_eq!(database.runs().unwrap().len(), 1);
    });
}

#[cfg(feature = "internals")]
#[test]
fn a_process_that_loses_its_descriptors_loses_no_points() {
    let folder = TestFolder::new();
    drop(open(&folder.file()));
    let mut helper = Helper::start("lose its descriptors", &folder.file());
    let line = helper.wait_for("logged ");
    let (logged, id) = line.split_once(' ').unwrap();
    let (logged, id) = (logged.parse::<usize>().unwrap(), id.parse().unwrap());
    let database = open(&folder.file());
    let run = database.run(id).unwrap();
    assert!(run.is_alive().unwrap(), "the lock must outlive the descriptor");
    database.tick().unwrap();
    assert_eq!(run.history("loss").unwrap().len(), logged);
    drop(helper);
    assert!(!run.is_alive().unwrap());
    database.tick().unwrap();
    assert_eq!(run.history("loss").unwrap().len(), logged);
    drop(run);
    database.close().unwrap();
    assert!(Database::verify(folder.file()).unwrap().is_sound());
}

#[cfg(feature = "internals")]
#[test]
fn a_forked_child_opens_its_own_database_while_the_parent_keeps_logging() {
    let folder = TestFolder::new();
    for _ in 0..5 {
        Helper::start("fork", &folder.file()).finish();
    }
    let database = open_read_only(&folder.file());
    let runs = database.runs().unwrap();
    let count = |name: &str| runs.iter().filter(|run| run.info.name == name).count();
    assert_eq!((count("parent"), count("child")), (5, 5));
    for run in runs {
        let wanted = if run.info.name == "parent" { 99 } else { 0 };
        assert_eq!(run.metrics["loss"].step, wanted);
    }
    assert!(Database::verify(folder.file()).unwrap().is_sound());
}

#[test]
fn a_process_can_fork_while_its_threads_wait() {
    let folder = TestFolder::new();
    Helper::start("fork while threads wait", &folder.file()).finish();
}

#[test]
fn a_child_forked_during_a_definition_gets_an_error_without_waiting() {
    let folder = TestFolder::new();
    Helper::start("fork while a metric is defined", &folder.file()).finish();
}

#[test]
fn a_copy_of_a_closed_file_is_an_independent_file() {
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    let copy = folder.join("copy.tracklite");
    fs::copy(&closed, &copy).unwrap();
    let (first, second) = (open(&closed), open(&copy));
    log(&start_run(&first, "only here"), 3);
    assert_eq!(first.runs().unwrap().len(), 2);
    assert_eq!(second.runs().unwrap().len(), 1);
    log(&start_run(&second, "only there"), 3);
    let names = |database: &Database| -> Vec<String> {
        database.runs().unwrap().into_iter().map(|run| run.info.name).collect()
    };
    assert_eq!(names(&first), ["only here", "first"]);
    assert_eq!(names(&second), ["only there", "first"]);
}

#[test]
fn a_reader_sees_points_as_they_are_written() {
    let folder = TestFolder::new();
    let database = open(&folder.file());
    let run = start_run(&database, "first");
    let reader = open_read_only(&folder.file());
    for round in 1..=20_u32 {
        (0..1000).for_each(|_| run.log_metric("loss", 1.0, Step::NEXT).unwrap());
        database.tick().unwrap();
        assert_eq!(count_points(&reader, &run), 1000 * round as usize);
    }
}

#[test]
fn a_reader_cannot_write() {
    let folder = TestFolder::new();
    let database = open(&folder.file());
    let run = start_run(&database, "first");
    log(&run, 10);
    let reader = open_read_only(&folder.file());
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
    assert_eq!(reader.info().unwrap().writers.len(), 1, "a reader does not count as a writer");
    reader.close().unwrap();
}

#[test]
fn vacuum_removes_the_leftovers_of_a_killed_vacuum_only() {
    const LEFTOVER: &str = ".runs.tracklite.0123456789abcdef.new";
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    for name in [LEFTOVER, ".runs.tracklite.12.new", ".other.0123456789abcdef.new"] {
        fs::write(folder.join(name), "a leftover or a file of the user").unwrap();
    }
    Database::vacuum(&closed).unwrap();
    assert!(!folder.join(LEFTOVER).exists(), "the leftover must be removed");
    assert_eq!(folder.entries(), 3, "no other file may be removed");
}

#[test]
fn a_vacuum_poisons_readers_until_they_open_the_file_again() {
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    let reader = open_read_only(&closed);
    let id = reader.runs().unwrap()[0].info.id;
    let held = reader.run(id).unwrap();
    Database::vacuum(&closed).unwrap();
    for error in [reader.runs().unwrap_err(), held.history("loss").unwrap_err()] {
        check_poisoned(&error, &closed);
        assert!(error.to_string().contains("vacuum"), "{error}");
    }
    let again = open_read_only(&closed);
    assert_eq!(again.run(id).unwrap().history("loss").unwrap().len(), 10);
}

/// Runs the work in a thread without root permissions, to which file modes apply.
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
fn a_file_without_write_permission_can_be_read() {
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    set_mode(folder.path(), 0o755);
    set_mode(&closed, 0o444);
    as_nobody(|| {
        let error = Database::open(&closed).unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
        assert!(error.to_string().contains("runs.tracklite"), "{error}");
        assert_eq!(open_read_only(&closed).runs().unwrap().len(), 1);
        assert!(Database::verify(&closed).unwrap().is_sound());
    });
}

#[test]
fn a_file_without_any_permission_cannot_be_read() {
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    set_mode(folder.path(), 0o755);
    set_mode(&closed, 0o000);
    as_nobody(|| {
        let error = try_open_read_only(&closed).unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
        assert!(Database::verify(&closed).is_err());
    });
}

#[test]
fn a_file_can_be_written_in_a_folder_without_write_permission() {
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    set_mode(folder.path(), 0o555);
    set_mode(&closed, 0o666);
    as_nobody(|| {
        let database = open(&closed);
        log(&start_run(&database, "second"), 3000);
        database.close().unwrap();
        let error = Database::create(folder.join("new.tracklite")).unwrap_err();
        assert!(error.to_string().contains("new.tracklite"), "{error}");
        let error = Database::vacuum(&closed).unwrap_err();
        assert!(error.to_string().contains("runs.tracklite"), "{error}");
        assert_eq!(open_read_only(&closed).runs().unwrap().len(), 2);
    });
    set_mode(folder.path(), 0o755);
    assert_eq!(folder.entries(), 1);
    assert!(Database::verify(&closed).unwrap().is_sound());
}
