//! Artifacts of all sizes and kinds are read back exactly as they were logged.

use std::io::{ErrorKind as IoErrorKind, Read, Seek, SeekFrom};

use tracklite::artifact::{ArtifactOwner, Artifacts};
use tracklite::{Database, ErrorKind, RunId};

use crate::common::{TestDatabase, TestFolder, error_kind, noise, open_quietly, start_run};

const MIB: usize = 1024 * 1024;

#[test]
fn files_of_all_sizes_are_read_back() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let sizes = [0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, MIB - 1, MIB, MIB + 1, 4 * MIB];
    for (seed, size) in sizes.into_iter().enumerate() {
        let bytes = noise(size, seed as u64);
        let path = format!("sizes/{size}");
        artifacts.log_bytes(&bytes, &path).unwrap();
        assert!(artifacts.read(&path).unwrap() == bytes, "{size}");
        let info = artifacts.info(&path).unwrap();
        assert_eq!((info.size, info.is_folder), (Some(size as u64), false));
        assert_eq!(info.digest.unwrap().len(), 64);
    }
    assert_eq!(artifacts.list_all().unwrap().len(), sizes.len());
}

#[test]
fn a_digest_is_the_hash_of_the_whole_file() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    // Zeros are cut into chunks of the maximum size, so that a read buffer ends with a chunk.
    for size in [100, 4 * MIB, 4 * MIB + 100, 8 * MIB + 1, 70 * MIB + 7] {
        let zeros = vec![0; size];
        artifacts.log_bytes(&zeros, "zeros").unwrap();
        let digest = artifacts.info("zeros").unwrap().digest.unwrap();
        assert_eq!(digest, blake3::hash(&zeros).to_string(), "{size}");
        assert!(artifacts.read("zeros").unwrap() == zeros, "{size}");
        assert_eq!(Database::verify(database.path()).unwrap().damages, [], "{size}");
    }
}

/// Uploads a file of 40 MiB, closes the database and opens it again for reading.
fn uploaded() -> (TestFolder, Artifacts, Vec<u8>) {
    let database = TestDatabase::quiet();
    let bytes = noise(40 * MIB, 7);
    let local = database.folder().join("weights.bin");
    std::fs::write(&local, &bytes).unwrap();
    let artifacts = database.new_artifacts();
    let mut progress = Vec::new();
    let upload = artifacts.upload().progress(|read| {
        progress.push(read);
        Ok(())
    });
    upload.file(&local, "model/weights.bin").unwrap();
    assert!(progress.len() >= 10 && progress.is_sorted(), "{progress:?}");
    assert_eq!(progress.last(), Some(&(40 * MIB as u64)));
    let owner = artifacts.owner();
    drop(artifacts);
    let folder = database.close();
    let reader = Database::open_read_only(folder.file()).unwrap();
    (folder, reader.artifacts_of(owner).unwrap(), bytes)
}

#[test]
fn a_large_file_is_uploaded_and_read_by_another_handle() {
    let (folder, artifacts, bytes) = uploaded();
    assert!(artifacts.read("model/weights.bin").unwrap() == bytes);
    assert!(Database::verify(folder.file()).unwrap().is_sound());
}

#[test]
fn a_reader_can_seek_to_any_position() {
    let (_folder, artifacts, bytes) = uploaded();
    let mut reader = artifacts.open("model/weights.bin").unwrap();
    assert_eq!(reader.len(), bytes.len() as u64);
    for at in [0, 1, 33 * MIB + 5, 12_345, 40 * MIB - 3, 17 * MIB] {
        let mut piece = [0; 3];
        reader.seek(SeekFrom::Start(at as u64)).unwrap();
        reader.read_exact(&mut piece).unwrap();
        assert_eq!(piece, bytes[at..at + 3], "{at}");
    }
    assert_eq!(reader.seek(SeekFrom::End(-2)).unwrap(), 40 * MIB as u64 - 2);
    let mut tail = Vec::new();
    reader.read_to_end(&mut tail).unwrap();
    assert_eq!(tail, bytes[40 * MIB - 2..]);
    assert_eq!(reader.seek(SeekFrom::Current(-4)).unwrap(), 40 * MIB as u64 - 4);
    assert_eq!(reader.seek(SeekFrom::End(9)).unwrap(), 40 * MIB as u64 + 9);
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    let error = reader.seek(SeekFrom::Current(i64::MIN)).unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::InvalidInput);
}

/// Returns bytes that begin like a PNG file.
fn image() -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n", &[0_u8; 30][..]].concat()
}

#[test]
fn texts_and_json_values_are_stored_as_files() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_text("gr\u{fc}n", "notes.txt").unwrap();
    artifacts.log_json(&[("depth", 3)], "config/params.json").unwrap();
    assert_eq!(artifacts.read("notes.txt").unwrap(), "gr\u{fc}n".as_bytes());
    assert_eq!(
        artifacts.read("config/params.json").unwrap(),
        b"[\n  [\n    \"depth\",\n    3\n  ]\n]"
    );
}

#[test]
fn each_image_gets_its_own_path() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let image = image();
    let first = artifacts.log_image(&image, "digits/wrong", 2500).unwrap();
    let second = artifacts.log_image(&image, "digits/wrong", 2500).unwrap();
    assert_ne!(first, second);
    assert!(first.starts_with("images/digits#wrong%step%2500%timestamp%"), "{first}");
    assert_eq!(artifacts.read(&first).unwrap(), image);
    let images = artifacts.list("images").unwrap();
    assert_eq!((images.len(), images[0].media_type.as_deref()), (2, Some("image/png")));
    let rejected = artifacts.log_image(b"no image", "digits", 0);
    assert_eq!(error_kind(rejected), ErrorKind::InvalidInput);
}

#[test]
fn references_are_stored_but_cannot_be_opened() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_reference("s3://bucket/train.csv", "data/train.csv", Some(17), None).unwrap();
    let reference = artifacts.info("data/train.csv").unwrap();
    assert_eq!(reference.uri.as_deref(), Some("s3://bucket/train.csv"));
    assert_eq!((reference.size, reference.digest), (Some(17), None));
    let error = artifacts.open("data/train.csv").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    let blank = artifacts.log_reference(" ", "a", None, None);
    assert_eq!(error_kind(blank), ErrorKind::InvalidInput);
}

#[test]
fn a_list_has_the_files_and_folders_directly_below_a_path() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_text("gr\u{fc}n", "notes.txt").unwrap();
    artifacts.log_json(&[("depth", 3)], "config/params.json").unwrap();
    artifacts.log_image(&image(), "digits", 0).unwrap();
    artifacts.log_reference("s3://bucket/train.csv", "data/train.csv", None, None).unwrap();
    let root = artifacts.list("").unwrap();
    let root: Vec<_> = root.iter().map(|info| (info.path.as_str(), info.is_folder)).collect();
    let wanted = [("config", true), ("data", true), ("images", true), ("notes.txt", false)];
    assert_eq!(root, wanted);
    assert_eq!(artifacts.list("notes.txt").unwrap(), []);
    assert_eq!(artifacts.list("nothing").unwrap(), []);
}

/// Logs a file twice at `a/b/c.txt`, and files whose paths sort just before and after that folder.
fn neighbours(database: &TestDatabase) -> Artifacts {
    let artifacts = database.new_artifacts();
    for text in ["first", "second"] {
        artifacts.log_text(text, "a/b/c.txt").unwrap();
    }
    artifacts.log_text("beside", "a/b.txt").unwrap();
    artifacts.log_text("behind", "a/b0").unwrap();
    artifacts
}

#[test]
fn logging_a_path_again_replaces_the_file() {
    let database = TestDatabase::quiet();
    assert_eq!(neighbours(&database).read("a/b/c.txt").unwrap(), b"second");
}

#[test]
fn a_file_cannot_replace_a_folder_or_be_below_a_file() {
    let database = TestDatabase::quiet();
    let artifacts = neighbours(&database);
    for path in ["a", "a/b", "a/b/c.txt/d"] {
        let text = artifacts.log_text("in the way", path);
        assert_eq!(error_kind(text), ErrorKind::InvalidInput, "{path}");
        let reference = artifacts.log_reference("https://x", path, None, None);
        assert_eq!(error_kind(reference), ErrorKind::InvalidInput, "{path}");
    }
}

#[test]
fn deleting_a_folder_removes_its_files_only() {
    let database = TestDatabase::quiet();
    let artifacts = neighbours(&database);
    artifacts.log_reference("https://x", "a/b/c.txt", None, None).unwrap();
    artifacts.log_text("third", "a/b/c.txt").unwrap();
    artifacts.delete("a/b").unwrap();
    let left = artifacts.list_all().unwrap();
    let left: Vec<&str> = left.iter().map(|info| info.path.as_str()).collect();
    assert_eq!(left, ["a/b.txt", "a/b0"]);
    for missing in ["a/b", "a/b/c.txt", "b.txt"] {
        assert_eq!(error_kind(artifacts.delete(missing)), ErrorKind::NotFound);
        assert_eq!(error_kind(artifacts.read(missing)), ErrorKind::NotFound);
    }
    artifacts.delete("a/b0").unwrap();
    artifacts.log_text("a folder again", "a/b/again").unwrap();
}

#[test]
fn artifacts_of_a_deleted_run_can_be_read_but_not_written() {
    let database = TestDatabase::quiet();
    let run = start_run(&database, "");
    run.log_text("kept", "notes.txt").unwrap();
    database.delete_run(run.id()).unwrap();
    let artifacts = run.artifacts();
    let errors = [
        artifacts.log_text("no", "more.txt").unwrap_err(),
        artifacts.log_reference("https://x", "more", None, None).unwrap_err(),
        artifacts.delete("notes.txt").unwrap_err(),
        // Another process has not read the deletion yet.
        open_quietly(database.path())
            .run(run.id())
            .unwrap()
            .log_text("no", "more.txt")
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidState, "{error}");
    }
    assert_eq!(artifacts.read("notes.txt").unwrap(), b"kept");
    database.restore_run(run.id()).unwrap();
    run.log_text("yes", "more.txt").unwrap();
    run.finish().unwrap();
}

#[test]
fn artifacts_of_an_unknown_run_are_not_found() {
    let database = TestDatabase::quiet();
    let missing = ArtifactOwner::Run(RunId::from_bits(1));
    let error = database.artifacts_of(missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
