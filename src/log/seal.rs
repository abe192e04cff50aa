//! Sealing: full extents become column blocks, and their space is released.
//!
//! The order is: write the blocks; sync; append `Sealed`; sync; punch. A power cut can then never
//! lose both an extent and its block. The first sync makes the block durable before a record names
//! it. The second makes that record durable before the extent is gone.

use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::format::block;
use crate::format::header::{UnitHeader, UnitKind};
use crate::format::record::{
    BlockPlace, BlockUnitOpened, Incarnation, Position, Punched, Sealed, SealedBlock, WriterClosed,
};
use crate::format::{UNIT_BYTES, UNIT_HEADER_BYTES, unit_start, units_for};
use crate::mutant::fault;
use crate::storage::LockMode;
use crate::sys::checksum::crc32c_bytes;

use super::Log;
use super::gather::Gathering;
use super::io_error::io_error;
use super::sealer::{BLOCK_NUMBERS_MAX, BlockRoom, Debt, Define, Lost, Sealer, passes};
use super::state::ExtentState;

/// Blocks up to this size are stored in the `Sealed` frame itself.
const INLINE_BLOCK_BYTES: usize = 4096;

/// From this many units on, a file has block units that span more than one unit.
const SMALL_FILE_UNITS: u32 = 1024;
/// The number of units in a block unit of such a file: 1 MiB.
const BLOCK_UNITS: u32 = 16;

impl Log {
    /// Seals one pass of this process's full extents, about 32 MiB. Returns how many it sealed.
    pub(crate) fn seal_full(&self) -> Result<usize> {
        let writer = self.check_usable()?;
        let extents = {
            let mut points = self.points.lock();
            let count = passes(&points.full).next().map_or(0, <[_]>::len);
            points.take_full(count)
        };
        if extents.is_empty() {
            return Ok(0);
        }
        self.seal_taken(writer.incarnation, &extents)?;
        Ok(extents.len())
    }

    /// Seals extents that were taken for it. On failure, the unsealed ones count as full again.
    fn seal_taken(&self, incarnation: Incarnation, extents: &[ExtentState]) -> Result<()> {
        let end = |extents: &[ExtentState], is_sealed| {
            self.points.lock().end_sealing(extents, is_sealed);
        };
        let sealed = self.seal_own(incarnation, extents);
        let is_full = matches!(&sealed, Err(error) if error.kind() == ErrorKind::StorageFull);
        if !is_full || extents.len() < 2 {
            end(extents, sealed.is_ok());
            return sealed;
        }
        // The disk is full. The reserve may suffice for one extent, whose space then serves the
        // next.
        for (at, extent) in extents.iter().enumerate() {
            let one = std::slice::from_ref(extent);
            if let Err(error) = self.seal_own(incarnation, one) {
                end(&extents[at..], false);
                return Err(error);
            }
            end(one, true);
        }
        Ok(())
    }

    fn seal_own(&self, incarnation: Incarnation, extents: &[ExtentState]) -> Result<()> {
        let define = |id| self.definitions.lock().get(id).cloned();
        self.seal_extents(incarnation, extents, &define)?;
        let is_synced = fault!(Rule14PunchBeforeSync);
        {
            let mut sealer = self.sealer.lock();
            for &extent in extents {
                if !sealer.debts.iter().any(|debt| debt.extent.unit == extent.unit) {
                    sealer.debts.push(Debt { extent, is_synced });
                }
            }
        }
        // From here on the points are safe in their blocks. A failure only delays the punching.
        if is_synced {
            self.pay_debts()?;
        }
        self.sync_debts()?;
        self.pay_debts()
    }

    /// Writes the blocks of a writer's extents, syncs them, and appends `Sealed`.
    ///
    /// Skips extents that are already sealed. When it returns, all of them are.
    pub(super) fn seal_extents(
        &self,
        incarnation: Incarnation,
        extents: &[ExtentState],
        define: Define<'_>,
    ) -> Result<()> {
        let unsealed = self.with_state(|state, _| {
            let writer = state.writer(incarnation)?;
            Some(writer.unsealed().map(|extent| extent.unit).collect::<Vec<u32>>())
        })?;
        let unsealed = unsealed.ok_or_else(sealed_by_others)?;
        let left = extents.iter().copied().filter(|extent| unsealed.contains(&extent.unit));
        let left: Vec<ExtentState> = left.collect();
        let mut parts = vec![&left[..]];
        while let Some(part) = parts.pop() {
            match self.seal_part(incarnation, part, define) {
                // With very many series the frame is too large. Half of the extents may fit.
                Err(error) if error.kind() == ErrorKind::InvalidInput && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn seal_part(
        &self,
        incarnation: Incarnation,
        extents: &[ExtentState],
        define: Define<'_>,
    ) -> Result<()> {
        if extents.is_empty() {
            return Ok(());
        }
        let mut sealer = self.sealer.lock();
        let before = sealer.room;
        let built = self.write_blocks(&mut sealer, incarnation, extents, define);
        let (blocks, dropped) = match built {
            Ok(built) => built,
            Err(error) => {
                sealer.reclaim(before);
                return Err(error);
            }
        };
        let needs_sync = blocks.iter().any(|block| matches!(block.place, BlockPlace::At { .. }));
        if needs_sync {
            self.sync_once().inspect_err(|_| sealer.reclaim(before))?;
        }
        let units: Vec<u32> = extents.iter().map(|extent| extent.unit).collect();
        let punched = sealer.punched.clone();
        let sealed = Sealed { incarnation, extents: units, dropped, blocks };
        self.append(|state, _| {
            // Checked under the metadata lock, because a janitor may have taken this process for
            // dead and sealed the extents. A second `Sealed` would duplicate their points.
            let unsealed = |unit: &u32| {
                let writer = state.writer(incarnation);
                writer.is_some_and(|writer| writer.unsealed().any(|extent| extent.unit == *unit))
            };
            if !sealed.extents.iter().all(unsealed) {
                return Err(sealed_by_others());
            }
            let punched = Punched { extents: punched.clone() };
            let mut records = vec![sealed.clone().into()];
            if !punched.extents.is_empty() {
                records.push(punched.into());
            }
            Ok((records, ()))
        })?;
        sealer.punched.clear();
        sealer.unsynced.clear();
        let room = sealer.room;
        sealer.unsynced.extend(room.map(|room| (room.unit, room.units)));
        Ok(())
    }

    fn write_blocks(
        &self,
        sealer: &mut Sealer,
        incarnation: Incarnation,
        extents: &[ExtentState],
        define: Define<'_>,
    ) -> Result<(Vec<SealedBlock>, u64)> {
        let mut blocks = Vec::new();
        let lost = self.encode_extents(incarnation, extents, define, |bytes| {
            let series = block::parse(&bytes)?.sealed_series();
            blocks.push(SealedBlock { place: self.place_block(sealer, bytes)?, series });
            // A pass may take long. Keep pages resident ahead of the writer meanwhile.
            self.populate_ahead();
            Ok(())
        })?;
        Ok((blocks, lost.undefined + lost.slots))
    }

    /// Stores a block from another file. It must be synced before a record names it.
    pub(crate) fn adopt_block(&self, bytes: Vec<u8>) -> Result<BlockPlace> {
        let mut sealer = self.sealer.lock();
        self.place_block(&mut sealer, bytes)
    }

    /// Encodes the points in a writer's extents as blocks, and passes each to `take`.
    ///
    /// Returns what could not be read.
    pub(crate) fn encode_extents(
        &self,
        incarnation: Incarnation,
        extents: &[ExtentState],
        define: Define<'_>,
        mut take: impl FnMut(Vec<u8>) -> Result<()>,
    ) -> Result<Lost> {
        let mut gathering = Gathering::new(define);
        let mut slots = 0;
        for extent in extents {
            let mut failed = None;
            let report = self.scan_extent(incarnation, extent, 0, |_, entry| {
                if failed.is_some() {
                    return;
                }
                gathering.add(&entry);
                if gathering.numbers >= BLOCK_NUMBERS_MAX {
                    failed =
                        gathering.encode().and_then(|block| block.map_or(Ok(()), &mut take)).err();
                }
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            slots += u64::from(report.unreadable) + u64::from(report.holes);
        }
        gathering.encode()?.map_or(Ok(()), take)?;
        Ok(Lost { undefined: gathering.dropped, slots })
    }

    /// Stores a block in a block unit of this process, or in the record if it is tiny.
    fn place_block(&self, sealer: &mut Sealer, bytes: Vec<u8>) -> Result<BlockPlace> {
        if bytes.len() <= INLINE_BLOCK_BYTES {
            return Ok(BlockPlace::Inline(bytes));
        }
        let length = u32::try_from(bytes.len()).map_err(|_| too_large(bytes.len()))?;
        let fits = |room: &BlockRoom| room.end - room.next >= u64::from(length);
        let mut room = match sealer.room.filter(fits) {
            Some(room) => room,
            None => self.open_block_unit(u64::from(length))?,
        };
        if sealer.unsynced.last() != Some(&(room.unit, room.units)) {
            sealer.unsynced.push((room.unit, room.units));
        }
        let offset = room.next;
        self.storage
            .write_at(offset, &bytes)
            .map_err(io_error(format!("writing a block of {length} bytes at {offset}")))?;
        room.next = (offset + u64::from(length)).next_multiple_of(8).min(room.end);
        sealer.room = Some(room);
        Ok(BlockPlace::At { offset, length, checksum: crc32c_bytes(0, &bytes) })
    }

    /// Takes a unit for blocks. Units are larger in larger files, and little of them stays empty.
    fn open_block_unit(&self, length: u64) -> Result<BlockRoom> {
        let incarnation = self.check_usable()?.incarnation;
        let needed = units_for(UNIT_HEADER_BYTES + length);
        let (unit, units) = self.append(|state, take| {
            let is_small = state.next_unit < SMALL_FILE_UNITS;
            let usual = if is_small { 1 } else { BLOCK_UNITS };
            let units = needed.max(usual);
            let Some(unit) = take.units(units) else { return Ok((Vec::new(), (0, 0))) };
            Ok((vec![BlockUnitOpened { incarnation, unit, units }.into()], (unit, units)))
        })?;
        self.begin_unit(UnitKind::Block, unit, units, incarnation)?;
        let start = unit_start(unit);
        let end = start + u64::from(units) * UNIT_BYTES;
        Ok(BlockRoom { next: start + UNIT_HEADER_BYTES, end, unit, units })
    }

    /// Writes the header of a unit that the chain already names.
    pub(super) fn begin_unit(
        &self,
        kind: UnitKind,
        unit: u32,
        units: u32,
        incarnation: Incarnation,
    ) -> Result<()> {
        let (previous_end, previous_hash) = (Position(0), 0);
        let header = UnitHeader { kind, unit, units, incarnation, previous_end, previous_hash };
        self.storage
            .write_at(unit_start(unit), &header.encode(self.file))
            .map_err(io_error(format!("opening unit {unit}, of kind {kind:?}")))
    }

    /// Syncs the frames that sealed extents, so that the extents may be punched.
    fn sync_debts(&self) -> Result<()> {
        // Collected before the sync begins, which does not cover extents sealed during it.
        let unsynced = |debt: &&mut Debt| !debt.is_synced;
        let units: Vec<u32> = self
            .sealer
            .lock()
            .debts
            .iter_mut()
            .filter(unsynced)
            .map(|debt| debt.extent.unit)
            .collect();
        if units.is_empty() {
            return Ok(());
        }
        self.sync_once()?;
        for debt in &mut self.sealer.lock().debts {
            debt.is_synced |= units.contains(&debt.extent.unit);
        }
        Ok(())
    }

    /// Punches sealed extents, unless a backup needs everything in place.
    pub(crate) fn pay_debts(&self) -> Result<()> {
        if self.sealer.lock().debts.is_empty() || self.is_poisoned()? {
            return Ok(());
        }
        self.sync_debts()?;
        // A backup holds the maintenance lock exclusively.
        let Some(_shared) = self.try_maintenance(LockMode::Shared)? else { return Ok(()) };
        let mut due = Vec::new();
        self.sealer.lock().debts.retain(|debt| {
            due.extend(debt.is_synced.then_some(*debt));
            !debt.is_synced
        });
        for (paid, debt) in due.iter().enumerate() {
            if let Err(error) = self.punch(&debt.extent) {
                self.sealer.lock().debts.extend(&due[paid..]);
                return Err(error);
            }
            self.sealer.lock().punched.push(debt.extent.unit);
        }
        Ok(())
    }

    /// Punches an extent. On a medium without holes, the file just stays larger.
    pub(super) fn punch(&self, extent: &ExtentState) -> Result<()> {
        // Wait until no thread populates pages of the extent: that would allocate them again.
        drop(self.populating.lock());
        self.punch_range(unit_start(extent.unit), u64::from(extent.units) * UNIT_BYTES)
    }

    /// Punches a range that no frame names any more.
    pub(crate) fn punch_range(&self, offset: u64, length: u64) -> Result<()> {
        match self.storage.punch(offset, length) {
            Err(source) if source.kind() == std::io::ErrorKind::Unsupported => Ok(()),
            other => other.map_err(io_error(format!("punching {length} bytes at {offset}"))),
        }
    }

    /// Seals all points of this process, releases its space, and closes the writer in the chain.
    ///
    /// Afterwards the log refuses to write.
    pub(crate) fn close(&self) -> Result<()> {
        let Ok(writer) = self.check_usable() else { return Ok(()) };
        let began = Instant::now();
        let owes = self.has_unsynced() || !self.points.lock().unsealed().is_empty();
        if self.check_intents()? || self.is_poisoned()? {
            // A process without unsynced data still does its part of the recovery, as it may be the
            // only writer left. But it does not wait for the others.
            if owes {
                self.wait_out_poison(began)?;
            } else {
                self.recover_from_poison()?;
            }
        }
        let unopened = std::mem::take(&mut *self.unopened.lock());
        let mut sealed = 0;
        self.points.lock().fill_all(unopened);
        loop {
            match self.seal_full()? {
                0 => break,
                count => sealed += count,
            }
        }
        if sealed == 0 && (owes || !self.is_poisoned()?) {
            self.sync_once()?;
        }
        self.release_block_room()?;
        self.close_chunk_unit()?;
        let owes = {
            let sealer = self.sealer.lock();
            !sealer.debts.is_empty()
        };
        self.append(|state, _| {
            let incarnation = writer.incarnation;
            let own = state.writer(incarnation);
            let is_sealed = own.is_none_or(|own| own.unsealed().next().is_none());
            // If a punch is pending, the writer stays open in the chain for a later janitor.
            let is_done = is_sealed && !owes;
            let closed = || WriterClosed { incarnation }.into();
            Ok((if is_done { vec![closed()] } else { Vec::new() }, ()))
        })?;
        if !self.is_poisoned()? {
            self.release_reserve()?;
        }
        self.refuse("the database was closed".to_owned());
        Ok(())
    }

    /// Punches the unused rest of the block unit. No frame names anything there.
    fn release_block_room(&self) -> Result<()> {
        let Some(room) = self.sealer.lock().room.take() else { return Ok(()) };
        let start = room.next.next_multiple_of(crate::format::PAGE_BYTES);
        if start >= room.end || self.is_poisoned()? {
            return Ok(());
        }
        self.punch_range(start, room.end - start)
    }
}

fn sealed_by_others() -> Error {
    Error::new(
        ErrorKind::InvalidState,
        "another process sealed points of this one, as if this one were dead",
    )
}

fn too_large(length: usize) -> Error {
    let message = format!("block has {length} bytes, the maximum is {}", u32::MAX);
    Error::new(ErrorKind::InvalidInput, message)
}
