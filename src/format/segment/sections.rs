//! The sections of a part: bytes with their length, numbers, and bytes that may be compressed.

use super::damaged;
use crate::error::Result;
use crate::format::block::{ColumnNumber, append_numbers, decode_numbers};

const ZSTD_LEVEL: i32 = 3;
/// The maximum bytes of a section before compression.
const SECTION_BYTES_MAX: u64 = 1 << 30;

/// Appends numbers: their count, encoding, length and bytes.
pub(super) fn put_numbers<N: ColumnNumber>(numbers: &[N], out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    let codec = append_numbers(numbers, &mut bytes);
    out.push(codec);
    put_length(numbers.len(), out);
    put_length(bytes.len(), out);
    out.extend_from_slice(&bytes);
}

/// Appends bytes, compressed if they shrink.
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let compressed = zstd::bulk::compress(bytes, ZSTD_LEVEL).ok();
    let compressed = compressed.filter(|compressed| compressed.len() < bytes.len());
    out.push(u8::from(compressed.is_some()));
    put_length(bytes.len(), out);
    let stored = compressed.as_deref().unwrap_or(bytes);
    put_length(stored.len(), out);
    out.extend_from_slice(stored);
}

/// A part has less than 4 GiB, because a block has at most 65,536 rows of at most 16 MiB, and the
/// writer bounds the bytes of a block.
fn put_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(length as u64).to_le_bytes());
}

/// The unread sections of a part.
pub(super) struct Sections<'a>(pub(super) &'a [u8]);

impl<'a> Sections<'a> {
    pub(super) fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.0.split_first().ok_or_else(|| damaged("a part is too short"))?;
        self.0 = rest;
        Ok(*first)
    }

    fn length(&mut self) -> Result<u64> {
        let (length, rest) =
            self.0.split_first_chunk().ok_or_else(|| damaged("a part is too short"))?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*length))
    }

    fn take(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        let cut = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
        let (taken, rest) = cut.ok_or_else(|| damaged("a part is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// Appends numbers to `into`, at most `most`. Returns how many.
    pub(super) fn numbers<N: ColumnNumber>(
        &mut self,
        most: usize,
        into: &mut Vec<N>,
    ) -> Result<usize> {
        let codec = self.byte()?;
        let count = self.length()?;
        let count = usize::try_from(count).ok().filter(|count| *count <= most);
        let count = count.ok_or_else(|| damaged("a part has too many numbers"))?;
        let bytes = self.take()?;
        decode_numbers(codec, bytes, count, into)?;
        Ok(count)
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>> {
        let is_compressed = self.byte()? == 1;
        let length = self.length()?;
        let stored = self.take()?;
        let length = usize::try_from(length).ok().filter(|_| length <= SECTION_BYTES_MAX);
        let bytes = match (is_compressed, length) {
            (false, _) => Some(stored.to_vec()),
            (true, Some(length)) => zstd::bulk::decompress(stored, length).ok(),
            (true, None) => None,
        };
        let bytes = bytes.filter(|bytes| Some(bytes.len()) == length);
        bytes.ok_or_else(|| damaged("bytes of a part have another length than stated"))
    }

    pub(super) fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(damaged("a part has bytes after its end")) }
    }
}
