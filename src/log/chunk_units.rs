//! The units to which a process writes chunks, and the progress of an upload.

use std::ops::Range;

/// Chunks begin at multiples of this.
const ALIGNMENT: u64 = 8;

/// The approximate size of an upload's first unit.
const FIRST_UNIT_BYTES: u64 = 1024 * 1024;

/// The progress of an upload in bytes of chunks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChunkAmount {
    /// The estimated bytes still to write.
    pub(crate) left: u64,
    /// The bytes already written.
    pub(crate) written: u64,
}

impl ChunkAmount {
    /// Counts bytes as written.
    pub(crate) fn pass(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
        self.written += bytes;
    }

    /// Returns how much room to allocate after `bytes` more.
    ///
    /// Known chunks are not written again, so the estimate may be too high. So units start small
    /// and grow with the bytes actually written.
    pub(super) fn after(mut self, bytes: u64) -> u64 {
        self.pass(bytes);
        self.left.min(self.written.max(FIRST_UNIT_BYTES))
    }
}

/// The units to which this process writes chunks.
#[derive(Debug, Default)]
pub(crate) struct ChunkUnits {
    /// The free rest of the newest unit.
    pub(super) room: Range<u64>,
    /// The number of writes.
    pub(super) writes: u64,
    /// Ranges that may be unsynced, each with the number of the last write in it.
    pub(super) unsynced: Vec<(Range<u64>, u64)>,
}

impl ChunkUnits {
    pub(super) fn note_write(&mut self, range: Range<u64>) {
        self.writes += 1;
        match self.unsynced.last_mut() {
            Some((last, write)) if last.end == range.start => {
                last.end = range.end;
                *write = self.writes;
            }
            _ => self.unsynced.push((range, self.writes)),
        }
    }
}

/// Returns the space that a chunk of `coded` stored bytes takes.
pub(crate) fn padded(coded: u64) -> u64 {
    coded.next_multiple_of(ALIGNMENT)
}
