//! Backups of a file that others write: nothing is missing that was acknowledged before, nothing
//! is there twice.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use tracklite::{Database, ErrorKind, IndexPlace, MetricPoint, Run, Timestamp};

const FILE: &str = "TRACKLITE_BACKUP_FILE";
const SPOKEN: &str = "TRACKLITE_BACKUP_SPOKEN";

fn open(path: &Path) -> Database {
    let builder = Database::builder().create(true).background(false).index(IndexPlace::InMemory);
    builder.sync_interval(None).lock_timeout(Duration::from_secs(60)).open(path).unwrap()
}

fn open_to_read(path: &Path) -> Database {
    Database::builder().read_only(true).index(IndexPlace::InMemory).open(path).unwrap()
}

/// What the point of this step is.
fn point(step: i64) -> MetricPoint {
    let value = (step as f64 * 0.7).sin();
    MetricPoint { step, value, time: Timestamp::from_nanos(1_000_000 * step) }
}

/// Another process that writes the file as fast as it can until it is killed.
struct Busy {
    process: Child,
    spoken: PathBuf,
}

impl Busy {
    fn start(file: &Path, number: u32) -> Busy {
        let spoken = file.with_file_name(format!("spoken-{number}"));
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "backup::writes_until_it_is_killed"]);
        command.env(FILE, file).env(SPOKEN, &spoken).stdout(std::process::Stdio::null());
        let busy = Busy { process: command.spawn().unwrap(), spoken };
        let began = Instant::now();
        while busy.acknowledged().1 < 20_000 {
            assert!(began.elapsed() < Duration::from_secs(60), "the writer does not get on");
            thread::sleep(Duration::from_millis(5));
        }
        busy
    }

    /// The run, and how many points were acknowledged by now; no point after its row.
    fn acknowledged(&self) -> (String, i64) {
        let text = fs::read_to_string(&self.spoken).unwrap_or_default();
        let (run, count) = text.split_once(' ').unwrap_or(("", "0"));
        (run.to_owned(), count.parse().unwrap())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// No test by itself: the part of [`Busy`].
#[test]
fn writes_until_it_is_killed() {
    let (Ok(file), Ok(spoken)) = (env::var(FILE), env::var(SPOKEN)) else { return };
    let database = open(Path::new(&file));
    let run = database.default_experiment().unwrap().start_run("busy").unwrap();
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
        let whole = format!("{spoken}.new");
        fs::write(&whole, format!("{} {count}", run.id())).unwrap();
        fs::rename(&whole, &spoken).unwrap();
        if round % 4 == 3 {
            litter(&database, round);
        }
        database.tick().unwrap();
    }
}

/// A run that is deleted and purged, and another one that is new.
fn litter(database: &Database, round: u32) {
    let experiment = database.default_experiment().unwrap();
    let kept = experiment.start_run(&format!("kept {round}")).unwrap();
    kept.log_metric("late", 1.0, 0).unwrap();
    let gone = experiment.start_run("gone").unwrap();
    let late = gone.metric("late").unwrap();
    (0..2000).for_each(|step| late.log(f64::from(step) * 0.3, step).unwrap());
    gone.delete().unwrap();
    database.gc().unwrap();
}

/// Extents are sealed and punched, and blocks moved, while they are checked.
#[test]
fn a_file_that_is_being_written_is_verified_as_sound() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_in(folder.path());
    let busy: Vec<Busy> = (0..2).map(|number| Busy::start(&file, number)).collect();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        let report = Database::verify(&file).unwrap();
        assert!(report.is_sound(), "{:?}", report.damages);
        assert!(report.points > 20_000);
    }
    drop(busy);
}

/// A file whose chain takes a while to read, so that others come in between.
fn file_in(folder: &Path) -> PathBuf {
    let file = folder.join("runs.tracklite");
    let database = open(&file);
    let experiment = database.default_experiment().unwrap();
    for number in 0..3000 {
        experiment.new_run().name("idle").param("number", number).start().unwrap();
    }
    database.close().unwrap();
    file
}

fn steps(run: &Run, key: &str) -> i64 {
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

/// The copy must be sound and hold of each writer what it had acknowledged, each point once.
fn check(copy: &Path, before: &[(String, i64)], after: &[(String, i64)]) {
    let report = Database::verify(copy).unwrap();
    assert!(report.is_sound(), "{:?}", report.damages);
    let database = open_to_read(copy);
    for ((id, least), (_, most)) in before.iter().zip(after) {
        let run = database.run(id.parse().unwrap()).unwrap();
        let count = steps(&run, "loss");
        // What is logged and not told yet is a round at most.
        assert!((*least..=most + 1500).contains(&count), "{count} is not in {least}..={most}");
        let rows = [steps(&run, "a"), steps(&run, "b")];
        assert_eq!(rows[0], rows[1], "a row is whole");
        assert!(rows[0] >= least / 1500, "{} rows for {least} points", rows[0]);
        // They come after their points.
        assert!(rows[0] <= count / 1500, "{} rows for {count} points", rows[0]);
    }
    assert_eq!(database.info().unwrap().warnings, Vec::<String>::new());
    drop(database);
    fs::remove_file(copy).unwrap();
}

fn each_acknowledged(writers: &[Busy]) -> Vec<(String, i64)> {
    writers.iter().map(Busy::acknowledged).collect()
}

fn check_backups(file: &Path, count: usize, backup: impl Fn(&Path)) {
    let writers = [Busy::start(file, 0), Busy::start(file, 1)];
    for number in 0..count {
        let copy = file.with_file_name(format!("copy-{number}"));
        let before = each_acknowledged(&writers);
        backup(&copy);
        check(&copy, &before, &each_acknowledged(&writers));
    }
}

#[test]
fn a_backup_by_a_writer_holds_each_point_once_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_in(folder.path());
    let database = open(&file);
    check_backups(&file, 8, |to| database.backup(to).unwrap());
}

#[test]
fn a_backup_by_a_reader_holds_each_point_once_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_in(folder.path());
    check_backups(&file, 8, |to| open_to_read(&file).backup(to).unwrap());
}

#[test]
fn a_salvage_holds_each_point_once_and_loses_none_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_in(folder.path());
    check_backups(&file, 8, |to| {
        let report = Database::salvage(&file, to).unwrap();
        assert_eq!(report.lost, [""; 0]);
    });
}

#[cfg(feature = "cli")]
#[test]
fn the_program_copies_a_file_that_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_in(folder.path());
    check_backups(&file, 3, |to| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tracklite"));
        program.env("XDG_CACHE_HOME", folder.path()).arg("backup").args([&file, to]);
        let output = program.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
}

#[test]
fn a_backup_has_no_gap_where_the_writer_went_on_to_the_next_extent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runs.tracklite");
    let database = Database::builder().create(true).index(IndexPlace::InMemory).open(&file);
    let database = database.unwrap();
    let run = database.default_experiment().unwrap().start_run("fast").unwrap();
    let metric = run.metric("loss").unwrap();
    let copy = folder.path().join("copy");
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
            open_to_read(&file).backup(&copy).unwrap();
            let copied = open_to_read(&copy);
            if copied.run(run.id()).unwrap().metrics().unwrap().contains_key("loss") {
                let steps = copied.run(run.id()).unwrap().history("loss").unwrap().steps;
                let gap = (0_i64..).zip(&steps).find(|(wanted, step)| wanted != *step);
                assert_eq!(gap, None, "of {} points", steps.len());
            }
            drop(copied);
            fs::remove_file(&copy).unwrap();
        }
    });
}

#[test]
fn a_file_that_may_only_be_read_is_copied_while_nobody_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runs.tracklite");
    let database = open(&file);
    let run = database.default_experiment().unwrap().start_run("one").unwrap();
    run.log_metric("loss", 0.5, 0).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::set_permissions(elsewhere.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = elsewhere.path().join("copy");
    let backup = || crate::files::as_nobody(|| open_to_read(&file).backup(&copy));
    let error = backup().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    drop(run);
    database.close().unwrap();
    backup().unwrap();
    assert_eq!(Database::verify(&copy).unwrap().points, 1);
}
