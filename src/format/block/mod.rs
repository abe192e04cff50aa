//! The column block: what full point extents are sealed into, as bytes; no I/O.
//!
//! A block is self-contained: it names its runs and metric keys, so its points can be read with
//! nothing else at hand. It holds *groups*; a group is one series, or the series of one row
//! schema, which share their steps and times. All numbers are little-endian.
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
//! Where a column begins is the sum of the lengths before it, in the order in which the footer
//! names them; the sum of all is where the footer begins. Codecs:
//!
//! | id | codec | bytes of `n` numbers |
//! | --- | --- | --- |
//! | 0 | raw | `n` times 8 bytes: i64, or the bits of the f64 |
//! | 1 | shuffle + zstd | one zstd frame of `8 n` bytes |
//! | 2 | pco | a wrapped-pco header, then chunks of one page each |
//! | 3 | progression | two varints: the first number and the difference |
//!
//! - Shuffle: first the lowest byte of all numbers, then the second, and so on. An i64 column is
//!   differenced before (wrapping, the first number from 0).
//! - Pco: a chunk has [`PCO_CHUNK_POINTS`] numbers, the last one what is left. No dictionaries;
//!   lookback windows of at most 2^15.
//! - Progression: number `i` is the first plus `i` times the difference, on the 64 bits, wrapping.
//!   A varint has seven bits a byte, lowest first, the high bit set in all but the last, of the
//!   zigzag form.
//!
//! A reader refuses what contradicts itself with [`ErrorKind::Damaged`] before it allocates for
//! it: a block decodes to at most [`NUMBERS_MAX`] numbers.

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
#[cfg(feature = "internals")]
pub use decode::GroupFooter;
pub use decode::{Footer, FooterOrMore, SeriesFooter, footer_from_tail, parse, retain};
pub use encode::Encoder;
#[cfg(any(test, feature = "internals"))]
pub use encode::{encode, statistics};

/// The bytes at the end of a block that tell how long its footer is.
pub const TRAILER_BYTES: usize = 12;
/// The longest footer that is written or believed.
pub const FOOTER_BYTES_MAX: usize = 32 << 20;
/// The most numbers (steps, times and values together) that one block may hold: 32 MiB decoded.
pub const NUMBERS_MAX: u64 = 1 << 22;
/// How many numbers of a column make a chunk of pco; bounds the memory of encoding.
pub const PCO_CHUNK_POINTS: usize = 1 << 14;

const TRAILER_MAGIC: [u8; 3] = *b"TLB";
const BLOCK_VERSION: u8 = 1;

/// How the columns of a block are compressed where that makes them smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Pco: the smallest; the default. Columns that it fails on, or does not make smaller, get byte
    /// shuffle and zstd if that does.
    Pco,
    /// Byte shuffle and zstd for all: 40 to 70 % larger, and readable by tools without pco.
    #[cfg_attr(
        not(any(test, feature = "internals")),
        allow(dead_code, reason = "asked for by tests alone")
    )]
    ShuffleZstd,
}

/// Which series it is: the id by which slots name it, and whose metric it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesLabel {
    /// The id within the incarnation that logged the points.
    pub series: SeriesId,
    /// The run.
    pub run: RunId,
    /// The metric's key.
    pub key: String,
}

/// Points that share their steps and times: one series, or all rows of one row schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The series, at least one.
    pub series: Vec<SeriesLabel>,
    /// The step of each point, at least one, in slot order.
    pub steps: Vec<i64>,
    /// The time of each point, in nanoseconds since the epoch.
    pub times: Vec<i64>,
    /// For each series the value of each point.
    pub values: Vec<Vec<f64>>,
}

/// CRC-32C of `bytes`, going on from the CRC of what comes before them (0 at the start).
fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(seed, bytes)
}

/// The error for bytes that contradict themselves or what names them.
#[cold]
fn damaged(place: impl std::fmt::Display, got: impl std::fmt::Display, want: &str) -> Error {
    let message = format!("column block: {place}: got {got}, want {want}");
    Error::new(ErrorKind::Damaged, message)
}
