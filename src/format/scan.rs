//! Finding the committed entries of an extent, by checksums alone.

use super::bytes::u64_at;
use super::record::SeriesId;
use super::slot::{ROW_FLAG, SLOT_WORDS, SlotSeed, row_slots};
use super::{ROW_VALUES_MAX, SLOT_BYTES};
use crate::mutant::fault;
use crate::sys::checksum::{crc32c_slots, crc32c_words, leading_sealed_slots};

const SLOT: usize = SLOT_BYTES as usize;
/// The maximum number of points passed on at once, so that they are still in the nearest cache.
const RUN_POINTS_MAX: usize = 512;

/// A committed entry of an extent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry<'a> {
    /// One or more single points, of any series.
    Points(PointSlots<'a>),
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

/// Consecutive slots with one point each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointSlots<'a>(&'a [u8]);

/// A point as stored in its slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointSlot {
    /// The series.
    pub series: SeriesId,
    /// Its step.
    pub step: i64,
    /// Its time in nanoseconds.
    pub time: i64,
    /// Its value.
    pub value: f64,
}

impl<'a> PointSlots<'a> {
    /// Iterates over the points in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = PointSlot> + use<'a> {
        self.0.chunks_exact(SLOT).map(|slot| PointSlot {
            series: SeriesId((u64_at(slot, 0) >> 32) as u32),
            step: u64_at(slot, 8).cast_signed(),
            time: u64_at(slot, 16).cast_signed(),
            value: f64::from_bits(u64_at(slot, 24)),
        })
    }
}

/// The result of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// The slot after the last committed entry, where a poller continues.
    pub next: u32,
    /// The slot at which the scan stopped: the end, or a row that extends beyond the bytes.
    pub stopped: u32,
    /// Non-empty slots before `next` that fail their check: lost entries.
    pub unreadable: u32,
    /// Such slots at or after `next`: an unfinished entry of a writer that died.
    pub unfinished: u32,
    /// Empty slots before `next`. Only a power cut or damage leaves such holes.
    pub holes: u32,
    /// Empty slots at or after `next`.
    pub empty: u32,
    /// Whether the slot at `next` has a commit word but fails its check.
    ///
    /// The commit word is stored last, so a dying writer leaves no such slot. Only a power cut or
    /// damage does.
    pub is_torn: bool,
}

enum Found<'a> {
    Entry(Entry<'a>, usize),
    /// A row that would extend beyond the bytes.
    Longer,
    Nothing,
}

/// Scans the slots from `report.stopped` and visits the committed entries in order.
///
/// `bytes` starts at that slot. `is_last` means that the extent ends with them, so that a longer
/// row is invalid. Empty slots are skipped, so that entries after a hole of a power cut are found.
/// No stored state decides how to scan.
#[cfg(any(test, feature = "internals"))]
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

/// Scans like [`scan`] while the writer may be storing.
///
/// Returns true if the caller must read the slots from `report.stopped` again. A read is not
/// atomic: of two entries stored during it, it may see only the second. So after an entry behind
/// empty slots, the slots are read once more, and then all earlier entries are visible. `settled`
/// is the slot before which this was done, initially 0.
pub fn scan_live(
    seed: SlotSeed,
    bytes: &[u8],
    is_last: bool,
    settled: &mut u32,
    report: &mut ScanReport,
    mut visit: impl FnMut(u32, Entry<'_>),
) -> bool {
    let mut rest = &bytes[..bytes.len() / SLOT * SLOT];
    while !rest.is_empty() {
        let mut taken = leading_empty_slots(rest);
        if taken > 0 {
            report.empty += taken as u32;
        } else {
            taken = 1;
            match entry_at(seed, report.stopped, rest) {
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
        rest = &rest[taken * SLOT..];
    }
    false
}

impl ScanReport {
    /// Returns whether slots without an entry precede the current one and may have one by now.
    #[inline]
    fn misses_some(&self, settled: u32) -> bool {
        self.next < self.stopped && self.stopped >= settled
    }
}

/// Returns the number of slots at the start without a commit word.
#[inline]
fn leading_empty_slots(rest: &[u8]) -> usize {
    let (slots, _) = rest.as_chunks::<SLOT>();
    slots.iter().take_while(|slot| u64_at(*slot, 0) == 0).count()
}

/// Returns the entry that begins in the first slot of `rest`, which is slot `index`.
#[inline]
fn entry_at(seed: SlotSeed, index: u32, rest: &[u8]) -> Found<'_> {
    let run = &rest[..rest.len().min(RUN_POINTS_MAX * SLOT)];
    let points = leading_sealed_slots(seed.at(0), index, run);
    if points > 0 {
        return Found::Entry(Entry::Points(PointSlots(&rest[..points * SLOT])), points);
    }
    other_entry_at(seed, index, rest)
}

fn other_entry_at(seed: SlotSeed, index: u32, rest: &[u8]) -> Found<'_> {
    let word = u64_at(rest, 0);
    let words: [u64; SLOT_WORDS] =
        [word >> 32, u64_at(rest, 8), u64_at(rest, 16), u64_at(rest, 24)];
    let (step, time, count) = (words[1].cast_signed(), words[2].cast_signed(), words[3]);
    let checksum = crc32c_words(seed.at(index), &words);
    let tag = (word >> 32) as u32;
    if tag & ROW_FLAG == 0 {
        if !passes(word, checksum) || tag == 0 {
            return Found::Nothing;
        }
        return Found::Entry(Entry::Points(PointSlots(&rest[..SLOT])), 1);
    }
    if count > ROW_VALUES_MAX as u64 {
        return Found::Nothing;
    }
    let count = count as usize;
    let slots = row_slots(count);
    let Some(values) = rest.get(SLOT..slots * SLOT) else {
        return Found::Longer;
    };
    if !passes(word, crc32c_slots(checksum, values)) {
        return Found::Nothing;
    }
    let schema = SeriesId(tag & !ROW_FLAG);
    Found::Entry(Entry::Row { schema, step, time, values: &values[..count * 8] }, slots)
}

fn passes(word: u64, checksum: u32) -> bool {
    word & 0xFFFF_FFFF == u64::from(checksum) || fault!(NoChecksum)
}

#[cfg(test)]
mod tests {
    use super::super::FileId;
    use super::super::record::Incarnation;
    use super::super::slot::{point_words, row_words};
    use super::*;

    fn bytes_of(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn sample(seed: SlotSeed) -> Vec<u8> {
        let values: Vec<u64> = [1.5_f64, f64::NAN, -0.0, 2.0, 3.0]
            .iter()
            .map(|value| value.to_bits())
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
        scan(seed, bytes, true, &mut report, |index, entry| match entry {
            Entry::Points(points) => {
                let points = (index..).zip(points.iter());
                all.extend(points.map(|(index, point)| format!("{index} {point:?}")));
            }
            row @ Entry::Row { .. } => all.push(format!("{index} {row:?}")),
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
    fn slots_of_another_file_unit_owner_or_place_are_rejected() {
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
    fn a_flipped_bit_loses_only_its_own_entry_and_is_counted() {
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
