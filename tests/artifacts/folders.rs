//! Folders in and out, and paths that lead nowhere else.

use std::fs;
use std::os::unix::fs::symlink;

use tracklite::ErrorKind;

use super::{World, noise, number};

#[test]
fn a_folder_goes_in_and_comes_out() {
    let world = World::new();
    let local = world.folder.path().join("model");
    for (path, length) in [("MLmodel", 300), ("data/a/weights.bin", 90_000), ("empty", 0)] {
        let path = local.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, noise(length, 5)).unwrap();
    }
    symlink("MLmodel", local.join("link")).unwrap();
    let artifacts = world.artifacts();
    artifacts.log_folder(&local, "best").unwrap();
    artifacts.log_text("other.txt", "other").unwrap();
    artifacts.log_reference("best/elsewhere", "https://x", None, None).unwrap();

    let out = world.folder.path().join("out");
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
    // Once more over what is there, all of it, and one file.
    assert_eq!(artifacts.download("", &out).unwrap(), out);
    assert_eq!(fs::read(out.join("other.txt")).unwrap(), b"other");
    artifacts.download("best/MLmodel", &out).unwrap();
    let error = artifacts.download("missing", &out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = artifacts.download("best/elsewhere", &out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
}

#[test]
fn a_download_follows_no_link() {
    let world = World::new();
    let artifacts = world.artifacts();
    artifacts.log_text("a/b/c.txt", "new").unwrap();
    let [out, outside] = ["out", "outside"].map(|name| world.folder.path().join(name));
    fs::create_dir_all(outside.join("b")).unwrap();
    fs::create_dir(&out).unwrap();
    symlink(&outside, out.join("a")).unwrap();
    let error = artifacts.download("a", &out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(fs::read_dir(outside.join("b")).unwrap().count(), 0);
    // A link in place of the file itself is replaced.
    fs::remove_file(out.join("a")).unwrap();
    fs::create_dir_all(out.join("a/b")).unwrap();
    fs::write(outside.join("secret"), "old").unwrap();
    symlink(outside.join("secret"), out.join("a/b/c.txt")).unwrap();
    artifacts.download("", &out).unwrap();
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"old");
    assert_eq!(fs::read(out.join("a/b/c.txt")).unwrap(), b"new");
}

#[test]
fn ten_thousand_small_files_take_few_syncs_and_little_space() {
    let world = World::new();
    let local = world.folder.path().join("many");
    for number in 0..10_000_u32 {
        let folder = local.join(format!("{}", number % 10));
        if number < 10 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number}.bin")), noise(1024, u64::from(number))).unwrap();
    }
    let artifacts = world.artifacts();
    let (before, frames) = (world.length(), frames(&world));
    artifacts.log_folder(&local, "").unwrap();
    let growth = world.length() - before;
    assert!(growth <= 14 * 1024 * 1024, "{growth}");
    assert_eq!(number(&world.database, "SELECT count(*) FROM artifacts"), 10_000);
    // Three that name files, and those that take units.
    let more = self::frames(&world) - frames;
    assert!((3..=20).contains(&more), "{more}");
    assert!(artifacts.read("7/1237.bin").unwrap() == noise(1024, 1237));
    assert_eq!(artifacts.list("").unwrap().len(), 10);
}

fn frames(world: &World) -> u64 {
    tracklite::Database::verify(&world.file).unwrap().frames
}

#[test]
fn what_is_no_file_is_refused_before_anything_is_logged() {
    let world = World::new();
    let artifacts = world.artifacts();
    let local = world.folder.path().join("local");
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
    let error = artifacts.log_file(&local, "folder").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = artifacts.log_file(&world.file, "itself").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = artifacts.log_file(local.join("missing"), "missing").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = artifacts.log_folder(world.folder.path(), "").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound), "{error}");
    assert_eq!(artifacts.list_all().unwrap(), []);
    artifacts.log_folder(local.join("a"), "").unwrap();
    assert_eq!(artifacts.list_all().unwrap().len(), 1);
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let world = World::new();
    let artifacts = world.artifacts();
    for path in
        ["", "/a", "../a", "a/../b", "a//b", "a\\b", "C:a", "%2e%2e/a", "a%2fb", "a\0", "a#b"]
    {
        let refused = [
            artifacts.log_text(path, "no").unwrap_err(),
            artifacts.log_reference(path, "https://x", None, None).unwrap_err(),
            artifacts.log_file(&world.file, path).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}: {error}");
        }
        if !path.is_empty() {
            let error = artifacts.log_folder(world.folder.path(), path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}: {error}");
        }
    }
    assert_eq!(artifacts.list_all().unwrap(), []);
}

#[test]
fn a_file_that_moves_takes_its_artifacts_along() {
    let world = World::new();
    let artifacts = world.artifacts();
    artifacts.log_bytes("model/weights", &noise(300_000, 5)).unwrap();
    let owner = artifacts.owner();
    let uri = format!("{}/model", owner_uri(&owner));
    drop(artifacts);
    let World { database, file, folder } = world;
    database.close().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let moved = elsewhere.join("other name");
    fs::rename(&file, &moved).unwrap();
    let mut told = Vec::new();
    tracklite::Database::dump(&moved, &mut told).unwrap();
    let told = String::from_utf8_lossy(&told);
    let place = folder.path().to_str().unwrap();
    assert!(told.contains("model/weights") && !told.contains(place), "{told}");
    let database = super::open(&moved);
    let found = database.registry().resolve(&uri).unwrap();
    assert_eq!((found.owner, found.path.as_str()), (owner, "model"));
    let artifacts = database.artifacts_of(owner).unwrap();
    assert!(artifacts.read("model/weights").unwrap() == noise(300_000, 5));
}

fn owner_uri(owner: &tracklite::ArtifactOwner) -> String {
    let tracklite::ArtifactOwner::Run(id) = owner else { panic!("it is a run") };
    format!("runs:/{id}")
}
