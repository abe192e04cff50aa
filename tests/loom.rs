//! Append, scan, seal and punch under every interleaving that loom finds, on the shipped code of
//! slots, words and the memory storage.
//!
//! Built with `RUSTFLAGS="--cfg loom"` into a separate target folder. Without the flag this file is
//! empty. With it, only the layers below the log are built: the log does not use loom's mutexes,
//! and a thread of the model must not block outside of it. This file therefore repeats the order of
//! steps of the sealer and the reader (protocol rules 14 and 18). The simulator checks the order in
//! the shipped code with mutants that break it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic fails the test"
)]
#![cfg(loom)]

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use tracklite::internals::FileId;
use tracklite::internals::record::{Incarnation, SeriesId};
use tracklite::internals::scan::{Entry, PointSlot, ScanReport, scan_live};
use tracklite::internals::slot::{SlotSeed, point_words, row_words};
use tracklite::internals::storage::{MemoryFile, MemoryStorage, Region, Storage};
use tracklite::internals::word::WordPlace;

const FILE: FileId = FileId(5);
const SLOT_BYTES: usize = 32;
/// One page of the memory storage under loom, so that punching the extent is a single step.
const EXTENT_BYTES: usize = 256;
const EXTENT: u64 = 1024;
const BLOCK: u64 = 512;
/// The word that serves as the commit word of the frame that seals the extent.
const SEALED: WordPlace = WordPlace::Checkpoint;

fn seed() -> SlotSeed {
    SlotSeed::new(FILE, 3, Incarnation(9))
}

/// Creates a file with all its pages. Loom does not see the lock under which a page is created, and
/// would report a race.
fn file() -> MemoryFile {
    let file = MemoryFile::new();
    let storage = file.open();
    for place in [SEALED.offset(), BLOCK, EXTENT - EXTENT_BYTES as u64, EXTENT] {
        storage.write_at(place, &[0; 8]).unwrap();
    }
    storage.allocate(0, EXTENT + EXTENT_BYTES as u64).unwrap();
    file
}

fn extent(storage: &MemoryStorage) -> Box<dyn Region> {
    storage.region(EXTENT, EXTENT_BYTES as u64).unwrap()
}

fn append_point(region: &dyn Region, at: u32) {
    let step = i64::from(at);
    let words = point_words(seed(), at, SeriesId(1), step, step + 100, 0.5 + step as f64);
    region.commit(at as usize * SLOT_BYTES, &words).unwrap();
}

/// Stores a row of two values like the log does.
fn append_row(region: &dyn Region, at: u32) {
    let values = [1.5_f64.to_bits(), 2.5_f64.to_bits(), 0, 0];
    let words = row_words(seed(), at, SeriesId(2), 7, 107, 2, &values);
    region.store_row(at as usize * SLOT_BYTES, &words, &values).unwrap();
}

/// Checks that an entry equals a logged one, and returns the slots in which entries begin.
fn check(at: u32, entry: &Entry<'_>) -> Vec<u32> {
    match *entry {
        Entry::Points(points) => {
            let check = |(at, point): (u32, PointSlot)| {
                let PointSlot { series, step, time, value } = point;
                let step_of_slot = i64::from(at);
                assert_eq!((series, step, time), (SeriesId(1), step_of_slot, step_of_slot + 100));
                assert_eq!(value, 0.5 + step as f64);
                at
            };
            (at..).zip(points.iter()).map(check).collect()
        }
        Entry::Row { schema, step, time, values } => {
            assert_eq!((schema, step, time), (SeriesId(2), 7, 107));
            assert_eq!(values, [1.5_f64.to_le_bytes(), 2.5_f64.to_le_bytes()].concat());
            vec![at]
        }
    }
}

/// Scans up to slot `slots`, from where the last scan ended, and returns the slots with an entry.
fn scan(storage: &MemoryStorage, slots: u32, report: &mut ScanReport) -> Vec<u32> {
    let mut found = Vec::new();
    let mut settled = 0;
    *report = ScanReport { next: report.next, stopped: report.next, ..ScanReport::default() };
    loop {
        let from = report.stopped as usize;
        let mut bytes = vec![0; (slots as usize - from) * SLOT_BYTES];
        let got = storage.read_at(EXTENT + (from * SLOT_BYTES) as u64, &mut bytes).unwrap();
        assert_eq!(got, bytes.len());
        let again = scan_live(seed(), &bytes, true, &mut settled, report, |at, entry| {
            found.extend(check(at, &entry));
        });
        if !again {
            return found;
        }
    }
}

fn is_sealed(storage: &MemoryStorage) -> bool {
    let mut bytes = [0; 8];
    let got = storage.read_at(SEALED.offset(), &mut bytes).unwrap();
    got == 8 && SEALED.decode(FILE, u64::from_le_bytes(bytes)) == Some(1)
}

/// A wrong order of steps that the model must detect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    PunchBeforeSealed,
    NoSecondCheck,
    AcknowledgedBeforeStored,
}

/// Appends a point and a row while another thread scans.
fn append_and_scan(fault: Fault) {
    let file = file();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let (storage, count) = (file.open(), Arc::clone(&acknowledged));
    let writer = thread::spawn(move || {
        let region = extent(&storage);
        append_point(&*region, 0);
        count.store(1, Ordering::Release);
        if fault == Fault::AcknowledgedBeforeStored {
            count.store(2, Ordering::Release);
        }
        append_row(&*region, 1);
        count.store(2, Ordering::Release);
    });
    let storage = file.open();
    let known = acknowledged.load(Ordering::Acquire);
    let found = scan(&storage, 3, &mut ScanReport::default());
    assert_eq!(found, (0..found.len() as u32).collect::<Vec<_>>(), "entries must have no gap");
    assert!(found.len() >= known, "an acknowledged entry is missing");
    writer.join().unwrap();
}

#[test]
fn a_scan_finds_all_acknowledged_entries_and_no_partial_ones() {
    bounded(3).check(|| append_and_scan(Fault::None));
}

#[test]
#[should_panic(expected = "an acknowledged entry is missing")]
fn an_acknowledgement_before_the_store_is_detected() {
    bounded(3).check(|| append_and_scan(Fault::AcknowledgedBeforeStored));
}

/// The second scan continues where the first one ended.
#[test]
fn repeated_scans_find_each_entry_once() {
    bounded(3).check(|| {
        let file = file();
        let storage = file.open();
        let writer = thread::spawn(move || {
            let region = extent(&storage);
            append_point(&*region, 0);
            append_point(&*region, 1);
        });
        let storage = file.open();
        let mut report = ScanReport::default();
        let mut found = scan(&storage, 2, &mut report);
        writer.join().unwrap();
        if report.next < 2 {
            found.extend(scan(&storage, 2, &mut report));
        }
        assert_eq!(found, [0, 1]);
    });
}

/// Seals a point into a block and punches its extent while another thread reads.
fn seal_and_read(fault: Fault) {
    let file = file();
    append_point(&*extent(&file.open()), 0);
    // This counter orders the threads like the lock of the pages, which loom does not see.
    let pages = Arc::new(AtomicUsize::new(0));
    let pages_of_sealer = Arc::clone(&pages);
    let storage = file.open();
    let sealer = thread::spawn(move || {
        let found = scan(&storage, 1, &mut ScanReport::default());
        assert_eq!(found, [0]);
        storage.write_at(BLOCK, &0.5_f64.to_le_bytes()).unwrap();
        let punch = || {
            pages_of_sealer.fetch_add(1, Ordering::AcqRel);
            storage.punch(EXTENT, EXTENT_BYTES as u64).unwrap();
        };
        if fault == Fault::PunchBeforeSealed {
            punch();
        }
        let word = SEALED.encode(FILE, 1);
        storage.write_at(SEALED.offset(), &word.to_le_bytes()).unwrap();
        if fault != Fault::PunchBeforeSealed {
            punch();
        }
    });
    let storage = file.open();
    pages.fetch_add(1, Ordering::AcqRel);
    let found = scan(&storage, 1, &mut ScanReport::default());
    if fault != Fault::NoSecondCheck && is_sealed(&storage) {
        let mut bytes = [0; 8];
        storage.read_at(BLOCK, &mut bytes).unwrap();
        assert_eq!(f64::from_le_bytes(bytes), 0.5, "a sealed block must be complete");
    } else {
        assert_eq!(found, [0], "a point is missing");
    }
    sealer.join().unwrap();
}

#[test]
fn a_point_is_in_its_extent_or_in_a_sealed_block() {
    bounded(3).check(|| seal_and_read(Fault::None));
}

#[test]
#[should_panic(expected = "a point is missing")]
fn punching_before_sealing_is_detected() {
    bounded(3).check(|| seal_and_read(Fault::PunchBeforeSealed));
}

#[test]
#[should_panic(expected = "a point is missing")]
fn a_reader_without_a_second_check_is_detected() {
    bounded(3).check(|| seal_and_read(Fault::NoSecondCheck));
}

/// One process appends to its extent while another one writes and punches the extent before it.
#[test]
fn writers_of_neighbouring_extents_do_not_interfere() {
    bounded(2).check(|| {
        let file = file();
        let storage = file.open();
        let other = thread::spawn(move || {
            let before = EXTENT - EXTENT_BYTES as u64;
            storage.write_at(before, &[7; 8]).unwrap();
            storage.punch(before, EXTENT_BYTES as u64).unwrap();
        });
        let region = extent(&file.open());
        append_point(&*region, 0);
        append_row(&*region, 1);
        other.join().unwrap();
        let found = scan(&file.open(), 3, &mut ScanReport::default());
        assert_eq!(found, [0, 1]);
    });
}

/// Explores all interleavings with at most this many preemptions.
fn bounded(preemptions: usize) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder
}
