//! Uploads and downloads of folders, and paths that must stay inside their folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tracklite::ErrorKind;
use tracklite::artifact::{ArtifactOwner, Artifacts};

use super::query_number;
use crate::common::{TestDatabase, count_frames, noise, open_quietly};

/// Logs a local folder with three files and a link as `best`, next to a text file and a reference.
fn with_a_folder(database: &TestDatabase) -> (PathBuf, Artifacts) {
    let local = database.folder().join("model");
    for (path, length) in [("MLmodel", 300), ("data/a/weights.bin", 90_000), ("empty", 0)] {
        let path = local.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, noise(length, 5)).unwrap();
    }
    symlink("MLmodel", local.join("link")).unwrap();
    let artifacts = database.new_artifacts();
    artifacts.log_folder(&local, "best").unwrap();
    artifacts.log_text("other", "other.txt").unwrap();
    artifacts.log_reference("https://x", "best/elsewhere", None, None).unwrap();
    (local, artifacts)
}

#[test]
fn a_downloaded_folder_equals_the_logged_one() {
    let database = TestDatabase::quiet();
    let (local, artifacts) = with_a_folder(&database);
    let out = database.folder().join("out");
    let got = artifacts.download("best", &out).unwrap();
    assert_eq!(got, out.join("best"));
    assert!(!out.join("other.txt").exists());
    for path in ["MLmodel", "data/a/weights.bin", "empty", "link"] {
        assert_eq!(
            fs::read(got.join(path)).unwrap(),
            fs::read(local.join(path)).unwrap(),
            "{path}"
        );
    }
    assert!(!got.join("link").is_symlink());
    assert_eq!(fs::read_dir(&got).unwrap().count(), 4);
}

#[test]
fn a_download_replaces_files_of_an_earlier_one() {
    let database = TestDatabase::quiet();
    let (_, artifacts) = with_a_folder(&database);
    let out = database.folder().join("out");
    artifacts.download("best", &out).unwrap();
    assert_eq!(artifacts.download("", &out).unwrap(), out);
    assert_eq!(fs::read(out.join("other.txt")).unwrap(), b"other");
    artifacts.download("best/MLmodel", &out).unwrap();
}

#[test]
fn unknown_artifacts_and_references_cannot_be_downloaded() {
    let database = TestDatabase::quiet();
    let (_, artifacts) = with_a_folder(&database);
    let out = database.folder().join("out");
    let error = artifacts.download("missing", &out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = artifacts.download("best/elsewhere", &out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
}

#[test]
fn a_download_does_not_follow_links() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_text("new", "a/b/c.txt").unwrap();
    let [out, outside] = ["out", "outside"].map(|name| database.folder().join(name));
    fs::create_dir_all(outside.join("b")).unwrap();
    fs::create_dir(&out).unwrap();
    symlink(&outside, out.join("a")).unwrap();
    let error = artifacts.download("a", &out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(fs::read_dir(outside.join("b")).unwrap().count(), 0);
    // A link at the path of the file itself is replaced.
    fs::remove_file(out.join("a")).unwrap();
    fs::create_dir_all(out.join("a/b")).unwrap();
    fs::write(outside.join("secret"), "old").unwrap();
    symlink(outside.join("secret"), out.join("a/b/c.txt")).unwrap();
    artifacts.download("", &out).unwrap();
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"old");
    assert_eq!(fs::read(out.join("a/b/c.txt")).unwrap(), b"new");
}

#[test]
fn ten_thousand_small_files_take_few_frames_and_little_space() {
    let database = TestDatabase::quiet();
    let local = database.folder().join("many");
    for number in 0..10_000_u32 {
        let folder = local.join(format!("{}", number % 10));
        if number < 10 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number}.bin")), noise(1024, u64::from(number))).unwrap();
    }
    let artifacts = database.new_artifacts();
    let (before, frames) = (database.file_length(), count_frames(database.path()));
    artifacts.log_folder(&local, "").unwrap();
    let growth = database.file_length() - before;
    assert!(growth <= 14 * 1024 * 1024, "{growth}");
    assert_eq!(query_number(&database, "SELECT count(*) FROM artifacts"), 10_000);
    // Three frames name files, the others allocate units.
    let more = count_frames(database.path()) - frames;
    assert!((3..=20).contains(&more), "{more}");
    assert!(artifacts.read("7/1237.bin").unwrap() == noise(1024, 1237));
    assert_eq!(artifacts.list("").unwrap().len(), 10);
}

#[test]
fn a_folder_with_an_unsuitable_entry_is_rejected_before_anything_is_logged() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let local = database.folder().join("local");
    // Creates the folder again with one good file, and returns the path for a bad entry.
    let spoil = |name: &str| {
        let _ = fs::remove_dir_all(&local);
        fs::create_dir_all(local.join("a")).unwrap();
        fs::write(local.join("a/good.txt"), "good").unwrap();
        local.join(name)
    };
    symlink("a", spoil("to a folder")).unwrap();
    let error = artifacts.log_folder(&local, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    fs::write(spoil("back\\slash"), "bad").unwrap();
    let error = artifacts.log_folder(&local, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let name = std::os::unix::ffi::OsStrExt::from_bytes(&b"\xff"[..]);
    let name: &std::ffi::OsStr = name;
    spoil("x");
    if fs::write(local.join(name), "bad").is_ok() {
        let error = artifacts.log_folder(&local, "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    symlink("nowhere", spoil("dangling")).unwrap();
    let error = artifacts.log_folder(&local, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(artifacts.list_all().unwrap(), []);
    artifacts.log_folder(local.join("a"), "").unwrap();
    assert_eq!(artifacts.list_all().unwrap().len(), 1);
}

#[test]
fn a_folder_a_missing_file_and_the_database_itself_cannot_be_logged() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let local = database.folder().join("local");
    fs::create_dir(&local).unwrap();
    symlink("nowhere", local.join("dangling")).unwrap();
    let error = artifacts.log_file(&local, "folder").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = artifacts.log_file(database.path(), "itself").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = artifacts.log_file(local.join("missing"), "missing").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = artifacts.log_folder(database.folder().path(), "").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound), "{error}");
    assert_eq!(artifacts.list_all().unwrap(), []);
}

#[test]
fn paths_that_could_leave_their_folder_are_rejected() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    for path in
        ["", "/a", "../a", "a/../b", "a//b", "a\\b", "C:a", "%2e%2e/a", "a%2fb", "a\0", "a#b"]
    {
        let errors = [
            artifacts.log_text("no", path).unwrap_err(),
            artifacts.log_reference("https://x", path, None, None).unwrap_err(),
            artifacts.log_file(database.path(), path).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}: {error}");
        }
        if !path.is_empty() {
            let error = artifacts.log_folder(database.folder().path(), path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}: {error}");
        }
    }
    assert_eq!(artifacts.list_all().unwrap(), []);
}

#[test]
fn a_moved_database_keeps_its_artifacts() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_bytes(&noise(300_000, 5), "model/weights").unwrap();
    let owner = artifacts.owner();
    let ArtifactOwner::Run(run) = owner else { panic!("the owner must be a run") };
    let uri = format!("runs:/{run}/model");
    drop(artifacts);
    let folder = database.close();
    let elsewhere = folder.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let moved = elsewhere.join("other name");
    fs::rename(folder.file(), &moved).unwrap();

    let mut dump = Vec::new();
    tracklite::Database::dump(&moved, &mut dump).unwrap();
    let dump = String::from_utf8_lossy(&dump);
    let old_folder = folder.path().to_str().unwrap();
    assert!(dump.contains("model/weights"), "{dump}");
    assert!(!dump.contains(old_folder), "the file must not store its own path: {dump}");

    let database = open_quietly(&moved);
    let found = database.registry().resolve(&uri).unwrap();
    assert_eq!((found.owner, found.path.as_str()), (owner, "model"));
    let artifacts = database.artifacts_of(owner).unwrap();
    assert!(artifacts.read("model/weights").unwrap() == noise(300_000, 5));
}
