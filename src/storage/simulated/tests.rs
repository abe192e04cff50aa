//! Tests of the simulated disk itself.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::*;
use crate::storage::{LockMode, LockRange, Storage};

const UNIT: u64 = 65536;

fn read(disk: &SimulatedDisk, offset: u64, length: usize) -> Vec<u8> {
    let mut buffer = vec![0xaa; length];
    let count = disk.attach().read_at(offset, &mut buffer).unwrap();
    buffer.truncate(count);
    buffer
}

fn word(disk: &SimulatedDisk, offset: u64) -> u64 {
    u64::from_le_bytes(read(disk, offset, 8).try_into().unwrap())
}

fn images(disk: &SimulatedDisk, count: u64) -> impl Iterator<Item = SimulatedDisk> {
    (0..count).map(|seed| disk.crash_image(&mut Random::new(seed)))
}

#[test]
fn writes_are_read_back_across_pages_and_beyond_words() {
    let disk = SimulatedDisk::new(1);
    let storage = disk.attach();
    let bytes: Vec<u8> = (0..10_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    storage.write_at(4091, &bytes).unwrap();
    storage.write_at(5000, b"abc").unwrap();
    assert_eq!(storage.len().unwrap(), 14_091);
    assert_eq!(read(&disk, 0, 4091), vec![0; 4091]);
    let mut wanted = bytes;
    wanted[909..912].copy_from_slice(b"abc");
    assert_eq!(read(&disk, 4091, 20_000), wanted);
    assert_eq!(read(&disk, 14_091, 1), Vec::<u8>::new());
}

#[test]
fn synced_bytes_survive_every_power_cut() {
    let disk = SimulatedDisk::new(2);
    let storage = disk.attach();
    storage.write_at(0, &[7; 9000]).unwrap();
    storage.sync().unwrap();
    storage.write_at(4096, &[8; 64]).unwrap();
    for image in images(&disk, 200) {
        assert_eq!(read(&image, 0, 4096), vec![7; 4096]);
        assert_eq!(read(&image, 4160, 5000), vec![7; 4840]);
        assert_ne!(image.attach().boot_id(), storage.boot_id());
    }
    assert_eq!(read(&disk, 4096, 64), vec![8; 64]);
}

#[test]
fn unsynced_words_survive_in_any_mix_of_sectors_but_never_torn() {
    let disk = SimulatedDisk::new(3);
    let storage = disk.attach();
    storage.allocate(0, UNIT).unwrap();
    storage.sync().unwrap();
    let region = storage.region(0, UNIT).unwrap();
    for value in 1..=3_u64 {
        for offset in [0, 512, 4096] {
            region.store(offset, &[value * 0x0101_0101_0101_0101]).unwrap();
        }
    }
    let mut seen = HashSet::new();
    for image in images(&disk, 40_000) {
        let words = [0, 512, 4096].map(|offset| word(&image, offset));
        assert!(words.iter().all(|word| word % 0x0101_0101_0101_0101 == 0), "torn: {words:x?}");
        seen.insert(words.map(|word| word & 0xff));
    }
    assert_eq!(seen.len(), 4 * 4 * 4);
}

#[test]
fn changes_within_a_sector_keep_their_order() {
    let disk = SimulatedDisk::new(4);
    let storage = disk.attach();
    storage.allocate(0, UNIT).unwrap();
    storage.sync().unwrap();
    let region = storage.region(0, UNIT).unwrap();
    region.commit(0, &[1, 2, 3, 4]).unwrap();
    region.commit(32, &[5, 6, 7, 8]).unwrap();
    let mut without_word = 0;
    for image in images(&disk, 2000) {
        let words: Vec<u64> = (0..8).map(|index| word(&image, index * 8)).collect();
        assert!(words[0] == 0 || words[1..4] == [2, 3, 4], "{words:?}");
        assert!(words[4] == 0 || words[..4] == [1, 2, 3, 4], "{words:?}");
        without_word += u64::from(words[0] == 0 && words[3] == 4);
    }
    assert!(without_word > 0);
}

#[test]
fn the_length_after_a_power_cut_is_any_that_the_file_had() {
    let disk = SimulatedDisk::new(5);
    let storage = disk.attach();
    storage.allocate(0, UNIT).unwrap();
    storage.sync().unwrap();
    storage.allocate(UNIT, UNIT).unwrap();
    storage.write_at(2 * UNIT, &[9; 100]).unwrap();
    let lengths: HashSet<u64> =
        images(&disk, 300).map(|image| image.attach().len().unwrap()).collect();
    assert_eq!(lengths, HashSet::from([UNIT, 2 * UNIT, 2 * UNIT + 100]));
    for image in images(&disk, 300) {
        let length = image.attach().len().unwrap();
        image.attach().allocate(0, 3 * UNIT).unwrap();
        let kept = usize::try_from(length.saturating_sub(2 * UNIT)).unwrap();
        assert!(read(&image, 2 * UNIT, 100)[kept..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn a_power_cut_can_undo_a_punch() {
    let disk = SimulatedDisk::new(6);
    let storage = disk.attach();
    storage.write_at(0, &[1; 16384]).unwrap();
    storage.sync().unwrap();
    storage.punch(4096, 8192 + 16).unwrap();
    assert_eq!(storage.allocated_bytes().unwrap(), 8192);
    assert_eq!(read(&disk, 4096, 8208), vec![0; 8208]);
    assert_eq!(word(&disk, 12304), 0x0101_0101_0101_0101);
    let seen: HashSet<(u64, u64, u64)> = images(&disk, 300)
        .map(|image| (word(&image, 4096), word(&image, 8192), word(&image, 12288)))
        .collect();
    assert_eq!(seen.len(), 8);
    storage.sync().unwrap();
    assert!(images(&disk, 50).all(|image| word(&image, 8192) == 0));
    assert!(storage.region(4096, 4096).is_err());
}

#[test]
fn a_failed_sync_may_lose_pages_that_then_count_as_clean() {
    let disk = SimulatedDisk::new(7);
    let storage = disk.attach();
    storage.allocate(0, UNIT).unwrap();
    storage.sync().unwrap();
    let mut lost = 0;
    for round in 0..40 {
        let disk = disk.duplicate(round);
        let storage = disk.attach();
        storage.write_at(0, &[1; 8]).unwrap();
        disk.fail_syncs(1);
        assert_eq!(storage.sync().unwrap_err().raw_os_error(), Some(libc::EIO));
        storage.sync().unwrap();
        assert_eq!(word(&disk, 0), 0x0101_0101_0101_0101);
        let forgotten = images(&disk, 20).filter(|image| word(image, 0) == 0).count();
        assert!(forgotten == 0 || forgotten == 20);
        lost += u32::from(forgotten == 20);
        // A new write makes the whole page dirty, including its other words.
        storage.write_at(8, &[2; 8]).unwrap();
        storage.sync().unwrap();
        assert!(images(&disk, 20).all(|image| word(&image, 0) != 0 && word(&image, 8) != 0));
    }
    assert!((5..35).contains(&lost), "{lost}");
}

/// Syncs a word while a second process stores others and grows the file.
///
/// Returns the disk, or `None` if these did not happen during the sync.
fn synced_beside_a_store(seed: u64) -> Option<SimulatedDisk> {
    let disk = SimulatedDisk::new(seed);
    let (one, two) = (disk.attach(), disk.attach());
    one.allocate(0, UNIT).unwrap();
    one.sync().unwrap();
    one.write_at(0, &[1; 8]).unwrap();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&steps);
    disk.on_change(Some(Box::new(move |view| notes.lock().push(view.step()))));
    let jobs: Vec<Box<dyn FnOnce() + Send>> = vec![
        Box::new(|| one.sync().unwrap()),
        Box::new(|| {
            two.write_at(8, &[2; 8]).unwrap();
            two.write_at(4096, &[3; 8]).unwrap();
            two.write_at(UNIT, &[4; 8]).unwrap();
        }),
    ];
    run_together(seed, jobs);
    disk.on_change(None);
    let steps = steps.lock();
    let place = |wanted| steps.iter().position(|&step| step == wanted).unwrap();
    let (begin, end) = (place(Step::SyncBegin), place(Step::SyncEnd));
    (end - begin == 4).then_some(disk)
}

#[test]
fn a_sync_covers_only_changes_before_it_began() {
    let disk = (0..1000).find_map(synced_beside_a_store).expect("no change met a sync");
    let held = |image: &SimulatedDisk| [0, 8, 4096].map(|offset| word(image, offset) & 0xff);
    let length = |image: &SimulatedDisk| image.attach().len().unwrap();
    let seen: HashSet<[u64; 3]> = images(&disk, 300).map(|image| held(&image)).collect();
    let wanted = [[1, 0, 0], [1, 0, 3], [1, 2, 0], [1, 2, 3]];
    assert_eq!(seen, HashSet::from(wanted), "only later changes may be lost");
    let lengths: HashSet<u64> = images(&disk, 300).map(|image| length(&image)).collect();
    assert_eq!(lengths, HashSet::from([UNIT, UNIT + 8]));
    disk.attach().sync().unwrap();
    let is_whole = |image: SimulatedDisk| held(&image) == [1, 2, 3] && length(&image) == UNIT + 8;
    assert!(images(&disk, 100).all(is_whole), "the next sync covers it");
}

#[test]
fn locks_exclude_processes_and_end_with_them() {
    let disk = SimulatedDisk::new(8);
    let (one, two) = (disk.attach(), disk.attach());
    let range = LockRange { start: 10, length: 10 };
    assert!(one.try_lock(range, LockMode::Exclusive).unwrap());
    assert!(one.try_lock(LockRange::byte(12), LockMode::Shared).unwrap());
    assert!(!one.is_locked_elsewhere(range).unwrap());
    assert!(two.is_locked_elsewhere(LockRange::byte(19)).unwrap());
    assert!(!two.is_locked_elsewhere(LockRange::byte(20)).unwrap());
    assert!(two.try_lock(LockRange::byte(12), LockMode::Shared).unwrap());
    assert!(!two.try_lock(LockRange::byte(13), LockMode::Shared).unwrap());
    assert!(!two.try_lock(LockRange::byte(12), LockMode::Exclusive).unwrap());
    assert_eq!(two.lock_holders(range), ["simulated process 0"]);
    one.unlock(LockRange { start: 0, length: 15 }).unwrap();
    assert!(two.try_lock(LockRange::byte(13), LockMode::Exclusive).unwrap());
    assert!(!two.try_lock(LockRange::byte(15), LockMode::Exclusive).unwrap());
    one.control().kill();
    assert!(two.try_lock(LockRange::byte(15), LockMode::Exclusive).unwrap());
    assert!(one.len().is_err());
    drop(two);
    assert!(
        disk.attach().try_lock(LockRange { start: 0, length: 99 }, LockMode::Exclusive).unwrap()
    );
}

#[test]
fn a_killed_process_stops_even_between_body_and_commit_word() {
    let disk = SimulatedDisk::new(9);
    let storage = disk.attach();
    storage.allocate(0, UNIT).unwrap();
    let region = storage.region(0, UNIT).unwrap();
    let control = storage.control();
    control.kill_after(3);
    region.commit(0, &[1, 2]).unwrap();
    assert!(!control.is_dead());
    assert!(region.commit(16, &[3, 4]).is_err());
    assert!(control.is_dead());
    assert!(region.store(0, &[9]).is_err());
    assert!(storage.sync().is_err());
    assert_eq!([0, 8, 16, 24].map(|offset| word(&disk, offset)), [1, 2, 0, 4]);
}

#[test]
fn stores_without_space_are_violations() {
    let disk = SimulatedDisk::new(10);
    let storage = disk.attach();
    storage.allocate(0, UNIT).unwrap();
    let region = storage.region(0, UNIT).unwrap();
    region.store(8, &[1]).unwrap();
    assert!(disk.violations().is_empty());
    storage.punch(0, 4096).unwrap();
    assert!(region.store(8, &[1]).is_err());
    assert!(region.store(65536, &[1]).is_err());
    assert_eq!(disk.violations().len(), 2);
}

#[test]
fn the_content_hash_covers_content_and_length() {
    let (one, two) = (SimulatedDisk::new(11), SimulatedDisk::new(12));
    one.attach().write_at(0, &[1; 5000]).unwrap();
    two.attach().write_at(4000, &[1; 1000]).unwrap();
    assert_ne!(one.content_hash(), two.content_hash());
    two.attach().write_at(0, &[1; 4000]).unwrap();
    assert_eq!(one.content_hash(), two.content_hash());
    two.attach().allocate(5000, 1).unwrap();
    assert_ne!(one.content_hash(), two.content_hash());
    one.attach().allocate(5000, 1).unwrap();
    assert_eq!(one.content_hash(), two.content_hash());
    one.attach().punch(0, 4096).unwrap();
    two.attach().write_at(0, &[0; 4096]).unwrap();
    assert_eq!(one.content_hash(), two.content_hash());
}

#[test]
fn an_observer_sees_each_step_and_can_cut_the_power() {
    let disk = SimulatedDisk::new(13);
    let storage = disk.attach();
    storage.allocate(0, UNIT).unwrap();
    storage.sync().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let mut random = Random::new(0);
    disk.set_phase(Phase::Gc);
    disk.on_change(Some(Box::new(move |view| {
        let image = view.crash_image(&mut random);
        notes.lock().push((view.step(), view.phase(), view.process(), image));
    })));
    storage.region(0, UNIT).unwrap().commit(0, &[1, 2]).unwrap();
    storage.sync().unwrap();
    disk.on_change(None);
    storage.write_at(0, &[0; 8]).unwrap();
    let seen = seen.lock();
    let steps: Vec<Step> = seen.iter().map(|(step, ..)| *step).collect();
    assert_eq!(steps, [Step::CommitBody, Step::CommitWord, Step::SyncBegin, Step::SyncEnd]);
    assert!(seen.iter().all(|(_, phase, process, _)| (*phase, *process) == (Phase::Gc, 0)));
    assert_eq!(word(&seen[0].3, 0), 0);
    assert_eq!((word(&seen[3].3, 0), word(&seen[3].3, 8)), (1, 2));
}

fn interleaving(seed: u64) -> (Vec<u8>, u32) {
    let disk = SimulatedDisk::new(14);
    let jobs: Vec<Box<dyn FnOnce() -> u32 + Send>> = (1..=3_u8)
        .map(|name| {
            let storage = disk.attach();
            Box::new(move || {
                let mut refused = 0_u32;
                for _ in 0..10 {
                    while !storage.try_lock(LockRange::byte(0), LockMode::Exclusive).unwrap() {
                        refused += 1;
                    }
                    let end = storage.len().unwrap();
                    storage.write_at(end, &[name]).unwrap();
                    storage.unlock(LockRange::byte(0)).unwrap();
                }
                refused
            }) as Box<dyn FnOnce() -> u32 + Send>
        })
        .collect();
    let refused = run_together(seed, jobs).iter().sum();
    (read(&disk, 0, 100), refused)
}

#[test]
fn the_seed_alone_determines_the_interleaving() {
    let mut orders = HashSet::new();
    for seed in 0..20 {
        let first = interleaving(seed);
        assert_eq!(first.0.len(), 30, "a write was lost although a lock was held");
        assert_eq!(first, interleaving(seed));
        orders.insert(first.0);
    }
    // With some seeds each process runs to its end, and there are only six orders of three
    // processes.
    assert!(orders.len() > 10, "{}", orders.len());
    assert!((0..20).any(|seed| interleaving(seed).1 > 0), "no lock was ever refused");
}

#[test]
fn a_panic_in_one_process_lets_the_others_finish() {
    let disk = SimulatedDisk::new(15);
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let jobs: Vec<Box<dyn FnOnce() + Send>> = vec![
            Box::new(|| panic!("wanted")),
            Box::new(|| (0..50).for_each(|_| disk.attach().write_at(0, &[1]).unwrap())),
        ];
        run_together(1, jobs);
    }));
    assert!(result.is_err());
    assert_eq!(read(&disk, 0, 1), [1]);
}
