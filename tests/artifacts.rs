//! Artifacts through the public API: what is logged is read back, whole, checked, and stored once.

mod folders;
mod round_trips;
mod sharing;
#[cfg(feature = "parquet")]
mod tables;
mod upkeep;

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracklite::{Artifacts, Database, IndexPlace};

/// An open database in a folder of its own.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) file: PathBuf,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        // In memory where there is such a place: these tests sync often.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let file = folder.path().join("runs.tracklite");
        World { database: open(&file), file, folder }
    }

    pub(crate) fn artifacts(&self) -> Artifacts {
        self.database.default_experiment().unwrap().start_run("").unwrap().artifacts()
    }

    /// Bytes of space that the file takes.
    pub(crate) fn allocated(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(&self.file).unwrap().blocks() * 512
    }

    /// The length of the file and of nothing but it.
    pub(crate) fn length(&self) -> u64 {
        std::fs::metadata(&self.file).unwrap().len()
    }

    /// Bytes of the file's chunks.
    pub(crate) fn stored(&self) -> u64 {
        number(&self.database, "SELECT ifnull(sum(coded), 0) FROM chunks")
    }

    pub(crate) fn chunks(&self) -> u64 {
        number(&self.database, "SELECT count(*) FROM chunks")
    }
}

pub(crate) fn open(file: &Path) -> Database {
    let builder = Database::builder().create(true).background(false).index(IndexPlace::InMemory);
    builder.sync_interval(None).open(file).unwrap()
}

pub(crate) fn number(database: &Database, query: &str) -> u64 {
    match database.sql(query).unwrap().rows[0][0] {
        tracklite::SqlValue::Integer(number) => u64::try_from(number).unwrap(),
        ref other => panic!("{other:?}"),
    }
}

/// Bytes that no compressor makes smaller, the same for the same seed.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// What helpers log.
pub(crate) fn same_noise() -> Vec<u8> {
    noise(5 * 1024 * 1024, 4)
}

/// What a helper does: logs the same bytes under five paths of the first run.
pub(crate) fn log_the_same(database: &Database) {
    let bytes = same_noise();
    let run = database.run(database.runs().unwrap()[0].info.id).unwrap();
    for round in 0..5 {
        run.log_bytes(&format!("{}/{round}", std::process::id()), &bytes).unwrap();
    }
}

/// What a helper does: dies when half of a file is written that it logs to the first run.
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
