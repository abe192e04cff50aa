//! One page of a simulated disk: what a power cut certainly leaves, and what it may leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::random::{Random, mix};
use crate::format::PAGE_BYTES;

/// The bytes of a page.
pub(super) const PAGE: usize = 4096;
const _: () = assert!(PAGE as u64 == PAGE_BYTES);
/// The bytes that are never torn.
pub(super) const WORD: usize = 8;
/// The bytes that reach the medium at once; sectors of a page are independent of each other.
const SECTOR: usize = 512;
const SECTORS: usize = PAGE / SECTOR;

/// The bytes of one page with their hash, computed when first asked for; 0 means not yet.
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

    /// A hash of the content; 0 for a page of zeros, so that holes and zeros are the same.
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

    /// The bytes for writing, alone.
    pub(super) fn alone(shared: &mut Arc<Bytes>) -> &mut [u8; PAGE] {
        let alone = Arc::make_mut(shared);
        *alone.hash.get_mut() = 0;
        &mut alone.bytes
    }
}

/// One step by which a page became what it is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// One aligned word.
    Word { at: u16, value: [u8; WORD] },
    /// All of it; `None` is a hole.
    All(Option<Arc<Bytes>>),
}

#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The place of the change among all changes of the disk.
    pub(super) moment: u64,
    pub(super) content: Content,
}

/// Which versions of a page survive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Survivor {
    /// The durable one.
    Oldest,
    /// What a reader saw last.
    Newest,
    /// The one that stood before the given moment.
    Before(u64),
    /// Any one of them.
    AnyVersion,
    /// For each sector any one of them.
    SectorMix,
}

/// A page: its durable version, its newest version, and how the one became the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// What the medium holds; `None` is a hole.
    pub(super) durable: Option<Arc<Bytes>>,
    /// What readers see.
    pub(super) current: Option<Arc<Bytes>>,
    /// The steps from the durable version to the current one.
    pub(super) changes: Vec<Change>,
    /// After a failed sync: the page counts as clean although the medium holds something else.
    pub(super) forgotten: bool,
}

impl Page {
    /// A clean page.
    pub(super) fn clean(content: Option<Arc<Bytes>>) -> Self {
        Page { durable: content.clone(), current: content, ..Page::default() }
    }

    /// Makes one word what it shall be.
    pub(super) fn store(&mut self, moment: u64, at: usize, value: [u8; WORD]) {
        let current = self.current.get_or_insert_with(|| Arc::new(Bytes::zero()));
        Bytes::alone(current)[at * WORD..(at + 1) * WORD].copy_from_slice(&value);
        let content = if self.forgotten {
            // The kernel writes pages: a page that is dirty again takes everything along.
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

    /// The version of the moment `began` is durable now, unless a failed sync has made the kernel
    /// forget it; what was changed since is not.
    pub(super) fn sync(&mut self, began: u64) {
        let covered = self.changes.partition_point(|change| change.moment <= began);
        if covered > 0 {
            self.durable = self.version(covered);
            self.changes.drain(..covered);
        }
    }

    /// A sync failed: some version reached the medium, and the kernel takes the page for clean.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        self.durable = self.survivor(Survivor::AnyVersion, random);
        self.changes.clear();
        self.forgotten = true;
    }

    /// What a power cut leaves.
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

    /// The durable version after the first `steps` changes.
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

    /// The durable version after, in each sector, as many changes as given.
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
