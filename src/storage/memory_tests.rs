//! Tests of the file in memory.

use super::*;

fn range(start: u64, length: u64) -> LockRange {
    LockRange { start, length }
}

#[test]
fn every_opening_sees_unaligned_writes_of_another() {
    let file = MemoryFile::with_bytes(b"0123456789");
    let (one, two) = (file.open(), file.open());
    one.write_at(7, b"abcdefghijkl").unwrap();
    let mut buffer = [0; 30];
    assert_eq!(two.read_at(5, &mut buffer).unwrap(), 14);
    assert_eq!(&buffer[..14], b"56abcdefghijkl");
    assert_eq!(two.read_at(19, &mut buffer).unwrap(), 0);
    assert_eq!(two.read_at(u64::MAX, &mut buffer).unwrap(), 0);
    assert_eq!(file.to_bytes(), b"0123456abcdefghijkl");
}

#[test]
fn bytes_across_pages_are_kept_and_gaps_read_as_zero() {
    let file = MemoryFile::new();
    let storage = file.open();
    let bytes: Vec<u8> = (0..PAGE_BYTES + 10).map(|i| (i % 251) as u8).collect();
    storage.write_at(2 * PAGE_BYTES - 5, &bytes).unwrap();
    let all = file.to_bytes();
    assert!(all[..2 * PAGE_BYTES as usize - 5].iter().all(|&byte| byte == 0));
    assert_eq!(all[2 * PAGE_BYTES as usize - 5..], bytes);
}

#[test]
fn regions_store_little_endian_words_within_their_bounds() {
    let file = MemoryFile::new();
    let storage = file.open();
    assert!(storage.region(0, PAGE_BYTES).is_err());
    storage.allocate(0, 2 * PAGE_BYTES).unwrap();
    let region = storage.region(PAGE_BYTES, PAGE_BYTES).unwrap();
    region.store(8, &[2, 3]).unwrap();
    region.commit(0, &[1]).unwrap();
    let wanted: Vec<u8> = [1_u64, 2, 3].iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(file.to_bytes()[PAGE_BYTES as usize..][..24], wanted);
    assert!(region.store(PAGE_BYTES as usize - 8, &[1, 2]).is_err());
    assert!(region.commit(4, &[1]).is_err());
}

#[test]
fn a_punch_zeroes_exactly_its_range_and_frees_pages() {
    let file = MemoryFile::with_bytes(&vec![1; 4 * PAGE_BYTES as usize]);
    let storage = file.open();
    assert_eq!(storage.allocated_bytes().unwrap(), 4 * PAGE_BYTES);
    storage.punch(PAGE_BYTES - 3, 2 * PAGE_BYTES + 6).unwrap();
    assert_eq!(storage.allocated_bytes().unwrap(), 2 * PAGE_BYTES);
    let bytes = file.to_bytes();
    let zeroes = PAGE_BYTES as usize - 3..3 * PAGE_BYTES as usize + 3;
    for (i, &byte) in bytes.iter().enumerate() {
        assert_eq!(byte == 0, zeroes.contains(&i), "byte {i}");
    }
    storage.punch(4 * PAGE_BYTES, PAGE_BYTES).unwrap();
    assert_eq!(storage.len().unwrap(), 4 * PAGE_BYTES);
    storage.punch(10, 20).unwrap();
    assert_eq!(file.to_bytes()[9..31].iter().filter(|&&byte| byte == 1).count(), 2);
}

#[test]
fn locks_exclude_other_openings_and_can_be_split() {
    let file = MemoryFile::new();
    let (one, two) = (file.open(), file.open());
    assert!(one.try_lock(range(0, 10), LockMode::Exclusive).unwrap());
    assert!(!two.try_lock(range(9, 1), LockMode::Shared).unwrap());
    assert!(one.try_lock(range(2, 3), LockMode::Shared).unwrap());
    assert!(two.try_lock(range(2, 3), LockMode::Shared).unwrap());
    assert!(!two.try_lock(range(5, 1), LockMode::Shared).unwrap());
    assert!(!one.try_lock(range(2, 1), LockMode::Exclusive).unwrap());
    one.unlock(range(6, 2)).unwrap();
    assert!(two.try_lock(range(6, 2), LockMode::Exclusive).unwrap());
    assert!(!two.try_lock(range(8, 1), LockMode::Exclusive).unwrap());
    assert!(one.is_locked_elsewhere(range(7, 1)).unwrap());
    assert!(!one.is_locked_elsewhere(range(8, 2)).unwrap());
    assert_eq!(one.lock_holders(range(7, 1)), ["storage object 1"]);
    drop(one);
    assert!(two.try_lock(range(0, 10), LockMode::Exclusive).unwrap());
}

#[test]
fn a_test_can_change_the_place_and_the_boot() {
    let file = MemoryFile::new();
    let storage = file.open();
    let first = storage.place().unwrap();
    assert!(first.name_leads_here);
    file.set_name_leads_here(false);
    assert!(!storage.place().unwrap().name_leads_here);
    let boot = storage.boot_id();
    file.set_boot_id(77);
    assert_ne!(storage.boot_id(), boot);
    assert_ne!(storage.random().unwrap(), storage.random().unwrap());
    assert_ne!(MemoryFile::new().open().place().unwrap().inode, first.inode);
}
