//! Opening files of other builds, files that others have open, and damaged files.

use std::fs;

use tracklite::{Database, ErrorKind};

#[cfg(feature = "internals")]
use super::check_error;
use super::{check_not_opened, closed_file, full_message};
use crate::common::{TestFolder, open_read_only, start_run, try_open_read_only};

#[test]
fn a_newer_format_is_unsupported_and_a_damaged_header_is_damaged() {
    let folder = TestFolder::new();
    let (_, bytes) = closed_file(&folder);
    // Change the version, the lock protocol and the unit size in both copies of the header.
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
        fs::write(folder.file(), changed).unwrap();
        check_not_opened(&folder.file(), &[ErrorKind::UnsupportedFormat], words);
    }
    let mut changed = bytes;
    for start in [0, 8192] {
        changed[start + 20] ^= 1;
    }
    fs::write(folder.file(), changed).unwrap();
    check_not_opened(&folder.file(), &[ErrorKind::Damaged], "checksum");
}

/// The lock protocol of this build.
#[cfg(feature = "internals")]
const OWN_GENERATION: u64 = 1;

/// Holding the lock byte of another protocol simulates another build.
#[cfg(feature = "internals")]
#[test]
fn a_file_that_is_open_under_another_lock_protocol_is_rejected() {
    use tracklite::internals::storage::{
        Access, FileStorage, LockMode, LockRange, Storage as _, WritePath,
    };
    let folder = TestFolder::new();
    let (id, _) = closed_file(&folder);
    let other =
        FileStorage::open(&folder.file(), Access::ReadWrite, WritePath::Positioned).unwrap();
    let generations = LockRange { start: 256, length: 256 };
    for generation in [0, 1, 9, 255].into_iter().filter(|number| *number != OWN_GENERATION) {
        let byte = LockRange::byte(generations.start + generation);
        assert!(other.try_lock(byte, LockMode::Shared).unwrap());
        let words = ["runs.tracklite", "another lock protocol", "close it first"];
        check_error(Database::open(folder.file()), ErrorKind::UnsupportedFormat, &words);
        other.unlock(byte).unwrap();
    }
    let database = crate::common::open(&folder.file());
    assert_eq!(database.run(id).unwrap().history("loss").unwrap().len(), 10_000);
    assert!(other.is_locked_elsewhere(generations).unwrap(), "the other build must see our lock");
    drop(database);
    assert!(!other.is_locked_elsewhere(generations).unwrap());
}

/// On a volume shared by two machines, one kernel may see the other's stores too late.
#[cfg(feature = "internals")]
#[test]
fn a_file_that_another_kernel_writes_is_rejected() {
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
    let run = start_run(&first, "");
    file.set_boot_id(2);
    let words = ["shared.tracklite", "another kernel", "process"];
    check_error(open(), ErrorKind::Locked, &words);
    run.log_metric("loss", 1.0, 0).unwrap();
    drop(run);
    first.close().unwrap();
    assert_eq!(open().unwrap().runs().unwrap().len(), 1);
}

#[test]
fn a_file_with_one_damaged_header_copy_can_be_read() {
    let folder = TestFolder::new();
    let (id, bytes) = closed_file(&folder);
    for start in [0, 8192] {
        let mut changed = bytes.clone();
        changed[start..start + 64].fill(0xA5);
        fs::write(folder.file(), changed).unwrap();
        let database = open_read_only(&folder.file());
        assert_eq!(database.run(id).unwrap().history("loss").unwrap().len(), 10_000);
        let report = Database::verify(folder.file()).unwrap();
        assert_eq!(report.damages.len(), 1, "{report:?}");
        assert_eq!(report.damages[0].offset, start as u64);
    }
}

/// Cuts the file anywhere. Reading must return all points or an error that names the file.
#[test]
fn a_truncated_file_never_returns_fewer_points_without_an_error() {
    let folder = TestFolder::new();
    let (id, bytes) = closed_file(&folder);
    let mut lengths: Vec<usize> = vec![1, 63, 64, 4095, 4096, 8191, 8192, 8256, 65_535, 65_536];
    lengths.extend((1..200).map(|part| bytes.len() * part / 200));
    lengths.extend([65_600, 65_664, 65_700, bytes.len() - 1]);
    for length in lengths.into_iter().filter(|length| *length < bytes.len()) {
        fs::write(folder.file(), &bytes[..length]).unwrap();
        let is_sound = Database::verify(folder.file()).is_ok_and(|report| report.is_sound());
        let read = || -> tracklite::Result<usize> {
            let database = try_open_read_only(&folder.file())?;
            let run = database.run(id)?;
            assert_eq!(run.params()?["depth"], "3", "{length}");
            Ok(run.history("loss")?.len())
        };
        match read() {
            Ok(count) => assert_eq!(count, 10_000, "{length}"),
            Err(error) => {
                assert!(full_message(&error).contains("runs.tracklite"), "{length}: {error}");
                assert!(!is_sound, "{length}: verify found no damage, but reading failed: {error}");
            }
        }
        fs::write(folder.file(), &bytes[..length]).unwrap();
        if let Ok(database) = Database::open(folder.file()) {
            // A writer that can open the file must not panic.
            let _ = start_run(&database, "").log_metric("loss", 1.0, 0);
            let _ = database.close();
        }
    }
}
