//! File attributes across a vacuum, automatic vacuums, and counting points during sealing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::fs::XattrFlags;
use tracklite::Database;

use crate::common::{
    TestDatabase, TestFolder, open_quietly, open_read_only, quiet_builder, start_run,
};

/// Logs and seals enough points to make most of the file holes.
fn fill(path: &Path) {
    let database = open_quietly(path);
    let run = start_run(&database, "long");
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
    let folder = TestFolder::new();
    let file = folder.file();
    open_quietly(&file).close().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    if is_root() {
        chown(&file, Some(65_534), Some(65_533)).unwrap();
    }
    // Some file systems do not support extended attributes.
    let has_xattr = rustix::fs::setxattr(&file, "user.note", b"kept", XattrFlags::empty()).is_ok();
    let before = fs::metadata(&file).unwrap();
    Database::vacuum(&file).unwrap();
    let after = fs::metadata(&file).unwrap();
    let attributes = |file: &fs::Metadata| (file.mode(), file.uid(), file.gid());
    assert_eq!(attributes(&after), attributes(&before));
    assert_ne!(after.ino(), before.ino());
    let mut value = [0; 16];
    let kept = rustix::fs::getxattr(&file, "user.note", &mut value[..]);
    assert_eq!(kept.ok().map(|length| value[..length].to_vec()), has_xattr.then(|| b"kept".into()));
    assert_eq!(folder.entries(), 1);
}

#[test]
fn a_file_of_another_user_is_not_vacuumed_automatically() {
    let folder = TestFolder::new();
    let length = |owner| {
        let file = folder.join(&format!("{owner:?}"));
        open_quietly(&file).close().unwrap();
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
    let folder = TestFolder::new();
    let file = folder.file();
    let run = start_run(&open_quietly(&file), "busy").id();
    let (logged, is_done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            // Closing seals the points. They are too few to trigger a vacuum.
            for _ in 0..60 {
                let database = open_quietly(&file);
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
        let reader = open_read_only(&file);
        while !is_done.load(Ordering::Acquire) {
            let min = logged.load(Ordering::Acquire);
            let counted = reader.info().unwrap().points;
            // One more point may be in the file before its logging call returns.
            let max = logged.load(Ordering::Acquire) + 1;
            assert!((min..=max).contains(&counted), "{counted} is not in {min}..={max}");
        }
    });
}

#[test]
fn info_warns_when_a_file_is_mostly_holes() {
    let database = TestDatabase::build(quiet_builder());
    let has_warning = || {
        let warnings = database.info().unwrap().warnings;
        warnings.iter().any(|text| text.contains("mostly holes") && text.contains("vacuum"))
    };
    let metric = start_run(&database, "long").metric("loss").unwrap();
    (0..700_000).for_each(|step| metric.log(0.5, step).unwrap());
    assert!(!has_warning(), "nothing is sealed yet");
    database.tick().unwrap();
    assert!(has_warning());
}
