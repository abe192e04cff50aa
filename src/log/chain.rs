//! Reading the metadata chain, frame by frame and unit by unit, up to its end.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::format::bytes::u64_at;
use crate::format::frame::{self, EMPTY_CHAIN_HASH, Frame, Parsed};
use crate::format::header::{UnitHeader, UnitKind};
use crate::format::record::Position;
use crate::format::word::WordPlace;
use crate::format::{
    FIRST_CHAIN_UNIT, FIRST_FRAME_BYTES, FileId, UNIT_BYTES, UNIT_HEADER_BYTES, unit_start,
};
use crate::mutant::fault;
use crate::storage::Storage;

/// How often a frame with a bad checksum is read again before it counts as bad.
const READS_OF_BAD_FRAME: u32 = 3;
/// The size of a catch-up's first read: enough for one or two small frames.
const FIRST_READ_BYTES: usize = 1024;
/// The size of later reads.
const NEXT_READ_BYTES: usize = 64 * 1024;

/// A position between two frames of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The place of the next frame.
    pub(crate) next: Position,
    /// The chain's hash up to here.
    pub(crate) hash: u64,
    /// The start of the previous frame, or the start of the chain.
    pub(crate) last: Position,
    /// The chain unit of `next`.
    pub(crate) unit: u32,
    /// The end of that unit.
    pub(crate) unit_end: u64,
}

impl Cursor {
    /// Returns the start of the chain, assuming that its first chain unit is one unit long.
    pub(crate) fn start() -> Self {
        let first = unit_start(FIRST_CHAIN_UNIT);
        Cursor {
            next: Position(first + FIRST_FRAME_BYTES),
            hash: EMPTY_CHAIN_HASH,
            last: Position(first + FIRST_FRAME_BYTES),
            unit: FIRST_CHAIN_UNIT,
            unit_end: first + UNIT_BYTES,
        }
    }

    /// Returns the number of bytes left in the unit.
    pub(crate) fn room(&self) -> usize {
        usize::try_from(self.unit_end.saturating_sub(self.next.0)).unwrap_or(0)
    }

    /// Returns the cursor at the first frame of a chain unit that continues here.
    pub(crate) fn in_unit(&self, header: &UnitHeader) -> Cursor {
        let start = unit_start(header.unit);
        let end = start + u64::from(header.units) * UNIT_BYTES;
        let next = Position(start + FIRST_FRAME_BYTES);
        Cursor { next, unit: header.unit, unit_end: end, ..*self }
    }
}

/// How the chain ends for a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChainEnd {
    /// Nothing was committed after the last frame.
    Clean,
    /// Bad bytes follow beyond the durable mark: the remains of a power cut.
    Remains(String),
    /// The chain is linked to a unit, but a power cut took its header or frames before it.
    ///
    /// In the second case, the header continues from a place that cannot be reached any more.
    LostSuccessor(u32),
    /// Bytes follow that were durable and are now unreadable.
    Damage(String),
}

/// A reader of the chain's frames.
#[derive(Debug)]
pub(crate) struct ChainReader {
    storage: Arc<dyn Storage>,
    file: FileId,
    cursor: Cursor,
}

/// The content at the cursor, if it is not a frame.
enum Stop {
    Empty,
    Bad(String),
}

impl ChainReader {
    pub(crate) fn new(storage: Arc<dyn Storage>, file: FileId, cursor: Cursor) -> Self {
        ChainReader { storage, file, cursor }
    }

    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Moves to another place.
    pub(crate) fn set_cursor(&mut self, cursor: Cursor) {
        self.cursor = cursor;
    }

    /// Visits all frames from the cursor, and returns how the chain ends.
    ///
    /// An error of `visit` stops the reader before that frame.
    ///
    /// # Performance
    ///
    /// If there is nothing new, this costs two small reads.
    pub(crate) fn catch_up(
        &mut self,
        mut visit: impl FnMut(&Cursor, &Frame<'_>) -> Result<()>,
    ) -> Result<ChainEnd> {
        // Read the mark first. It only grows, so whatever is before it now must be readable below.
        let mark = self.durable_mark()?;
        let mut chunk = FIRST_READ_BYTES;
        let mut bad_reads = 0;
        let mut linked = false;
        loop {
            let before = self.cursor.next;
            let stop = self.read_chunk(&mut chunk, &mut visit)?;
            if self.cursor.next != before {
                bad_reads = 0;
                continue;
            }
            let Some(stop) = stop else { continue };
            let (is_bad, reason) = match stop {
                Stop::Empty => (false, "no frame where one was durable".to_owned()),
                Stop::Bad(reason) => (true, reason),
            };
            if is_bad && bad_reads < READS_OF_BAD_FRAME {
                bad_reads += 1;
                continue;
            }
            match self.read_word(WordPlace::Successor(self.cursor.unit))? {
                // The unit may have been filled between the two reads, so read the frames once
                // more.
                Some(_) if !linked => linked = true,
                Some(unit) => match self.follow(u32::try_from(unit).unwrap_or(0))? {
                    None => linked = false,
                    Some(ChainEnd::LostSuccessor(_)) if self.is_durable(mark) => {
                        return Ok(ChainEnd::Damage(reason));
                    }
                    Some(end) => return Ok(end),
                },
                None if self.is_durable(mark) => return Ok(ChainEnd::Damage(reason)),
                None if is_bad => return Ok(ChainEnd::Remains(reason)),
                None => return Ok(ChainEnd::Clean),
            }
        }
    }

    fn is_durable(&self, mark: u64) -> bool {
        self.cursor.next.0 < mark && !fault!(Rule8DamageIsEnd)
    }

    /// Reads once and visits the frames. Returns what stopped it, or `None` if it needs more bytes.
    fn read_chunk(
        &mut self,
        chunk: &mut usize,
        visit: &mut impl FnMut(&Cursor, &Frame<'_>) -> Result<()>,
    ) -> Result<Option<Stop>> {
        let mut buffer = vec![0; (*chunk).min(self.cursor.room())];
        let got = self.read(self.cursor.next.0, &mut buffer)?;
        let mut bytes = &buffer[..got];
        // An allocated unit is zero where nothing was written. So are bytes beyond the end of the
        // file.
        if bytes.len() < 8 {
            return Ok(Some(Stop::Empty));
        }
        loop {
            let Cursor { next, hash, .. } = self.cursor;
            match frame::parse(self.file, next, Some(hash), bytes, self.cursor.room()) {
                Parsed::Whole(frame) => {
                    visit(&self.cursor, &frame)?;
                    self.advance(&frame);
                    bytes = &bytes[frame.length..];
                }
                Parsed::NeedsMore(_) if got < buffer.len() => {
                    let reason = "a frame extends beyond the end of the file".to_owned();
                    return Ok(Some(if bytes.is_empty() {
                        Stop::Empty
                    } else {
                        Stop::Bad(reason)
                    }));
                }
                Parsed::NeedsMore(length) => {
                    *chunk = length.max(NEXT_READ_BYTES);
                    let at_end = bytes.is_empty() && self.cursor.room() < 8;
                    return Ok(at_end.then_some(Stop::Empty));
                }
                Parsed::Empty => return Ok(Some(Stop::Empty)),
                Parsed::Bad(reason) => return Ok(Some(Stop::Bad(reason))),
            }
        }
    }

    fn advance(&mut self, frame: &Frame<'_>) {
        self.cursor.last = self.cursor.next;
        self.cursor.next.0 += frame.length as u64;
        self.cursor.hash = frame.hash;
    }

    /// Moves to the successor unit, or returns why the chain ends here.
    fn follow(&mut self, unit: u32) -> Result<Option<ChainEnd>> {
        let Some(header) = self.unit_header(unit)? else {
            return Ok(Some(ChainEnd::LostSuccessor(unit)));
        };
        let continues = header.kind == UnitKind::Chain
            && header.previous_end == self.cursor.next
            && header.previous_hash == self.cursor.hash;
        // Frames before the unit are lost. The caller decides whether they were durable.
        if !continues && header.kind == UnitKind::Chain && header.previous_end >= self.cursor.next {
            return Ok(Some(ChainEnd::LostSuccessor(unit)));
        }
        if !continues {
            return Ok(Some(ChainEnd::Damage(format!(
                "unit {unit} continues the chain from byte {}, but it is readable only up to {}",
                header.previous_end.0, self.cursor.next.0
            ))));
        }
        self.cursor = self.cursor.in_unit(&header);
        Ok(None)
    }

    /// Returns the header of a unit, if it is intact.
    pub(crate) fn unit_header(&self, unit: u32) -> Result<Option<UnitHeader>> {
        let mut bytes = [0; UNIT_HEADER_BYTES as usize];
        self.read(unit_start(unit), &mut bytes)?;
        Ok(UnitHeader::decode(self.file, unit, &bytes))
    }

    /// Returns the end of the chain at the last successful sync, or 0 if it is unknown.
    pub(crate) fn durable_mark(&self) -> Result<u64> {
        Ok(self.read_word(WordPlace::DurableMark)?.map_or(0, |eighths| eighths * 8))
    }

    /// Returns the ranges of the chain's units from the durable mark to the cursor.
    pub(crate) fn units_from_mark(&self) -> Result<Vec<(u64, u64)>> {
        let mark = self.durable_mark()?;
        let mut ranges = Vec::new();
        let mut unit = FIRST_CHAIN_UNIT;
        while let Some(header) = self.unit_header(unit)? {
            let end = unit_start(unit) + u64::from(header.units) * UNIT_BYTES;
            if end > mark {
                ranges.push((unit_start(unit), end));
            }
            match self.read_word(WordPlace::Successor(unit))? {
                // Follow links forwards only, so that damaged ones cannot form a circle.
                Some(next) if unit != self.cursor.unit && next > u64::from(unit) => {
                    unit = u32::try_from(next).unwrap_or(u32::MAX);
                }
                _ => break,
            }
        }
        Ok(ranges)
    }

    pub(crate) fn read_word(&self, place: WordPlace) -> Result<Option<u64>> {
        read_word(&*self.storage, self.file, place)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.storage.read_at(offset, buffer).map_err(|source| {
            Error::io(format!("reading {} bytes at {offset}", buffer.len()), source)
        })
    }

    /// Returns the cursor after the frame at `position`, if the frame is intact and has this hash.
    ///
    /// Use it for positions stored elsewhere, in the checkpoint hint or the index. Costs one small
    /// read for each chain unit before the position.
    pub(crate) fn cursor_after(
        &self,
        position: Position,
        hash: Option<u64>,
    ) -> Result<Option<Cursor>> {
        let Some(header) = self.unit_holding(position)? else { return Ok(None) };
        let cursor = Cursor { next: position, last: position, ..Cursor::start().in_unit(&header) };
        let cursor = Cursor { next: position, ..cursor };
        let frame = self.frame_at(&cursor)?;
        let Some((length, found)) = frame else { return Ok(None) };
        if hash.is_some_and(|hash| hash != found) {
            return Ok(None);
        }
        let next = Position(position.0 + length as u64);
        Ok(Some(Cursor { next, hash: found, ..cursor }))
    }

    fn frame_at(&self, cursor: &Cursor) -> Result<Option<(usize, u64)>> {
        let mut buffer = vec![0; FIRST_READ_BYTES.min(cursor.room())];
        loop {
            let got = self.read(cursor.next.0, &mut buffer)?;
            match frame::parse(self.file, cursor.next, None, &buffer[..got], cursor.room()) {
                Parsed::Whole(frame) => return Ok(Some((frame.length, frame.hash))),
                Parsed::NeedsMore(length) if length > buffer.len() => buffer.resize(length, 0),
                _ => return Ok(None),
            }
        }
    }

    fn unit_holding(&self, position: Position) -> Result<Option<UnitHeader>> {
        let mut unit = FIRST_CHAIN_UNIT;
        loop {
            let Some(header) = self.unit_header(unit)? else { return Ok(None) };
            let start = unit_start(unit);
            let end = start + u64::from(header.units) * UNIT_BYTES;
            if (start + FIRST_FRAME_BYTES..end).contains(&position.0) {
                return Ok(Some(header));
            }
            match self.read_word(WordPlace::Successor(unit))? {
                Some(next) if u32::try_from(next).is_ok_and(|next| next > unit) => {
                    unit = u32::try_from(next).unwrap_or(u32::MAX);
                }
                _ => return Ok(None),
            }
        }
    }
}

/// Reads a shared or successor word. Returns `None` if it is unset or its checksum is bad.
pub(crate) fn read_word(
    storage: &dyn Storage,
    file: FileId,
    place: WordPlace,
) -> Result<Option<u64>> {
    let mut bytes = [0; 8];
    storage
        .read_at(place.offset(), &mut bytes)
        .map_err(|source| Error::io(format!("reading the word {place:?}"), source))?;
    Ok(place.decode(file, u64_at(&bytes, 0)))
}

/// Writes a shared or successor word.
pub(crate) fn write_word(
    storage: &dyn Storage,
    file: FileId,
    place: WordPlace,
    value: u64,
) -> Result<()> {
    storage
        .write_at(place.offset(), &place.encode(file, value).to_le_bytes())
        .map_err(|source| Error::io(format!("writing the word {place:?}"), source))
}

/// Creates the error for a damaged chain.
pub(crate) fn damaged(cursor: &Cursor, reason: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!(
            "the metadata chain is damaged at byte {}: {reason}; nothing more is written to the \
             file: run `tracklite verify --salvage` to copy the intact data to a new one",
            cursor.next.0
        ),
    )
}
