//! Reading points without locks: extents slot by slot, blocks whole or by column.

use crate::error::{Error, ErrorKind, Result};
use crate::format::bytes::u32_at;
use crate::format::record::{BlockPlace, Incarnation};
use crate::format::scan::{Entry, ScanReport, scan_live};
use crate::format::slot::{self, ROW_FLAG, SlotSeed};
use crate::format::{FIRST_SLOT_BYTES, SLOT_BYTES, unit_start};
#[cfg(feature = "internals")]
use crate::mutant::fault;
use crate::sys::checksum::crc32c_bytes;

use super::Log;
use super::io_error::io_error;
use super::state::ExtentState;

/// How much of an extent is read at a time. It fits the processor's cache.
const SCAN_BYTES: usize = 128 * 1024;
/// The size of an extent's first read. Most short runs end within it.
const FIRST_SCAN_BYTES: usize = 16 * 1024;
/// The largest allocation that needs no check against the length of the file.
const TRUSTED_BYTES: usize = 64 * 1024;

impl Log {
    /// Visits the committed entries of an extent from slot `from` to its end.
    ///
    /// The extent may be sealed and punched during the read, and then reads as empty. So the caller
    /// must check the chain afterwards. If the extent was sealed, the answer comes from the blocks.
    pub(crate) fn scan_extent(
        &self,
        owner: Incarnation,
        extent: &ExtentState,
        from: u32,
        visit: impl FnMut(u32, Entry<'_>),
    ) -> Result<ScanReport> {
        self.scan_extent_with(&mut Vec::new(), owner, extent, from, visit)
    }

    /// Scans like [`Log::scan_extent`], with a buffer that the caller reuses between extents.
    pub(crate) fn scan_extent_with(
        &self,
        buffer: &mut Vec<u8>,
        owner: Incarnation,
        extent: &ExtentState,
        from: u32,
        mut visit: impl FnMut(u32, Entry<'_>),
    ) -> Result<ScanReport> {
        let seed = SlotSeed::new(self.file, extent.unit, owner);
        let capacity = slot::slot_count(extent.units);
        #[cfg(feature = "internals")]
        let capacity = self.stored_length(extent)?.map_or(capacity, |length| capacity.min(length));
        let mut report = ScanReport { next: from, stopped: from, ..ScanReport::default() };
        let (mut length, mut settled) = (FIRST_SCAN_BYTES, 0);
        while report.stopped < capacity {
            let left = (capacity - report.stopped) as usize * SLOT_BYTES as usize;
            let wanted = length.min(left);
            if buffer.len() < wanted {
                buffer.resize(wanted, 0);
            }
            let offset =
                unit_start(extent.unit) + FIRST_SLOT_BYTES + u64::from(report.stopped) * SLOT_BYTES;
            let got = self
                .storage
                .read_at(offset, &mut buffer[..wanted])
                .map_err(io_error(format!("reading extent {}", extent.unit)))?;
            // Nothing was ever stored beyond the end of the file.
            let whole = got / SLOT_BYTES as usize * SLOT_BYTES as usize;
            let is_last = whole == left || got < wanted;
            let before = report.stopped;
            let bytes = &buffer[..whole];
            if scan_live(seed, bytes, is_last, &mut settled, &mut report, &mut visit) {
                continue;
            }
            if is_last {
                break;
            }
            let needed = if report.stopped == before { row_bytes(bytes) } else { 0 };
            let left = (capacity - report.stopped) as usize * SLOT_BYTES as usize;
            length = needed.max(left.min(SCAN_BYTES));
        }
        Ok(report)
    }

    /// Returns the length that [`Log::store_lengths`] stored, which only a mutant trusts.
    #[cfg(feature = "internals")]
    fn stored_length(&self, extent: &ExtentState) -> Result<Option<u32>> {
        if !fault!(TrustedLength) {
            return Ok(None);
        }
        let header = self.reader(super::Cursor::start()).unit_header(extent.unit)?;
        Ok(header.and_then(|header| u32::try_from(header.previous_end.0).ok()))
    }

    /// Reads a whole block and verifies it against the checksum in the chain.
    pub(crate) fn read_block(&self, place: &BlockPlace) -> Result<Vec<u8>> {
        let (offset, length, checksum) = match place {
            BlockPlace::Inline(bytes) => return Ok(bytes.clone()),
            BlockPlace::At { offset, length, checksum } => (*offset, *length, *checksum),
        };
        let mut bytes = self.room_for(offset, length as usize)?;
        let got = self
            .storage
            .read_at(offset, &mut bytes)
            .map_err(io_error(format!("reading the block at {offset}")))?;
        let found = crc32c_bytes(0, &bytes);
        if got == bytes.len() && found == checksum {
            return Ok(bytes);
        }
        Err(Error::new(
            ErrorKind::Damaged,
            format!(
                "block of {length} bytes at {offset} has checksum {found:08x}, expected \
                 {checksum:08x}"
            ),
        ))
    }

    /// Reads a piece of a block. The caller verifies it by the block's own checksums.
    pub(crate) fn read_piece(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = self.room_for(offset, length)?;
        let got = self
            .storage
            .read_at(offset, &mut bytes)
            .map_err(io_error(format!("reading {length} bytes of the block at {offset}")))?;
        bytes.truncate(got);
        Ok(bytes)
    }

    /// Allocates memory for bytes at `offset`, but never more than the file can have there.
    fn room_for(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        if length > TRUSTED_BYTES {
            let end =
                self.storage.len().map_err(io_error("reading the file's length".to_owned()))?;
            let left = end.saturating_sub(offset);
            if length as u64 > left {
                return Err(Error::new(
                    ErrorKind::Damaged,
                    format!("the file has {left} bytes at {offset}, expected {length}"),
                ));
            }
        }
        Ok(vec![0; length])
    }
}

/// Returns the size that the header of the row at the start of `bytes` claims.
fn row_bytes(bytes: &[u8]) -> usize {
    if u32_at(bytes, 4) & ROW_FLAG == 0 {
        return 0;
    }
    let count = (u32_at(bytes, 24) as usize).min(crate::format::ROW_VALUES_MAX);
    slot::row_slots(count) * SLOT_BYTES as usize
}
