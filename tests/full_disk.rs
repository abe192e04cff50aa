//! Disks that run full: calls fail with an error instead of a signal, no acknowledged point is
//! lost, and logging continues once there is space again.
//!
//! `cargo xtask test full-disk` mounts small file systems of several kinds and lists them in
//! `TRACKLITE_SMALL_DISKS`, as `kind=folder` pairs separated by `;`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tracklite::{Database, ErrorKind, Result, Run, RunId, Timestamp, WritePath};

use crate::common::{builder, try_open_read_only};

/// Set to the path of the file in a helper process.
const PEER: &str = "TRACKLITE_FULL_DISK_PEER";

/// More points of 32 bytes than fit on any of the disks.
const POINTS_MAX: i64 = 6_000_000;

/// A small disk and its name for messages.
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

/// Runs a check on each disk, with each write path that is safe there.
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
    builder().write_path(write_path).open(path)
}

/// Opens the file without the background thread, which would seal points and free space.
fn open_without_sealing(path: &Path, write_path: WritePath) -> Result<Database> {
    builder().write_path(write_path).background(false).open(path)
}

fn value_at(step: i64) -> f64 {
    step as f64 * 0.7 + (step % 13) as f64
}

/// Logs points from this step until the disk is full, and returns the first rejected step.
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

/// Checks that the run has the steps below `count`, each once and with its value.
fn check_points(run: &Run, count: i64, what: &str) {
    let history = run.history("loss").unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(history.len() as i64, count, "{what}: number of points");
    for (step, point) in (0..).zip(history.iter()) {
        assert_eq!((point.step, point.value), (step, value_at(step)), "{what}");
    }
}

/// Fills the remaining space with a file and returns its path.
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
fn full_disk_while_logging_loses_no_acknowledged_points() {
    each_disk(|folder, write_path, what| {
        let path = folder.join("runs.tracklite");
        let database = open_without_sealing(&path, write_path).expect("a database");
        let run = database
            .default_experiment()
            .and_then(|default| default.start_run("full"))
            .expect("a run");
        let filler = folder.join("filler");
        fs::write(&filler, vec![1; 4 << 20]).expect("a filler");
        let count = log_until_full(&run, 0, what);
        assert!(count > 1000, "{what}: only {count} points fitted");
        check_points(&run, count, what);
        // A new reader sees the same points.
        let reader = try_open_read_only(&path).expect("a reader");
        check_points(&reader.run(run.id()).expect("the run"), count, what);
        // The reserve of the file suffices to seal, and sealing frees space.
        database.tick().unwrap_or_else(|error| panic!("{what}: sealing on a full disk: {error}"));
        let sealed = count;
        let count = log_until_full(&run, sealed, what);
        assert!(count > sealed + 1000, "{what}: sealing freed {} points", count - sealed);
        check_points(&run, count, what);
        // Once there is space again, logging continues through the same handle.
        fs::remove_file(&filler).expect("the filler can be removed");
        let metric = run.metric("loss").expect("a metric");
        for step in count..count + 1000 {
            let time = Timestamp::from_nanos(step);
            let logged = metric.log_at(value_at(step), step, time);
            logged.unwrap_or_else(|error| panic!("{what}: once there was space again: {error}"));
        }
        check_points(&run, count + 1000, what);
        let id = run.id();
        drop((metric, run));
        drop(reader);
        database.close().unwrap_or_else(|error| panic!("{what}: closing: {error}"));
        let report = Database::verify(&path).expect("a file that can be verified");
        assert!(report.is_sound(), "{what}: {:?}", report.damages);
        let database = open(&path, write_path).expect("the file opens again");
        check_points(&database.run(id).expect("the run"), count + 1000, what);
    });
}

#[test]
#[ignore = "needs small disks: cargo xtask test full-disk"]
fn full_disk_while_closing_loses_no_acknowledged_points() {
    each_disk(|folder, write_path, what| {
        let path = folder.join("runs.tracklite");
        let database = open(&path, write_path).expect("a database");
        let run = database
            .default_experiment()
            .and_then(|default| default.start_run("full"))
            .expect("a run");
        let metric = run.metric("loss").expect("a metric");
        for step in 0..5000 {
            metric.log_at(value_at(step), step, Timestamp::from_nanos(step)).expect("space");
        }
        let filler = fill_up(folder);
        let id = run.id();
        drop((metric, run));
        // Closing seals the points, which takes space. It may fail, but only with this error.
        if let Err(error) = database.close() {
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{what}: {error}");
        }
        let reader = try_open_read_only(&path).expect("a reader on a full disk");
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
fn full_disk_at_creation_leaves_no_unusable_file() {
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
        let database = open(&path, write_path).expect("with space the file can be created");
        assert!(database.default_experiment().is_ok(), "{what}");
    });
}

/// Runs as the process of [`peer_of`] and does nothing otherwise. Logs until the disk is full,
/// prints the number of points, and exits without closing.
#[test]
fn helper_that_logs_until_the_disk_is_full() {
    let Ok(path) = std::env::var(PEER) else { return };
    let database =
        open_without_sealing(Path::new(&path), WritePath::Automatic).expect("a database");
    let run =
        database.default_experiment().and_then(|default| default.start_run("peer")).expect("a run");
    let count = log_until_full(&run, 0, "the peer");
    println!("\npeer {} {count}", run.id());
    std::process::exit(0);
}

/// Lets another process log to the file, and returns its run and the number of points it logged.
fn peer_of(path: &Path) -> (RunId, i64) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "full_disk::helper_that_logs_until_the_disk_is_full", "--nocapture"]);
    let output = command.env(PEER, path).output().expect("a peer");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("peer "));
    let (run, count) = line.and_then(|line| line.split_once(' ')).unwrap_or_else(|| {
        panic!("the peer printed {text}{}", String::from_utf8_lossy(&output.stderr))
    });
    (run.parse().expect("a run"), count.parse().expect("a number"))
}

#[test]
#[ignore = "needs small disks: cargo xtask test full-disk"]
fn full_disk_with_two_writers_loses_no_points_of_either() {
    each_disk(|folder, write_path, what| {
        let path = folder.join("runs.tracklite");
        let database = open_without_sealing(&path, write_path).expect("a database");
        let run = database
            .default_experiment()
            .and_then(|default| default.start_run("own"))
            .expect("a run");
        let filler = folder.join("filler");
        fs::write(&filler, vec![1; 4 << 20]).expect("a filler");
        let (own, (peer, count)) = std::thread::scope(|scope| {
            let peer = scope.spawn(|| peer_of(&path));
            (log_until_full(&run, 0, what), peer.join().expect("a peer"))
        });
        assert!(own > 1000 && count > 1000, "{what}: only {own} and {count} points fitted");
        check_points(&run, own, what);
        check_points(&database.run(peer).expect("its run"), count, what);
        fs::remove_file(&filler).expect("the filler can be removed");
        // This process also seals the points of the dead peer.
        database.tick().unwrap_or_else(|error| panic!("{what}: {error}"));
        check_points(&run, own, what);
        check_points(&database.run(peer).expect("its run"), count, what);
        let id = run.id();
        drop(run);
        database.close().unwrap_or_else(|error| panic!("{what}: closing: {error}"));
        let report = Database::verify(&path).expect("a file that can be verified");
        assert!(report.is_sound(), "{what}: {:?}", report.damages);
        let database = open(&path, write_path).expect("the file opens again");
        check_points(&database.run(id).expect("the run"), own, what);
        check_points(&database.run(peer).expect("its run"), count, what);
    });
}
