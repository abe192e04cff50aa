//! Artifacts in gc, verify, backup, vacuum and salvage, and the space of unfinished uploads.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::ScopedJoinHandle;

use tracklite::artifact::{ArtifactOwner, Artifacts};
use tracklite::{Database, Error, ErrorKind, RunId};

use super::query_number;
use crate::common::{TestDatabase, error_kind, noise, open_quietly, start_run};
use crate::files::Helper;

const MIB: u64 = 1024 * 1024;

fn bytes(seed: u64) -> Vec<u8> {
    noise(8 * 1024 * 1024, seed)
}

fn run_of(artifacts: &Artifacts) -> RunId {
    let ArtifactOwner::Run(id) = artifacts.owner() else { panic!("the owner must be a run") };
    id
}

/// Artifacts of four runs, which share some of their bytes.
struct FourRuns {
    /// One file, shared with `purged`.
    kept: Artifacts,
    /// The shared file and one of its own.
    purged: Artifacts,
    /// One file in a folder.
    deleted: Artifacts,
    /// Two large files that share most of their chunks.
    replaced: Artifacts,
    large: Vec<u8>,
}

impl FourRuns {
    fn log(database: &TestDatabase) -> FourRuns {
        let [kept, purged, deleted, replaced] = [(); 4].map(|()| database.new_artifacts());
        kept.log_bytes(&bytes(1), "shared.bin").unwrap();
        purged.log_bytes(&bytes(1), "shared.bin").unwrap();
        purged.log_bytes(&bytes(2), "own.bin").unwrap();
        deleted.log_bytes(&bytes(3), "a/b.bin").unwrap();
        let large = noise(40 * 1024 * 1024, 4);
        replaced.log_bytes(&large, "c.bin").unwrap();
        replaced.log_bytes(&large[MIB as usize..], "d.bin").unwrap();
        assert_eq!(query_number(database, "SELECT count(*) FROM artifacts WHERE is_list"), 2);
        assert_eq!(database.gc().unwrap().freed_bytes, 0);
        FourRuns { kept, purged, deleted, replaced, large }
    }
}

#[test]
fn gc_frees_the_artifacts_of_purged_runs_but_not_shared_chunks() {
    let database = TestDatabase::quiet();
    let runs = FourRuns::log(&database);
    database.delete_run(run_of(&runs.purged)).unwrap();
    let report = database.gc().unwrap();
    assert_eq!((report.runs, report.freed_bytes / MIB), (1, 8));
    assert_eq!(error_kind(runs.purged.read("own.bin")), ErrorKind::NotFound);
    assert!(runs.kept.read("shared.bin").unwrap() == bytes(1));
}

#[test]
fn gc_frees_deleted_and_replaced_files() {
    let database = TestDatabase::quiet();
    let empty = database.allocated_bytes();
    let runs = FourRuns::log(&database);
    database.delete_run(run_of(&runs.purged)).unwrap();
    database.gc().unwrap();
    runs.deleted.delete("a").unwrap();
    runs.replaced.log_text("short", "c.bin").unwrap();
    let freed = database.gc().unwrap().freed_bytes;
    assert!((8 * MIB..11 * MIB).contains(&freed), "{freed}");
    assert!(runs.replaced.read("d.bin").unwrap() == runs.large[MIB as usize..]);
    let used = database.allocated_bytes() - empty;
    assert!(used < 52 * MIB, "{used} bytes for 47 MiB of files");
    assert!(Database::verify(database.path()).unwrap().is_sound());

    runs.deleted.log_bytes(&bytes(3), "again.bin").unwrap();
    assert!(runs.deleted.read("again.bin").unwrap() == bytes(3), "freed bytes are stored again");
}

#[test]
fn an_open_reader_works_until_gc_frees_its_file() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_bytes(&bytes(3), "a/b.bin").unwrap();
    let mut reader = artifacts.open("a/b.bin").unwrap();
    artifacts.delete("a").unwrap();
    let mut start = [0; 16];
    reader.read_exact(&mut start).unwrap();
    assert_eq!(start, bytes(3)[..16]);
    database.gc().unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::NotFound, "{error}");
}

#[test]
fn copies_have_exactly_the_files_that_still_exist() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let large = noise(30 * 1024 * 1024, 5);
    artifacts.log_bytes(&large, "large.bin").unwrap();
    artifacts.log_bytes(&bytes(6), "gone/a.bin").unwrap();
    artifacts.log_bytes(&bytes(7), "replaced.bin").unwrap();
    artifacts.log_text("short", "replaced.bin").unwrap();
    artifacts.log_reference("https://x", "reference", None, Some("md5:1")).unwrap();
    artifacts.delete("gone").unwrap();
    let id = run_of(&artifacts);
    let run = start_run(&database, "purged");
    run.log_bytes(&bytes(8), "purged.bin").unwrap();
    run.delete().unwrap();
    database.gc().unwrap();

    let check = |file: &Path| {
        let report = Database::verify(file).unwrap();
        assert_eq!(report.damages, [], "{}", file.display());
        assert_eq!(report.artifacts, 3);
        let database = open_quietly(file);
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
    let [backup, salvaged] = ["backup", "salvaged"].map(|name| database.folder().join(name));
    database.backup(&backup).unwrap();
    check(&backup);
    let report = Database::salvage(database.path(), &salvaged).unwrap();
    assert_eq!(report.lost, [""; 0]);
    check(&salvaged);
    drop((artifacts, run));
    let folder = database.close();
    let report = Database::vacuum(folder.file()).unwrap();
    assert!(report.after_bytes + 20 * MIB < report.before_bytes, "{report:?}");
    check(&folder.file());
}

/// Flips a bit of the byte at this offset.
fn damage(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

/// Returns the offset of the middle of the file's last chunk.
fn chunk_offset(database: &TestDatabase, path: &str) -> u64 {
    let query = "SELECT offset + coded / 2 FROM chunks JOIN artifact_chunks USING (hash)
                 JOIN artifacts USING (artifact) WHERE path = ";
    query_number(database, &format!("{query} '{path}' ORDER BY offset DESC LIMIT 1"))
}

/// Logs three files, then flips a bit of `models/bad.bin`; returns the offset of that bit.
fn damaged(database: &TestDatabase) -> (Artifacts, u64) {
    let artifacts = database.new_artifacts();
    artifacts.log_bytes(&bytes(1), "good.bin").unwrap();
    artifacts.log_bytes(&bytes(2), "models/bad.bin").unwrap();
    artifacts.log_bytes(&noise(40 * 1024 * 1024, 3), "list.bin").unwrap();
    let bad = chunk_offset(database, "models/bad.bin");
    damage(database.path(), bad);
    (artifacts, bad)
}

#[test]
fn verify_locates_a_damaged_artifact() {
    let database = TestDatabase::quiet();
    let (_artifacts, bad) = damaged(&database);
    let damages = Database::verify(database.path()).unwrap().damages;
    assert_eq!(damages.len(), 1, "{damages:?}");
    let found = &damages[0];
    assert!(found.place.contains("models/bad.bin") && found.place.contains("run"), "{found:?}");
    assert!(found.offset <= bad && bad - found.offset < MIB, "{found:?}");
    assert!(found.wanted.contains("hash") && found.got.contains("checksum"), "{found:?}");
}

#[test]
fn a_damaged_artifact_can_be_read_up_to_the_damage() {
    let database = TestDatabase::quiet();
    let (artifacts, _) = damaged(&database);
    assert_eq!(error_kind(artifacts.read("models/bad.bin")), ErrorKind::Damaged);
    let mut reader = artifacts.open("models/bad.bin").unwrap();
    let mut read = Vec::new();
    let error = reader.read_to_end(&mut read).unwrap_err();
    assert_eq!(error.kind(), IoErrorKind::InvalidData);
    assert!(!read.is_empty() && bytes(2).starts_with(&read), "the bytes before it must be right");
    assert!(artifacts.read("good.bin").unwrap() == bytes(1));
}

#[test]
fn a_damaged_artifact_stops_downloads_and_backups() {
    let database = TestDatabase::quiet();
    let (artifacts, _) = damaged(&database);
    let download = artifacts.download("models", database.folder().join("out"));
    assert_eq!(error_kind(download), ErrorKind::Damaged);
    let out = database.folder().join("out/models");
    assert_eq!(fs::read_dir(out).unwrap().count(), 0, "no partial file may be left");
    let backup = database.backup(database.folder().join("copy"));
    assert_eq!(error_kind(backup), ErrorKind::Damaged);
}

#[test]
fn salvage_leaves_damaged_artifacts_out() {
    let database = TestDatabase::quiet();
    let (artifacts, _) = damaged(&database);
    damage(database.path(), chunk_offset(&database, "list.bin"));
    assert_eq!(Database::verify(database.path()).unwrap().damages.len(), 2);
    assert_eq!(error_kind(artifacts.open("list.bin")), ErrorKind::Damaged);

    let copy = database.folder().join("copy");
    let report = Database::salvage(database.path(), &copy).unwrap();
    assert_eq!(report.lost.len(), 2, "{report:?}");
    assert!(report.lost[0].contains("models/bad.bin") && report.lost[1].contains("list.bin"));
    assert!(Database::verify(&copy).unwrap().is_sound());
    let saved = open_quietly(&copy).run(run_of(&artifacts)).unwrap().artifacts();
    assert_eq!(saved.list_all().unwrap().len(), 1);
    assert!(saved.read("good.bin").unwrap() == bytes(1));
}

#[test]
fn a_failed_upload_logs_nothing_and_frees_its_space() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_text("there", "there.txt").unwrap();
    let local = database.folder().join("local");
    fs::create_dir(&local).unwrap();
    fs::write(local.join("a.bin"), bytes(1)).unwrap();
    fs::write(local.join("b.bin"), bytes(2)).unwrap();
    let before = database.allocated_bytes();
    // Remove the second file while the first one is uploaded.
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
    assert_eq!(database.chunk_count(), 1);
    // The rest of the newest unit stays reserved.
    let more = database.allocated_bytes() - before;
    assert!(more < 7 * MIB, "{more} bytes");
    fs::write(local.join("b.bin"), bytes(2)).unwrap();
    artifacts.log_folder(&local, "").unwrap();
    assert!(artifacts.read("b.bin").unwrap() == bytes(2));
    assert!(Database::verify(database.path()).unwrap().is_sound());
}

#[test]
fn a_progress_callback_can_cancel_an_upload() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_text("there", "there.txt").unwrap();
    let local = database.folder().join("large.bin");
    fs::write(&local, noise(40 * 1024 * 1024, 3)).unwrap();
    let before = database.allocated_bytes();
    for limit in [1, 20 * MIB] {
        let upload = artifacts.upload().progress(|read| {
            if read < limit {
                return Ok(());
            }
            Err(Error::new(ErrorKind::InvalidState, "enough"))
        });
        let error = upload.file(&local, "large.bin").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidState, "{error}");
        assert!(error.to_string().contains("enough"), "{error}");
        assert_eq!((artifacts.list_all().unwrap().len(), database.chunk_count()), (1, 1));
    }
    // The rest of the newest unit stays reserved: chunks take 16 MiB at a time.
    let more = database.allocated_bytes() - before;
    assert!(more < 17 * MIB, "{more} bytes");
    artifacts.log_file(&local, "large.bin").unwrap();
    assert_eq!(artifacts.info("large.bin").unwrap().size, Some(40 * MIB));
    assert!(Database::verify(database.path()).unwrap().is_sound());
}

#[test]
fn gc_frees_the_unfinished_upload_of_a_dead_process() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    artifacts.log_text("there", "there.txt").unwrap();
    let before = database.allocated_bytes();
    Helper::start("die in an upload", database.path()).finish();
    let more = database.allocated_bytes() - before;
    assert!(more > 8 * MIB, "the helper must write more before it dies: {more} bytes");
    assert_eq!(artifacts.list_all().unwrap().len(), 1);
    database.tick().unwrap();
    database.gc().unwrap();
    let more = database.allocated_bytes() - before;
    assert!(more < MIB, "{more} bytes");
    assert!(Database::verify(database.path()).unwrap().is_sound());
    assert_eq!(artifacts.read("there.txt").unwrap(), b"there");
}

#[test]
fn gc_during_uploads_frees_nothing_that_is_used() {
    let database = TestDatabase::quiet();
    let [first, second] = [(); 2].map(|()| database.new_artifacts());
    let bytes = bytes(1);
    std::thread::scope(|scope| {
        let bytes = &bytes;
        let uploads = [first.clone(), second.clone()].map(|artifacts| {
            scope.spawn(move || {
                for round in 0..30 {
                    artifacts.log_bytes(bytes, "a.bin").unwrap();
                    assert!(artifacts.read("a.bin").unwrap() == *bytes, "round {round}");
                    artifacts.delete("a.bin").unwrap();
                }
                artifacts.log_bytes(bytes, "last.bin").unwrap();
            })
        });
        while !uploads.iter().all(ScopedJoinHandle::is_finished) {
            database.gc().unwrap();
        }
    });
    for artifacts in [first, second] {
        assert!(artifacts.read("last.bin").unwrap() == bytes);
    }
    assert!(query_number(&database, "SELECT count(*) FROM chunks") > 8);
    assert!(Database::verify(database.path()).unwrap().is_sound());
}
