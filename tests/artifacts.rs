//! Artifacts through the public API: round trips, checks of damage, and deduplication.

mod folders;
mod readers;
mod round_trips;
mod sharing;
#[cfg(feature = "parquet")]
mod tables;
mod upkeep;

use tracklite::Database;
use tracklite::artifact::Artifacts;

use crate::common::{TestDatabase, noise, start_run};

impl TestDatabase {
    /// Starts a run and returns its artifacts.
    fn new_artifacts(&self) -> Artifacts {
        start_run(self, "").artifacts()
    }

    /// Returns the bytes of disk space that the file takes.
    fn allocated_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(self.path()).unwrap().blocks() * 512
    }

    /// Returns the length of the file, holes included.
    fn file_length(&self) -> u64 {
        std::fs::metadata(self.path()).unwrap().len()
    }

    /// Returns the compressed bytes of all chunks.
    fn chunk_bytes(&self) -> u64 {
        query_number(self, "SELECT ifnull(sum(coded), 0) FROM chunks")
    }

    fn chunk_count(&self) -> u64 {
        query_number(self, "SELECT count(*) FROM chunks")
    }
}

/// Returns the number in the first column of the first row of an SQL query.
fn query_number(database: &Database, query: &str) -> u64 {
    match database.sql(query).unwrap().rows[0][0] {
        tracklite::SqlValue::Integer(number) => u64::try_from(number).unwrap(),
        ref other => panic!("expected a number, found {other:?}"),
    }
}

/// Returns the bytes that all helper processes log.
fn shared_noise() -> Vec<u8> {
    noise(5 * 1024 * 1024, 4)
}

/// Logs the same bytes under five paths of the first run. Runs in a helper process.
pub(crate) fn log_the_same(database: &Database) {
    let bytes = shared_noise();
    let run = database.run(database.runs().unwrap()[0].info.id).unwrap();
    for round in 0..5 {
        run.log_bytes(&bytes, &format!("{}/{round}", std::process::id())).unwrap();
    }
}

/// Exits in the middle of logging a file to the first run. Runs in a helper process.
pub(crate) fn die_in_an_upload(database: &Database) {
    let local = database.path().with_extension("half");
    std::fs::write(&local, noise(32 * 1024 * 1024, 9)).unwrap();
    let run = database.run(database.runs().unwrap()[0].info.id).unwrap();
    let artifacts = run.artifacts();
    let upload = artifacts.upload().progress(|read| {
        if read >= 20 * 1024 * 1024 {
            std::process::exit(0);
        }
        Ok(())
    });
    upload.file(&local, "never.bin").unwrap();
}
