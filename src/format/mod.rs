//! Bytes to records and back, without I/O; every number of the file format is written here once.
//!
//! `docs/format.md` is the normative text; a test compares it with this code.

/// The format's version. 0 may change; from 1 on a released layout is read for ever.
pub const FORMAT_VERSION: u16 = 0;
/// The unit of space: 64 KiB. Unit `i` starts at byte `i * UNIT_BYTES`.
pub const UNIT_BYTES: u64 = 64 * 1024;
/// The page that a medium caches and writes at once; header copies lie in different ones.
pub const PAGE_BYTES: u64 = 4096;
/// A slot of a point extent.
pub const SLOT_BYTES: usize = 32;
/// Every unit but the first starts with a header of this size.
pub const UNIT_HEADER_BYTES: usize = 64;

pub mod block;
pub mod record;
