//! The extents that this process fills with points.

use std::time::Duration;

use crate::format::UNIT_BYTES;
use crate::format::record::Position;
use crate::sys::clock::Clock;

use super::extent::{OpenExtent, Window};
use super::state::ExtentState;

/// The sizes of extents in units. A process starts with the smallest and grows with its rate.
const EXTENT_UNITS: [u32; 4] = [1, 4, 16, 64];

/// If an extent fills faster than this, the next one is larger.
const FILLS_FAST: Duration = Duration::from_secs(4);

/// The place where this process stores its next point.
#[derive(Debug)]
pub(crate) struct Points {
    pub(super) active: Option<OpenExtent>,
    /// The next extent, opened ahead of time so that an append never waits for the chain.
    pub(super) ready: Option<OpenExtent>,
    /// Full, unsealed extents, in order.
    pub(super) full: Vec<ExtentState>,
    /// Extents that are being sealed.
    pub(super) sealing: Vec<ExtentState>,
    /// The number of entries stored since the process opened the file.
    pub(super) stored: u64,
    /// The number of them that the last successful sync covered.
    pub(super) synced: u64,
    /// The end of the chain that this sync covered.
    pub(super) chain_synced: Position,
    /// The values of a row as padded words. Reused to save an allocation per row.
    pub(super) row: Vec<u64>,
    /// Read under the lock, so that a process's points are in time order.
    pub(super) clock: Clock,
}

impl Points {
    /// Creates the state without extents. Other writers sync the chain up to `chain_synced`.
    pub(super) fn new(chain_synced: Position) -> Self {
        Points {
            active: None,
            ready: None,
            full: Vec::new(),
            sealing: Vec::new(),
            stored: 0,
            synced: 0,
            chain_synced,
            row: Vec::new(),
            clock: Clock::of_machine(),
        }
    }
}

impl Points {
    /// Marks all extents as full, including part-filled ones and `unopened`.
    pub(super) fn fill_all(&mut self, unopened: Vec<ExtentState>) {
        self.full.extend(self.active.take().map(|extent| extent.state()));
        self.full.extend(self.ready.take().map(|extent| extent.state()));
        self.full.extend(unopened);
    }

    /// Takes the first `count` full extents for sealing.
    pub(super) fn take_full(&mut self, count: usize) -> Vec<ExtentState> {
        let taken: Vec<ExtentState> = self.full.drain(..count).collect();
        self.sealing.extend(&taken);
        taken
    }

    /// Ends the sealing of these extents. If it failed, they count as full again.
    pub(super) fn end_sealing(&mut self, extents: &[ExtentState], are_sealed: bool) {
        self.sealing.retain(|extent| !extents.contains(extent));
        if !are_sealed {
            self.full.splice(0..0, extents.iter().copied());
        }
    }

    /// Returns the extents that may hold unsynced stores, with the number of slots used if known.
    pub(super) fn unsealed(&self) -> Vec<(ExtentState, Option<u32>)> {
        let full = self.sealing.iter().chain(&self.full);
        let mut all: Vec<_> = full.map(|extent| (*extent, None)).collect();
        all.extend(self.active.iter().map(|extent| (extent.state(), Some(extent.next))));
        all
    }

    /// Returns the size of the full extents that wait for sealing.
    pub(super) fn backlog_bytes(&self) -> u64 {
        self.full.iter().map(|extent| u64::from(extent.units) * UNIT_BYTES).sum()
    }

    /// Returns the pages of the next stores, which a sync has write-protected.
    pub(super) fn tail(&self) -> Option<Window> {
        self.active.as_ref().map(OpenExtent::tail)
    }

    /// Returns whether the writer fills extents of the largest size.
    pub(super) fn is_fast(&self) -> bool {
        self.active.as_ref().is_some_and(|extent| extent.units >= EXTENT_UNITS[3])
    }

    /// Returns whether the writer is in the second half of its last extent.
    pub(super) fn is_ready_needed(&self) -> bool {
        let half = |extent: &OpenExtent| extent.next >= extent.capacity / 2;
        self.ready.is_none() && self.active.as_ref().is_some_and(half)
    }

    /// Releases the active extent if it is full.
    ///
    /// On a full disk it can then be sealed, which frees space. The next extent is of the smallest
    /// size.
    pub(super) fn release_full(&mut self) {
        let full = self.active.take_if(|extent| extent.next == extent.capacity);
        self.full.extend(full.map(|extent| extent.state()));
    }

    pub(super) fn next_units(&self) -> u32 {
        let Some(active) = &self.active else { return EXTENT_UNITS[0] };
        let took = active.began.map_or(FILLS_FAST, |began| began.elapsed());
        // The extent may be part-filled, so extrapolate the time to fill all of it.
        let filled = f64::from(active.next.max(1)) / f64::from(active.capacity);
        let is_fast = took.as_secs_f64() / filled < FILLS_FAST.as_secs_f64();
        let larger = EXTENT_UNITS.into_iter().find(|units| *units > active.units);
        let usual = EXTENT_UNITS.into_iter().rev().find(|units| *units <= active.units);
        match (is_fast, larger) {
            (true, Some(larger)) => larger,
            _ => usual.unwrap_or(EXTENT_UNITS[0]),
        }
    }
}
