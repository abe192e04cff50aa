//! What a vacuum leaves as it was, and counting while others seal.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::fs::XattrFlags;
use tracklite::{Database, IndexPlace};

fn open(path: &Path) -> Database {
    let builder = Database::builder().create(true).background(false).index(IndexPlace::InMemory);
    builder.sync_interval(None).open(path).unwrap()
}

/// Logs and seals so much that most of the file is holes.
fn fill(path: &Path) {
    let database = open(path);
    let run = database.default_experiment().unwrap().start_run("long").unwrap();
    let metric = run.metric("loss").unwrap();
    (0..700_000).for_each(|step| metric.log(0.5, step).unwrap());
    database.tick().unwrap();
    drop((metric, run));
    database.close().unwrap();
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

#[test]
fn a_vacuum_keeps_mode_owner_and_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runs.tracklite");
    open(&file).close().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    if is_root() {
        chown(&file, Some(65_534), Some(65_533)).unwrap();
    }
    // Not every file system has attributes.
    let has_one = rustix::fs::setxattr(&file, "user.note", b"kept", XattrFlags::empty()).is_ok();
    let facts = |path: &Path| fs::metadata(path).map(|it| (it.mode(), it.uid(), it.gid())).unwrap();
    let before = (facts(&file), fs::metadata(&file).unwrap().ino());
    Database::vacuum(&file).unwrap();
    assert_eq!(facts(&file), before.0);
    assert_ne!(fs::metadata(&file).unwrap().ino(), before.1);
    let mut value = [0; 16];
    let kept = rustix::fs::getxattr(&file, "user.note", &mut value[..]);
    assert_eq!(kept.ok().map(|length| value[..length].to_vec()), has_one.then(|| b"kept".into()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_of_somebody_else_is_not_vacuumed_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let length = |owner| {
        let file = folder.path().join(format!("{owner:?}"));
        open(&file).close().unwrap();
        chown(&file, owner, None).unwrap();
        fill(&file);
        assert!(Database::verify(&file).unwrap().is_sound());
        fs::metadata(&file).unwrap().len()
    };
    let own = length(None);
    assert!(own < 8 * 1024 * 1024, "{own}");
    if is_root() {
        let other = length(Some(65_534));
        assert!(other > 16 * 1024 * 1024, "{other}");
    }
}

#[test]
fn points_are_counted_once_while_they_are_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runs.tracklite");
    let run = open(&file).default_experiment().unwrap().start_run("busy").unwrap().id();
    let (logged, is_done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            // What is closed is sealed. So few that the file is not vacuumed meanwhile.
            for _ in 0..60 {
                let database = open(&file);
                let metric = database.run(run).unwrap().metric("loss").unwrap();
                for step in 0..100 {
                    metric.log(0.5, step).unwrap();
                    logged.fetch_add(1, Ordering::AcqRel);
                }
                drop(metric);
                database.close().unwrap();
            }
            is_done.store(true, Ordering::Release);
        });
        let reader =
            Database::builder().read_only(true).index(IndexPlace::InMemory).open(&file).unwrap();
        while !is_done.load(Ordering::Acquire) {
            let least = logged.load(Ordering::Acquire);
            let counted = reader.info().unwrap().points;
            // One that is being logged may be in the file already.
            let most = logged.load(Ordering::Acquire) + 1;
            assert!((least..=most).contains(&counted), "{counted} is not in {least}..={most}");
        }
    });
}

#[test]
fn who_asks_is_told_of_a_file_that_is_mostly_holes() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("runs.tracklite"));
    let is_told = || {
        let warnings = database.info().unwrap().warnings;
        warnings.iter().any(|text| text.contains("mostly holes") && text.contains("vacuum"))
    };
    let metric = database.default_experiment().unwrap().start_run("long").unwrap();
    let metric = metric.metric("loss").unwrap();
    (0..700_000).for_each(|step| metric.log(0.5, step).unwrap());
    assert!(!is_told(), "nothing is sealed yet");
    database.tick().unwrap();
    assert!(is_told());
}
