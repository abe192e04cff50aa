//! Files of all sizes come back as they were logged, from anywhere in them.

use std::io::{ErrorKind as IoErrorKind, Read, Seek, SeekFrom};

use tracklite::{ArtifactOwner, Database, ErrorKind, RunId};

use super::{World, noise, open};

const MIB: usize = 1024 * 1024;

#[test]
fn files_of_all_sizes_come_back() {
    let world = World::new();
    let artifacts = world.artifacts();
    let sizes = [0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, MIB - 1, MIB, MIB + 1, 4 * MIB];
    for (seed, size) in sizes.into_iter().enumerate() {
        let bytes = noise(size, seed as u64);
        let path = format!("sizes/{size}");
        artifacts.log_bytes(&path, &bytes).unwrap();
        assert!(artifacts.read(&path).unwrap() == bytes, "{size}");
        let info = artifacts.info(&path).unwrap();
        assert_eq!((info.size, info.is_folder), (Some(size as u64), false));
        assert_eq!(info.digest.unwrap().len(), 64);
    }
    assert_eq!(artifacts.list_all().unwrap().len(), sizes.len());
}

#[test]
fn a_digest_is_the_hash_of_the_whole_file_wherever_it_is_cut() {
    let world = World::new();
    let artifacts = world.artifacts();
    // Zeros are cut into the largest chunks, so that what is read at a time ends with one.
    for size in [100, 4 * MIB, 4 * MIB + 100, 8 * MIB + 1, 70 * MIB + 7] {
        let zeros = vec![0; size];
        artifacts.log_bytes("zeros", &zeros).unwrap();
        let digest = artifacts.info("zeros").unwrap().digest.unwrap();
        assert_eq!(digest, blake3::hash(&zeros).to_string(), "{size}");
        assert!(artifacts.read("zeros").unwrap() == zeros, "{size}");
        assert_eq!(Database::verify(&world.file).unwrap().damages, [], "{size}");
    }
}

#[test]
fn a_large_file_streams_in_and_out_of_another_process() {
    let world = World::new();
    let bytes = noise(40 * MIB, 7);
    let local = world.folder.path().join("weights.bin");
    std::fs::write(&local, &bytes).unwrap();
    let artifacts = world.artifacts();
    let mut told = Vec::new();
    let upload = artifacts.upload().progress(|read| {
        told.push(read);
        Ok(())
    });
    upload.file(&local, "model/weights.bin").unwrap();
    assert!(told.len() >= 10 && told.is_sorted() && told.last() == Some(&(40 * MIB as u64)));
    let owner = artifacts.owner();
    drop(artifacts);
    let World { database, file, folder } = world;
    database.close().unwrap();

    let database = Database::open_read_only(&file).unwrap();
    let artifacts = database.artifacts_of(owner).unwrap();
    assert!(artifacts.read("model/weights.bin").unwrap() == bytes);
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
    assert!(Database::verify(&file).unwrap().is_sound());
    drop(folder);
}

#[test]
fn texts_values_images_and_references() {
    let world = World::new();
    let artifacts = world.artifacts();
    artifacts.log_text("notes.txt", "gr\u{fc}n").unwrap();
    artifacts.log_json("config/params.json", &[("depth", 3)]).unwrap();
    let image = [b"\x89PNG\r\n\x1a\n", &[0_u8; 30][..]].concat();
    let first = artifacts.log_image("digits/wrong", &image, 2500).unwrap();
    let second = artifacts.log_image("digits/wrong", &image, 2500).unwrap();
    assert!(first != second && first.starts_with("images/digits#wrong%step%2500%timestamp%"));
    assert_eq!(artifacts.read(&first).unwrap(), image);
    artifacts.log_reference("data/train.csv", "s3://bucket/train.csv", Some(17), None).unwrap();

    assert_eq!(artifacts.read("notes.txt").unwrap(), "gr\u{fc}n".as_bytes());
    assert_eq!(
        artifacts.read("config/params.json").unwrap(),
        b"[\n  [\n    \"depth\",\n    3\n  ]\n]"
    );
    let root = artifacts.list("").unwrap();
    let root: Vec<(&str, bool)> = root.iter().map(|it| (it.path.as_str(), it.is_folder)).collect();
    let wanted = [("config", true), ("data", true), ("images", true), ("notes.txt", false)];
    assert_eq!(root, wanted);
    let images = artifacts.list("images").unwrap();
    assert!(images.len() == 2 && images[0].media_type.as_deref() == Some("image/png"));
    assert_eq!(artifacts.list("notes.txt").unwrap(), []);
    assert_eq!(artifacts.list("nothing").unwrap(), []);
    let reference = artifacts.info("data/train.csv").unwrap();
    assert_eq!(reference.uri.as_deref(), Some("s3://bucket/train.csv"));
    assert_eq!((reference.size, reference.digest), (Some(17), None));
    let error = artifacts.open("data/train.csv").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    let error = artifacts.log_image("digits", b"no image", 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = artifacts.log_reference("a", " ", None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn writing_again_replaces_and_deleting_removes() {
    let world = World::new();
    let artifacts = world.artifacts();
    for text in ["first", "second"] {
        artifacts.log_text("a/b/c.txt", text).unwrap();
    }
    artifacts.log_text("a/b.txt", "beside").unwrap();
    artifacts.log_text("a/b0", "behind").unwrap();
    assert_eq!(artifacts.read("a/b/c.txt").unwrap(), b"second");
    for path in ["a", "a/b", "a/b/c.txt/d"] {
        let error = artifacts.log_text(path, "in the way").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path}");
        let error = artifacts.log_reference(path, "https://x", None, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path}");
    }
    artifacts.log_reference("a/b/c.txt", "https://x", None, None).unwrap();
    artifacts.log_text("a/b/c.txt", "third").unwrap();
    artifacts.delete("a/b").unwrap();
    let left = artifacts.list_all().unwrap();
    let left: Vec<&str> = left.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(left, ["a/b.txt", "a/b0"]);
    for missing in ["a/b", "a/b/c.txt", "b.txt"] {
        assert_eq!(artifacts.delete(missing).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(artifacts.read(missing).unwrap_err().kind(), ErrorKind::NotFound);
    }
    artifacts.delete("a/b0").unwrap();
    artifacts.log_text("a/b/again", "a folder again").unwrap();
}

#[test]
fn a_deleted_run_takes_no_artifacts_and_is_read() {
    let world = World::new();
    let run = world.database.default_experiment().unwrap().start_run("").unwrap();
    run.log_text("notes.txt", "kept").unwrap();
    world.database.delete_run(run.id()).unwrap();
    let artifacts = run.artifacts();
    let refused = [
        artifacts.log_text("more.txt", "no").unwrap_err(),
        artifacts.log_reference("more", "https://x", None, None).unwrap_err(),
        artifacts.delete("notes.txt").unwrap_err(),
        // Another process has not heard of it.
        open(&world.file).run(run.id()).unwrap().log_text("more.txt", "no").unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::InvalidState, "{error}");
    }
    assert_eq!(artifacts.read("notes.txt").unwrap(), b"kept");
    world.database.restore_run(run.id()).unwrap();
    run.log_text("more.txt", "yes").unwrap();
    run.finish().unwrap();
    let missing = ArtifactOwner::Run(RunId::from_bits(1));
    let error = world.database.artifacts_of(missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
