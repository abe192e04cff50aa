//! gc, verify, backup, vacuum and salvage know artifacts; what was never named is given back.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::ScopedJoinHandle;

use tracklite::{ArtifactOwner, Database, Error, ErrorKind};

use super::{World, noise, number, open};
use crate::files::Helper;

const MIB: u64 = 1024 * 1024;

fn bytes(seed: u64) -> Vec<u8> {
    noise(8 * 1024 * 1024, seed)
}

#[test]
fn gc_frees_what_no_file_needs_and_nothing_else() {
    let world = World::new();
    let empty = world.allocated();
    let [kept, gone, deleted, replaced] = [(); 4].map(|()| world.artifacts());
    kept.log_bytes("shared.bin", &bytes(1)).unwrap();
    gone.log_bytes("shared.bin", &bytes(1)).unwrap();
    gone.log_bytes("own.bin", &bytes(2)).unwrap();
    deleted.log_bytes("a/b.bin", &bytes(3)).unwrap();
    // Two lists of chunks, which share most of them.
    let large = noise(40 * 1024 * 1024, 4);
    replaced.log_bytes("c.bin", &large).unwrap();
    replaced.log_bytes("d.bin", &large[MIB as usize..]).unwrap();
    assert_eq!(number(&world.database, "SELECT count(*) FROM artifacts WHERE is_list"), 2);
    assert_eq!(world.database.gc().unwrap().freed_bytes, 0);

    let ArtifactOwner::Run(id) = gone.owner() else { panic!("it is a run") };
    world.database.delete_run(id).unwrap();
    let report = world.database.gc().unwrap();
    assert_eq!((report.runs, report.freed_bytes / MIB), (1, 8));
    assert_eq!(gone.read("own.bin").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(kept.read("shared.bin").unwrap() == bytes(1));

    let mut reader = deleted.open("a/b.bin").unwrap();
    deleted.delete("a").unwrap();
    replaced.log_text("c.bin", "short").unwrap();
    let mut start = [0; 16];
    reader.read_exact(&mut start).unwrap();
    assert_eq!(start, bytes(3)[..16], "a file that was opened is read until its space is freed");
    let freed = world.database.gc().unwrap().freed_bytes;
    assert!((8 * MIB..11 * MIB).contains(&freed), "{freed}");
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::NotFound, "{error}");
    assert!(replaced.read("d.bin").unwrap() == large[MIB as usize..]);
    let used = world.allocated() - empty;
    assert!(used < 52 * MIB, "{used} bytes for 47 MiB of files");
    assert!(Database::verify(&world.file).unwrap().is_sound());

    // What was freed is stored again when it is logged again.
    deleted.log_bytes("again.bin", &bytes(3)).unwrap();
    assert!(deleted.read("again.bin").unwrap() == bytes(3));
}

#[test]
fn copies_have_the_files_that_are_there() {
    let world = World::new();
    let artifacts = world.artifacts();
    let large = noise(30 * 1024 * 1024, 5);
    artifacts.log_bytes("large.bin", &large).unwrap();
    artifacts.log_bytes("gone/a.bin", &bytes(6)).unwrap();
    artifacts.log_bytes("replaced.bin", &bytes(7)).unwrap();
    artifacts.log_text("replaced.bin", "short").unwrap();
    artifacts.log_reference("reference", "https://x", None, Some("md5:1")).unwrap();
    artifacts.delete("gone").unwrap();
    let ArtifactOwner::Run(id) = artifacts.owner() else { panic!("it is a run") };
    let run = world.database.default_experiment().unwrap().start_run("purged").unwrap();
    run.log_bytes("purged.bin", &bytes(8)).unwrap();
    run.delete().unwrap();
    world.database.gc().unwrap();

    let check = |file: &Path| {
        let report = Database::verify(file).unwrap();
        assert_eq!(report.damages, [], "{}", file.display());
        assert_eq!(report.artifacts, 3);
        let database = open(file);
        let copied = database.run(id).unwrap().artifacts();
        assert_eq!(copied.list_all().unwrap().len(), 3);
        assert!(copied.read("large.bin").unwrap() == large);
        assert_eq!(copied.read("replaced.bin").unwrap(), b"short");
        let reference = copied.info("reference").unwrap();
        assert_eq!(reference.uri.as_deref(), Some("https://x"));
        assert_eq!(database.gc().unwrap().freed_bytes, 0);
        let length = fs::metadata(file).unwrap().len();
        assert!(length < 35 * MIB, "{length} bytes for 30 MiB of files");
    };
    let [backup, salvaged] = ["backup", "salvaged"].map(|name| world.folder.path().join(name));
    world.database.backup(&backup).unwrap();
    check(&backup);
    let report = Database::salvage(&world.file, &salvaged).unwrap();
    assert_eq!(report.lost, [""; 0]);
    check(&salvaged);
    drop(artifacts);
    let World { database, file, folder } = world;
    database.close().unwrap();
    let report = Database::vacuum(&file).unwrap();
    assert!(report.after_bytes + 20 * MIB < report.before_bytes, "{report:?}");
    check(&file);
    drop(folder);
}

/// Flips a bit of a byte of the file.
fn damage(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

#[test]
fn a_flipped_bit_is_found_refused_and_left_out() {
    let world = World::new();
    let artifacts = world.artifacts();
    artifacts.log_bytes("good.bin", &bytes(1)).unwrap();
    artifacts.log_bytes("models/bad.bin", &bytes(2)).unwrap();
    let list = noise(40 * 1024 * 1024, 3);
    artifacts.log_bytes("list.bin", &list).unwrap();
    let query = "SELECT offset + coded / 2 FROM chunks JOIN artifact_chunks USING (hash)
                 JOIN artifacts USING (artifact) WHERE path = ";
    let offset = |path: &str| {
        number(&world.database, &format!("{query} '{path}' ORDER BY offset DESC LIMIT 1"))
    };
    let bad = offset("models/bad.bin");
    damage(&world.file, bad);

    let damages = Database::verify(&world.file).unwrap().damages;
    assert_eq!(damages.len(), 1, "{damages:?}");
    let found = &damages[0];
    assert!(found.place.contains("models/bad.bin") && found.place.contains("run"), "{found:?}");
    assert!(found.offset <= bad && bad - found.offset < MIB, "{found:?}");
    assert!(found.wanted.contains("hash") && found.got.contains("checksum"), "{found:?}");
    assert_eq!(artifacts.read("models/bad.bin").unwrap_err().kind(), ErrorKind::Damaged);
    let mut reader = artifacts.open("models/bad.bin").unwrap();
    let mut read = Vec::new();
    let error = reader.read_to_end(&mut read).unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::InvalidData);
    assert!(!read.is_empty() && bytes(2).starts_with(&read), "what comes before it is sound");
    let error = artifacts.download("models", world.folder.path().join("out")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let out = world.folder.path().join("out/models");
    assert_eq!(fs::read_dir(out).unwrap().count(), 0, "nothing is left of half a file");
    assert!(artifacts.read("good.bin").unwrap() == bytes(1));
    let copy = world.folder.path().join("copy");
    assert_eq!(world.database.backup(&copy).unwrap_err().kind(), ErrorKind::Damaged);

    damage(&world.file, offset("list.bin"));
    assert_eq!(Database::verify(&world.file).unwrap().damages.len(), 2);
    assert_eq!(artifacts.open("list.bin").unwrap_err().kind(), ErrorKind::Damaged);
    let report = Database::salvage(&world.file, &copy).unwrap();
    assert_eq!(report.lost.len(), 2, "{report:?}");
    assert!(report.lost[0].contains("models/bad.bin") && report.lost[1].contains("list.bin"));
    assert!(Database::verify(&copy).unwrap().is_sound());
    let ArtifactOwner::Run(id) = artifacts.owner() else { panic!("it is a run") };
    let saved = open(&copy).run(id).unwrap().artifacts();
    assert_eq!(saved.list_all().unwrap().len(), 1);
    assert!(saved.read("good.bin").unwrap() == bytes(1));
}

#[test]
fn an_upload_that_fails_leaves_nothing_and_takes_no_space() {
    let world = World::new();
    let artifacts = world.artifacts();
    artifacts.log_text("there.txt", "there").unwrap();
    let local = world.folder.path().join("local");
    fs::create_dir(&local).unwrap();
    fs::write(local.join("a.bin"), bytes(1)).unwrap();
    fs::write(local.join("b.bin"), bytes(2)).unwrap();
    let before = world.allocated();
    // The second file is gone when it is its turn.
    let mut has_begun = false;
    let upload = artifacts.upload().progress(|_| {
        if !has_begun {
            has_begun = true;
            fs::remove_file(local.join("b.bin")).unwrap();
        }
        Ok(())
    });
    let error = upload.folder(&local, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(artifacts.list_all().unwrap().len(), 1);
    assert_eq!(world.chunks(), 1);
    // What is left of the newest unit stays at hand.
    let more = world.allocated() - before;
    assert!(more < 7 * MIB, "{more} bytes");
    fs::write(local.join("b.bin"), bytes(2)).unwrap();
    artifacts.log_folder(&local, "").unwrap();
    assert!(artifacts.read("b.bin").unwrap() == bytes(2));
    assert!(Database::verify(&world.file).unwrap().is_sound());
}

#[test]
fn whoever_watches_an_upload_can_end_it() {
    let world = World::new();
    let artifacts = world.artifacts();
    artifacts.log_text("there.txt", "there").unwrap();
    let local = world.folder.path().join("large.bin");
    fs::write(&local, noise(40 * 1024 * 1024, 3)).unwrap();
    let before = world.allocated();
    for limit in [1, 20 * MIB] {
        let upload = artifacts.upload().progress(|read| match read < limit {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::InvalidState, "enough")),
        });
        let error = upload.file(&local, "large.bin").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidState, "{error}");
        assert!(error.to_string().contains("enough"), "{error}");
        assert_eq!((artifacts.list_all().unwrap().len(), world.chunks()), (1, 1));
    }
    // What is left of the newest unit stays at hand: chunks take 16 MiB at a time.
    let more = world.allocated() - before;
    assert!(more < 17 * MIB, "{more} bytes");
    artifacts.log_file(&local, "large.bin").unwrap();
    assert_eq!(artifacts.info("large.bin").unwrap().size, Some(40 * MIB));
    assert!(Database::verify(&world.file).unwrap().is_sound());
}

#[test]
fn what_a_killed_process_wrote_is_given_back() {
    let world = World::new();
    let artifacts = world.artifacts();
    artifacts.log_text("there.txt", "there").unwrap();
    let before = world.allocated();
    Helper::start("die in an upload", &world.file).finish();
    let more = world.allocated() - before;
    assert!(more > 8 * MIB, "the helper died too early: {more} bytes");
    assert_eq!(artifacts.list_all().unwrap().len(), 1);
    world.database.tick().unwrap();
    world.database.gc().unwrap();
    let more = world.allocated() - before;
    assert!(more < MIB, "{more} bytes");
    assert!(Database::verify(&world.file).unwrap().is_sound());
    assert_eq!(artifacts.read("there.txt").unwrap(), b"there");
}

#[test]
fn gc_beside_uploads_takes_nothing_that_is_needed() {
    let world = World::new();
    let [first, second] = [(); 2].map(|()| world.artifacts());
    let bytes = bytes(1);
    std::thread::scope(|scope| {
        let (world, bytes) = (&world, &bytes);
        let uploads = [first.clone(), second.clone()].map(|artifacts| {
            scope.spawn(move || {
                for round in 0..30 {
                    artifacts.log_bytes("a.bin", bytes).unwrap();
                    assert!(artifacts.read("a.bin").unwrap() == *bytes, "round {round}");
                    artifacts.delete("a.bin").unwrap();
                }
                artifacts.log_bytes("last.bin", bytes).unwrap();
            })
        });
        while !uploads.iter().all(ScopedJoinHandle::is_finished) {
            world.database.gc().unwrap();
        }
    });
    for artifacts in [first, second] {
        assert!(artifacts.read("last.bin").unwrap() == bytes);
    }
    assert!(number(&world.database, "SELECT count(*) FROM chunks") > 8);
    assert!(Database::verify(&world.file).unwrap().is_sound());
}
