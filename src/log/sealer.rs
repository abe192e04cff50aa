//! The state that sealing keeps between passes.

use crate::format::record::SeriesId;
use crate::format::{UNIT_BYTES, UNIT_HEADER_BYTES, unit_start};

use super::definitions::Definition;
use super::state::ExtentState;

/// The approximate maximum of numbers (steps, times and values) in a block: 2 MiB of columns.
pub(super) const BLOCK_NUMBERS_MAX: usize = 256 * 1024;

/// The maximum size of the extents that one pass seals between two syncs.
const PASS_BYTES: u64 = 32 * 1024 * 1024;

/// The state that sealing keeps between passes.
#[derive(Debug, Default)]
pub(crate) struct Sealer {
    pub(super) room: Option<BlockRoom>,
    /// Block units whose bytes may be unsynced.
    pub(super) unsynced: Vec<(u32, u32)>,
    /// Sealed extents that are not punched yet.
    pub(super) debts: Vec<Debt>,
    /// Punched extents that no record names as punched yet.
    pub(super) punched: Vec<u32>,
}

/// A sealed extent that is not punched yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Debt {
    pub(super) extent: ExtentState,
    /// Whether a sync began after the frame that sealed the extent, and succeeded.
    pub(super) is_synced: bool,
}

/// The free part of a block unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockRoom {
    pub(super) next: u64,
    pub(super) end: u64,
    pub(super) unit: u32,
    pub(super) units: u32,
}

impl Sealer {
    /// Returns the units whose blocks may be unsynced.
    pub(super) fn block_units(&self) -> &[(u32, u32)] {
        &self.unsynced
    }

    /// Reclaims the room that a failed attempt used, because no record names its blocks.
    ///
    /// If the attempt opened a new unit, what was left in the previous one is abandoned.
    pub(super) fn reclaim(&mut self, before: Option<BlockRoom>) {
        let from_start =
            |room: BlockRoom| BlockRoom { next: unit_start(room.unit) + UNIT_HEADER_BYTES, ..room };
        self.room = match (before, self.room) {
            (Some(before), Some(room)) if before.unit != room.unit => Some(from_start(room)),
            (before, room) => before.or(room.map(from_start)),
        };
    }
}

/// The slots of extents that sealing could not save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Points of series that no record defines.
    pub(crate) undefined: u64,
    /// Empty or unreadable slots before the last entry, after a power cut or damage.
    pub(crate) slots: u64,
}

/// Splits the extents into passes. Each pass is sealed between two syncs.
///
/// Small passes bound the time for which others wait for the sealer.
pub(super) fn passes(extents: &[ExtentState]) -> impl Iterator<Item = &[ExtentState]> {
    let mut left = extents;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |extent: &&ExtentState| {
            bytes += u64::from(extent.units) * UNIT_BYTES;
            bytes <= PASS_BYTES
        };
        let count = left.iter().take_while(fits).count().max(1).min(left.len());
        let (pass, rest) = left.split_at(count);
        left = rest;
        (!pass.is_empty()).then_some(pass)
    })
}

/// Looks up the definition of a writer's series.
pub(crate) type Define<'a> = &'a dyn Fn(SeriesId) -> Option<Definition>;
