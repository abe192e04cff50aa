//! Disks that run full: an error and never a signal, nothing acknowledged is lost, and logging goes
//! on once there is room again.
//!
//! `cargo xtask test full-disk` mounts small file systems of several kinds and names them in
//! `TRACKLITE_SMALL_DISKS`, as `kind=folder` pairs separated by `;`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tracklite::{Database, ErrorKind, IndexPlace, Result, Run, RunId, Timestamp, WritePath};

/// Names the file to a process that is part of a test.
const PEER: &str = "TRACKLITE_FULL_DISK_PEER";

/// More points than any of the disks has room for, 32 bytes each.
const POINTS_MAX: i64 = 6_000_000;

/// A small disk, and a name for messages.
struct Disk {
    name: String,
    folder: PathBuf,
}

fn disks() -> Vec<Disk> {
    let named = std::env::var("TRACKLITE_SMALL_DISKS").expect("TRACKLITE_SMALL_DISKS is set");
    let disk = |pair: &str| {
        let (kind, folder) = pair.split_once('=').expect("kind=folder");
        Disk { name: kind.to_owned(), folder: PathBuf::from(folder) }
    };
    named.split(';').map(disk).collect()
}

/// Each disk with each way of writing that is safe there.
fn each_disk(check: fn(&Path, WritePath, &str)) {
    for disk in disks() {
        for write_path in [WritePath::Automatic, WritePath::Positioned] {
            let what = format!("{} {write_path:?}", disk.name);
            println!("full disk: {what}");
            let folder = disk.folder.join("test");
            fs::create_dir(&folder).expect("a folder on the disk");
            check(&folder, write_path, &what);
            fs::remove_dir_all(&folder).expect("the folder can be removed");
        }
    }
}

fn open(path: &Path, write_path: WritePath) -> Result<Database> {
    let builder = Database::builder().create(true).write_path(write_path);
    builder.index(IndexPlace::InMemory).open(path)
}

/// Opens the file without the thread that would seal, and so make room, meanwhile.
fn open_quiet(path: &Path, write_path: WritePath) -> Result<Database> {
    let builder = Database::builder().create(true).write_path(write_path).background(false);
    builder.index(IndexPlace::InMemory).open(path)
}

fn value_at(step: i64) -> f64 {
    step as f64 * 0.7 + (step % 13) as f64
}

/// Logs from this step on until the disk is full; gives the first step that was refused.
fn log_until_full(run: &Run, from: i64, what: &str) -> i64 {
    let metric = run.metric("loss").expect("a metric");
    for step in from..POINTS_MAX {
        if let Err(error) = metric.log_at(value_at(step), step, Timestamp::from_nanos(step)) {
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{what}: {error}");
            return step;
        }
    }
    panic!("{what}: the disk did not run full");
}

/// The steps from 0 to `count` are there, each once, with their values.
fn check_points(run: &Run, count: i64, what: &str) {
    let history = run.history("loss").unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(history.len() as i64, count, "{what}: how many points there are");
    for (step, point) in (0..).zip(history.iter()) {
        assert_eq!((point.step, point.value), (step, value_at(step)), "{what}");
    }
}

/// Takes all the space that is left; gives the file that holds it.
fn fill_up(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = fs::File::create(&path).expect("a filler");
    let piece = vec![1; 64 * 1024];
    while std::io::Write::write_all(&mut file, &piece).is_ok() {}
    let _ = file.sync_all();
    path
}

#[test]
#[ignore = "needs small disks: cargo xtask test full-disk"]
fn full_disk_while_logging_loses_nothing_that_was_acknowledged() {
    each_disk(|folder, write_path, what| {
        let path = folder.join("runs.tracklite");
        let database = open_quiet(&path, write_path).expect("a database");
        let run = database.default_experiment().and_then(|it| it.start_run("full")).expect("a run");
        let filler = folder.join("reserve");
        fs::write(&filler, vec![1; 4 << 20]).expect("a reserve");
        let refused = log_until_full(&run, 0, what);
        assert!(refused > 1000, "{what}: only {refused} points fitted");
        check_points(&run, refused, what);
        // A reader that comes now sees the same.
        let reader = Database::builder().read_only(true).index(IndexPlace::InMemory).open(&path);
        let reader = reader.expect("a reader");
        check_points(&reader.run(run.id()).expect("the run"), refused, what);
        // What is kept in reserve is enough to seal, and sealing makes room.
        database.tick().unwrap_or_else(|error| panic!("{what}: sealing on a full disk: {error}"));
        let sealed = refused;
        let refused = log_until_full(&run, sealed, what);
        assert!(
            refused > sealed + 1000,
            "{what}: sealing made room for {} points",
            refused - sealed
        );
        check_points(&run, refused, what);
        // With room again logging goes on through the same handle.
        fs::remove_file(&filler).expect("the reserve can be removed");
        let metric = run.metric("loss").expect("a metric");
        for step in refused..refused + 1000 {
            let time = Timestamp::from_nanos(step);
            let logged = metric.log_at(value_at(step), step, time);
            logged.unwrap_or_else(|error| panic!("{what}: after there was room again: {error}"));
        }
        check_points(&run, refused + 1000, what);
        let id = run.id();
        drop((metric, run));
        drop(reader);
        database.close().unwrap_or_else(|error| panic!("{what}: closing: {error}"));
        let report = Database::verify(&path).expect("a file that can be verified");
        assert!(report.is_sound(), "{what}: {:?}", report.damages);
        let database = open(&path, write_path).expect("the file opens again");
        check_points(&database.run(id).expect("the run"), refused + 1000, what);
    });
}

#[test]
#[ignore = "needs small disks: cargo xtask test full-disk"]
fn full_disk_at_the_end_keeps_what_was_acknowledged() {
    each_disk(|folder, write_path, what| {
        let path = folder.join("runs.tracklite");
        let database = open(&path, write_path).expect("a database");
        let run = database.default_experiment().and_then(|it| it.start_run("full")).expect("a run");
        let metric = run.metric("loss").expect("a metric");
        for step in 0..5000 {
            metric.log_at(value_at(step), step, Timestamp::from_nanos(step)).expect("room");
        }
        let filler = fill_up(folder);
        let id = run.id();
        drop((metric, run));
        // Closing seals, which takes room: it may fail, but only by saying so.
        if let Err(error) = database.close() {
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{what}: {error}");
        }
        let reader = Database::builder().read_only(true).index(IndexPlace::InMemory).open(&path);
        let reader = reader.expect("a reader on a full disk");
        check_points(&reader.run(id).expect("the run"), 5000, what);
        drop(reader);
        fs::remove_file(filler).expect("the filler can be removed");
        let database = open(&path, write_path).expect("the file opens again");
        check_points(&database.run(id).expect("the run"), 5000, what);
        database.close().unwrap_or_else(|error| panic!("{what}: closing: {error}"));
        let report = Database::verify(&path).expect("a file that can be verified");
        assert!(report.is_sound(), "{what}: {:?}", report.damages);
    });
}

#[test]
#[ignore = "needs small disks: cargo xtask test full-disk"]
fn full_disk_at_creation_leaves_no_half_made_file() {
    each_disk(|folder, write_path, what| {
        let filler = fill_up(folder);
        let path = folder.join("runs.tracklite");
        match open(&path, write_path) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::StorageFull, "{what}: {error}");
                let is_opened = !path.exists() || Database::open_read_only(&path).is_ok();
                assert!(is_opened, "{what}: a file that cannot be opened was left behind");
            }
            Ok(database) => drop(database.close()),
        }
        fs::remove_file(filler).expect("the filler can be removed");
        let database = open(&path, write_path).expect("with room the file is made");
        assert!(database.default_experiment().is_ok(), "{what}");
    });
}

/// No test by itself: logs to the file that is named until the disk is full, says how much, and
/// goes without closing.
#[test]
fn logs_until_the_disk_is_full() {
    let Ok(path) = std::env::var(PEER) else { return };
    let database = open_quiet(Path::new(&path), WritePath::Automatic).expect("a database");
    let run = database.default_experiment().and_then(|it| it.start_run("peer")).expect("a run");
    let count = log_until_full(&run, 0, "the peer");
    println!("\npeer {} {count}", run.id());
    std::process::exit(0);
}

/// The run of a peer that logs to this file too, and how many points it has logged.
fn peer_of(path: &Path) -> (RunId, i64) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "full_disk::logs_until_the_disk_is_full", "--nocapture"]);
    let output = command.env(PEER, path).output().expect("a peer");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("peer "));
    let (run, count) = line.and_then(|line| line.split_once(' ')).unwrap_or_else(|| {
        panic!("the peer says {text}{}", String::from_utf8_lossy(&output.stderr))
    });
    (run.parse().expect("a run"), count.parse().expect("a number"))
}

#[test]
#[ignore = "needs small disks: cargo xtask test full-disk"]
fn full_disk_with_two_writers_loses_nothing_of_either() {
    each_disk(|folder, write_path, what| {
        let path = folder.join("runs.tracklite");
        let database = open_quiet(&path, write_path).expect("a database");
        let run = database.default_experiment().and_then(|it| it.start_run("own")).expect("a run");
        let filler = folder.join("reserve");
        fs::write(&filler, vec![1; 4 << 20]).expect("a reserve");
        let (refused, (peer, count)) = std::thread::scope(|scope| {
            let peer = scope.spawn(|| peer_of(&path));
            (log_until_full(&run, 0, what), peer.join().expect("a peer"))
        });
        assert!(refused > 1000 && count > 1000, "{what}: only {refused} and {count} points fitted");
        check_points(&run, refused, what);
        check_points(&database.run(peer).expect("its run"), count, what);
        fs::remove_file(&filler).expect("the reserve can be removed");
        // Of the peer, which is dead, this process seals what it has logged.
        database.tick().unwrap_or_else(|error| panic!("{what}: {error}"));
        check_points(&run, refused, what);
        check_points(&database.run(peer).expect("its run"), count, what);
        let id = run.id();
        drop(run);
        database.close().unwrap_or_else(|error| panic!("{what}: closing: {error}"));
        let report = Database::verify(&path).expect("a file that can be verified");
        assert!(report.is_sound(), "{what}: {:?}", report.damages);
        let database = open(&path, write_path).expect("the file opens again");
        check_points(&database.run(id).expect("the run"), refused, what);
        check_points(&database.run(peer).expect("its run"), count, what);
    });
}
