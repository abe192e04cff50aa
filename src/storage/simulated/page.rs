//! A page of a simulated disk: its durable version, and what may survive a power cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::random::{Random, mix};
use crate::format::PAGE_BYTES;

/// The size of a page.
pub(super) const PAGE: usize = 4096;
const _: () = assert!(PAGE as u64 == PAGE_BYTES);
/// The size of a word, which is never torn.
pub(super) const WORD: usize = 8;
/// The size of a sector, the unit that reaches the medium. Sectors of a page are independent.
const SECTOR: usize = 512;
const SECTORS: usize = PAGE / SECTOR;

/// The bytes of a page, with their hash once it has been computed (0 before).
#[derive(Debug)]
pub(super) struct Bytes {
    pub(super) bytes: [u8; PAGE],
    hash: AtomicU64,
}

impl Clone for Bytes {
    fn clone(&self) -> Self {
        Bytes { bytes: self.bytes, hash: AtomicU64::new(0) }
    }
}

impl Bytes {
    pub(super) fn zero() -> Self {
        Bytes { bytes: [0; PAGE], hash: AtomicU64::new(0) }
    }

    /// Returns a hash of the content. It is 0 for a page of zeros, so that it equals a hole.
    pub(super) fn hash(&self) -> u64 {
        let known = self.hash.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let mut hash = 0;
        for (place, word) in (1_u64..).zip(self.bytes.as_chunks::<WORD>().0) {
            let word = u64::from_le_bytes(*word);
            if word != 0 {
                hash ^= mix(word ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
        }
        self.hash.store(hash, Ordering::Relaxed);
        hash
    }

    /// Makes the bytes unique and returns them for writing.
    pub(super) fn alone(shared: &mut Arc<Bytes>) -> &mut [u8; PAGE] {
        let alone = Arc::make_mut(shared);
        *alone.hash.get_mut() = 0;
        &mut alone.bytes
    }
}

/// The content of a change to a page.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// One aligned word.
    Word { at: u16, value: [u8; WORD] },
    /// The whole page. `None` is a hole.
    All(Option<Arc<Bytes>>),
}

#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The number of the change among all changes of the disk.
    pub(super) moment: u64,
    pub(super) content: Content,
}

/// The version of a page that survives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Survivor {
    /// The durable version.
    Oldest,
    /// The version that readers saw last.
    Newest,
    /// The version before the given moment.
    Before(u64),
    /// Any version.
    AnyVersion,
    /// Any version of each sector.
    SectorMix,
}

/// A page: its durable version, its newest version, and the changes between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// The content on the medium. `None` is a hole.
    pub(super) durable: Option<Arc<Bytes>>,
    /// The content that readers see.
    pub(super) current: Option<Arc<Bytes>>,
    /// The changes from the durable version to the current one.
    pub(super) changes: Vec<Change>,
    /// Whether a sync failed, so that the page counts as clean but differs from the medium.
    pub(super) forgotten: bool,
}

impl Page {
    /// Creates a clean page.
    pub(super) fn clean(content: Option<Arc<Bytes>>) -> Self {
        Page { durable: content.clone(), current: content, ..Page::default() }
    }

    /// Sets one word.
    pub(super) fn store(&mut self, moment: u64, at: usize, value: [u8; WORD]) {
        let current = self.current.get_or_insert_with(|| Arc::new(Bytes::zero()));
        Bytes::alone(current)[at * WORD..(at + 1) * WORD].copy_from_slice(&value);
        let content = if self.forgotten {
            // The kernel writes whole pages, so a page that is dirty again is written with all
            // bytes.
            self.forgotten = false;
            Content::All(self.current.clone())
        } else {
            Content::Word { at: u16::try_from(at).unwrap_or(u16::MAX), value }
        };
        self.changes.push(Change { moment, content });
    }

    /// Replaces the whole content.
    pub(super) fn replace(&mut self, moment: u64, content: Option<Arc<Bytes>>) {
        self.forgotten = false;
        self.current.clone_from(&content);
        self.changes.push(Change { moment, content: Content::All(content) });
    }

    /// Makes the version of the moment `began` durable, unless a failed sync has lost it.
    ///
    /// Later changes are not durable.
    pub(super) fn sync(&mut self, began: u64) {
        let covered = self.changes.partition_point(|change| change.moment <= began);
        if covered > 0 {
            self.durable = self.version(covered);
            self.changes.drain(..covered);
        }
    }

    /// Fails a sync: some version reaches the medium, and the kernel considers the page clean.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        self.durable = self.survivor(Survivor::AnyVersion, random);
        self.changes.clear();
        self.forgotten = true;
    }

    /// Returns the content after a power cut.
    pub(super) fn survivor(&self, choice: Survivor, random: &mut Random) -> Option<Arc<Bytes>> {
        match choice {
            Survivor::Oldest => self.durable.clone(),
            Survivor::Newest if self.forgotten => self.durable.clone(),
            Survivor::Newest => self.current.clone(),
            Survivor::Before(moment) => {
                self.version(self.changes.partition_point(|change| change.moment < moment))
            }
            Survivor::AnyVersion => self.version(random.below(self.changes.len() + 1)),
            Survivor::SectorMix => {
                let steps = self.changes.len() + 1;
                self.mix(&std::array::from_fn(|_| match random.below(3) {
                    0 => 0,
                    1 => steps - 1,
                    _ => random.below(steps),
                }))
            }
        }
    }

    /// Returns the durable version plus the first `steps` changes.
    fn version(&self, steps: usize) -> Option<Arc<Bytes>> {
        if steps == self.changes.len() && steps > 0 {
            return self.current.clone();
        }
        let mut version = self.durable.clone();
        for change in &self.changes[..steps] {
            match &change.content {
                Content::All(content) => version.clone_from(content),
                Content::Word { at, value } => {
                    let place = usize::from(*at) * WORD;
                    let bytes = version.get_or_insert_with(|| Arc::new(Bytes::zero()));
                    Bytes::alone(bytes)[place..place + WORD].copy_from_slice(value);
                }
            }
        }
        version
    }

    /// Returns the durable version plus, in each sector, the given number of changes.
    fn mix(&self, steps: &[usize; SECTORS]) -> Option<Arc<Bytes>> {
        let mut bytes = self.durable.as_ref().map_or([0; PAGE], |durable| durable.bytes);
        for (step, change) in self.changes.iter().enumerate() {
            match &change.content {
                Content::Word { at, value } => {
                    let place = usize::from(*at) * WORD;
                    if step < steps[place / SECTOR] {
                        bytes[place..place + WORD].copy_from_slice(value);
                    }
                }
                Content::All(content) => {
                    let source = content.as_ref().map_or(&[0; PAGE], |content| &content.bytes);
                    for sector in (0..SECTORS).filter(|&sector| step < steps[sector]) {
                        let range = sector * SECTOR..(sector + 1) * SECTOR;
                        bytes[range.clone()].copy_from_slice(&source[range]);
                    }
                }
            }
        }
        Some(Arc::new(Bytes { bytes, hash: AtomicU64::new(0) }))
    }
}
