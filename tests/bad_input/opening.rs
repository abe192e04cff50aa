//! Files of other builds, files that others have open, files that are damaged: what opening says.

use std::fs;

use tracklite::{Database, ErrorKind};

#[cfg(feature = "internals")]
use super::fails;
use super::{Place, open_to_read, refused, start, whole_text};

#[test]
fn a_newer_format_is_told_from_a_damaged_one() {
    let place = Place::new();
    let (_, bytes) = place.closed_file();
    // Version, lock protocol and unit size of the header; each copy has a checksum of its own.
    for (at, value, words) in [
        (8, 7_u8, "format version 7"),
        (10, 9, "lock protocol 9"),
        (14, 2, "units of 131072 bytes"),
    ] {
        let mut changed = bytes.clone();
        for start in [0, 8192] {
            changed[start + at] = value;
            let checksum = crc32c::crc32c(&changed[start..start + 60]);
            changed[start + 60..start + 64].copy_from_slice(&checksum.to_le_bytes());
        }
        fs::write(place.file(), changed).unwrap();
        refused(&place.file(), &[ErrorKind::UnsupportedFormat], words);
    }
    let mut changed = bytes;
    for start in [0, 8192] {
        changed[start + 20] ^= 1;
    }
    fs::write(place.file(), changed).unwrap();
    refused(&place.file(), &[ErrorKind::Damaged], "checksum");
}

/// The lock protocol of this build.
#[cfg(feature = "internals")]
const OWN_GENERATION: u64 = 1;

/// The other build is played by whoever shares its lock byte.
#[cfg(feature = "internals")]
#[test]
fn a_file_that_is_open_under_another_lock_protocol_is_refused() {
    use tracklite::internals::storage::{
        Access, FileStorage, LockMode, LockRange, Storage as _, WritePath,
    };
    let place = Place::new();
    let (id, _) = place.closed_file();
    let other = FileStorage::open(&place.file(), Access::ReadWrite, WritePath::Positioned).unwrap();
    let generations = LockRange { start: 256, length: 256 };
    for generation in [0, 1, 9, 255].into_iter().filter(|it| *it != OWN_GENERATION) {
        let byte = LockRange::byte(generations.start + generation);
        assert!(other.try_lock(byte, LockMode::Shared).unwrap());
        let told = ["runs.tracklite", "another lock protocol", "close it first"];
        fails(Database::open(place.file()), ErrorKind::UnsupportedFormat, &told);
        other.unlock(byte).unwrap();
    }
    let database = place.open();
    assert_eq!(database.run(id).unwrap().history("loss").unwrap().len(), 10_000);
    assert!(other.is_locked_elsewhere(generations).unwrap(), "the other one is warned as well");
    drop(database);
    assert!(!other.is_locked_elsewhere(generations).unwrap());
}

/// Two machines with one volume: what one stores the other does not see in time.
#[cfg(feature = "internals")]
#[test]
fn a_file_that_another_kernel_writes_is_refused() {
    use tracklite::IndexPlace;
    use tracklite::internals::{new_file, new_header, storage::MemoryFile};
    let file = MemoryFile::with_bytes(&new_file(new_header(7)));
    let open = || {
        let builder = Database::builder().background(false).index(IndexPlace::InMemory);
        builder.open_storage(
            std::path::Path::new("shared.tracklite"),
            std::sync::Arc::new(file.open()),
        )
    };
    let first = open().unwrap();
    let run = start(&first);
    file.set_boot_id(2);
    let told = ["shared.tracklite", "another kernel", "process"];
    fails(open(), ErrorKind::Locked, &told);
    run.log_metric("loss", 1.0, 0).unwrap();
    drop(run);
    first.close().unwrap();
    assert_eq!(open().unwrap().runs().unwrap().len(), 1);
}

#[test]
fn a_header_copy_that_is_lost_costs_nothing() {
    let place = Place::new();
    let (id, bytes) = place.closed_file();
    for start in [0, 8192] {
        let mut changed = bytes.clone();
        changed[start..start + 64].fill(0xA5);
        fs::write(place.file(), changed).unwrap();
        let database = open_to_read(&place.file()).unwrap();
        assert_eq!(database.run(id).unwrap().history("loss").unwrap().len(), 10_000);
        let report = Database::verify(place.file()).unwrap();
        assert_eq!(report.damages.len(), 1, "{report:?}");
        assert_eq!(report.damages[0].offset, start as u64);
    }
}

/// Cut anywhere: an error that names the file, or answers that are right; never a panic, and never
/// fewer points without a word.
#[test]
fn a_truncated_file_is_damaged_and_never_quietly_shorter() {
    let place = Place::new();
    let (id, bytes) = place.closed_file();
    let mut lengths: Vec<usize> = vec![1, 63, 64, 4095, 4096, 8191, 8192, 8256, 65_535, 65_536];
    lengths.extend((1..200).map(|part| bytes.len() * part / 200));
    lengths.extend([65_600, 65_664, 65_700, bytes.len() - 1]);
    for length in lengths.into_iter().filter(|length| *length < bytes.len()) {
        fs::write(place.file(), &bytes[..length]).unwrap();
        let is_sound = Database::verify(place.file()).is_ok_and(|report| report.is_sound());
        let read = || -> tracklite::Result<usize> {
            let database = open_to_read(&place.file())?;
            let run = database.run(id)?;
            assert_eq!(run.params()?["depth"], "3", "{length}");
            Ok(run.history("loss")?.len())
        };
        match read() {
            Ok(count) => assert_eq!(count, 10_000, "{length}"),
            Err(error) => {
                assert!(whole_text(&error).contains("runs.tracklite"), "{length}: {error}");
                assert!(!is_sound, "{length}: verify finds nothing, yet {error}");
            }
        }
        fs::write(place.file(), &bytes[..length]).unwrap();
        if let Ok(database) = Database::open(place.file()) {
            // A writer that gets in does not make it worse.
            let _ = start(&database).log_metric("loss", 1.0, 0);
            let _ = database.close();
        }
    }
}
