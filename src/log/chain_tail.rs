//! The end of the chain, where frames are appended.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::{self, Parsed};
use crate::format::header::{UnitHeader, UnitKind};
use crate::format::record::{Incarnation, Position, Record};
use crate::format::word::WordPlace;
use crate::format::{FIRST_FRAME_BYTES, FileId, unit_start, units_for};
use crate::storage::Storage;

use super::chain::{ChainEnd, ChainReader, Cursor, damaged, write_word};
use super::io_error::io_error;
use super::state::State;

/// Units that stay allocated but free at the end of the file.
///
/// Points never take them. So even a full disk has room for a chain unit and a block unit. Full
/// extents can then be sealed, which frees space.
pub(super) const RESERVE_UNITS: u32 = 2;

/// The number of units in a new chain unit, by the size of the file: (fewer units than, number).
///
/// Larger files have longer chains. Larger chain units keep the number of links low.
const CHAIN_UNITS: [(u32, u32); 2] = [(64, 1), (1024, 4)];

/// The number of units in a new chain unit of a larger file.
const CHAIN_UNITS_MOST: u32 = 16;

/// The chain as this process knows it.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) reader: ChainReader,
    pub(crate) state: State,
    /// The reason why nothing more may be appended.
    pub(crate) broken: Option<String>,
}

impl Chain {
    /// Applies the frames that others have appended.
    pub(crate) fn catch_up(&mut self) -> Result<ChainEnd> {
        let state = &mut self.state;
        let end = self.reader.catch_up(|at, frame| state.apply_frame(at, frame))?;
        self.state.enter_unit(&self.reader.cursor());
        Ok(end)
    }

    /// Catches up, and fails unless a frame may be appended at the end.
    ///
    /// Readers stop at damage and at the remains of a power cut, so they would never see a frame
    /// behind them.
    pub(super) fn catch_up_to_append(&mut self) -> Result<()> {
        let end = self.catch_up()?;
        let reason = match end {
            ChainEnd::Clean => self.broken.clone(),
            ChainEnd::Remains(reason) | ChainEnd::Damage(reason) => Some(reason),
            ChainEnd::LostSuccessor(unit) => Some(format!("unit {unit} lost its header")),
        };
        if let Some(reason) = reason {
            let error = damaged(&self.reader.cursor(), &reason);
            self.broken = Some(reason);
            return Err(error);
        }
        match &self.state.read_only {
            Some(reason) => Err(Error::new(ErrorKind::ReadOnly, reason.clone())),
            None => Ok(()),
        }
    }
}

/// The units that a frame takes at the end of the file, under one hold of the metadata lock.
#[derive(Debug)]
pub(crate) struct Take {
    pub(super) next: u32,
    pub(super) prepared: Range<u64>,
    pub(super) wanted: u32,
    pub(super) is_short: bool,
    pub(super) is_for_points: bool,
}

impl Take {
    /// Takes units like [`Take::units`], but for points and chunks, which leave the reserve alone.
    pub(crate) fn units_for_points(&mut self, units: u32) -> Option<u32> {
        self.is_for_points = true;
        self.units(units)
    }

    /// Takes `units` fresh units and returns the first, or `None` if their space is not prepared.
    ///
    /// On `None`, the caller must return. It is called again after the space has been prepared.
    pub(crate) fn units(&mut self, units: u32) -> Option<u32> {
        let unit = self.next;
        self.next = unit.saturating_add(units);
        self.wanted = self.wanted.saturating_add(units);
        let fits =
            self.prepared.contains(&unit_start(unit)) && unit_start(self.next) <= self.prepared.end;
        self.is_short |= !fits;
        fits.then_some(unit)
    }
}

/// Appends a frame that is known to fit the current chain unit.
pub(super) fn append_frame(
    storage: &dyn Storage,
    file: FileId,
    chain: &mut Chain,
    records: &[Record],
) -> Result<()> {
    append_encoded(storage, file, chain, &mut frame::encode_unplaced(records)?)
}

pub(super) fn append_encoded(
    storage: &dyn Storage,
    file: FileId,
    chain: &mut Chain,
    bytes: &mut [u8],
) -> Result<()> {
    let cursor = chain.reader.cursor();
    frame::place(file, cursor.next, cursor.hash, bytes);
    write_frame(storage, &cursor, bytes)?;
    let parsed = frame::parse(file, cursor.next, Some(cursor.hash), bytes, cursor.room());
    let Parsed::Whole(frame) = parsed else {
        let message = format!("the frame just written at {} is {parsed:?}", cursor.next.0);
        return Err(Error::new(ErrorKind::Damaged, message));
    };
    chain.state.apply_frame(&cursor, &frame)?;
    chain.reader.set_cursor(Cursor {
        next: Position(cursor.next.0 + bytes.len() as u64),
        hash: frame.hash,
        last: cursor.next,
        ..cursor
    });
    Ok(())
}

/// Returns the number of units for the next chain unit, which must hold a frame of `length` bytes.
pub(super) fn chain_units(next_unit: u32, length: usize) -> u32 {
    let usual = CHAIN_UNITS.iter().find(|(below, _)| next_unit < *below);
    let usual = usual.map_or(CHAIN_UNITS_MOST, |(_, units)| *units);
    units_for(FIRST_FRAME_BYTES + length as u64).max(usual)
}

/// Links `unit` as the continuation of the chain at `cursor`. Its space must be allocated.
///
/// The header is written before the link. So a reader that follows the successor word, which is
/// written once, finds an initialised unit.
pub(super) fn link_unit(
    storage: &dyn Storage,
    file: FileId,
    cursor: &Cursor,
    unit: u32,
    units: u32,
    incarnation: Incarnation,
) -> Result<Cursor> {
    let header = UnitHeader {
        kind: UnitKind::Chain,
        unit,
        units,
        incarnation,
        previous_end: cursor.next,
        previous_hash: cursor.hash,
    };
    storage
        .write_at(unit_start(unit), &header.encode(file))
        .map_err(io_error(format!("initialising chain unit {unit}")))?;
    write_word(storage, file, WordPlace::Successor(cursor.unit), u64::from(unit))?;
    Ok(cursor.in_unit(&header))
}

/// Writes `[0 | body | next word 0]`, then the commit word.
///
/// The commit word is one aligned 8-byte write, so a killed process leaves a whole frame or a zero
/// commit word. A killed process may have left bytes behind the frame. The zero overwrites them, so
/// that the chain's new end is clean.
pub(super) fn write_frame(storage: &dyn Storage, cursor: &Cursor, bytes: &[u8]) -> Result<()> {
    let offset = cursor.next.0;
    let (commit, body) = bytes.split_at(8);
    let mut unfinished = Vec::with_capacity(bytes.len() + 8);
    unfinished.extend([0; 8]);
    unfinished.extend(body);
    if bytes.len() + 8 <= cursor.room() {
        unfinished.extend([0; 8]);
    }
    let doing = || io_error(format!("writing a frame of {} bytes at {offset}", bytes.len()));
    storage.write_at(offset, &unfinished).map_err(doing())?;
    storage.write_at(offset, commit).map_err(doing())
}
