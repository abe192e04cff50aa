//! A file in memory, for unit tests, examples and loom. Several storage objects can share it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool as PlainBool, AtomicU64 as PlainU64, Ordering};

#[cfg(loom)]
use loom::sync::atomic::AtomicU64;
use parking_lot::{Mutex, RwLock};
#[cfg(not(loom))]
use std::sync::atomic::AtomicU64;

use crate::storage::region::check_range;
use crate::storage::{FilePlace, LockMode, LockRange, MediumTraits, Region, Storage};

const WORD_BYTES: u64 = 8;
/// The size of a page. It is small under loom, which tracks every word.
const PAGE_BYTES: u64 = if cfg!(loom) { 256 } else { 64 * 1024 };
const PAGE_WORDS: u64 = PAGE_BYTES / WORD_BYTES;

static NEXT_INODE: PlainU64 = PlainU64::new(1);

/// A file in memory. Each [`MemoryFile::open`] acts like a process that opens it.
#[derive(Clone)]
pub struct MemoryFile {
    inner: Arc<Inner>,
}

struct Inner {
    inode: u64,
    length: PlainU64,
    /// Absent pages read as zero. No word is accessed while this lock is held.
    pages: RwLock<BTreeMap<u64, Arc<Page>>>,
    locks: Mutex<Vec<Held>>,
    next_owner: PlainU64,
    random_state: PlainU64,
    has_name: PlainBool,
    boot_id: PlainU64,
    medium: Mutex<MediumTraits>,
}

#[derive(Debug)]
struct Page {
    words: Box<[AtomicU64]>,
}

impl Page {
    fn zeroed() -> Self {
        Page { words: (0..PAGE_WORDS).map(|_| AtomicU64::new(0)).collect() }
    }
}

/// A range of lock bytes that one owner holds, with an exclusive end.
#[derive(Clone, Copy, Debug)]
struct Held {
    owner: u64,
    start: u64,
    end: u64,
    mode: LockMode,
}

impl Held {
    fn overlaps(&self, start: u64, end: u64) -> bool {
        self.start < end && start < self.end
    }
}

impl Default for MemoryFile {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFile")
            .field("inode", &self.inner.inode)
            .field("length", &self.inner.length.load(Ordering::SeqCst))
            .finish_non_exhaustive()
    }
}

impl MemoryFile {
    /// Creates an empty file.
    #[must_use]
    pub fn new() -> Self {
        let inode = NEXT_INODE.fetch_add(1, Ordering::Relaxed);
        MemoryFile {
            inner: Arc::new(Inner {
                inode,
                length: PlainU64::new(0),
                pages: RwLock::new(BTreeMap::new()),
                locks: Mutex::new(Vec::new()),
                next_owner: PlainU64::new(0),
                random_state: PlainU64::new(inode),
                has_name: PlainBool::new(true),
                boot_id: PlainU64::new(1),
                medium: Mutex::new(MediumTraits { mappable: true, locks_trusted: true }),
            }),
        }
    }

    /// Creates a file with these bytes.
    #[must_use]
    pub fn with_bytes(bytes: &[u8]) -> Self {
        let file = Self::new();
        file.inner.write(0, bytes);
        file
    }

    /// Opens the file again. Each object has its own locks, which end when it is dropped.
    #[must_use]
    pub fn open(&self) -> MemoryStorage {
        let owner = self.inner.next_owner.fetch_add(1, Ordering::Relaxed);
        MemoryStorage { inner: Arc::clone(&self.inner), owner }
    }

    /// Returns all bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = self.inner.length.load(Ordering::SeqCst);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.inner.read(0, &mut bytes);
        bytes
    }

    /// Sets whether the file's name leads to it. `false` acts like a removal of the file.
    pub fn set_name_leads_here(&self, leads_here: bool) {
        self.inner.has_name.store(leads_here, Ordering::SeqCst);
    }

    /// Sets the guarantees of the medium.
    #[cfg(feature = "internals")]
    pub fn set_medium(&self, medium: MediumTraits) {
        *self.inner.medium.lock() = medium;
    }

    /// Sets the boot id of the host.
    pub fn set_boot_id(&self, boot_id: u64) {
        self.inner.boot_id.store(boot_id, Ordering::SeqCst);
    }
}

impl Inner {
    fn page(&self, number: u64) -> Option<Arc<Page>> {
        self.pages.read().get(&number).map(Arc::clone)
    }

    fn page_for_writing(&self, number: u64) -> Arc<Page> {
        if let Some(page) = self.page(number) {
            return page;
        }
        let mut pages = self.pages.write();
        Arc::clone(pages.entry(number).or_insert_with(|| Arc::new(Page::zeroed())))
    }

    fn store_word(&self, word: u64, value: u64, ordering: Ordering) {
        self.page_for_writing(word / PAGE_WORDS).words[index_in_page(word)].store(value, ordering);
    }

    /// Replaces some bytes of a word, and keeps concurrent changes to the others.
    fn blend_word(&self, word: u64, value: u64, mask: u64) {
        let page = self.page_for_writing(word / PAGE_WORDS);
        let place = &page.words[index_in_page(word)];
        let blend = |old| Some((old & !mask) | (value & mask));
        let _ = place.fetch_update(Ordering::AcqRel, Ordering::Acquire, blend);
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let length = self.length.load(Ordering::SeqCst);
        let available = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = available.min(buffer.len());
        let (mut number, mut page) = (u64::MAX, None);
        for part in parts(offset, count) {
            if number != part.word / PAGE_WORDS {
                number = part.word / PAGE_WORDS;
                page = self.page(number);
            }
            let word = page.as_ref().map(|page| &page.words[index_in_page(part.word)]);
            let bytes = word.map_or(0, |word| word.load(Ordering::Acquire)).to_le_bytes();
            let from = &bytes[part.in_word..part.in_word + part.count];
            buffer[part.done..part.done + part.count].copy_from_slice(from);
        }
        count
    }

    fn write(&self, offset: u64, bytes: &[u8]) {
        for part in parts(offset, bytes.len()) {
            let mut value = [0; 8];
            let mut mask = [0; 8];
            let range = part.in_word..part.in_word + part.count;
            value[range.clone()].copy_from_slice(&bytes[part.done..part.done + part.count]);
            mask[range].fill(0xFF);
            let value = u64::from_le_bytes(value);
            match u64::from_le_bytes(mask) {
                u64::MAX => self.store_word(part.word, value, Ordering::Release),
                mask => self.blend_word(part.word, value, mask),
            }
        }
        self.length.fetch_max(offset + bytes.len() as u64, Ordering::SeqCst);
    }

    fn allocate(&self, offset: u64, end: u64) {
        // loom's words are expensive, so there a page is only created when it is written.
        if !cfg!(loom) {
            for number in offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
                self.page_for_writing(number);
            }
        }
        self.length.fetch_max(end, Ordering::SeqCst);
    }

    fn punch(&self, offset: u64, end: u64) {
        let whole = offset.div_ceil(PAGE_BYTES)..end / PAGE_BYTES;
        if whole.start >= whole.end {
            return self.zero(offset, end);
        }
        self.zero(offset, whole.start * PAGE_BYTES);
        self.pages.write().retain(|number, _| !whole.contains(number));
        self.zero(whole.end * PAGE_BYTES, end);
    }

    /// Zeroes the bytes of existing pages. Never extends the file.
    fn zero(&self, start: u64, end: u64) {
        let end = end.min(self.length.load(Ordering::SeqCst));
        let count = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        for part in parts(start, count) {
            if self.page(part.word / PAGE_WORDS).is_some() {
                let mut mask = [0; 8];
                mask[part.in_word..part.in_word + part.count].fill(0xFF);
                self.blend_word(part.word, 0, u64::from_le_bytes(mask));
            }
        }
    }
}

fn index_in_page(word: u64) -> usize {
    usize::try_from(word % PAGE_WORDS).unwrap_or(0)
}

/// The part of one word that a range of bytes covers.
struct Part {
    word: u64,
    in_word: usize,
    count: usize,
    /// The number of bytes of the range before this part.
    done: usize,
}

fn parts(offset: u64, count: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= count {
            return None;
        }
        let place = offset + done as u64;
        let in_word = usize::try_from(place % WORD_BYTES).unwrap_or(0);
        let part = Part {
            word: place / WORD_BYTES,
            in_word,
            count: (8 - in_word).min(count - done),
            done,
        };
        done += part.count;
        Some(part)
    })
}

/// Returns whether a lock of another owner conflicts with one of this mode.
fn conflicts(locks: &[Held], owner: u64, range: LockRange, mode: LockMode) -> bool {
    let end = range.start.saturating_add(range.length);
    locks.iter().any(|held| {
        let compatible = mode == LockMode::Shared && held.mode == LockMode::Shared;
        held.owner != owner && held.overlaps(range.start, end) && !compatible
    })
}

/// Removes the range from an owner's locks. Locks that extend beyond it are cut or split.
fn remove_held(locks: &mut Vec<Held>, owner: u64, start: u64, end: u64) {
    let mut kept = Vec::with_capacity(locks.len() + 1);
    for held in locks.drain(..) {
        if held.owner != owner || !held.overlaps(start, end) {
            kept.push(held);
            continue;
        }
        if held.start < start {
            kept.push(Held { end: start, ..held });
        }
        if held.end > end {
            kept.push(Held { start: end, ..held });
        }
    }
    *locks = kept;
}

/// An opening of a [`MemoryFile`].
pub struct MemoryStorage {
    inner: Arc<Inner>,
    owner: u64,
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage")
            .field("inode", &self.inner.inode)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl Drop for MemoryStorage {
    fn drop(&mut self) {
        self.inner.locks.lock().retain(|held| held.owner != self.owner);
    }
}

fn end_of(offset: u64, length: u64) -> io::Result<u64> {
    let end = offset.checked_add(length).filter(|&end| end < 1 << 62);
    end.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

impl Storage for MemoryStorage {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner.length.load(Ordering::SeqCst))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.inner.read(offset, buffer))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        end_of(offset, bytes.len() as u64)?;
        self.inner.write(offset, bytes);
        Ok(())
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.allocate(offset, end_of(offset, length)?);
        Ok(())
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.punch(offset, end_of(offset, length)?);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn region(&self, offset: u64, length: u64) -> io::Result<Box<dyn Region>> {
        let bytes = usize::try_from(length).ok().filter(|&bytes| bytes > 0);
        match bytes {
            Some(length) if end_of(offset, length as u64)? <= self.len()? => {
                Ok(Box::new(MemoryRegion { inner: Arc::clone(&self.inner), offset, length }))
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn try_lock(&self, range: LockRange, mode: LockMode) -> io::Result<bool> {
        let mut locks = self.inner.locks.lock();
        let end = range.start.saturating_add(range.length);
        let conflict = conflicts(&locks, self.owner, range, mode);
        if !conflict {
            remove_held(&mut locks, self.owner, range.start, end);
            locks.push(Held { owner: self.owner, start: range.start, end, mode });
        }
        Ok(!conflict)
    }

    fn unlock(&self, range: LockRange) -> io::Result<()> {
        let end = range.start.saturating_add(range.length);
        remove_held(&mut self.inner.locks.lock(), self.owner, range.start, end);
        Ok(())
    }

    fn is_locked_elsewhere(&self, range: LockRange) -> io::Result<bool> {
        Ok(conflicts(&self.inner.locks.lock(), self.owner, range, LockMode::Exclusive))
    }

    fn lock_holders(&self, range: LockRange) -> Vec<String> {
        let end = range.start.saturating_add(range.length);
        let locks = self.inner.locks.lock();
        let holders = locks.iter().filter(|held| held.overlaps(range.start, end));
        holders.map(|held| format!("storage object {}", held.owner)).collect()
    }

    fn place(&self) -> io::Result<FilePlace> {
        let name_leads_here = self.inner.has_name.load(Ordering::SeqCst);
        let links = u64::from(name_leads_here);
        Ok(FilePlace { device: 0, inode: self.inner.inode, links, name_leads_here })
    }

    fn medium(&self) -> MediumTraits {
        *self.inner.medium.lock()
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        Ok(self.inner.pages.read().len() as u64 * PAGE_BYTES)
    }

    fn boot_id(&self) -> u128 {
        u128::from(self.inner.boot_id.load(Ordering::SeqCst))
    }

    /// Returns the next numbers of a sequence, not random ones, so that tests are repeatable.
    fn random(&self) -> io::Result<u128> {
        let state = self.inner.random_state.fetch_add(1 << 32, Ordering::Relaxed);
        Ok(u128::from(scramble(state)) << 64 | u128::from(scramble(!state)))
    }
}

/// The output step of SplitMix64.
fn scramble(state: u64) -> u64 {
    let mut bits = state.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[derive(Debug)]
struct MemoryRegion {
    inner: Arc<Inner>,
    offset: u64,
    length: usize,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("inode", &self.inode).finish_non_exhaustive()
    }
}

impl MemoryRegion {
    fn first_word(&self, offset: usize, words: &[u64]) -> io::Result<u64> {
        check_range(self.length, offset, words.len())?;
        Ok((self.offset + offset as u64) / WORD_BYTES)
    }
}

impl Region for MemoryRegion {
    fn store(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        let first = self.first_word(offset, words)?;
        for (place, &word) in (first..).zip(words) {
            self.inner.store_word(place, word, Ordering::Relaxed);
        }
        Ok(())
    }

    fn commit(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        let first = self.first_word(offset, words)?;
        for (place, &word) in (first..).zip(words).skip(1) {
            self.inner.store_word(place, word, Ordering::Relaxed);
        }
        if let Some(&word) = words.first() {
            self.inner.store_word(first, word, Ordering::Release);
        }
        Ok(())
    }

    fn populate(&self, _offset: usize, _length: usize) {}
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
