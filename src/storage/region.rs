//! A region of a file whose stores are positioned writes.

use std::io;
use std::sync::Arc;

use crate::storage::Region;
use crate::storage::shared_file::OpenFile;

const WORD_BYTES: usize = size_of::<u64>();
/// The number of words written at a time.
const CHUNK_WORDS: usize = 128;

/// A window in which each store is a write to the file.
#[derive(Debug)]
pub(super) struct PositionedRegion {
    file: Arc<OpenFile>,
    offset: u64,
    length: usize,
}

impl PositionedRegion {
    pub(super) fn new(file: Arc<OpenFile>, offset: u64, length: usize) -> Self {
        PositionedRegion { file, offset, length }
    }

    /// Returns the place in the file of a store, after checking that the file is still ours.
    fn place_of(&self, offset: usize, words: &[u64]) -> io::Result<u64> {
        check_range(self.length, offset, words.len())?;
        self.file.check_for_writing()?;
        Ok(self.offset + offset as u64)
    }

    fn write_words(&self, mut place: u64, words: &[u64]) -> io::Result<()> {
        let mut bytes = [0; CHUNK_WORDS * WORD_BYTES];
        for chunk in words.chunks(CHUNK_WORDS) {
            for (eight, word) in bytes.chunks_exact_mut(WORD_BYTES).zip(chunk) {
                eight.copy_from_slice(&word.to_le_bytes());
            }
            let bytes = &bytes[..chunk.len() * WORD_BYTES];
            self.file.write_checked(place, bytes)?;
            place += bytes.len() as u64;
        }
        Ok(())
    }
}

impl Region for PositionedRegion {
    fn store(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        let place = self.place_of(offset, words)?;
        self.write_words(place, words)
    }

    fn commit(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        let place = self.place_of(offset, words)?;
        let Some((first, rest)) = words.split_first() else {
            return Ok(());
        };
        // Two writes, because the kernel promises no order within one.
        self.write_words(place + WORD_BYTES as u64, rest)?;
        self.file.write_checked(place, &first.to_le_bytes())
    }

    fn populate(&self, _offset: usize, _length: usize) {}
}

/// Fails unless `count` words at `offset` are aligned and within a window of `length` bytes.
pub(super) fn check_range(length: usize, offset: usize, count: usize) -> io::Result<()> {
    let end = count.checked_mul(WORD_BYTES).and_then(|bytes| bytes.checked_add(offset));
    if offset.is_multiple_of(WORD_BYTES) && end.is_some_and(|end| end <= length) {
        return Ok(());
    }
    let reason = "store is outside of its region or not aligned";
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}
