//! A column: numbers to bytes and back, with each codec next to its inverse.

use pco::metadata::DeltaEncoding;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, FULL_BATCH_N};

use crate::error::{Error, ErrorKind, Result};

use super::footer::StoredColumn;
use super::{Codec, PCO_CHUNK_POINTS, checksum, damaged};

const ZSTD_LEVEL: i32 = 3;
/// Compared to pco's default level 8, this takes 0.7 of the time for 0.4 % more bytes.
const PCO_LEVEL: usize = 7;
const NUMBER_BYTES: usize = 8;
/// If pco cannot shrink fewer numbers than this, zstd cannot either.
const SHUFFLED_POINTS_MIN: usize = 64;
/// Pco's mode number for dictionaries, in the low four bits of a chunk.
///
/// It is never written. Reading rejects it, because four bytes could demand any allocation.
const PCO_MODE_DICTIONARY: u8 = 4;
const PCO_LOOKBACK_LOG_MAX: u32 = 15;

/// The encoding of a column. The number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ColumnCodec {
    /// Eight bytes per number.
    Raw = 0,
    /// Differences of integers, bytes shuffled, zstd.
    ShuffleZstd = 1,
    /// Pco chunks.
    Pco = 2,
    /// The first number and the difference of an arithmetic progression, or of a constant.
    Progression = 3,
}

impl ColumnCodec {
    pub(super) fn from_id(id: u8) -> Result<ColumnCodec> {
        match id {
            0 => Ok(ColumnCodec::Raw),
            1 => Ok(ColumnCodec::ShuffleZstd),
            2 => Ok(ColumnCodec::Pco),
            3 => Ok(ColumnCodec::Progression),
            _ => Err(Error::new(
                ErrorKind::UnsupportedFormat,
                format!("column block: column codec {id} is unknown to this build"),
            )),
        }
    }
}

/// The place of a column in its block, and how to decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The offset from the start of the block.
    pub offset: u32,
    /// The length in bytes.
    pub length: u32,
    /// The number of numbers.
    pub points: u32,
    /// The encoding.
    pub codec: ColumnCodec,
    /// The CRC-32C of the bytes.
    pub checksum: u32,
}

impl Column {
    /// Returns the column's bytes within those of its block.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Damaged`] if the block is too short.
    pub fn bytes_of<'a>(&self, block: &'a [u8]) -> Result<&'a [u8]> {
        let start = self.offset as usize;
        let bytes = block.get(start..).and_then(|rest| rest.get(..self.length as usize));
        bytes.ok_or_else(|| {
            let want = format!("at least {}", u64::from(self.offset) + u64::from(self.length));
            damaged("length of the block", block.len(), &want)
        })
    }

    /// Verifies the length and the checksum of the column's bytes.
    pub(super) fn verify(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() != self.length as usize {
            let place = format!("length of the column at byte {}", self.offset);
            return Err(damaged(place, bytes.len(), &format!("{}", self.length)));
        }
        let got = checksum(0, bytes);
        if got != self.checksum {
            let place = format!("checksum of the column at byte {}", self.offset);
            return Err(damaged(place, format!("{got:08x}"), &format!("{:08x}", self.checksum)));
        }
        Ok(())
    }
}

/// The two types of numbers in columns, converted to and from 64 bits.
pub(in crate::format) trait ColumnNumber:
    pco::data_types::Number + Default
{
    /// Whether neighbouring numbers are close as integers, so that differences are small.
    const DIFFERENCED: bool;
    fn bits(self) -> u64;
    fn of_bits(bits: u64) -> Self;
}

impl ColumnNumber for i64 {
    const DIFFERENCED: bool = true;
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }
    fn of_bits(bits: u64) -> Self {
        bits.cast_signed()
    }
}

impl ColumnNumber for f64 {
    const DIFFERENCED: bool = false;
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn of_bits(bits: u64) -> Self {
        f64::from_bits(bits)
    }
}

/// Appends the numbers to the block in the first encoding that is smaller than raw.
///
/// A progression comes first, then `codec`.
pub(super) fn append_column<N: ColumnNumber>(
    numbers: &[N],
    codec: Codec,
    block: &mut Vec<u8>,
) -> Result<StoredColumn> {
    let start = block.len();
    let chosen = append_chosen(numbers, codec, block);
    let bytes = &block[start..];
    let length = u32::try_from(bytes.len()).ok();
    if length.is_none() || u32::try_from(block.len()).is_err() {
        let message = "the column block exceeds 4 GiB";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let checksum = checksum(0, bytes);
    Ok(StoredColumn { codec: chosen as u8, length: length.unwrap_or(0), checksum })
}

/// Appends numbers in their shortest encoding. Returns the number of the encoding.
pub(in crate::format) fn append_numbers<N: ColumnNumber>(numbers: &[N], out: &mut Vec<u8>) -> u8 {
    append_chosen(numbers, Codec::Pco, out) as u8
}

/// Decodes numbers of [`append_numbers`] and appends them to `into`.
pub(in crate::format) fn decode_numbers<N: ColumnNumber>(
    codec: u8,
    bytes: &[u8],
    points: usize,
    into: &mut Vec<N>,
) -> Result<()> {
    let codec = ColumnCodec::from_id(codec)?;
    decode_as(codec, bytes, points, into)
        .ok_or_else(|| damaged("numbers", "other bytes", &format!("{points} coded as {codec:?}")))
}

fn append_chosen<N: ColumnNumber>(numbers: &[N], codec: Codec, block: &mut Vec<u8>) -> ColumnCodec {
    if append_progression(numbers, block) {
        return ColumnCodec::Progression;
    }
    let start = block.len();
    let mut shorter = |append: fn(&[N], &mut Vec<u8>) -> bool| {
        let coded = append(numbers, block);
        let is_shorter = coded && block.len() - start < numbers.len() * NUMBER_BYTES;
        if !is_shorter {
            block.truncate(start);
        }
        is_shorter
    };
    if codec == Codec::Pco && shorter(append_pco) {
        return ColumnCodec::Pco;
    }
    if (codec == Codec::ShuffleZstd || numbers.len() >= SHUFFLED_POINTS_MIN)
        && shorter(append_shuffled)
    {
        return ColumnCodec::ShuffleZstd;
    }
    block.extend(numbers.iter().flat_map(|number| number.bits().to_le_bytes()));
    ColumnCodec::Raw
}

/// Decodes an `i64` column and appends its numbers to `into`. An error leaves `into` unchanged.
///
/// `bytes` must be exactly those of the column.
pub fn decode_column_i64(column: &Column, bytes: &[u8], into: &mut Vec<i64>) -> Result<()> {
    decode_column(column, bytes, into)
}

/// Decodes an `f64` column and appends its numbers to `into`. An error leaves `into` unchanged.
///
/// Values keep their bits, including payloads of NaN and the sign of zero.
pub fn decode_column_f64(column: &Column, bytes: &[u8], into: &mut Vec<f64>) -> Result<()> {
    decode_column(column, bytes, into)
}

fn decode_column<N: ColumnNumber>(column: &Column, bytes: &[u8], into: &mut Vec<N>) -> Result<()> {
    column.verify(bytes)?;
    let points = column.points as usize;
    if decode_as(column.codec, bytes, points, into).is_some() {
        return Ok(());
    }
    let place = format!("column at byte {}", column.offset);
    let want = format!("{points} numbers coded as {:?}", column.codec);
    Err(damaged(place, "other bytes", &want))
}

/// Appends the decoded numbers. Returns `None`, with `into` unchanged, if they are not `points`.
fn decode_as<N: ColumnNumber>(
    codec: ColumnCodec,
    bytes: &[u8],
    points: usize,
    into: &mut Vec<N>,
) -> Option<()> {
    let start = into.len();
    let decoded = match codec {
        ColumnCodec::Raw => extend_raw(bytes, points, into),
        ColumnCodec::ShuffleZstd => extend_shuffled(bytes, points, into),
        ColumnCodec::Pco => extend_pco(bytes, points, into),
        ColumnCodec::Progression => extend_progression(bytes, points, into),
    };
    let is_whole = decoded.is_some() && into.len() - start == points;
    if !is_whole {
        into.truncate(start);
    }
    is_whole.then_some(())
}

fn extend_raw<N: ColumnNumber>(bytes: &[u8], points: usize, into: &mut Vec<N>) -> Option<()> {
    let (numbers, rest) = bytes.as_chunks::<NUMBER_BYTES>();
    if numbers.len() != points || !rest.is_empty() {
        return None;
    }
    into.extend(numbers.iter().map(|&number| N::of_bits(u64::from_le_bytes(number))));
    Some(())
}

/// Appends the first number and the difference, if the numbers are an arithmetic progression.
fn append_progression<N: ColumnNumber>(numbers: &[N], block: &mut Vec<u8>) -> bool {
    let [first, rest @ ..] = numbers else { return false };
    let first = first.bits();
    let difference = rest.first().map_or(0, |second| second.bits().wrapping_sub(first));
    let mut expected = first;
    let is_progression = rest.iter().all(|number| {
        expected = expected.wrapping_add(difference);
        number.bits() == expected
    });
    if is_progression {
        append_varint(first, block);
        append_varint(difference, block);
    }
    is_progression
}

fn extend_progression<N: ColumnNumber>(
    bytes: &[u8],
    points: usize,
    into: &mut Vec<N>,
) -> Option<()> {
    let (first, bytes) = split_varint(bytes)?;
    let (difference, rest) = split_varint(bytes)?;
    if !rest.is_empty() {
        return None;
    }
    let numbers = (0..points as u64).map(|i| first.wrapping_add(i.wrapping_mul(difference)));
    into.extend(numbers.map(N::of_bits));
    Some(())
}

/// Appends a zigzag varint: seven bits per byte, lowest first, the high bit set in all but the
/// last.
fn append_varint(bits: u64, block: &mut Vec<u8>) {
    let sign = (bits.cast_signed() >> 63).cast_unsigned();
    let mut rest = (bits << 1) ^ sign;
    while rest >= 0x80 {
        block.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    block.push(rest.to_le_bytes()[0]);
}

/// Reads a varint of [`append_varint`]. Returns `None` if it exceeds 64 bits.
fn split_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut zigzag = 0;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        let seven = u64::from(byte & 0x7F);
        if i == 9 && seven > 1 {
            return None;
        }
        zigzag |= seven << (7 * i);
        if byte < 0x80 {
            let bits = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
            return Some((bits, &bytes[i + 1..]));
        }
    }
    None
}

fn append_shuffled<N: ColumnNumber>(numbers: &[N], block: &mut Vec<u8>) -> bool {
    let mut planes = vec![0; numbers.len() * NUMBER_BYTES];
    let mut before = 0;
    for (i, number) in numbers.iter().enumerate() {
        let bits = number.bits();
        let stored = if N::DIFFERENCED { bits.wrapping_sub(before) } else { bits };
        before = bits;
        for (plane, byte) in stored.to_le_bytes().into_iter().enumerate() {
            planes[plane * numbers.len() + i] = byte;
        }
    }
    match zstd::bulk::compress(&planes, ZSTD_LEVEL) {
        Ok(compressed) => {
            block.extend_from_slice(&compressed);
            true
        }
        Err(_) => false,
    }
}

fn extend_shuffled<N: ColumnNumber>(bytes: &[u8], points: usize, into: &mut Vec<N>) -> Option<()> {
    let mut planes = vec![0; points * NUMBER_BYTES];
    let length = zstd::bulk::decompress_to_buffer(bytes, &mut planes).ok()?;
    if length != planes.len() {
        return None;
    }
    let mut before = 0_u64;
    into.extend((0..points).map(|i| {
        let stored: [u8; NUMBER_BYTES] = std::array::from_fn(|plane| planes[plane * points + i]);
        let stored = u64::from_le_bytes(stored);
        before = if N::DIFFERENCED { before.wrapping_add(stored) } else { stored };
        N::of_bits(before)
    }));
    Some(())
}

/// Appends pco chunks and verifies that they decode to the same bits.
///
/// This is the last chance to notice a fault of the codec: the extents with the originals are
/// punched afterwards.
fn append_pco<N: ColumnNumber>(numbers: &[N], block: &mut Vec<u8>) -> bool {
    let start = block.len();
    write_pco(numbers, block).is_ok() && is_pco_of(&block[start..], numbers).unwrap_or(false)
}

fn write_pco<N: ColumnNumber>(numbers: &[N], block: &mut Vec<u8>) -> pco::errors::PcoResult<()> {
    let file = FileCompressor::default();
    let configuration = ChunkConfig::default().with_compression_level(PCO_LEVEL);
    file.write_header(&mut *block)?;
    for numbers in numbers.chunks(PCO_CHUNK_POINTS) {
        let mut chunk = file.chunk_compressor(numbers, &configuration)?;
        chunk.write_meta(&mut *block)?;
        chunk.write_page(0, &mut *block)?;
    }
    Ok(())
}

fn is_pco_of<N: ColumnNumber>(bytes: &[u8], numbers: &[N]) -> Option<bool> {
    let mut buffer = [N::default(); 4 * FULL_BATCH_N];
    let (file, mut rest) = FileDecompressor::new(bytes).ok()?;
    for numbers in numbers.chunks(PCO_CHUNK_POINTS) {
        let (mut chunk, page) = file.chunk_decompressor::<N, _>(rest).ok()?;
        let mut page = chunk.page_decompressor(page, numbers.len()).ok()?;
        for want in numbers.chunks(buffer.len()) {
            let read = page.read(&mut buffer).ok()?.n_processed;
            let same = want.iter().zip(&buffer).all(|(want, got)| want.bits() == got.bits());
            if read != want.len() || !same {
                return Some(false);
            }
        }
        rest = page.into_src();
    }
    Some(rest.is_empty())
}

fn extend_pco<N: ColumnNumber>(bytes: &[u8], points: usize, into: &mut Vec<N>) -> Option<()> {
    let start = into.len();
    into.resize(start + points, N::default());
    let (file, mut rest) = FileDecompressor::new(bytes).ok()?;
    for numbers in into[start..].chunks_mut(PCO_CHUNK_POINTS) {
        if rest.first()? & 0x0F == PCO_MODE_DICTIONARY {
            return None;
        }
        let (mut chunk, page) = file.chunk_decompressor::<N, _>(rest).ok()?;
        if let DeltaEncoding::Lookback { config, .. } = &chunk.meta().delta_encoding
            && config.window_n_log > PCO_LOOKBACK_LOG_MAX
        {
            return None;
        }
        let mut page = chunk.page_decompressor(page, numbers.len()).ok()?;
        let progress = page.read(numbers).ok()?;
        if progress.n_processed != numbers.len() || !progress.finished {
            return None;
        }
        rest = page.into_src();
    }
    rest.is_empty().then_some(())
}
