//! Tests of the file storage on the file system of the temporary folder.

use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::format::UNIT_BYTES;
use crate::storage::shared_file::GROWTH_LOCK;
use crate::sys::fork::testing;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn create(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("file");
    FileStorage::create_new(&path, &[7; 100]).unwrap();
    path
}

fn open(path: &Path) -> FileStorage {
    FileStorage::open(path, Access::ReadWrite, WritePath::Automatic).unwrap()
}

fn opened() -> (TempDir, PathBuf, FileStorage) {
    let folder = folder();
    let path = create(&folder);
    let storage = open(&path);
    (folder, path, storage)
}

fn read(storage: &dyn Storage, offset: u64, count: usize) -> Vec<u8> {
    let mut buffer = vec![0xAA; count];
    let read = storage.read_at(offset, &mut buffer).unwrap();
    buffer.truncate(read);
    buffer
}

#[test]
fn written_bytes_are_read_and_a_read_ends_with_the_file() {
    let (_folder, _, storage) = opened();
    assert_eq!(read(&storage, 0, 200), vec![7; 100]);
    storage.write_at(150, b"end").unwrap();
    assert_eq!(storage.len().unwrap(), 153);
    assert_eq!(read(&storage, 90, 100)[10..], [[0; 50].as_slice(), b"end"].concat());
    assert_eq!(read(&storage, 153, 10), b"");
    storage.sync().unwrap();
}

#[test]
fn a_truncated_file_causes_a_short_read() {
    let (_folder, path, storage) = opened();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(3).unwrap();
    assert_eq!(read(&storage, 0, 100), [7; 3]);
}

#[test]
fn only_regular_files_can_be_opened() {
    let folder = folder();
    let open = |name: &str, access| {
        let path = folder.path().join(name);
        FileStorage::open(&path, access, WritePath::Automatic).unwrap_err().kind()
    };
    assert_eq!(open("", Access::ReadOnly), io::ErrorKind::IsADirectory);
    assert_eq!(open("", Access::ReadWrite), io::ErrorKind::IsADirectory);
    assert_eq!(open("absent", Access::ReadWrite), io::ErrorKind::NotFound);
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
    assert_eq!(open("pipe", Access::ReadOnly), io::ErrorKind::InvalidInput);
}

#[test]
fn a_reader_can_change_nothing() {
    let (_folder, path, _) = opened();
    let reader = FileStorage::open(&path, Access::ReadOnly, WritePath::Automatic).unwrap();
    let denied = |outcome: io::Result<()>| {
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    };
    denied(reader.write_at(0, b"x"));
    denied(reader.allocate(0, UNIT_BYTES));
    denied(reader.punch(0, UNIT_BYTES));
    denied(reader.region(0, 8).map(|_| ()));
    denied(reader.try_lock(LockRange::byte(0), LockMode::Exclusive).map(|_| ()));
    assert!(reader.try_lock(LockRange::byte(0), LockMode::Shared).unwrap());
}

#[test]
fn stores_are_visible_at_once_and_equal_on_both_write_paths() {
    let mut files = Vec::new();
    for write_path in [WritePath::Mapped, WritePath::Positioned] {
        let folder = folder();
        let path = create(&folder);
        let writer = FileStorage::open(&path, Access::ReadWrite, write_path).unwrap();
        assert_eq!(writer.is_mapped(), write_path == WritePath::Mapped);
        let reader = FileStorage::open(&path, Access::ReadOnly, write_path).unwrap();
        writer.allocate(UNIT_BYTES, UNIT_BYTES).unwrap();
        let region = writer.region(UNIT_BYTES, UNIT_BYTES).unwrap();
        region.populate(0, 8192);
        region.store(64, &[3, 4]).unwrap();
        region.commit(32, &[1, 2, u64::MAX]).unwrap();
        let wanted: Vec<u8> =
            [1, 2, u64::MAX, 0, 3, 4].iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
        assert_eq!(read(&reader, UNIT_BYTES + 32, 48), wanted);
        let many: Vec<u64> = (0..UNIT_BYTES / 8).collect();
        region.commit(0, &many).unwrap();
        for (offset, count) in [(4, 1), (UNIT_BYTES as usize, 1), (8, many.len())] {
            assert!(region.store(offset, &many[..count]).is_err());
            assert!(region.commit(offset, &many[..count]).is_err());
        }
        files.push(fs::read(&path).unwrap());
    }
    assert_eq!(files[0], files[1]);
    assert_eq!(files[0].len() as u64, 2 * UNIT_BYTES);
}

#[test]
fn a_region_needs_space_within_the_file() {
    let (_folder, _, storage) = opened();
    storage.allocate(0, UNIT_BYTES).unwrap();
    assert!(storage.region(UNIT_BYTES, UNIT_BYTES).is_err());
    assert!(storage.region(0, 0).is_err());
    assert!(storage.region(u64::MAX - 8, 64).is_err());
    assert!(storage.region(0, UNIT_BYTES).is_ok());
}

#[test]
fn a_punch_frees_allocated_space() {
    let (_folder, path, storage) = opened();
    storage.allocate(UNIT_BYTES, 3 * UNIT_BYTES).unwrap();
    assert_eq!(storage.len().unwrap(), 4 * UNIT_BYTES);
    let before = storage.allocated_bytes().unwrap();
    assert!(before >= 3 * UNIT_BYTES);
    storage.write_at(UNIT_BYTES, &vec![1; 3 * UNIT_BYTES as usize]).unwrap();
    storage.punch(2 * UNIT_BYTES, UNIT_BYTES).unwrap();
    assert_eq!(storage.len().unwrap(), 4 * UNIT_BYTES);
    assert!(storage.allocated_bytes().unwrap() <= before - UNIT_BYTES);
    let bytes = fs::read(path).unwrap();
    let filled = |unit: usize| &bytes[unit * UNIT_BYTES as usize..][..UNIT_BYTES as usize];
    assert!(filled(1).iter().chain(filled(3)).all(|&byte| byte == 1));
    assert!(filled(2).iter().all(|&byte| byte == 0));
}

#[test]
fn ranges_beyond_a_file_are_invalid() {
    let (_folder, _, storage) = opened();
    let invalid = |outcome: io::Result<()>| {
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    };
    invalid(storage.write_at(u64::MAX, b"x"));
    invalid(storage.allocate(1 << 63, 1));
    invalid(storage.punch(u64::MAX, 2));
    let empty = LockRange { start: 0, length: 0 };
    invalid(storage.try_lock(empty, LockMode::Shared).map(|_| ()));
}

#[test]
fn extending_never_truncates_or_overwrites() {
    let (_folder, _, storage) = opened();
    storage.file.extend(UNIT_BYTES).unwrap();
    assert_eq!(storage.len().unwrap(), UNIT_BYTES);
    storage.file.extend(100).unwrap();
    assert_eq!(storage.len().unwrap(), UNIT_BYTES);
    assert_eq!(read(&storage, 0, 100), [7; 100]);
}

#[test]
fn extending_waits_for_another_process_that_extends() {
    let (_folder, path, other) = opened();
    let growth = LockRange::byte(GROWTH_LOCK);
    assert!(other.try_lock(growth, LockMode::Exclusive).unwrap());
    let late = thread::spawn(move || open(&path).file.extend(UNIT_BYTES));
    thread::sleep(Duration::from_millis(50));
    assert_eq!(other.len().unwrap(), 100, "the call did not wait for the lock");
    // The other process prepared the same range, took it, and filled it.
    let filled = [9; UNIT_BYTES as usize];
    other.write_at(0, &filled).unwrap();
    other.unlock(growth).unwrap();
    late.join().unwrap().unwrap();
    assert_eq!(read(&other, 0, filled.len()), filled);
    assert!(!other.is_locked_elsewhere(growth).unwrap());
}

#[test]
fn locks_of_two_openings_in_one_process_exclude_each_other() {
    let (_folder, path, one) = opened();
    let two = open(&path);
    let range = LockRange { start: 10, length: 5 };
    assert!(one.try_lock(range, LockMode::Exclusive).unwrap());
    assert!(!two.try_lock(LockRange::byte(14), LockMode::Shared).unwrap());
    assert!(two.try_lock(LockRange::byte(15), LockMode::Exclusive).unwrap());
    assert!(two.is_locked_elsewhere(LockRange::byte(10)).unwrap());
    assert!(!one.is_locked_elsewhere(LockRange::byte(10)).unwrap());
    assert!(one.is_locked_elsewhere(LockRange { start: 0, length: 100 }).unwrap());
    assert!(one.try_lock(range, LockMode::Shared).unwrap());
    assert!(two.try_lock(range, LockMode::Shared).unwrap());
    assert!(!one.try_lock(range, LockMode::Exclusive).unwrap());
    two.unlock(range).unwrap();
    assert!(one.try_lock(range, LockMode::Exclusive).unwrap());
}

#[test]
fn a_lock_ends_with_its_storage_even_if_a_region_lives() {
    for write_path in [WritePath::Mapped, WritePath::Positioned] {
        let (_folder, path, other) = opened();
        let holder = FileStorage::open(&path, Access::ReadWrite, write_path).unwrap();
        holder.allocate(0, UNIT_BYTES).unwrap();
        let region = holder.region(0, UNIT_BYTES).unwrap();
        assert!(holder.try_lock(LockRange::byte(3), LockMode::Exclusive).unwrap());
        assert!(other.is_locked_elsewhere(LockRange::byte(3)).unwrap());
        drop(holder);
        assert!(!other.is_locked_elsewhere(LockRange::byte(3)).unwrap());
        region.store(8, &[5]).unwrap();
        assert_eq!(read(&other, 8, 1), [5]);
    }
}

#[test]
fn the_holder_of_a_lock_is_named() {
    let (_folder, path, one) = opened();
    let two = open(&path);
    let range = LockRange { start: 4, length: 2 };
    assert!(one.try_lock(range, LockMode::Exclusive).unwrap());
    let holders = two.lock_holders(LockRange::byte(5));
    let this_process = format!("(process {})", std::process::id());
    assert_eq!(holders.len(), 1, "{holders:?}");
    assert!(holders[0].ends_with(&this_process), "{holders:?}");
    assert_eq!(two.lock_holders(LockRange::byte(6)), Vec::<String>::new());
}

#[test]
fn the_place_shows_removal_renaming_and_replacement() {
    let (folder, path, storage) = opened();
    let first = storage.place().unwrap();
    assert!(first.name_leads_here);
    assert_eq!(first.links, 1);
    let elsewhere = folder.path().join("elsewhere");
    fs::hard_link(&path, &elsewhere).unwrap();
    assert_eq!(storage.place().unwrap(), FilePlace { links: 2, ..first });
    fs::remove_file(&path).unwrap();
    assert_eq!(storage.place().unwrap(), FilePlace { name_leads_here: false, ..first });
    fs::write(&path, b"another").unwrap();
    assert!(!storage.place().unwrap().name_leads_here);
    fs::rename(&elsewhere, &path).unwrap();
    assert_eq!(storage.place().unwrap(), first);
    fs::remove_file(&path).unwrap();
    assert_eq!(storage.place().unwrap().links, 0);
}

#[test]
fn one_concurrent_creation_wins_and_no_partial_file_is_seen() {
    const BYTES: usize = 40_000;
    let folder = folder();
    for round in 0..60 {
        let path = folder.path().join(format!("file{round}"));
        let create = |byte: u8| match FileStorage::create_new(&path, &[byte; BYTES]) {
            Ok(()) => Some(byte),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
                assert_eq!(fs::read(&path).unwrap().len(), BYTES);
                None
            }
        };
        let winners: Vec<u8> = std::thread::scope(|scope| {
            let threads = [1, 2].map(|byte| scope.spawn(move || create(byte)));
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1);
        assert_eq!(fs::read(&path).unwrap(), vec![winners[0]; BYTES]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 60);
}

#[test]
fn creation_follows_a_dangling_link_and_never_overwrites() {
    let folder = folder();
    let target = folder.path().join("target");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("target", &link).unwrap();
    FileStorage::create_new(&link, b"whole").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"whole");
    let taken = |path: &Path| FileStorage::create_new(path, b"x").unwrap_err().kind();
    assert_eq!(taken(&link), io::ErrorKind::AlreadyExists);
    assert_eq!(taken(&target), io::ErrorKind::AlreadyExists);
    assert_eq!(taken(folder.path()), io::ErrorKind::AlreadyExists);
    assert_eq!(taken(&folder.path().join("no/file")), io::ErrorKind::NotFound);
    let empty = FileStorage::create_new(&folder.path().join("new"), b"");
    assert_eq!(empty.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_lock_survives_other_code_that_closes_the_descriptor() {
    let (_folder, path, holder) = opened();
    let other = open(&path);
    assert!(holder.try_lock(LockRange::byte(1), LockMode::Exclusive).unwrap());
    holder.file.descriptor.close_from_outside();
    assert!(other.is_locked_elsewhere(LockRange::byte(1)).unwrap());
    for outcome in [
        holder.write_at(0, b"x"),
        holder.read_at(0, &mut [0]).map(|_| ()),
        holder.sync(),
        holder.is_locked_elsewhere(LockRange::byte(9)).map(|_| ()),
        holder.place().map(|_| ()),
    ] {
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains("was closed by other code"), "{message}");
    }
    drop(holder);
    assert!(!other.is_locked_elsewhere(LockRange::byte(1)).unwrap());
}

#[test]
fn a_number_reused_for_another_file_is_never_used() {
    for write_path in [WritePath::Mapped, WritePath::Positioned] {
        let (folder, path, _) = opened();
        let storage = FileStorage::open(&path, Access::ReadWrite, write_path).unwrap();
        storage.allocate(0, UNIT_BYTES).unwrap();
        let region = storage.region(0, UNIT_BYTES).unwrap();
        let foreign_path = folder.path().join("foreign");
        fs::write(&foreign_path, [9; 64]).unwrap();
        let foreign = fs::OpenOptions::new().write(true).open(&foreign_path).unwrap();
        storage.file.descriptor.replace_from_outside(std::os::fd::AsFd::as_fd(&foreign));
        assert!(storage.write_at(0, b"x").is_err());
        assert!(storage.allocate(0, 2 * UNIT_BYTES).is_err());
        assert!(storage.punch(0, 64).is_err());
        assert!(storage.try_lock(LockRange::byte(0), LockMode::Exclusive).is_err());
        assert!(storage.read_at(0, &mut [0; 64]).is_err());
        assert!(storage.sync().is_err());
        // A mapping refers to its own file, regardless of the number.
        assert_eq!(region.commit(0, &[1, 1]).is_ok(), write_path == WritePath::Mapped);
        assert_eq!(fs::read(&foreign_path).unwrap(), [9; 64]);
    }
}

#[test]
fn a_forked_child_cannot_use_or_release_the_parents_file() {
    for write_path in [WritePath::Mapped, WritePath::Positioned] {
        let (_folder, path, other) = opened();
        let storage = FileStorage::open(&path, Access::ReadWrite, write_path).unwrap();
        storage.allocate(0, UNIT_BYTES).unwrap();
        let region = storage.region(0, UNIT_BYTES).unwrap();
        assert!(storage.try_lock(LockRange::byte(2), LockMode::Exclusive).unwrap());
        // The child drops its copy. The parent's is dropped at the end.
        let storage = std::mem::ManuallyDrop::new(storage);
        let region = std::mem::ManuallyDrop::new(region);
        let child = testing::start(|| {
            let refused = region.store(0, &[1]).is_err()
                && storage.write_at(0, b"x").is_err()
                && storage.read_at(0, &mut [0]).is_err()
                && storage.unlock(LockRange::byte(2)).is_err();
            region.populate(0, 64);
            let reopened = open(&path);
            let held = reopened.is_locked_elsewhere(LockRange::byte(2)).unwrap();
            let own = reopened.try_lock(LockRange::byte(3), LockMode::Exclusive).unwrap();
            drop(std::mem::ManuallyDrop::into_inner(region));
            drop(std::mem::ManuallyDrop::into_inner(storage));
            refused && held && own && reopened.len().is_ok()
        });
        assert!(testing::wait(child));
        assert!(other.is_locked_elsewhere(LockRange::byte(2)).unwrap());
        assert!(!other.is_locked_elsewhere(LockRange::byte(3)).unwrap());
        assert_eq!(read(&other, 0, 1), [7]);
    }
}

#[test]
fn the_locks_of_a_killed_process_end_even_if_its_child_lives() {
    let (folder, path, other) = opened();
    let [ready, stop] = ["ready", "stop"].map(|name| folder.path().join(name));
    let killed = testing::start(|| {
        let storage = open(&path);
        storage.allocate(0, UNIT_BYTES).unwrap();
        let _region = storage.region(0, UNIT_BYTES).unwrap();
        let locked = storage.try_lock(LockRange::byte(0), LockMode::Exclusive).unwrap();
        let _ = testing::start(|| {
            let part = folder.path().join("part");
            fs::write(&part, if locked { b"locked" } else { b"failed" }).unwrap();
            fs::rename(&part, &ready).unwrap();
            wait_for(&stop)
        });
        wait_for(&ready);
        let seen = other.len().is_err();
        fs::write(folder.path().join("seen"), if seen { b"closed" } else { b"open  " }).unwrap();
        testing::kill_self()
    });
    assert!(!testing::wait(killed));
    assert_eq!(fs::read(&ready).unwrap(), b"locked");
    assert_eq!(fs::read(folder.path().join("seen")).unwrap(), b"closed");
    assert!(!other.is_locked_elsewhere(LockRange::byte(0)).unwrap());
    fs::write(&stop, b"").unwrap();
}

fn wait_for(path: &Path) -> bool {
    (0..2000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        path.exists()
    })
}
