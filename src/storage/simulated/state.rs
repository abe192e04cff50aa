//! The state of a simulated disk: pages, length, locks, and the outcomes of a power cut.

use std::sync::Arc;

use super::locks::LockTable;
use super::page::{Bytes, PAGE, Page, Survivor, WORD};
use super::random::{Random, mix};

/// The current activity, as set by a test harness for its histogram of crash states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Appending to the metadata chain and to point extents.
    Append,
    /// Sealing extents into column blocks and punching them.
    SealAndPunch,
    /// Purging deleted runs and freeing their space.
    Gc,
    /// Recovering after a crash, one process alone.
    Recovery,
    /// Recovering after a crash, two processes at once.
    TwoRecovering,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Phase; 5] =
        [Phase::Append, Phase::SealAndPunch, Phase::Gc, Phase::Recovery, Phase::TwoRecovering];
}

/// The state behind the mutex of a disk.
#[derive(Debug)]
pub(super) struct State {
    /// The identity of the file. A power cut does not change it.
    pub(super) inode: u64,
    pages: Vec<Page>,
    /// The pages with changes since the last sync.
    dirty: Vec<usize>,
    length: u64,
    durable_length: u64,
    /// The lengths since the last sync, each with the moment of the change.
    lengths: Vec<(u64, u64)>,
    /// The number of changes so far.
    moment: u64,
    pub(super) locks: LockTable,
    pub(super) random: Random,
    pub(super) boot_id: u128,
    pub(super) phase: Phase,
    /// The number of upcoming syncs that fail.
    pub(super) syncs_to_fail: u32,
    pub(super) syncs: u64,
    pub(super) failed_syncs: u64,
    pub(super) violations: Vec<String>,
}

impl State {
    pub(super) fn new(inode: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        State {
            inode,
            pages: Vec::new(),
            dirty: Vec::new(),
            length: 0,
            durable_length: 0,
            lengths: Vec::new(),
            moment: 0,
            locks: LockTable::default(),
            boot_id: random.wide_bits() | 1,
            random,
            phase: Phase::Append,
            syncs_to_fail: 0,
            syncs: 0,
            failed_syncs: 0,
            violations: Vec::new(),
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn moment(&self) -> u64 {
        self.moment
    }

    pub(super) fn allocated_bytes(&self) -> u64 {
        (self.pages.iter().filter(|page| page.current.is_some()).count() * PAGE) as u64
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let available = self.length.saturating_sub(offset);
        let wanted = usize::try_from(available).unwrap_or(usize::MAX).min(buffer.len());
        let mut done = 0;
        while done < wanted {
            let (page, within) = place(offset + done as u64);
            let part = (PAGE - within).min(wanted - done);
            let target = &mut buffer[done..done + part];
            match self.pages.get(page).and_then(|page| page.current.as_ref()) {
                Some(content) => target.copy_from_slice(&content.bytes[within..within + part]),
                None => target.fill(0),
            }
            done += part;
        }
        wanted
    }

    /// Writes word by word, in an order that the caller cannot predict.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        self.grow(end);
        let mut done = 0;
        while done < bytes.len() {
            let (page, within) = place(offset + done as u64);
            let part = (PAGE - within).min(bytes.len() - done);
            self.write_in_page(page, within, &bytes[done..done + part]);
            done += part;
        }
    }

    fn write_in_page(&mut self, page: usize, start: usize, bytes: &[u8]) {
        let first = start / WORD;
        let words = (start + bytes.len()).div_ceil(WORD) - first;
        let backward = words > 1 && self.random.one_in(2);
        self.touch(page);
        for step in 0..words {
            let word = first + if backward { words - 1 - step } else { step };
            let from = word * WORD;
            let mut value = [0; WORD];
            if let Some(current) = &self.pages[page].current {
                value.copy_from_slice(&current.bytes[from..from + WORD]);
            }
            for (place, byte) in value.iter_mut().enumerate() {
                if let Some(&new) = (from + place).checked_sub(start).and_then(|at| bytes.get(at)) {
                    *byte = new;
                }
            }
            self.moment += 1;
            self.pages[page].store(self.moment, word, value);
        }
    }

    /// Stores one aligned word.
    pub(super) fn store(&mut self, offset: u64, value: u64) {
        let (page, within) = place(offset);
        self.touch(page);
        self.moment += 1;
        self.pages[page].store(self.moment, within / WORD, value.to_le_bytes());
    }

    /// Returns whether the whole range is within the length and has space.
    pub(super) fn is_allocated(&self, offset: u64, length: u64) -> bool {
        let end = offset + length;
        let pages = place(offset).0..place(end + PAGE as u64 - 1).0;
        end <= self.length
            && pages
                .into_iter()
                .all(|page| self.pages.get(page).is_some_and(|page| page.current.is_some()))
    }

    pub(super) fn allocate(&mut self, offset: u64, length: u64) {
        let end = offset + length;
        self.grow(end);
        for page in place(offset).0..place(end + PAGE as u64 - 1).0 {
            self.cover(page);
            let page = &mut self.pages[page];
            if page.current.is_none() {
                // This is not a change, because new space reads as zero before and after a power
                // cut.
                page.current = Some(Arc::new(Bytes::zero()));
            }
        }
    }

    pub(super) fn punch(&mut self, offset: u64, length: u64) {
        let end = (offset + length).min(self.pages.len() as u64 * PAGE as u64);
        let mut at = offset;
        while at < end {
            let (page, within) = place(at);
            let part = ((PAGE - within) as u64).min(end - at);
            if part == PAGE as u64 {
                self.touch(page);
                self.moment += 1;
                self.pages[page].replace(self.moment, None);
            } else {
                let zeros = vec![0; usize::try_from(part).unwrap_or(0)];
                self.write_in_page(page, within, &zeros);
            }
            at += part;
        }
    }

    /// Makes the changes up to the moment `began` durable.
    ///
    /// Changes made during a sync are not covered: a real disk does not promise them either.
    pub(super) fn sync(&mut self, began: u64) {
        let pages = &mut self.pages;
        self.dirty.retain(|&page| {
            pages[page].sync(began);
            !pages[page].changes.is_empty()
        });
        let covered = self.lengths.partition_point(|&(since, _)| since <= began);
        if let Some((_, length)) = self.lengths.drain(..covered).next_back() {
            self.durable_length = length;
        }
        self.syncs += 1;
    }

    /// Fails like the kernel: dirty pages become clean whether they reached the medium or not.
    pub(super) fn fail_sync(&mut self) {
        for page in self.dirty.drain(..) {
            self.pages[page].fail_sync(&mut self.random);
        }
        self.failed_syncs += 1;
    }

    fn grow(&mut self, end: u64) {
        if end > self.length {
            self.length = end;
            self.moment += 1;
            self.lengths.push((self.moment, end));
        }
    }

    fn cover(&mut self, page: usize) {
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, Page::default);
        }
    }

    /// Marks the page as dirty before a change.
    fn touch(&mut self, page: usize) {
        self.cover(page);
        if self.pages[page].changes.is_empty() {
            self.dirty.push(page);
        }
    }

    /// Returns the disk after a power cut at this moment and a reboot.
    pub(super) fn crash(&self, random: &mut Random) -> State {
        let plan = Plan::draw(self, random);
        let mut image = State::new(self.inode, random.bits());
        image.length = plan.length(self, random);
        image.durable_length = image.length;
        image.pages = self.pages.iter().map(|page| Page::clean(page.durable.clone())).collect();
        for (place, &page) in self.dirty.iter().enumerate() {
            let survivor = plan.survivor(place, random);
            image.pages[page] = Page::clean(self.pages[page].survivor(survivor, random));
        }
        image.cut_at_length();
        image
    }

    /// Copies the machine without processes and their locks.
    pub(super) fn duplicate(&self, seed: u64) -> State {
        State {
            pages: self.pages.clone(),
            dirty: self.dirty.clone(),
            lengths: self.lengths.clone(),
            locks: LockTable::default(),
            random: Random::new(seed),
            violations: self.violations.clone(),
            ..*self
        }
    }

    /// Removes the data beyond the length, like a file system that lost the growth.
    fn cut_at_length(&mut self) {
        let (page, within) = place(self.length);
        self.pages.truncate(page + usize::from(within > 0));
        if within > 0
            && let Some(last) = self.pages.get_mut(page)
            && let Some(content) = &mut last.current
        {
            Bytes::alone(content)[within..].fill(0);
            last.durable.clone_from(&last.current);
        }
    }

    /// Returns a hash of the content and length that readers see.
    pub(super) fn content_hash(&self) -> u64 {
        let mut hash = mix(self.length);
        for (place, page) in (1_u64..).zip(&self.pages) {
            let content = page.current.as_ref().map_or(0, |content| content.hash());
            if content != 0 {
                hash ^= mix(content.wrapping_add(place));
            }
        }
        hash
    }
}

fn place(offset: u64) -> (usize, usize) {
    let page = usize::try_from(offset / PAGE as u64).unwrap_or(usize::MAX);
    (page, usize::try_from(offset % PAGE as u64).unwrap_or(0))
}

/// How a power cut treats the pages. Plans that treat nearly all pages alike find most bugs.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// Applies a rule to all pages, except for the dirty page at an index of the list.
    All { rule: Survivor, except: Option<usize> },
    /// Treats each page independently.
    Independent,
}

impl Plan {
    fn draw(state: &State, random: &mut Random) -> Self {
        let first = state.moment.saturating_sub(match random.below(3) {
            0 => 4,
            1 => 64,
            _ => 4096,
        });
        let span = usize::try_from(state.moment - first).unwrap_or(0) + 1;
        let rule = match random.below(8) {
            0 | 1 => Survivor::Newest,
            2 => Survivor::Oldest,
            3 | 4 => Survivor::Before(first + random.below(span) as u64),
            _ => return Plan::Independent,
        };
        let except =
            if state.dirty.is_empty() { None } else { Some(random.below(state.dirty.len())) };
        Plan::All { rule, except: except.filter(|_| !random.one_in(8)) }
    }

    fn survivor(self, place: usize, random: &mut Random) -> Survivor {
        match self {
            Plan::All { rule, except } if except != Some(place) => rule,
            _ => *random.pick(&[
                Survivor::Oldest,
                Survivor::Newest,
                Survivor::AnyVersion,
                Survivor::SectorMix,
                Survivor::SectorMix,
            ]),
        }
    }

    fn length(self, state: &State, random: &mut Random) -> u64 {
        let steps = match self {
            Plan::All { rule: Survivor::Oldest, .. } => 0,
            Plan::All { rule: Survivor::Before(moment), .. } => {
                state.lengths.partition_point(|&(since, _)| since < moment)
            }
            Plan::Independent if random.one_in(3) => random.below(state.lengths.len() + 1),
            _ => state.lengths.len(),
        };
        if steps == 0 { state.durable_length } else { state.lengths[steps - 1].1 }
    }
}
