//! Appending to the metadata chain, and allocating units at the end of the file.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::{self, Parsed};
use crate::format::header::{UnitHeader, UnitKind};
use crate::format::record::{Incarnation, Position, Record};
use crate::format::word::WordPlace;
use crate::format::{FIRST_FRAME_BYTES, FileId, unit_start, units_for};
use crate::storage::{LockMode, Storage};

use super::chain::{ChainEnd, ChainReader, Cursor, damaged, write_word};
use super::locks;
use super::state::State;
use super::{Log, io_error};

/// How often an append retries after others took the space that it had prepared.
const ATTEMPTS_MAX: u32 = 64;

/// Units that stay allocated but free at the end of the file.
///
/// Points never take them. So even a full disk has room for a chain unit and a block unit. Full
/// extents can then be sealed, which frees space.
const RESERVE_UNITS: u32 = 2;

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
    fn catch_up_to_append(&mut self) -> Result<()> {
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
    next: u32,
    prepared: Range<u64>,
    wanted: u32,
    is_short: bool,
    is_for_points: bool,
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

impl Log {
    /// Appends one frame with the records that `build` creates from the state at the chain's end.
    ///
    /// `build` runs under the metadata lock, after the chain was caught up. So its checks still
    /// hold when the frame is committed. It may run several times. An empty list appends nothing.
    pub(crate) fn append<T>(
        &self,
        mut build: impl FnMut(&State, &mut Take) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        self.check_usable()?;
        let (mut wanted, mut is_for_points) = (0, false);
        // Under the metadata lock nothing waits for the disk, so space is allocated before. The
        // first attempt only finds out how much is needed.
        for attempt in 0..ATTEMPTS_MAX {
            let prepared = self.prepare(wanted, attempt, is_for_points)?;
            let mut chain = self.chain.lock();
            let patience = self.options.lock_timeout;
            let what = "the metadata chain";
            let exclusive = LockMode::Exclusive;
            let _held = locks::lock(&*self.storage, locks::METADATA, exclusive, patience, what)?;
            self.check_fork()?;
            chain.catch_up_to_append()?;
            let next = chain.state.next_unit;
            let mut take =
                Take { next, prepared, wanted: 0, is_short: false, is_for_points: false };
            let (records, value) = build(&chain.state, &mut take)?;
            if !take.is_short && records.is_empty() {
                return Ok(value);
            }
            if !take.is_short && self.append_records(&mut chain, &records, &mut take)? {
                self.chain_end.set(chain.reader.cursor().next);
                return Ok(value);
            }
            (wanted, is_for_points) = (take.wanted, take.is_for_points);
        }
        let message = "other processes took all space prepared for this append; try again";
        Err(Error::new(ErrorKind::Locked, message))
    }

    /// Allocates space at the end of the file, before the metadata lock is taken.
    fn prepare(&self, units: u32, attempt: u32, is_for_points: bool) -> Result<Range<u64>> {
        if units == 0 {
            return Ok(0..0);
        }
        // Other processes may take the space before this one has the lock. After that, prepare
        // more.
        let slack = if attempt <= 1 { 0 } else { attempt * 2 };
        // Start from the current end: space that was released since would be allocated again.
        let start = self.with_state(|state, _| unit_start(state.next_unit))?;
        let needed = unit_start(units.saturating_add(slack));
        let wished = needed + unit_start(RESERVE_UNITS);
        let allocate = |length| self.storage.allocate(start, length).map(|()| length);
        let allocated = match allocate(wished) {
            Err(_) if !is_for_points => allocate(needed),
            other => other,
        };
        let doing = || io_error(format!("allocating {needed} bytes at {start}"));
        let length = allocated.map_err(doing())?.min(needed);
        Ok(start..start + length)
    }

    /// Releases the reserve if no other process has the file open for writing.
    ///
    /// This punches under the metadata lock, against the rule that no space changes under it. The
    /// lock keeps others from opening the file and taking the units meanwhile.
    pub(super) fn release_reserve(&self) -> Result<()> {
        let mut chain = self.chain.lock();
        let (storage, patience) = (&*self.storage, self.options.lock_timeout);
        let what = "the metadata chain";
        let _held = locks::lock(storage, locks::METADATA, LockMode::Exclusive, patience, what)?;
        let doing = || io_error("releasing the reserve".to_owned());
        if storage.is_locked_elsewhere(locks::LIVENESS).map_err(doing())? {
            return Ok(());
        }
        if chain.catch_up()? != ChainEnd::Clean {
            // The unread part of the chain may name units there.
            return Ok(());
        }
        let start = unit_start(chain.state.next_unit);
        let end = storage.len().map_err(doing())?;
        if start < end { self.punch_range(start, end - start) } else { Ok(()) }
    }

    /// Writes the frame. Returns false if the chain needs a new unit that has no space yet.
    fn append_records(
        &self,
        chain: &mut Chain,
        records: &[Record],
        take: &mut Take,
    ) -> Result<bool> {
        let mut bytes = frame::encode_unplaced(records)?;
        if bytes.len() > chain.reader.cursor().room() {
            let units = chain_units(take.next, bytes.len());
            let Some(unit) = take.units(units) else { return Ok(false) };
            let cursor = chain.reader.cursor();
            let owner = self.writer.map_or(Incarnation(0), |writer| writer.incarnation);
            let linked = link_unit(&*self.storage, self.file, &cursor, unit, units, owner)?;
            chain.reader.set_cursor(linked);
            chain.state.enter_unit(&linked);
        }
        append_encoded(&*self.storage, self.file, chain, &mut bytes)?;
        Ok(true)
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

fn append_encoded(
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
fn chain_units(next_unit: u32, length: usize) -> u32 {
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
fn write_frame(storage: &dyn Storage, cursor: &Cursor, bytes: &[u8]) -> Result<()> {
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
