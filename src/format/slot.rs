//! Points and rows as 32-byte slots of an extent: sealed by their checksum, found by a scan.
//!
//! A point is one slot `{crc32c | series, step, time, value}`. A row is a header slot
//! `{crc32c | ROW_FLAG + schema, step, time, count}` followed by `count` values, four to a slot,
//! padded with zeros; the header's checksum covers the values, so the row is whole or absent.

use super::header::u64_at;
use super::record::{Incarnation, SeriesId};
use super::{FIRST_SLOT_BYTES, FileId, ROW_VALUES_MAX, SLOT_BYTES, UNIT_BYTES};
use crate::mutant::{self, Mutant};
use crate::sys::checksum::crc32c_words;

/// The words of a slot.
pub const SLOT_WORDS: usize = 4;
/// Set in the upper half of a header slot's first word; the series of a point never has it.
pub const ROW_FLAG: u32 = 1 << 31;

/// What makes the checksums of one extent its own: the file, the unit and the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSeed(u32);

impl SlotSeed {
    /// The seed of the extent at `unit` of `incarnation`.
    #[must_use]
    pub fn new(file: FileId, unit: u32, incarnation: Incarnation) -> Self {
        if mutant::is_active(Mutant::UnseededChecksum) {
            return SlotSeed(0);
        }
        let [low, high] = file.words();
        SlotSeed(crc32c_words(0, &[low, high, u64::from(unit), incarnation.0]))
    }

    /// The seed of one slot: a slot that was moved within its extent does not pass.
    fn at(self, index: u32) -> u32 {
        if mutant::is_active(Mutant::UnseededChecksum) { 0 } else { self.0 ^ index }
    }
}

/// The number of slots in an extent of so many units.
#[must_use]
pub const fn slot_count(units: u32) -> u32 {
    let slots = (units as u64 * UNIT_BYTES - FIRST_SLOT_BYTES) / SLOT_BYTES;
    if slots > u32::MAX as u64 { u32::MAX } else { slots as u32 }
}

/// The number of slots that a row of `values` values takes.
#[must_use]
pub const fn row_slots(values: usize) -> usize {
    1 + values.div_ceil(SLOT_WORDS)
}

/// The words of a point at slot `index`.
#[inline]
#[must_use]
pub fn point_words(
    seed: SlotSeed,
    index: u32,
    series: SeriesId,
    step: i64,
    time: i64,
    value: f64,
) -> [u64; SLOT_WORDS] {
    let mut words =
        [u64::from(series.0), step.cast_unsigned(), time.cast_unsigned(), value.to_bits()];
    words[0] = words[0] << 32 | u64::from(crc32c_words(seed.at(index), &words));
    words
}

/// The words of a row's header slot at slot `index`; `values` are padded to whole slots.
#[inline]
#[must_use]
pub fn row_words(
    seed: SlotSeed,
    index: u32,
    schema: SeriesId,
    step: i64,
    time: i64,
    count: usize,
    values: &[u64],
) -> [u64; SLOT_WORDS] {
    let tag = u64::from(schema.0 | ROW_FLAG);
    let mut words = [tag, step.cast_unsigned(), time.cast_unsigned(), count as u64];
    let checksum = crc32c_words(crc32c_words(seed.at(index), &words), values);
    words[0] = tag << 32 | u64::from(checksum);
    words
}

/// One committed thing found in an extent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A point of a series.
    Point {
        /// The series.
        series: SeriesId,
        /// Its step.
        step: i64,
        /// Its time in nanoseconds.
        time: i64,
        /// Its value.
        value: f64,
    },
    /// A row of values.
    Row {
        /// The schema that names the series.
        schema: SeriesId,
        /// Its step.
        step: i64,
        /// Its time in nanoseconds.
        time: i64,
        /// Its values, 8 little-endian bytes each.
        values: &'a [u8],
    },
}

/// What a scan came across.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// The slot after the last committed entry: where a poller goes on.
    pub next: u32,
    /// The slot at which the scan stopped: the end, or a row that reaches beyond the bytes.
    pub stopped: u32,
    /// Slots that hold something but pass no check, before `next`: lost entries.
    pub unreadable: u32,
    /// Such slots at or after `next`: an entry that was being written when its writer died.
    pub unfinished: u32,
    /// Empty slots before `next`. A writer leaves none: a power cut does, or damage.
    pub holes: u32,
    /// Empty slots at or after `next`.
    pub empty: u32,
    /// The slot at `next` has its commit word, which is stored last, but passes no check. A
    /// writer that dies leaves no such slot: a power cut does, or damage.
    pub is_torn: bool,
}

enum Found<'a> {
    Entry(Entry<'a>, usize),
    /// A row that would reach beyond the bytes.
    Longer,
    Nothing,
}

/// Scans the slots from `report.stopped` on and visits what is committed, in order.
///
/// `bytes` starts at that slot; `is_last` says that the extent ends with them, so that a row that
/// reaches further is none. No state decides how to scan: an empty slot is passed over, so that
/// what a power cut left after a hole is found too. 32 bytes take about 5 ns.
pub fn scan(
    seed: SlotSeed,
    bytes: &[u8],
    is_last: bool,
    report: &mut ScanReport,
    visit: impl FnMut(u32, Entry<'_>),
) {
    let mut settled = u32::MAX;
    scan_live(seed, bytes, is_last, &mut settled, report, visit);
}

/// As [`scan`], while the writer may be storing: true when slots must be read again, from
/// `report.stopped` on.
///
/// Bytes are not read at one instant: of two entries that are stored meanwhile a read may see the
/// second and not the first. Whoever sees an entry and reads again sees all before it; `settled`
/// is the slot before which that has been done, 0 at first.
pub fn scan_live(
    seed: SlotSeed,
    bytes: &[u8],
    is_last: bool,
    settled: &mut u32,
    report: &mut ScanReport,
    mut visit: impl FnMut(u32, Entry<'_>),
) -> bool {
    let mut rest = &bytes[..bytes.len() / SLOT_BYTES as usize * SLOT_BYTES as usize];
    while !rest.is_empty() {
        let word = u64_at(rest, 0);
        let mut taken = 1;
        if word == 0 {
            report.empty += 1;
        } else {
            match entry_at(seed, report.stopped, word, rest) {
                Found::Entry(..) if report.misses_some(*settled) => {
                    *settled = report.stopped + 1;
                    *report = ScanReport {
                        stopped: report.next,
                        unfinished: 0,
                        empty: 0,
                        is_torn: false,
                        ..*report
                    };
                    return true;
                }
                Found::Entry(entry, slots) => {
                    visit(report.stopped, entry);
                    taken = slots;
                    report.unreadable += std::mem::take(&mut report.unfinished);
                    report.holes += std::mem::take(&mut report.empty);
                    report.is_torn = false;
                    report.next = report.stopped + slots as u32;
                }
                Found::Longer if !is_last => return false,
                Found::Longer | Found::Nothing => {
                    report.is_torn |= report.stopped == report.next;
                    report.unfinished += 1;
                }
            }
        }
        report.stopped += taken as u32;
        rest = &rest[taken * SLOT_BYTES as usize..];
    }
    false
}

impl ScanReport {
    /// Whether slots without an entry lie before the one at which the scan has arrived, and may
    /// have one by now.
    #[inline]
    fn misses_some(&self, settled: u32) -> bool {
        self.next < self.stopped && self.stopped >= settled
    }
}

#[inline]
fn entry_at(seed: SlotSeed, index: u32, word: u64, rest: &[u8]) -> Found<'_> {
    let words = [word >> 32, u64_at(rest, 8), u64_at(rest, 16), u64_at(rest, 24)];
    let (step, time) = (words[1].cast_signed(), words[2].cast_signed());
    let checksum = crc32c_words(seed.at(index), &words);
    let tag = (word >> 32) as u32;
    if tag & ROW_FLAG == 0 {
        if !passes(word, checksum) || tag == 0 {
            return Found::Nothing;
        }
        let value = f64::from_bits(words[3]);
        return Found::Entry(Entry::Point { series: SeriesId(tag), step, time, value }, 1);
    }
    if words[3] > ROW_VALUES_MAX as u64 {
        return Found::Nothing;
    }
    let count = words[3] as usize;
    let padded = count.div_ceil(SLOT_WORDS) * SLOT_BYTES as usize;
    let Some(values) = rest.get(SLOT_BYTES as usize..SLOT_BYTES as usize + padded) else {
        return Found::Longer;
    };
    if !passes(word, checksum_of_values(checksum, values)) {
        return Found::Nothing;
    }
    let schema = SeriesId(tag & !ROW_FLAG);
    let entry = Entry::Row { schema, step, time, values: &values[..count * 8] };
    Found::Entry(entry, row_slots(count))
}

fn passes(word: u64, checksum: u32) -> bool {
    word & 0xFFFF_FFFF == u64::from(checksum) || mutant::is_active(Mutant::NoChecksum)
}

fn checksum_of_values(mut checksum: u32, values: &[u8]) -> u32 {
    for slot in values.chunks_exact(SLOT_BYTES as usize) {
        let words = [u64_at(slot, 0), u64_at(slot, 8), u64_at(slot, 16), u64_at(slot, 24)];
        checksum = crc32c_words(checksum, &words);
    }
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn sample(seed: SlotSeed) -> Vec<u8> {
        let values: Vec<u64> = [1.5_f64, f64::NAN, -0.0, 2.0, 3.0]
            .iter()
            .map(|it| it.to_bits())
            .chain([0; 3])
            .collect();
        let mut bytes = bytes_of(&point_words(seed, 0, SeriesId(1), -3, 10, 0.5));
        bytes.extend(bytes_of(&row_words(seed, 1, SeriesId(2), 7, 11, 5, &values)));
        bytes.extend(bytes_of(&values));
        bytes.extend(bytes_of(&point_words(seed, 4, SeriesId(3), 9, 12, f64::INFINITY)));
        bytes.resize(256, 0);
        bytes
    }

    fn found(seed: SlotSeed, bytes: &[u8]) -> (Vec<String>, ScanReport) {
        let mut all = Vec::new();
        let mut report = ScanReport::default();
        scan(seed, bytes, true, &mut report, |index, entry| {
            all.push(format!("{index} {entry:?}"));
        });
        (all, report)
    }

    #[test]
    fn points_and_rows_are_found_in_order() {
        let seed = SlotSeed::new(FileId(5), 3, Incarnation(9));
        let (all, report) = found(seed, &sample(seed));
        assert_eq!(all.len(), 3);
        assert!(all[1].starts_with("1 Row") && all[2].starts_with("4 Point"));
        let wanted = ScanReport { next: 5, stopped: 8, empty: 3, ..ScanReport::default() };
        assert_eq!(report, wanted);
    }

    #[test]
    fn bytes_of_another_file_unit_owner_or_slot_do_not_pass() {
        let seed = SlotSeed::new(FileId(5), 3, Incarnation(9));
        let bytes = sample(seed);
        for other in [
            SlotSeed::new(FileId(6), 3, Incarnation(9)),
            SlotSeed::new(FileId(5), 4, Incarnation(9)),
            SlotSeed::new(FileId(5), 3, Incarnation(8)),
        ] {
            assert_eq!(found(other, &bytes).0, Vec::<String>::new());
        }
        let mut moved = vec![0; 256];
        moved[64..96].copy_from_slice(&bytes[..32]);
        assert_eq!(found(seed, &moved).0, Vec::<String>::new());
    }

    #[test]
    fn a_flipped_bit_loses_its_entry_and_no_other_and_is_counted() {
        let seed = SlotSeed::new(FileId(5), 3, Incarnation(9));
        let bytes = sample(seed);
        let whole = found(seed, &bytes).0;
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (all, report) = found(seed, &damaged);
            assert!(all.iter().all(|entry| whole.contains(entry)), "bit {bit}: {all:?}");
            if bit < 5 * 32 * 8 {
                assert_eq!(all.len(), 2, "bit {bit}");
                assert!(report.unreadable + report.unfinished > 0, "bit {bit}");
            }
        }
    }
}
