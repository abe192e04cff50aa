//! Deduplication: bytes that are already stored take no more space.

use crate::files::Helper;

use super::{query_number, shared_noise};
use crate::common::{TestDatabase, noise};

const MIB: usize = 1024 * 1024;

#[test]
fn the_same_bytes_are_stored_once() {
    let database = TestDatabase::quiet();
    let bytes = noise(6 * MIB, 1);
    database.new_artifacts().log_bytes(&bytes, "a.bin").unwrap();
    let (stored, length) = (database.chunk_bytes(), database.file_length());
    assert!((bytes.len() as u64..bytes.len() as u64 + 1000).contains(&stored), "{stored}");
    for path in ["a.bin", "b/c.bin"] {
        let artifacts = database.new_artifacts();
        artifacts.log_bytes(&bytes, path).unwrap();
        assert!(artifacts.read(path).unwrap() == bytes);
    }
    assert_eq!((database.chunk_bytes(), database.file_length()), (stored, length));
}

#[test]
fn versions_of_a_large_file_share_their_common_chunks() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let first = noise(20 * MIB, 2);
    artifacts.log_bytes(&first, "first").unwrap();
    let before = database.chunk_bytes();
    let mut second = first.clone();
    second.splice(7 * MIB..7 * MIB + 10, noise(1000, 3));
    artifacts.log_bytes(&second, "second").unwrap();
    let more = database.chunk_bytes() - before;
    assert!(more < 3 * MIB as u64, "{more} bytes for a change of 1000");
    assert!(artifacts.read("first").unwrap() == first);
    assert!(artifacts.read("second").unwrap() == second);
    assert_eq!(query_number(&database, "SELECT count(*) FROM artifacts WHERE is_list"), 0);
}

#[test]
fn compressible_files_are_compressed() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let text = "step,loss\n1,0.5\n".repeat(100_000);
    artifacts.log_text(&text, "log.csv").unwrap();
    assert!(database.chunk_bytes() * 20 < text.len() as u64, "{}", database.chunk_bytes());
    assert!(artifacts.read("log.csv").unwrap() == text.as_bytes());
}

#[test]
fn processes_and_threads_that_log_the_same_bytes_store_them_once() {
    let database = TestDatabase::quiet();
    let artifacts = database.new_artifacts();
    let bytes = shared_noise();
    let helpers: Vec<_> =
        (0..2).map(|_| Helper::start("log the same artifacts", database.path())).collect();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (artifacts, bytes) = (&artifacts, &bytes);
            scope.spawn(move || {
                for round in 0..5 {
                    artifacts.log_bytes(bytes, &format!("here/{thread}/{round}")).unwrap();
                }
            });
        }
    });
    helpers.into_iter().for_each(Helper::finish);
    let found = artifacts.list_all().unwrap();
    assert_eq!(found.len(), 20);
    for info in found {
        assert!(artifacts.read(&info.path).unwrap() == bytes, "{}", info.path);
    }
    let stored = database.chunk_bytes();
    assert!(stored < bytes.len() as u64 + 1000, "{stored}");
}
