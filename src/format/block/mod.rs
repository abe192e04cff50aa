//! The column block: the sealed form of full point extents, as bytes without I/O.
//!
//! A block is self-contained: it has its runs and metric keys, so its points can be read without
//! any other data. It consists of *groups*. A group is one series, or the series of one row schema,
//! which share their steps and times. All numbers are little-endian.
//!
//! ```text
//! +---------------------------------------------------+---------+------------+
//! | columns: per group steps, times, values of each   | footer  |  trailer   |
//! | series; one after the other without a gap         |         |  12 bytes  |
//! +---------------------------------------------------+---------+------------+
//! ```
//!
//! Trailer, the last 12 bytes:
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 3 | magic `TLB` |
//! | 3 | 1 | version of the block's layout, now 1 |
//! | 4 | 4 | length of the footer in bytes |
//! | 8 | 4 | CRC-32C of the footer followed by bytes 0 to 7 of the trailer |
//!
//! Footer: bincode 2 (little-endian, variable-length integers, at most [`FOOTER_BYTES_MAX`]) of
//!
//! | field | type |
//! | --- | --- |
//! | runs | list of run ids (u128), in the order of first appearance |
//! | groups | list of groups, in the order of first appearance |
//!
//! | field of a group | type |
//! | --- | --- |
//! | points | u32, at least 1 |
//! | steps | column |
//! | times | column, nanoseconds since the epoch |
//! | series | list of series, at least one |
//!
//! | field of a series | type |
//! | --- | --- |
//! | series | u32, the id within the incarnation |
//! | run | u32, the run's place in `runs` |
//! | key | string |
//! | NaN count | u32 |
//! | first step, last step | two i64 |
//! | minimum, maximum, sum | three f64, of the values that are not NaN |
//! | latest point | step i64, time i64, value f64 |
//! | values | column |
//!
//! | field of a column | type |
//! | --- | --- |
//! | codec | u8 |
//! | length | u32, bytes |
//! | checksum | u32, CRC-32C of the bytes |
//!
//! The offset of a column is the sum of the lengths before it, in the order of the footer. The sum
//! of all lengths is the offset of the footer. Codecs:
//!
//! | id | codec | bytes of `n` numbers |
//! | --- | --- | --- |
//! | 0 | raw | `n` times 8 bytes: i64, or the bits of the f64 |
//! | 1 | shuffle + zstd | one zstd frame of `8 n` bytes |
//! | 2 | pco | a wrapped-pco header, then chunks of one page each |
//! | 3 | progression | two varints: the first number and the difference |
//!
//! - Shuffle: the lowest bytes of all numbers, then the second bytes, and so on. An i64 column is
//!   first replaced by its differences (wrapping, the first one from 0).
//! - Pco: a chunk has [`PCO_CHUNK_POINTS`] numbers, and the last one has the rest. There are no
//!   dictionaries, and lookback windows are at most 2^15.
//! - Progression: number `i` is the first plus `i` times the difference, on 64 bits, wrapping. A
//!   varint encodes the zigzag form with seven bits per byte, lowest first. The high bit is set in
//!   all bytes but the last.
//!
//! A reader rejects inconsistent blocks with [`ErrorKind::Damaged`] before it allocates memory for
//! them. A block decodes to at most [`NUMBERS_MAX`] numbers.

mod column;
mod decode;
mod encode;
mod footer;
#[cfg(test)]
mod tests;

use crate::entity::id::RunId;
use crate::error::{Error, ErrorKind};
use crate::format::record::SeriesId;

#[cfg(any(test, feature = "internals"))]
pub use column::ColumnCodec;
pub use column::{Column, decode_column_f64, decode_column_i64};
pub(in crate::format) use column::{ColumnNumber, append_numbers, decode_numbers};
#[cfg(feature = "internals")]
pub use decode::GroupFooter;
pub use decode::{Footer, FooterOrMore, SeriesFooter, footer_from_tail, parse, retain};
pub use encode::Encoder;
#[cfg(any(test, feature = "internals"))]
pub use encode::{encode, statistics};

/// The size of the trailer at the end of a block, which has the length of the footer.
pub const TRAILER_BYTES: usize = 12;
/// The maximum length of a footer, for writing and reading.
pub const FOOTER_BYTES_MAX: usize = 32 << 20;
/// The maximum count of numbers (steps, times and values) in a block: 32 MiB decoded.
pub const NUMBERS_MAX: u64 = 1 << 22;
/// The number of numbers in a pco chunk. It bounds the memory of encoding.
pub const PCO_CHUNK_POINTS: usize = 1 << 14;

const TRAILER_MAGIC: [u8; 3] = *b"TLB";
const BLOCK_VERSION: u8 = 1;

/// The compression of a block's columns, where it makes them smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Pco, the smallest and the default. Byte shuffle and zstd are the fallback for columns that
    /// it cannot shrink.
    Pco,
    /// Byte shuffle and zstd for all columns: 40 to 70 % larger, and readable without pco.
    #[cfg_attr(
        not(any(test, feature = "internals")),
        allow(dead_code, reason = "only tests use it")
    )]
    ShuffleZstd,
}

/// The identity of a series: its id in slots, its run and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesLabel {
    /// The id within the incarnation that logged the points.
    pub series: SeriesId,
    /// The run.
    pub run: RunId,
    /// The metric's key.
    pub key: String,
}

/// Points that share their steps and times: of one series, or of the rows of one schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The series, at least one.
    pub series: Vec<SeriesLabel>,
    /// The step of each point, at least one, in slot order.
    pub steps: Vec<i64>,
    /// The time of each point, in nanoseconds since the epoch.
    pub times: Vec<i64>,
    /// The values of each series, one per point.
    pub values: Vec<Vec<f64>>,
}

/// Continues the CRC-32C `seed` (0 at the start) over `bytes`.
fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(seed, bytes)
}

/// Creates the error for a block that is inconsistent in itself or with its record.
#[cold]
fn damaged(place: impl std::fmt::Display, got: impl std::fmt::Display, want: &str) -> Error {
    let message = format!("column block: {place} is {got}, expected {want}");
    Error::new(ErrorKind::Damaged, message)
}
