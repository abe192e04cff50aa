//! Backups of a file that other processes write: every acknowledged point is there exactly once.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use tracklite::{Database, ErrorKind, MetricPoint, Run, Timestamp};

use crate::common::{TestDatabase, TestFolder, open_read_only, quiet_builder, start_run};

const FILE: &str = "TRACKLITE_BACKUP_FILE";
const ACKNOWLEDGED: &str = "TRACKLITE_BACKUP_ACKNOWLEDGED";

fn open_patiently(path: &Path) -> Database {
    quiet_builder().lock_timeout(Duration::from_secs(60)).open(path).unwrap()
}

/// Returns the point that every writer logs at this step.
fn point(step: i64) -> MetricPoint {
    let value = (step as f64 * 0.7).sin();
    MetricPoint { step, value, time: Timestamp::from_nanos(1_000_000 * step) }
}

/// A process that writes the file as fast as it can until it is killed.
struct Writer {
    process: Child,
    acknowledged: PathBuf,
}

impl Writer {
    fn start(file: &Path, number: u32) -> Writer {
        let acknowledged = file.with_file_name(format!("acknowledged-{number}"));
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "backup::helper_that_writes_until_killed"]);
        command.env(FILE, file).env(ACKNOWLEDGED, &acknowledged);
        let process = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        let writer = Writer { process, acknowledged };
        let began = Instant::now();
        while writer.acknowledged().1 < 20_000 {
            assert!(began.elapsed() < Duration::from_secs(60), "the writer makes no progress");
            thread::sleep(Duration::from_millis(5));
        }
        writer
    }

    /// Returns the run and the number of points acknowledged so far.
    fn acknowledged(&self) -> (String, i64) {
        let text = fs::read_to_string(&self.acknowledged).unwrap_or_default();
        let (run, count) = text.split_once(' ').unwrap_or(("", "0"));
        (run.to_owned(), count.parse().unwrap())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs as the process of a [`Writer`] and does nothing otherwise. Logs rounds of 1,500 points and
/// one row, and acknowledges each round in a file.
#[test]
fn helper_that_writes_until_killed() {
    let (Ok(file), Ok(acknowledged)) = (env::var(FILE), env::var(ACKNOWLEDGED)) else { return };
    let database = open_patiently(Path::new(&file));
    let run = start_run(&database, "busy");
    let metric = run.metric("loss").unwrap();
    let row = run.metric_row(&["a", "b"]).unwrap();
    let mut count = 0;
    for round in 0_u32.. {
        for step in count..count + 1500 {
            let MetricPoint { step, value, time } = point(step);
            metric.log_at(value, step, time).unwrap();
        }
        count += 1500;
        let MetricPoint { step, value, time } = point(i64::from(round));
        row.log_at(&[value, -value], step, time).unwrap();
        let new = format!("{acknowledged}.new");
        fs::write(&new, format!("{} {count}", run.id())).unwrap();
        fs::rename(&new, &acknowledged).unwrap();
        if round % 4 == 3 {
            start_and_purge_runs(&database, round);
        }
        database.tick().unwrap();
    }
}

/// Starts a run that stays and a run that is purged.
fn start_and_purge_runs(database: &Database, round: u32) {
    let kept = start_run(database, &format!("kept {round}"));
    kept.log_metric("late", 1.0, 0).unwrap();
    let purged = start_run(database, "purged");
    let late = purged.metric("late").unwrap();
    (0..2000).for_each(|step| late.log(f64::from(step) * 0.3, step).unwrap());
    purged.delete().unwrap();
    database.gc().unwrap();
}

/// Verifies while extents are sealed and punched, and blocks are moved.
#[test]
fn verify_finds_no_damage_in_a_file_that_is_being_written() {
    let folder = TestFolder::new();
    let file = create_file(&folder);
    let writers: Vec<Writer> = (0..2).map(|number| Writer::start(&file, number)).collect();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        let report = Database::verify(&file).unwrap();
        assert!(report.is_sound(), "{:?}", report.damages);
        assert!(report.points > 20_000);
    }
    drop(writers);
}

/// Creates a file with a chain that takes a while to read, so that writers change it meanwhile.
fn create_file(folder: &TestFolder) -> PathBuf {
    let file = folder.file();
    let database = open_patiently(&file);
    let experiment = database.default_experiment().unwrap();
    for number in 0..3000 {
        experiment.new_run().name("idle").param("number", number).start().unwrap();
    }
    database.close().unwrap();
    file
}

/// Checks each point of a metric and returns their number.
fn count_points(run: &Run, key: &str) -> i64 {
    let history = run.history(key).unwrap();
    for (index, found) in (0_i64..).zip(history.iter()) {
        let wanted = point(index);
        let same = found.step == index && found.time == wanted.time;
        assert!(same && found.value.abs() == wanted.value.abs(), "{key} {index}: {found:?}");
    }
    let count = history.len() as u64;
    if count > 0 {
        assert_eq!(run.statistics(key).unwrap().unwrap().count, count, "{key}");
    }
    count as i64
}

/// Checks that the copy is sound and has each point once that was acknowledged before it was made.
fn check(copy: &Path, before: &[(String, i64)], after: &[(String, i64)]) {
    let report = Database::verify(copy).unwrap();
    assert!(report.is_sound(), "{:?}", report.damages);
    let database = open_read_only(copy);
    for ((id, min), (_, max)) in before.iter().zip(after) {
        let run = database.run(id.parse().unwrap()).unwrap();
        let count = count_points(&run, "loss");
        // At most one round is logged but not yet acknowledged.
        assert!((*min..=max + 1500).contains(&count), "{count} is not in {min}..={max} + 1500");
        let rows = [count_points(&run, "a"), count_points(&run, "b")];
        assert_eq!(rows[0], rows[1], "a row must be complete");
        assert!(rows[0] >= min / 1500, "{} rows for {min} points", rows[0]);
        // Each row is logged after the points of its round.
        assert!(rows[0] <= count / 1500, "{} rows for {count} points", rows[0]);
    }
    assert_eq!(database.info().unwrap().warnings, Vec::<String>::new());
    drop(database);
    fs::remove_file(copy).unwrap();
}

fn acknowledged_by_each(writers: &[Writer]) -> Vec<(String, i64)> {
    writers.iter().map(Writer::acknowledged).collect()
}

/// Makes several copies while two processes write, and checks each copy.
fn check_backups(file: &Path, count: usize, backup: impl Fn(&Path)) {
    let writers = [Writer::start(file, 0), Writer::start(file, 1)];
    for number in 0..count {
        let copy = file.with_file_name(format!("copy-{number}"));
        let before = acknowledged_by_each(&writers);
        backup(&copy);
        check(&copy, &before, &acknowledged_by_each(&writers));
    }
}

#[test]
fn a_backup_by_a_writer_has_each_point_once() {
    let folder = TestFolder::new();
    let file = create_file(&folder);
    let database = open_patiently(&file);
    check_backups(&file, 8, |to| database.backup(to).unwrap());
}

#[test]
fn a_backup_by_a_reader_has_each_point_once() {
    let folder = TestFolder::new();
    let file = create_file(&folder);
    check_backups(&file, 8, |to| open_read_only(&file).backup(to).unwrap());
}

#[test]
fn a_salvage_of_a_file_being_written_has_each_point_once() {
    let folder = TestFolder::new();
    let file = create_file(&folder);
    check_backups(&file, 8, |to| {
        let report = Database::salvage(&file, to).unwrap();
        assert_eq!(report.lost, [""; 0]);
    });
}

#[test]
fn a_backup_has_no_gap_where_a_writer_opens_a_new_extent() {
    let database = TestDatabase::new();
    let run = start_run(&database, "fast");
    let metric = run.metric("loss").unwrap();
    let copy = database.folder().join("copy");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for step in 0..3_000_000 {
                metric.log_at(0.5, step, Timestamp::from_nanos(step)).unwrap();
                if step % 3000 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        while !writer.is_finished() {
            open_read_only(database.path()).backup(&copy).unwrap();
            let copied = open_read_only(&copy);
            if copied.run(run.id()).unwrap().metrics().unwrap().contains_key("loss") {
                let steps = copied.run(run.id()).unwrap().history("loss").unwrap().steps;
                let gap = (0_i64..).zip(&steps).find(|(wanted, step)| wanted != *step);
                assert_eq!(gap, None, "a gap in {} points", steps.len());
            }
            drop(copied);
            fs::remove_file(&copy).unwrap();
        }
    });
}

#[test]
fn a_backup_without_write_permission_fails_while_a_writer_has_the_file_open() {
    let folder = TestFolder::new();
    let file = folder.file();
    let database = open_patiently(&file);
    let run = start_run(&database, "one");
    run.log_metric("loss", 0.5, 0).unwrap();
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let elsewhere = TestFolder::new();
    set_mode(&file, 0o444);
    set_mode(elsewhere.path(), 0o777);
    set_mode(folder.path(), 0o755);
    let copy = elsewhere.join("copy");
    let backup = || crate::files::as_nobody(|| open_read_only(&file).backup(&copy));
    let error = backup().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert_eq!(elsewhere.entries(), 0);
    drop(run);
    database.close().unwrap();
    backup().unwrap();
    assert_eq!(Database::verify(&copy).unwrap().points, 1);
}
