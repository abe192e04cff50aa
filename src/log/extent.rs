//! The extent that a process fills: its slots and its resident pages.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::format::slot::{SLOT_WORDS, SlotSeed, slot_count};
use crate::format::{FIRST_SLOT_BYTES, PAGE_BYTES, SLOT_BYTES, UNIT_BYTES};
use crate::storage::Region;

use super::io_error::io_error;
use super::state::ExtentState;

/// How far ahead of the writer pages are made resident: a quarter of its extent, in these bounds.
///
/// A page fault in the writer is most expensive. Populating many pages at once is cheaper, and
/// pages that the background thread has populated cost the writer nothing.
const WINDOW_BYTES: std::ops::RangeInclusive<u64> = UNIT_BYTES..=1024 * 1024;

/// The minimum number of slots between requests to the background thread.
const NOTICE_SLOTS_MIN: u32 = 1024;
/// The first request comes after this many slots. Before it, the writer faults in single pages.
const NOTICE_SLOTS_FIRST: u32 = 64;

/// A range of an extent that is to be made resident.
#[derive(Debug)]
pub(super) struct Window {
    region: Arc<dyn Region>,
    from: u64,
    end: u64,
}

impl Window {
    pub(super) fn populate(&self) {
        self.region.populate(self.from as usize, (self.end - self.from) as usize);
    }
}

/// The extent that this process fills.
#[derive(Debug)]
pub(super) struct OpenExtent {
    pub(super) unit: u32,
    pub(super) units: u32,
    pub(super) seed: SlotSeed,
    pub(super) region: Arc<dyn Region>,
    pub(super) next: u32,
    pub(super) capacity: u32,
    /// The slots before this one are in pages that are resident or soon will be.
    pub(super) populated: u32,
    /// The slot at which an append triggers additional work.
    pub(super) notice_at: u32,
    /// A failed append may have left bytes in the slots before this one.
    pub(super) dirty_end: u32,
    pub(super) began: Option<Instant>,
}

impl OpenExtent {
    /// Creates an empty extent. The region must cover all of it.
    pub(super) fn new(unit: u32, units: u32, seed: SlotSeed, region: Arc<dyn Region>) -> Self {
        OpenExtent {
            unit,
            units,
            seed,
            region,
            next: 0,
            capacity: slot_count(units),
            populated: 0,
            notice_at: NOTICE_SLOTS_FIRST,
            dirty_end: 0,
            began: None,
        }
    }

    pub(super) fn state(&self) -> ExtentState {
        ExtentState { unit: self.unit, units: self.units, sealed: false }
    }

    /// Takes the window after the populated slots. The caller must make it resident.
    pub(super) fn take_window(&mut self) -> Option<Window> {
        if self.populated >= self.capacity {
            return None;
        }
        let bytes = u64::from(self.units) * UNIT_BYTES;
        let from = slot_offset(self.populated) as u64 / PAGE_BYTES * PAGE_BYTES;
        let window = (bytes / 4).clamp(*WINDOW_BYTES.start(), *WINDOW_BYTES.end());
        let end = (from + window).min(bytes);
        self.populated = ((end - FIRST_SLOT_BYTES) / SLOT_BYTES) as u32;
        Some(Window { region: Arc::clone(&self.region), from, end })
    }

    /// Returns whether less than a window is resident ahead of the writer.
    pub(super) fn is_window_needed(&self) -> bool {
        self.populated < self.capacity && self.is_resident_less_than(self.window_slots())
    }

    /// Returns whether two windows are resident ahead of the writer.
    pub(super) fn is_far_ahead(&self) -> bool {
        !self.is_resident_less_than(self.window_slots().saturating_mul(2))
    }

    fn is_resident_less_than(&self, slots: u32) -> bool {
        self.populated < self.next.saturating_add(slots)
    }

    /// Returns the resident pages that are not filled yet.
    pub(super) fn tail(&self) -> Window {
        let from = slot_offset(self.next) as u64;
        let end = slot_offset(self.populated.max(self.next)) as u64;
        Window { region: Arc::clone(&self.region), from, end }
    }

    fn window_slots(&self) -> u32 {
        (self.capacity / 4).clamp(1, (WINDOW_BYTES.end() / SLOT_BYTES) as u32)
    }

    /// Moves the notice half a window ahead.
    pub(super) fn schedule_notice(&mut self) {
        self.notice_at = self.next.saturating_add((self.window_slots() / 2).max(NOTICE_SLOTS_MIN));
    }

    /// Empties the slots that a failed append may have reached.
    ///
    /// Readers expect empty slots after the last entry, or one unfinished entry of a dead process.
    #[cold]
    pub(super) fn clean(&mut self) -> Result<()> {
        let empty = [0; SLOT_WORDS];
        while self.dirty_end > self.next {
            self.region
                .store(slot_offset(self.dirty_end - 1), &empty)
                .map_err(io_error("clearing the slots of a failed append".to_owned()))?;
            self.dirty_end -= 1;
        }
        self.dirty_end = 0;
        Ok(())
    }
}

pub(super) fn slot_offset(slot: u32) -> usize {
    (FIRST_SLOT_BYTES + u64::from(slot) * SLOT_BYTES) as usize
}
