//! A window of a file that is mapped for writing while other processes read it.
//!
//! No reference or slice ever covers the mapped bytes. All access goes through raw pointers, one
//! aligned atomic word at a time.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{Advice, MmapOptions, MmapRaw};

use super::fork::{Birthplace, ForkPause};

const WORD_BYTES: usize = size_of::<u64>();

/// A shared, writable mapping of a part of a file, absent in forked children.
#[derive(Debug)]
pub(crate) struct Window {
    mapping: ManuallyDrop<MmapRaw>,
    birthplace: Birthplace,
}

impl Window {
    /// Maps `length` bytes from `offset`, a multiple of the page size.
    ///
    /// The range must have allocated space. A store to a page without space ends the process by a
    /// signal.
    pub(crate) fn map(file: BorrowedFd<'_>, offset: u64, length: usize) -> io::Result<Self> {
        let _pause = ForkPause::begin()?;
        let mapping = MmapOptions::new().offset(offset).len(length).map_raw(file.as_raw_fd())?;
        mapping.advise(Advice::DontFork)?;
        let mapping = ManuallyDrop::new(mapping);
        Ok(Window { mapping, birthplace: Birthplace::here() })
    }

    /// Stores the words, little-endian, from the byte `offset`, in any order.
    #[inline]
    pub(crate) fn store(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        let start = self.words_at(offset, words.len())?;
        for (i, &word) in words.iter().enumerate() {
            // SAFETY: `words_at` checked that all words are aligned and in the live mapping.
            unsafe { store_word(start.add(i), word, Ordering::Relaxed) };
        }
        Ok(())
    }

    /// Stores all words but the first, then the first with release ordering.
    #[inline]
    pub(crate) fn commit(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        let Some((&first, rest)) = words.split_first() else {
            return Ok(());
        };
        let start = self.words_at(offset, words.len())?;
        // SAFETY: `words_at` checked that all words are aligned and in the live mapping.
        let store = |i: usize, word| unsafe { store_word(start.add(i), word, Ordering::Relaxed) };
        if let &[second, third, fourth] = rest {
            // A slot, which is the common case.
            store(1, second);
            store(2, third);
            store(3, fourth);
        } else {
            (1..).zip(rest).for_each(|(i, &word)| store(i, word));
        }
        // SAFETY: as above.
        unsafe { store_word(start, first, Ordering::Release) };
        Ok(())
    }

    /// Makes the pages of the range resident and writable, where the kernel can (Linux 5.14).
    ///
    /// Where a store would raise a signal, this only fails. The failure is ignored.
    pub(crate) fn populate(&self, offset: usize, length: usize) {
        let end = offset.saturating_add(length).min(self.mapping.len());
        if self.birthplace.same_fork() && offset < end {
            let _ = self.mapping.advise_range(Advice::PopulateWrite, offset, end - offset);
        }
    }

    #[inline]
    fn words_at(&self, offset: usize, count: usize) -> io::Result<*mut u64> {
        let end = count.checked_mul(WORD_BYTES).and_then(|bytes| bytes.checked_add(offset));
        if !offset.is_multiple_of(WORD_BYTES) || end.is_none_or(|end| end > self.mapping.len()) {
            return Err(outside());
        }
        if !self.birthplace.same_fork() {
            return Err(forked());
        }
        // SAFETY: `offset` is in the mapping or at its end.
        Ok(unsafe { self.mapping.as_mut_ptr().add(offset) }.cast())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // In a child the addresses are unmapped, or hold a mapping of the child's own.
        if self.birthplace.is_here() {
            // SAFETY: the mapping is not used after this.
            unsafe { ManuallyDrop::drop(&mut self.mapping) };
        }
    }
}

/// # Safety
///
/// `place` must be aligned and be within a live, writable mapping.
#[inline]
unsafe fn store_word(place: *mut u64, word: u64, ordering: Ordering) {
    // SAFETY: by the caller's promise. Every access to the mapping is atomic and of this size.
    unsafe { AtomicU64::from_ptr(place) }.store(word.to_le(), ordering);
}

#[cold]
fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "store is outside of its region or not aligned")
}

#[cold]
fn forked() -> io::Error {
    io::Error::other("the process has forked since the file was opened; open it again")
}
