//! Chunks of artifacts. A process writes them to its own units, and reads them from any.
//!
//! Chunks are written and synced before a frame names them. Chunks that no frame will ever name are
//! punched: by the upload if it fails, or by gc if the writer is gone.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk::{CHUNK_BYTES_MAX, CODEC_RAW};
use crate::format::header::UnitKind;
use crate::format::record::{ChunkUnitOpened, StoredChunk};
use crate::format::{PAGE_BYTES, UNIT_BYTES, UNIT_HEADER_BYTES, chunk, unit_start, units_for};
use crate::mutant::fault;
use crate::sys::checksum::crc32c_bytes;

use super::Log;
use super::chunk_units::{ChunkAmount, ChunkUnits, padded};
use super::io_error::io_error;

/// The maximum size of a chunk unit: 16 MiB. A chunk that does not fit leaves up to 1 MiB unused.
const CHUNK_UNITS_MAX: u32 = 256;

impl Log {
    /// Writes consecutive chunks from `bytes` and returns their offsets in the file.
    ///
    /// Each chunk is padded with zeros to a multiple of 8, which `lengths` includes. `amount` sizes
    /// new units, and includes these bytes. The caller must sync the bytes before a record names
    /// them.
    pub(crate) fn write_chunks(
        &self,
        bytes: &[u8],
        lengths: &[usize],
        amount: ChunkAmount,
    ) -> Result<Vec<u64>> {
        let mut units = self.chunk_units.lock();
        let (mut from, mut to) = (0, 0);
        let mut places = Vec::with_capacity(lengths.len());
        for &length in lengths {
            let left = units.room.end.saturating_sub(units.room.start);
            if ((to + length - from) as u64) > left {
                self.write_run(&mut units, bytes.get(from..to).unwrap_or_default())?;
                from = to;
                if length as u64 > units.room.end - units.room.start {
                    let opened = self.open_chunk_unit(length as u64, amount.after(from as u64))?;
                    let left = std::mem::replace(&mut units.room, opened);
                    self.release_chunk_room(left)?;
                    let first = units.room.start;
                    units.note_write(first - UNIT_HEADER_BYTES..first);
                }
            }
            places.push(units.room.start + (to - from) as u64);
            to += length;
        }
        self.write_run(&mut units, bytes.get(from..to).unwrap_or_default())?;
        Ok(places)
    }

    /// Writes bytes that fit the current unit.
    fn write_run(&self, units: &mut ChunkUnits, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let offset = units.room.start;
        let end = offset + bytes.len() as u64;
        // Noted before the write: if it fails, any part of the range may have been written.
        units.note_write(offset..end);
        units.room.start = end;
        let doing = || format!("writing {} bytes of chunks at {offset}", bytes.len());
        self.storage.write_at(offset, bytes).map_err(io_error(doing()))
    }

    /// Allocates a unit for chunks: the wished size, or the needed size on a full disk.
    ///
    /// Like points, chunks leave the reserve alone.
    fn open_chunk_unit(&self, needed: u64, wished: u64) -> Result<Range<u64>> {
        let needed = units_for(UNIT_HEADER_BYTES + needed);
        let wished = units_for(UNIT_HEADER_BYTES + wished).min(CHUNK_UNITS_MAX).max(needed);
        match self.take_chunk_units(wished) {
            Err(error) if error.kind() == ErrorKind::StorageFull && wished > needed => {
                self.take_chunk_units(needed)
            }
            other => other,
        }
    }

    fn take_chunk_units(&self, units: u32) -> Result<Range<u64>> {
        let incarnation = self.check_usable()?.incarnation;
        let unit = self.append(|_, take| {
            let Some(unit) = take.units_for_points(units) else { return Ok((Vec::new(), 0)) };
            Ok((vec![ChunkUnitOpened { incarnation, unit, units }.into()], unit))
        })?;
        self.begin_unit(UnitKind::Chunks, unit, units, incarnation)?;
        let start = unit_start(unit);
        Ok(start + UNIT_HEADER_BYTES..start + u64::from(units) * UNIT_BYTES)
    }

    /// Makes all chunks written before the call durable, so that a record may name them.
    pub(crate) fn sync_chunks(&self) -> Result<()> {
        // Read before the sync begins, which may miss later writes.
        let writes = self.chunk_units.lock().writes;
        if fault!(Rule19NamedBeforeSync) {
            return Ok(());
        }
        self.sync()?;
        self.chunk_units.lock().unsynced.retain(|(_, write)| *write > writes);
        Ok(())
    }

    /// Rewrites chunks that may be unsynced, after a failed sync.
    pub(super) fn rewrite_chunks(&self) -> Result<()> {
        // The mutex keeps writers out: a write between the read and the write would be lost.
        let units = self.chunk_units.lock();
        let mut unsynced = units.unsynced.iter();
        unsynced.try_for_each(|(range, _)| self.rewrite(range.start, range.end - range.start))
    }

    /// Releases the free rest of the newest unit.
    pub(super) fn close_chunk_unit(&self) -> Result<()> {
        let room = std::mem::take(&mut self.chunk_units.lock().room);
        self.release_chunk_room(room)
    }

    /// Punches the free rest of a unit. No frame names anything there.
    fn release_chunk_room(&self, room: Range<u64>) -> Result<()> {
        if self.is_poisoned()? { Ok(()) } else { self.punch_within(room) }
    }

    /// Punches chunks. Consecutive ones, in this order, include the pages that they share.
    pub(crate) fn punch_chunks(&self, chunks: &[StoredChunk]) -> Result<()> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for chunk in chunks {
            let end = chunk.offset + padded(u64::from(chunk.coded));
            match ranges.last_mut() {
                Some(last) if last.end == chunk.offset => last.end = end,
                _ => ranges.push(chunk.offset..end),
            }
        }
        ranges.into_iter().try_for_each(|range| self.punch_within(range))
    }

    /// Punches the pages that are wholly within a range.
    pub(crate) fn punch_within(&self, range: Range<u64>) -> Result<()> {
        let pages = whole_pages(&range);
        if pages.is_empty() {
            return Ok(());
        }
        self.punch_range(pages.start, pages.end - pages.start)
    }

    /// Reads a chunk and verifies its hash.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Damaged`] if the chunk does not match its hash.
    pub(crate) fn read_chunk(&self, stored: &StoredChunk) -> Result<Vec<u8>> {
        self.decode_chunk(stored, self.read_coded(stored)?)
    }

    /// Reads a chunk like [`Log::read_chunk`], and reuses the memory of `bytes`.
    ///
    /// The checksum is only verified for compressed chunks. For raw ones, the hash suffices.
    pub(crate) fn read_chunk_into(
        &self,
        stored: &StoredChunk,
        mut bytes: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let (length, offset) = (stored.coded as usize, stored.offset);
        if stored.codec != CODEC_RAW || length > CHUNK_BYTES_MAX {
            return self.read_chunk(stored);
        }
        bytes.resize(length, 0);
        let got = self.storage.read_at(offset, &mut bytes);
        let got = got.map_err(io_error(format!("reading {length} bytes of chunks at {offset}")))?;
        bytes.truncate(got);
        self.decode_chunk(stored, bytes)
    }

    /// Decodes a stored chunk and verifies its hash.
    pub(crate) fn decode_chunk(&self, stored: &StoredChunk, coded: Vec<u8>) -> Result<Vec<u8>> {
        let bytes = chunk::decode(stored.codec, coded, stored.length as usize)?;
        let found = chunk::hash(&bytes);
        if found == stored.hash {
            return Ok(bytes);
        }
        let StoredChunk { hash, offset, .. } = stored;
        let message = format!("chunk at {offset} has hash {found}, expected {hash}");
        Err(Error::new(ErrorKind::Damaged, message))
    }

    /// Reads the stored bytes of a chunk and verifies their checksum.
    pub(crate) fn read_coded(&self, stored: &StoredChunk) -> Result<Vec<u8>> {
        let StoredChunk { coded, offset, checksum, .. } = *stored;
        if coded as usize > CHUNK_BYTES_MAX {
            let message =
                format!("chunk at {offset} claims {coded} bytes, the maximum is {CHUNK_BYTES_MAX}");
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        let bytes = self.read_piece(offset, coded as usize)?;
        let found = crc32c_bytes(0, &bytes);
        if bytes.len() == coded as usize && found == checksum {
            return Ok(bytes);
        }
        let message = format!(
            "chunk of {coded} bytes at {offset} has checksum {found:08x}, expected {checksum:08x}"
        );
        Err(Error::new(ErrorKind::Damaged, message))
    }
}

/// Returns the pages that are wholly within a range.
fn whole_pages(range: &Range<u64>) -> Range<u64> {
    range.start.next_multiple_of(PAGE_BYTES)..range.end / PAGE_BYTES * PAGE_BYTES
}
