//! Points and rows as 32-byte slots of an extent, each with a checksum.
//!
//! A point is one slot `{crc32c | series, step, time, value}`. A row is a header slot `{crc32c |
//! ROW_FLAG + schema, step, time, count}` followed by `count` values, four to a slot, padded with
//! zeros. The header's checksum covers the values, so a row is whole or absent.

use super::record::{Incarnation, SeriesId};
use super::{FIRST_SLOT_BYTES, FileId, SLOT_BYTES, UNIT_BYTES};
use crate::mutant::fault;
use crate::sys::checksum::crc32c_words;

/// The number of words in a slot.
pub const SLOT_WORDS: usize = 4;
/// The flag of a row in the upper half of a header slot's first word. Points never have it.
pub const ROW_FLAG: u32 = 1 << 31;

/// The checksum seed of one extent, from its file, unit and owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSeed(u32);

impl SlotSeed {
    /// Returns the seed of the extent at `unit` of `incarnation`.
    #[must_use]
    pub fn new(file: FileId, unit: u32, incarnation: Incarnation) -> Self {
        if fault!(UnseededChecksum) {
            return SlotSeed(0);
        }
        let [low, high] = file.words();
        SlotSeed(crc32c_words(0, &[low, high, u64::from(unit), incarnation.0]))
    }

    /// Returns the seed of one slot, so that a slot moved within its extent fails its check.
    pub(super) fn at(self, index: u32) -> u32 {
        if fault!(UnseededChecksum) { 0 } else { self.0 ^ index }
    }
}

/// Returns the number of slots in an extent of `units` units.
#[must_use]
pub const fn slot_count(units: u32) -> u32 {
    let slots = (units as u64 * UNIT_BYTES - FIRST_SLOT_BYTES) / SLOT_BYTES;
    if slots > u32::MAX as u64 { u32::MAX } else { slots as u32 }
}

/// Returns the number of slots of a row with `values` values.
#[must_use]
pub const fn row_slots(values: usize) -> usize {
    1 + values.div_ceil(SLOT_WORDS)
}

/// Returns the words of a point at slot `index`.
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

/// Returns the words of a row's header at slot `index`. `values` must be padded to whole slots.
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
