//! Segments: files with rows of a stored table, column by column.
//!
//! ```text
//! magic (8 bytes) | parts | footer | length of the footer (u32) | magic (4 bytes)
//! ```
//!
//! Rows are cut into blocks. A part has one column of one block. The footer has the names and types
//! of the columns, and the place and bounds of each part. So a reader takes only the parts that it
//! needs. The chunks of the file have hashes, so a segment has no checksums of its own.

mod decode;
mod encode;
mod sections;

use serde::{Deserialize, Serialize};

use super::body;
use crate::entity::ColumnType;
use crate::error::{Error, ErrorKind, Result};

pub(crate) use self::decode::decode_part;
pub(crate) use self::encode::{EncodedPart, encode_part};

/// The maximum number of rows of a block.
pub(crate) const BLOCK_ROWS: usize = 65_536;
/// The first bytes of a segment. The last one is the version of the layout.
const HEAD: [u8; 8] = *b"tlrows\0\x01";
/// The last bytes of a segment.
const TAIL: [u8; 4] = *b"tlro";
/// The bytes after the footer.
pub(crate) const TAIL_BYTES: usize = 8;
/// The maximum bytes of a text in the bounds of a part.
const BOUND_BYTES_MAX: usize = 64;

/// The smallest and the largest value of a part, nulls and NaN left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Bounds {
    /// There is no value, the type has no order, or a value is too long.
    None,
    /// The bounds of integers, days, and times in nanoseconds.
    Integers(i64, i64),
    /// The bounds of numbers.
    Floats(f64, f64),
    /// The bounds of texts and bytes.
    Bytes(Vec<u8>, Vec<u8>),
}

/// The place and facts of a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The first byte within the segment.
    pub(crate) offset: u64,
    /// The number of bytes.
    pub(crate) length: u64,
    /// The number of nulls.
    pub(crate) nulls: u64,
    /// The smallest and the largest value.
    pub(crate) bounds: Bounds,
}

/// Some rows of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowBlock {
    /// The number of rows.
    pub(crate) rows: u64,
    /// The part of each column.
    pub(crate) parts: Vec<Part>,
}

/// A column of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentColumn {
    /// The name. Those of the engine begin with `#`.
    pub(crate) name: String,
    /// The type.
    pub(crate) kind: ColumnType,
}

/// The contents of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentFooter {
    /// The columns.
    pub(crate) columns: Vec<SegmentColumn>,
    /// The blocks, in the order of their rows.
    pub(crate) blocks: Vec<RowBlock>,
}

impl SegmentFooter {
    /// Returns the number of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> u64 {
        self.blocks.iter().map(|block| block.rows).sum()
    }
}

/// Puts the parts of a segment together: those of each block, in the order of the columns.
pub(crate) fn assemble(
    columns: Vec<SegmentColumn>,
    blocks: Vec<(usize, Vec<EncodedPart>)>,
) -> Result<Vec<u8>> {
    let bytes: usize =
        blocks.iter().flat_map(|(_, parts)| parts).map(|part| part.bytes.len()).sum();
    let mut segment = Vec::with_capacity(bytes + 4096);
    segment.extend_from_slice(&HEAD);
    let mut footer = SegmentFooter { columns, blocks: Vec::with_capacity(blocks.len()) };
    for (rows, parts) in blocks {
        let mut block = RowBlock { rows: rows as u64, parts: Vec::with_capacity(parts.len()) };
        for EncodedPart { bytes, nulls, bounds } in parts {
            let (offset, length) = (segment.len() as u64, bytes.len() as u64);
            block.parts.push(Part { offset, length, nulls, bounds });
            segment.extend_from_slice(&bytes);
        }
        footer.blocks.push(block);
    }
    let start = segment.len();
    body::encode_body(&footer, &mut segment).map_err(|source| {
        Error::new(
            ErrorKind::InvalidInput,
            "the rows have too many columns or blocks for one write",
        )
        .with_source(source)
    })?;
    let length = u32::try_from(segment.len() - start);
    let length =
        length.map_err(|_| Error::new(ErrorKind::InvalidInput, "the write is too large"))?;
    segment.extend_from_slice(&length.to_le_bytes());
    segment.extend_from_slice(&TAIL);
    Ok(segment)
}

/// Returns the length of the footer from the last bytes of a segment.
pub(crate) fn footer_length(tail: &[u8]) -> Result<u64> {
    match tail.split_last_chunk::<TAIL_BYTES>() {
        Some((_, &[a, b, c, d, rest @ ..])) if rest == TAIL => {
            Ok(u32::from_le_bytes([a, b, c, d]).into())
        }
        _ => Err(damaged("its end is not that of a segment")),
    }
}

/// Decodes and checks the footer of a segment of `length` bytes.
pub(crate) fn parse_footer(bytes: &[u8], length: u64) -> Result<SegmentFooter> {
    let footer: SegmentFooter = body::decode_body(bytes)
        .map_err(|source| damaged("its footer is not readable").with_source(source))?;
    let end = length.saturating_sub(bytes.len() as u64 + TAIL_BYTES as u64);
    for block in &footer.blocks {
        let has_all = block.parts.len() == footer.columns.len();
        let is_inside = |part: &Part| {
            part.offset.checked_add(part.length).is_some_and(|part_end| part_end <= end)
        };
        if !has_all || block.rows > BLOCK_ROWS as u64 || !block.parts.iter().all(is_inside) {
            return Err(damaged("its footer contradicts itself"));
        }
    }
    Ok(footer)
}

#[cold]
fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("segment of a table: {what}"))
}

#[cfg(test)]
mod tests;
