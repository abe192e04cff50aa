//! Bytes to records and back, without I/O; every number of the file format is written here once.
//!
//! `docs/format.md` is the normative text; a test compares it with this code.

pub mod block;
pub mod frame;
pub mod header;
pub mod record;
pub mod slot;
pub mod word;

/// The format's version. 0 may change; from 1 on a released layout is read for ever.
pub const FORMAT_VERSION: u16 = 0;
/// The lock protocol's generation: builds of different generations never share a file.
pub const LOCK_GENERATION: u8 = 1;
/// The unit of space: 64 KiB. Unit `i` starts at byte `i * UNIT_BYTES`.
pub const UNIT_BYTES: u64 = 64 * 1024;
/// The page that a medium caches and writes at once; header copies lie in different ones.
pub const PAGE_BYTES: u64 = 4096;
/// Every unit but the first starts with a header of this size.
pub const UNIT_HEADER_BYTES: u64 = 64;
/// A slot of a point extent.
pub const SLOT_BYTES: u64 = 32;
/// Where slots begin in an extent.
pub const FIRST_SLOT_BYTES: u64 = UNIT_HEADER_BYTES;
/// Where the successor word lies in a chain unit.
pub const SUCCESSOR_BYTES: u64 = UNIT_HEADER_BYTES;
/// Where frames begin in a chain unit.
pub const FIRST_FRAME_BYTES: u64 = 128;
/// The unit in which the chain begins; unit 0 holds the header and the shared words.
pub const FIRST_CHAIN_UNIT: u32 = 1;
/// The greatest number of values in one row.
pub const ROW_VALUES_MAX: usize = 1 << 18;
/// The greatest number of bytes of the records in one frame.
pub const FRAME_PAYLOAD_MAX: usize = 32 * 1024 * 1024;

/// The first byte of a unit.
#[must_use]
pub const fn unit_start(unit: u32) -> u64 {
    unit as u64 * UNIT_BYTES
}

/// The number of units that `bytes` take, rounded up.
#[must_use]
pub fn units_for(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

/// Identifies a file: 128 random bits in its header, and in the seed of every checksum.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(pub u128);

impl FileId {
    /// The two halves as words, low one first, as checksums take them.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "each half is cut out on purpose")]
    pub const fn words(self) -> [u64; 2] {
        [self.0 as u64, (self.0 >> 64) as u64]
    }
}

impl std::fmt::Debug for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileId({:032x})", self.0)
    }
}
