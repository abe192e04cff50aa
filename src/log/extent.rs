//! The extent that a process fills: its slots, and which of its pages are resident.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::format::slot::{SLOT_WORDS, SlotSeed, slot_count};
use crate::format::{FIRST_SLOT_BYTES, PAGE_BYTES, SLOT_BYTES, UNIT_BYTES};
use crate::storage::Region;

use super::io_error;
use super::state::ExtentState;

/// Pages are made resident this far ahead of the writer: a quarter of its extent, within these
/// bounds in bytes. A page that the writer has to fault in itself costs it most, one that is made
/// resident with others less, and one that the background thread has made so nothing.
const WINDOW_BYTES: std::ops::RangeInclusive<u64> = UNIT_BYTES..=1024 * 1024;

/// The background thread is asked for pages at most once in so many slots.
const NOTICE_SLOTS_MIN: u32 = 1024;
/// Whoever logs less than this in an extent has one page of it made resident after the other.
const NOTICE_SLOTS_FIRST: u32 = 64;

/// A part of an extent that is to be made resident.
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

/// An extent that this process fills.
#[derive(Debug)]
pub(super) struct OpenExtent {
    pub(super) unit: u32,
    pub(super) units: u32,
    pub(super) seed: SlotSeed,
    pub(super) region: Arc<dyn Region>,
    pub(super) next: u32,
    pub(super) capacity: u32,
    /// Slots before this one lie in pages that were made resident, or are about to be.
    pub(super) populated: u32,
    /// At this slot something is to be done beside the append.
    pub(super) notice_at: u32,
    /// Up to here an append that failed may have left something behind.
    pub(super) soiled: u32,
    pub(super) began: Option<Instant>,
}

impl OpenExtent {
    /// An empty extent; its region is all of it.
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
            soiled: 0,
            began: None,
        }
    }

    pub(super) fn state(&self) -> ExtentState {
        ExtentState { unit: self.unit, units: self.units, sealed: false }
    }

    /// Takes the window after the populated slots, which the caller is to make resident.
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

    /// Whether somebody should run ahead: less than a window is resident.
    pub(super) fn is_window_needed(&self) -> bool {
        self.populated < self.capacity && self.is_resident_less_than(self.window_slots())
    }

    /// Whether enough is resident for now.
    pub(super) fn is_far_ahead(&self) -> bool {
        !self.is_resident_less_than(self.window_slots().saturating_mul(2))
    }

    fn is_resident_less_than(&self, slots: u32) -> bool {
        self.populated < self.next.saturating_add(slots)
    }

    /// What is resident and not filled yet.
    pub(super) fn tail(&self) -> Window {
        let from = slot_offset(self.next) as u64;
        let end = slot_offset(self.populated.max(self.next)) as u64;
        Window { region: Arc::clone(&self.region), from, end }
    }

    fn window_slots(&self) -> u32 {
        (self.capacity / 4).clamp(1, (WINDOW_BYTES.end() / SLOT_BYTES) as u32)
    }

    /// Puts the next notice half a window further on.
    pub(super) fn put_notice(&mut self) {
        self.notice_at = self.next.saturating_add((self.window_slots() / 2).max(NOTICE_SLOTS_MIN));
    }

    /// After a failed append: empties the slots that it may have reached, so that what is behind
    /// the last entry is empty, or the one entry that was being written when a process died.
    #[cold]
    pub(super) fn clean(&mut self) -> Result<()> {
        let empty = [0; SLOT_WORDS];
        while self.soiled > self.next {
            self.region
                .store(slot_offset(self.soiled - 1), &empty)
                .map_err(io_error("emptying the slots of a failed append".to_owned()))?;
            self.soiled -= 1;
        }
        self.soiled = 0;
        Ok(())
    }
}

pub(super) fn slot_offset(slot: u32) -> usize {
    (FIRST_SLOT_BYTES + u64::from(slot) * SLOT_BYTES) as usize
}
